"""A scene whose people sign with marked numbers, some of them under duress, and what is public.

scene = committed()                                # the gate's scene, with commitments
world = marked(scene.world)                        # everybody signed freely
world = marked(scene.world, forced=[("chiba", digest_of(scene.asked))])
keeper = Told(holds=Holds())                       # a keeper with everybody's opening
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from gate_psbts import Coins
from gate_scene import HOT, MALLORY, USUAL, Scene, _change, _pass, _transfer
from world import World, approve, ask, at_genesis, register, under_policy
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    bytes_of,
    funding,
    outpoint,
    spending,
    txout,
    wallet_of,
)
from world_people import PEOPLE, key_of, roster
from world_policy import OPEN_POLICY

from sekisho.journal.records import Draft, Entry
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.passes.documents import read_approval
from sekisho.passes.duress import (
    Holds,
    Keeper,
    Meaning,
    Opening,
    Openings,
    commitment,
    count_of,
    joined,
    marked_number,
)
from sekisho.passes.evidence import PASS_STATED, statement_body
from sekisho.passes.records import Person
from sekisho.passes.sign import sign_approval


def opening_of(name: str) -> Opening:
    """Return what the keepers were handed of a person's key file."""
    return Opening(
        public_key=key_of(name).public_key().public_bytes_raw(),
        salt=bytes_of(f"salt of {name}"),
        meaning=Meaning.MARKED,
        mark_key=bytes_of(f"mark key of {name}"),
    )


def forced_key_of(name: str) -> bytes:
    """Return the mark key behind a person's second passphrase."""
    return bytes_of(f"mark key of {name} under duress")


def openings() -> Openings:
    """Return everybody's."""
    return joined([opening_of(each.person_id) for each in PEOPLE], "test")


@dataclass(kw_only=True)
class Told:
    """A keeper, and what was reported to them."""

    holds: Holds = field(default_factory=Holds)
    held: Openings = field(default_factory=openings)
    reports: list[dict[str, Json]] = field(default_factory=list)

    def keeper(self) -> Keeper:
        """Return what gate or watcher is given."""
        return Keeper(openings=self.held, holds=self.holds, report=self.reports.append)

    def forced(self) -> set[str]:
        """Return whom the reports name as having been forced."""
        names: set[str] = set()
        for report in self.reports:
            told: Any = report["statements"]
            names |= {each["person_id"] for each in told if each["forced"]}
        return names


@cache
def committed(kind: str = "wpkh") -> Scene:
    """Return the gate's scene with commitments in the roster; its numbers bear no marks yet."""
    world = under_policy(at_genesis(roster(people=tuple(map(_committed, PEOPLE)))), OPEN_POLICY)
    wallet = wallet_of(DESCRIPTORS[kind])
    funded = funding(wallet, 50_000_000, 30_000_000, 40_000_000)
    lent, hot = funding(MALLORY, 10_000_000), funding(HOT, 10_000_000)
    world = register(register(world, wallet), HOT)
    asked = _pass(world, wallet, funded, _transfer(funded), {})
    paid = [txout(USUAL, 40_000_000), txout(STRANGER, 5_000_000), txout(STRANGER, 5_000_000)]
    return Scene(
        kind=kind,
        wallet=wallet,
        registered=world,
        world=approve(ask(world, asked), asked),
        asked=asked,
        coins=Coins(previous=(funded, lent, hot), wallets=(wallet, HOT, MALLORY)),
        unsigned=spending([outpoint(funded, 0), outpoint(funded, 1)], [*paid, *_change(wallet)]),
    )


def marked(world: World, *, forced: Sequence[tuple[str, str]] = ()) -> World:
    """Return the world with every statement signed again under a number that bears a mark.

    `forced` are person and pass digest of what was said under duress.
    """
    return replace(world, drafts=tuple(_marked(each, forced) for each in world.drafts))


def public(entries: Iterable[Entry]) -> list[tuple[str, str, int, Json]]:
    """Return what an observer sees of a journal, less what is random: signatures and marks.

    Ids and hashes follow from those. The size of each entry stands for what was taken out.
    """
    return [
        (each.kind, each.actor, len(canonical_bytes(each.body)), _masked(each.body))
        for each in entries
    ]


def _masked(body: dict[str, Json]) -> Json:
    approval = body.get("approval")
    if not isinstance(approval, dict):
        return body
    number = approval["sequence"]
    if not isinstance(number, int):
        raise TypeError("a number is no number")
    return {"approval": {**approval, "sequence": count_of(number)}}


def _committed(person: Person) -> Person:
    [credential] = person.credentials
    committed_to = commitment(opening_of(person.person_id))
    return replace(person, credentials=(replace(credential, commitment=committed_to),))


def _marked(draft: Draft, forced: Sequence[tuple[str, str]]) -> Draft:
    if draft.kind != PASS_STATED:
        return draft
    approval = read_approval(canonical_bytes(draft.body["approval"]), "approval")
    who = approval.approver
    under_duress = (who, approval.pass_digest) in forced
    mark_key = forced_key_of(who) if under_duress else opening_of(who).mark_key
    number = marked_number(mark_key, approval.sequence)
    signed = sign_approval(replace(approval, sequence=number), key_of(who))
    return replace(draft, body=statement_body(signed, parse_json(signed.document, "approval")))
