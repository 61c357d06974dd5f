"""Nobody asks to pay an address that strangers made to look like one of ours; and no stranger
blocks an address that we use."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from children_world import STANDING_WORLD, first
from gate_scene import HOT, LOOKALIKE, USUAL, Scene, scene
from watch_lookout import coin, said, to
from world import World, approve, ask, journal_in, record, transfer_pass
from world_coins import STRANGER, address_at, outpoint, payment, spending, stranger
from world_people import NOW, QUORUM_PEOPLE
from world_power import adopted

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.canonical import Json
from sekisho.kernel.finding import Refused
from sekisho.passes.flow import file_pass, open_desk, record_child
from sekisho.passes.records import Pass, SignedChild, SubjectType
from sekisho.wallets.allow_list import AllowedDestination, AllowList, allow_list_bytes
from sekisho.watch.recorded import verdict_document
from sekisho.watch.records import VerdictKind

SETTING = scene()


def poisoned(setting: Scene = SETTING, *, world: World | None = None, times: int = 1) -> World:
    """Return the world after strangers paid us dust out of the look-alike so often."""
    earlier = spending([OutPoint(txid="cd" * 32, vout=0)], [to(LOOKALIKE, 10_000_000)])
    dust = spending([outpoint(earlier, 0)], [to(address_at(setting.wallet), 546)])
    verdict = said(setting, dust, seen=(*setting.coins.previous, earlier))
    assert verdict.kind is VerdictKind.POISONING
    world = setting.world if world is None else world
    for number in range(times):
        each = replace(verdict, txid=f"{number:064x}")
        world = record(world, "watch.judged", verdict_document(each), actor="watch")
    return world


def claimed(world: World, address: str, resembles: str) -> World:
    """Return the world in which somebody who can write there names an address by hand."""
    found: dict[str, Json] = {
        "code": "watch.poisoning",
        "subject": address,
        "facts": {"resembles": resembles},
    }
    return record(world, "watch.judged", {"verdict": "poisoning", "findings": [found]})


def paying(world: World, *addresses: str) -> Pass:
    payments = [payment(each, 1_000_000) for each in addresses]
    return transfer_pass(world, SETTING.wallet, payments, coin(SETTING, 2))


def refusals(folder: Path, world: World, *addresses: str) -> list[dict[str, str]]:
    """Return why asking to pay these addresses is refused."""
    with journal_in(folder, world) as journal:
        desk = open_desk(journal, genesis_digest=world.genesis_digest)
        before = journal.size()
        try:
            file_pass(desk, paying(world, *addresses), now=NOW)
        except Refused as refused:
            found = refused.findings
        else:
            return []
        assert journal.size() == before
        assert {each.code for each in found} == {"passes.destination_poisoned"}
        return [{"subject": each.subject, **dict(each.facts)} for each in found]


def listed(world: World, *addresses: str, by: Sequence[str] = QUORUM_PEOPLE) -> World:
    """Return the world in which the allow-list holds these, if `by` are enough for that."""
    destinations = tuple(
        AllowedDestination(
            address=address,
            script=script_of(address, Network.MAIN, "address"),
            label="The bank",
            owner="A bank",
            note="",
            proof=None,
        )
        for address in addresses
    )
    chain = SETTING.wallet.chain
    document = allow_list_bytes(AllowList(chain=chain, destinations=destinations))
    return adopted(world, SubjectType.ALLOW_LIST, "allow-list", document, by=by)


def test_what_the_watcher_named_is_not_asked_for(tmp_path: Path) -> None:
    world = poisoned()
    [found] = refusals(tmp_path, world, STRANGER, LOOKALIKE)
    assert (found["subject"], found["resembles"]) == (LOOKALIKE, USUAL)
    assert (found["entry"], found["count"]) == (str(len(world.drafts)), "1")


def test_without_the_watchers_word_it_is_for_the_policy_to_say(tmp_path: Path) -> None:
    assert refusals(tmp_path, SETTING.world, LOOKALIKE) == []


def test_what_comes_while_the_desk_is_open_counts(tmp_path: Path) -> None:
    with journal_in(tmp_path, SETTING.world) as journal:
        desk = open_desk(journal, genesis_digest=SETTING.world.genesis_digest)
        journal.append(poisoned().drafts[-1])
        with pytest.raises(Refused, match="destination_poisoned"):
            file_pass(desk, paying(SETTING.world, LOOKALIKE), now=NOW)


def test_ten_thousand_are_one(tmp_path: Path) -> None:
    """A few hundred here; each further one adds one to a number."""
    world = poisoned(times=300)
    [found] = refusals(tmp_path, world, LOOKALIKE)
    assert found["count"] == "300"
    assert found["entry"] == str(len(SETTING.world.drafts) + 1)


# Zero power for strangers ------------------------------------------------------------------------


@pytest.mark.parametrize("address", [USUAL, STRANGER, address_at(SETTING.wallet), address_at(HOT)])
def test_no_address_in_use_is_blocked_even_if_the_journal_says_so(
    tmp_path: Path, address: str
) -> None:
    """Paid by a pass, or of a wallet of ours. The watcher never names one; a forger might."""
    near = f"{address[:-1]}{'q' if address[-1] != 'q' else 'p'}"
    assert refusals(tmp_path, claimed(SETTING.world, address, near), address) == []


def test_what_resembles_nothing_is_not_blocked(tmp_path: Path) -> None:
    world = claimed(SETTING.world, stranger(9), USUAL)
    assert refusals(tmp_path, world, stranger(9)) == []


def test_a_quorums_allow_list_lifts_it_and_nobody_alone_does(tmp_path: Path) -> None:
    world = poisoned()
    for folder, by in (("alone", QUORUM_PEOPLE[:1]), ("all", QUORUM_PEOPLE)):
        (tmp_path / folder).mkdir()
        found = refusals(tmp_path / folder, listed(world, LOOKALIKE, by=by), LOOKALIKE)
        assert bool(found) == (folder == "alone")


@pytest.mark.parametrize("then", ["delisted", "paid and delisted"])
def test_poisoned_first_and_approved_later_it_is_an_address_in_use_for_good(
    tmp_path: Path, then: str
) -> None:
    """Once a quorum looked at it, dust changes nothing, whatever becomes of the list."""
    world = listed(poisoned(), LOOKALIKE)
    if then != "delisted":
        asked = paying(world, LOOKALIKE)
        world = approve(ask(world, asked), asked)
    assert refusals(tmp_path, poisoned(world=listed(world)), LOOKALIKE) == []


def test_a_payment_that_a_quorum_approved_beside_the_list_lifts_it_too(tmp_path: Path) -> None:
    asked = paying(SETTING.world, LOOKALIKE)
    world = approve(ask(SETTING.world, asked), asked)
    assert refusals(tmp_path, poisoned(world=world), LOOKALIKE) == []


def test_asked_for_and_not_yet_approved_is_not_in_use(tmp_path: Path) -> None:
    """Else one insider would lift it by asking beside the desk."""
    asked = paying(SETTING.world, LOOKALIKE)
    assert refusals(tmp_path, poisoned(world=ask(SETTING.world, asked)), LOOKALIKE) != []


# Children of a standing pass ---------------------------------------------------------------------


def issued(folder: Path, world: World, signed: SignedChild) -> list[str]:
    with journal_in(folder, world) as journal:
        desk = open_desk(journal, genesis_digest=world.genesis_digest)
        try:
            record_child(desk, signed, actor="issuer", now=NOW)
        except Refused as refused:
            return [each.code for each in refused.findings]
        return []


def test_no_child_of_a_standing_pass_pays_it_either(tmp_path: Path) -> None:
    """A customer copied it from the history of withdrawals."""
    child, address = first(payment(stranger(9), 10_000)), stranger(9)
    near = f"{address[:-1]}{'q' if address[-1] != 'q' else 'p'}"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = issued(tmp_path / "a", STANDING_WORLD, child)
    after = issued(tmp_path / "b", claimed(STANDING_WORLD, address, near), child)
    assert (before, after) == ([], ["passes.destination_poisoned"])


ODD: tuple[Json, ...] = (
    None, "x", 7, {}, [7], [{}], [{"subject": "x"}], [{"subject": 7, "facts": {}}],
    [{"subject": "x", "facts": 7}], [{"subject": "x", "facts": {"resembles": ""}}],
)  # fmt: skip


@pytest.mark.parametrize("findings", ODD, ids=repr)
def test_a_verdict_of_another_form_says_nothing(tmp_path: Path, findings: Json) -> None:
    body: dict[str, Json] = {"verdict": "poisoning", "findings": findings}
    assert refusals(tmp_path, record(SETTING.world, "watch.judged", body), LOOKALIKE) == []
    other: dict[str, Json] = {"verdict": [findings], "findings": findings}
    (tmp_path / "other").mkdir()
    world = record(SETTING.world, "watch.judged", other)
    assert refusals(tmp_path / "other", world, LOOKALIKE) == []
