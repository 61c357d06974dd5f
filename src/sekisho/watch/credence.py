"""Which passes does the watcher believe? Verified a second time, by code of its own.

The gate verifies approvals in `passes/verify.py`. This is written again, from the documents up, so
that one bug does not blind both; a differential test holds the two equal. It asks the same of a
pass: a pinned genesis roster that adopted itself, a wallet that a quorum put in force, a requester
who asked, nobody who said no, and for every department of the quorum enough other people, each
signed over these very bytes.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sekisho.kernel.canonical import INTEGER_MAX, Json, parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import parse_instant
from sekisho.passes.documents import read_pass
from sekisho.passes.evidence import Evidence
from sekisho.passes.records import Admin, Pass, Transfer
from sekisho.passes.roster import read_roster
from sekisho.wallets.documents import check_id, wallet_digest
from sekisho.wallets.records import ChangeRule, Wallet

Document = dict[str, Json]
FORMER = "~"
"""How the id begins under which a wallet is watched that is not in force any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credence:
    """What the watcher believes of the journal's passes, under one pinned genesis."""

    wallets: Mapping[str, Wallet]
    """In force, by id."""
    watched: Mapping[str, Wallet]
    """Those in force, and every other wallet that a quorum ever approved.

    One person's word is enough to end a registration, and a later registration to replace a
    descriptor. Neither must blind the watcher: such a wallet allows no pass any more, but its
    coins are looked after as before. Beside the one in force, or the newest where none is, the
    others of its id have ids of their own: `former_id`."""
    believed: Mapping[str, Pass]
    """Every transfer that a quorum allowed, by digest."""
    doubted: Mapping[str, Pass]
    """Every other transfer that can be read, by digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """What somebody said of a pass, as their own document says it."""

    pass_digest: str
    decision: str
    genesis: str
    speaker: tuple[str, str]
    """The person, and the credential that they say they sign with."""
    number: int
    terminal: str
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Court:
    """The documents under one roster."""

    genesis: str
    department_of: dict[str, str]
    key_of: dict[tuple[str, str], bytes]
    terminals: frozenset[str]
    needed: dict[str, dict[str, int]]
    statements: dict[str, list[tuple[_Statement, bool]]] = field(default_factory=dict)
    """By pass digest: each genuine statement, and whether its number was used for another too."""


def weigh(evidence: Evidence, *, genesis_digest: str, now: datetime) -> Credence:
    """Return what the watcher believes; nothing at all if the genesis was never adopted.

    When its roster has expired, no pass is believed and no wallet is in force, but what was
    watched is watched on: a date that somebody forgot must not let coins leave unseen.
    """
    nothing = Credence(wallets={}, watched={}, believed={}, doubted={})
    roster_bytes = evidence.rosters.get(genesis_digest, b"")
    if hashlib.sha256(b"sekisho/roster/v1\n" + roster_bytes).hexdigest() != genesis_digest:
        return nothing
    try:
        # The strict reader is asked whether it is a roster at all; its people are read here.
        if read_roster(roster_bytes, "roster").previous_digest:
            return nothing
        document = _object(parse_canonical(roster_bytes, "roster"))
        expired = now >= parse_instant(str(document["expires"]), "roster.expires")
    except (BadInputError, KeyError, TypeError):
        return nothing
    court = _convene(document, genesis_digest)
    _hear(court, evidence)
    asked = dict(_asked(evidence))
    if genesis_digest not in _in_force(court, asked, "roster", "roster", "", heed_no=False):
        return nothing
    adopted = genesis_digest in _in_force(court, asked, "roster", "roster", "")
    registered = _wallets(court, asked, evidence) if adopted else {}
    wallets = {} if expired else registered
    transfers = {
        digest: each for digest, each in asked.items() if isinstance(each.action, Transfer)
    }
    believed = {
        digest: each
        for digest, each in transfers.items()
        if _allowed(court, digest, each, "transfer")
        and _from_wallet(court, each, wallets)
        and _keeps_anchor(each, transfers)
    }
    doubted = {digest: each for digest, each in transfers.items() if digest not in believed}
    watched = _watched(court, asked, evidence, registered)
    return Credence(wallets=wallets, watched=watched, believed=believed, doubted=doubted)


def _convene(roster: Document, genesis: str) -> _Court:
    people = [_object(person) for person in _list(roster["people"])]
    quorum = _object(roster["quorum"])
    return _Court(
        genesis=genesis,
        department_of={str(each["person_id"]): str(each["department"]) for each in people},
        key_of={
            (str(person["person_id"]), str(_object(each)["credential_id"])): bytes.fromhex(
                str(_object(each)["public_key"])
            )
            for person in people
            for each in _list(person["credentials"])
        },
        terminals=frozenset(
            str(_object(each)["terminal_id"]) for each in _list(roster["terminals"])
        ),
        needed={
            kind: {name: int(str(count)) for name, count in _object(quorum[kind]).items()}
            for kind in ("transfer", "admin")
        },
    )


def _hear(court: _Court, evidence: Evidence) -> None:
    """Sort the genuine statements by pass, noting the numbers that one signer used twice."""
    genuine: dict[bytes, _Statement] = {}
    for signed in evidence.approvals:
        try:
            said = _statement(signed.document)
            digest = hashlib.sha256(b"sekisho/approval/v1\n" + signed.document).digest()
            key = Ed25519PublicKey.from_public_bytes(court.key_of[said.speaker])
            key.verify(signed.signature, digest)
        except (ValueError, KeyError, InvalidSignature):
            continue
        if said.genesis == court.genesis:
            genuine[signed.document] = said  # the same words, signed again, are the same statement
    numbers = Counter((said.speaker[0], said.number) for said in genuine.values())
    for said in genuine.values():
        twice = numbers[said.speaker[0], said.number] > 1
        court.statements.setdefault(said.pass_digest, []).append((said, twice))


def _statement(document: bytes) -> _Statement:
    """Return what a statement says; raises `BadInputError` unless every field is as it must be.

    What is not in the record is read all the same: a statement that the gate cannot read, and so
    does not count, is none here either.
    """
    fields = Fields(parse_canonical(document, "statement"), "statement")
    fields.choice("format", ("sekisho/approval/v1",))
    fields.choice("method", ("ed25519-key-file",))
    fields.text("words", empty=True)
    fields.text("reason", empty=True)
    said = _Statement(
        pass_digest=fields.hex("pass_digest", size=32).hex(),
        decision=fields.choice("decision", ("ask", "approve", "reject", "void")),
        genesis=fields.hex("genesis_digest", size=32).hex(),
        speaker=(fields.text("approver"), fields.text("credential_id")),
        number=fields.integer("sequence", at_least=1, at_most=INTEGER_MAX),
        terminal=check_id(fields.text("terminal_id"), "statement.terminal_id"),
        signed_at=fields.instant("signed_at"),
    )
    fields.done()
    return said


def _asked(evidence: Evidence) -> Iterator[tuple[str, Pass]]:
    for digest, document in evidence.passes.items():
        if hashlib.sha256(b"sekisho/pass/v1\n" + document).hexdigest() == digest:
            try:
                yield digest, read_pass(document, "pass")
            except BadInputError:
                continue


def _allowed(court: _Court, digest: str, asked: Pass, kind: str, *, heed_no: bool = True) -> bool:
    """Return whether people allowed this pass: asked by its requester, refused by nobody.

    Without `heed_no`, whether they once did, whatever was said against it before or since.
    """
    if (asked.genesis_digest, asked.roster_digest) != (court.genesis, court.genesis):
        return False
    if asked.policy_digest or asked.terminal_id not in court.terminals:
        return False
    was_asked = False
    approvers: set[str] = set()
    for said, number_twice in court.statements.get(digest, []):
        if said.decision in {"reject", "void"}:
            if heed_no:
                return False
            continue
        in_time = said.signed_at < asked.expires_at
        if number_twice or not in_time or said.terminal not in court.terminals:
            continue
        person, _ = said.speaker
        if said.decision == "ask":
            was_asked = was_asked or person == asked.requester
        elif person != asked.requester:
            approvers.add(person)
    if not was_asked:
        return False
    present = [court.department_of[approver] for approver in approvers]
    return all(present.count(name) >= count for name, count in court.needed[kind].items())


def _in_force(
    court: _Court,
    asked: Mapping[str, Pass],
    subject_type: str,
    subject_id: str,
    previous: str,
    *,
    heed_no: bool = True,
) -> set[str]:
    """Return the digests that quorums put in force directly after `previous`."""
    return {
        each.action.new_digest
        for digest, each in asked.items()
        if isinstance(each.action, Admin)
        and each.action.subject_type.value == subject_type
        and each.action.subject_id == subject_id
        and each.action.previous_digest == previous
        and _allowed(court, digest, each, "admin", heed_no=heed_no)
    }


def _wallets(court: _Court, asked: Mapping[str, Pass], evidence: Evidence) -> dict[str, Wallet]:
    """Return the wallets at the end of their chains of registrations, forks left out."""
    found: dict[str, Wallet] = {}
    for wallet_id in {wallet.wallet_id for wallet in evidence.wallets.values()}:
        chain = [""]
        while True:
            following = _in_force(court, asked, "wallet", wallet_id, chain[-1])
            if len(following) != 1 or following & set(chain):
                break
            chain.extend(following)
        wallet = evidence.wallets.get(chain[-1])
        if wallet is None or following:
            continue
        if wallet.wallet_id == wallet_id and wallet_digest(wallet) == chain[-1]:
            found[wallet_id] = wallet
    return found


def former_id(wallet: Wallet) -> str:
    """Return the id under which a wallet is watched while another one has its own id.

    No registered id looks like it, and it sorts after all of them: of a script that two wallets
    have, `open_book` says that it belongs to the one in force.
    """
    return f"{FORMER}{wallet.wallet_id}~{wallet_digest(wallet)[:16]}"


def _watched(
    court: _Court,
    asked: Mapping[str, Pass],
    evidence: Evidence,
    registered: Mapping[str, Wallet],
) -> dict[str, Wallet]:
    """Return every wallet that a quorum ever approved, whatever was said since, by its id.

    One whose every script another of the same id has too is left out.
    """
    found: dict[str, Wallet] = {}
    for wallet_id in {wallet.wallet_id for wallet in evidence.wallets.values()}:
        approved = _ever_approved(court, asked, evidence, wallet_id)
        if not approved:
            continue
        current = registered.get(wallet_id, approved[-1])
        found[wallet_id] = current
        reach = {(current.chain, current.descriptor): current.gap_limit}
        for wallet in sorted(approved, key=lambda each: each.gap_limit, reverse=True):
            scripts = (wallet.chain, wallet.descriptor)
            if wallet.gap_limit > reach.get(scripts, 0):
                reach[scripts] = wallet.gap_limit
                former = former_id(wallet)
                found[former] = replace(wallet, wallet_id=former)
    return found


def _ever_approved(
    court: _Court, asked: Mapping[str, Pass], evidence: Evidence, wallet_id: str
) -> list[Wallet]:
    """Return the wallets of an id that quorums approved one after another, the oldest first.

    Of several successors of one wallet all are there, in an order that is always the same.
    """
    reached = [""]
    for digest in reached:  # grows as it goes
        following = _in_force(court, asked, "wallet", wallet_id, digest, heed_no=False)
        reached.extend(sorted(following - set(reached)))
    wallets = ((digest, evidence.wallets.get(digest)) for digest in reached)
    return [
        wallet
        for digest, wallet in wallets
        if wallet is not None and wallet.wallet_id == wallet_id and wallet_digest(wallet) == digest
    ]


def _from_wallet(court: _Court, asked: Pass, wallets: Mapping[str, Wallet]) -> bool:
    """Return whether a transfer leaves a wallet in force, asked for by one of its departments."""
    transfer = asked.action
    if not isinstance(transfer, Transfer) or transfer.wallet_id not in wallets:
        return False
    wallet = wallets[transfer.wallet_id]
    return (
        transfer.wallet_digest == wallet_digest(wallet)
        and transfer.chain == wallet.chain
        and court.department_of.get(asked.requester) in wallet.departments
        and transfer.change.rule in {wallet.change_rule, ChangeRule.NONE}
    )


def _keeps_anchor(asked: Pass, transfers: Mapping[str, Pass]) -> bool:
    """Return whether a pass that replaces another spends the coin that the other must spend."""
    anchors = {
        (each.pass_id, each.action.anchor)
        for each in transfers.values()
        if isinstance(each.action, Transfer)
    }
    transfer = asked.action
    if not isinstance(transfer, Transfer) or not transfer.replacement.replaces:
        return isinstance(transfer, Transfer)
    return (transfer.replacement.replaces, transfer.anchor) in anchors


def _object(value: Json) -> Document:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value
