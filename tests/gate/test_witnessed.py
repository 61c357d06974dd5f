"""Where the policy wants witnesses, nobody relies on a journal that they have not seen.

Not the gate, nor the watcher, nor whoever grants leases; each by code of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bundle_world import AGE_MAX_SECONDS, ALL_THREE, BOTH, bundle_of, note_of, witnessed_world
from gate_psbts import Coins, psbt_of
from gate_world import check, gate_of, lease_for, memory_in
from journal_world import OTHER
from witness_world import AUDITOR, GATE, WATCHER
from world import World, digest_of, entries_of, journal_in, record, transfer_pass
from world_coins import STRANGER, funding, outpoint, payment, script_at, spending, txout
from world_people import NOW, key_of
from world_power import HOT, agreed_by, bound

from sekisho.chains.bitcoin.transaction import TxOut
from sekisho.gate.account import account_of
from sekisho.gate.flow import Records, check_return
from sekisho.gate.gathered import Gathered
from sekisho.gate.memory import remember
from sekisho.gate.records import Mode, Papers
from sekisho.journal.store import JournalStore
from sekisho.journal.witness.cosignatures import WitnessSigner
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.bundle import Opened, open_bundle
from sekisho.passes.lease import LeaseRequest, sign_request
from sekisho.passes.records import Pass
from sekisho.watch.flow import judge_parsed, open_watch
from sekisho.watch.granting import Enrolled, grant, outlook_of
from sekisho.watch.records import VerdictKind

SECOND = timedelta(seconds=1)
FUNDED = funding(HOT, 10_000_000)
UNSIGNED = spending(
    [outpoint(FUNDED, 0)],
    [
        txout(STRANGER, 1_000_000),
        TxOut(amount_sat=Sat(8_990_000), script=script_at(HOT, branch=1)),
    ],
)


def paid() -> tuple[World, Pass]:
    world = witnessed_world()
    asked = transfer_pass(bound(world), HOT, [payment(STRANGER, 1_000_000)], outpoint(FUNDED, 0))
    return agreed_by(world, asked), asked


WORLD, ASKED = paid()
DEVICE = gate_of(WORLD.genesis_digest, mode=Mode.ISOLATED)
OWN = key_of("gate-1")
ENROLLED = Enrolled(
    gate_id="gate-1", public_key=OWN.public_key().public_bytes_raw(), isolated=False
)
PSBT = psbt_of(UNSIGNED, Coins(previous=(FUNDED,), wallets=(HOT,)))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[JournalStore]:
    with memory_in(tmp_path, DEVICE) as opened:
        yield opened


def answer(memory: JournalStore, bundle: bytes, *, number: int = 1) -> list[str]:
    papers = Papers(bundle=bundle, lease=lease_for(DEVICE, memory), seen=None)
    try:
        check(PSBT, DEVICE, memory, papers, number=number)
    except Refused as refused:
        return [each.code for each in refused.findings]
    return []


# The gate ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [BOTH, ALL_THREE, (GATE, AUDITOR)])
def test_the_gate_is_open_with_as_many_witnesses_as_the_policy_wants(
    by: Sequence[WitnessSigner], memory: JournalStore
) -> None:
    assert answer(memory, bundle_of(WORLD, ASKED, by=by)) == []


@pytest.mark.parametrize("by", [(), (GATE,), (WATCHER,)])
def test_the_gate_is_shut_with_fewer(by: Sequence[WitnessSigner], memory: JournalStore) -> None:
    found = answer(memory, bundle_of(WORLD, ASKED, by=by))
    assert found == ["journal.cosignatures_few"]


@pytest.mark.parametrize(("late", "codes"), [(0, []), (1, ["journal.cosignatures_few"])])
def test_the_gate_is_shut_when_they_saw_it_too_long_ago(
    late: int, codes: list[str], memory: JournalStore
) -> None:
    seen_at = NOW - timedelta(seconds=AGE_MAX_SECONDS + late)
    found = answer(memory, bundle_of(WORLD, ASKED, at=seen_at))
    assert [each for each in found if each != "journal.cosignature_old"] == codes


def test_a_witness_that_saw_it_later_than_our_clock_puts_the_clock_on(
    memory: JournalStore,
) -> None:
    """Half a minute ahead is a witness's clock; afterwards ours may not fall behind it."""
    ahead = NOW + timedelta(seconds=59)
    assert answer(memory, bundle_of(WORLD, ASKED, at=ahead)) == []
    shown = bundle_of(WORLD, ASKED, at=NOW + timedelta(minutes=5))
    assert "journal.cosignature_ahead" in answer(memory, shown, number=2)


def test_what_witnesses_say_of_the_time_is_remembered(memory: JournalStore) -> None:
    ahead = NOW + timedelta(seconds=59)
    voided = replace(UNSIGNED, locktime=2_000_000)  # not what the pass allows: it is refused
    psbt = psbt_of(voided, Coins(previous=(FUNDED,), wallets=(HOT,)))
    papers = Papers(
        bundle=bundle_of(WORLD, ASKED, at=ahead), lease=lease_for(DEVICE, memory), seen=None
    )
    with pytest.raises(Refused):
        check(psbt, DEVICE, memory, papers)
    assert remember(memory.entries()).high_water_at == ahead


@pytest.mark.parametrize(("ahead", "counts"), [(60, True), (61, False), (10**9, False)])
def test_and_so_it_is_when_something_comes_back_but_for_a_witness_that_is_far_ahead(
    ahead: int, memory: JournalStore, *, counts: bool
) -> None:
    cosigned_at = NOW + timedelta(seconds=ahead)
    shown = bundle_of(WORLD, ASKED, at=cosigned_at)
    with pytest.raises(Refused):
        check_return(
            PSBT,
            PSBT,
            Papers(bundle=shown, lease=lease_for(DEVICE, memory), seen=None),
            gate=DEVICE,
            records=Records(memory=memory, journal=None),
            entry_id=make_ulid(NOW, bytes(10)),
            now=NOW,
        )
    assert remember(memory.entries()).high_water_at == (cosigned_at if counts else NOW)


# The watcher -------------------------------------------------------------------------------------


def judged(folder: Path, note: bytes, world: World = WORLD) -> tuple[VerdictKind, set[str]]:
    with journal_in(folder, world) as journal:
        watch = open_watch(
            journal, [FUNDED], genesis_digest=world.genesis_digest, now=NOW, checkpoint=note
        )
        found = judge_parsed(watch, UNSIGNED, now=NOW)
    assert found is not None
    return found.verdict.kind, {each.code for each in found.verdict.findings}


def test_the_watcher_judges_nothing_by_a_journal_that_too_few_have_seen(tmp_path: Path) -> None:
    entries = entries_of(WORLD)
    for name, by in (("none", ()), ("one", (WATCHER,))):
        (tmp_path / name).mkdir()
        kind, codes = judged(tmp_path / name, note_of(entries, by=by))
        assert kind is VerdictKind.UNDETERMINED
        assert "watch.view_not_witnessed" in codes
    (tmp_path / "no note").mkdir()
    kind, codes = judged(tmp_path / "no note", b"")
    assert (kind, codes) == (VerdictKind.UNDETERMINED, {"watch.view_not_witnessed"})
    (tmp_path / "enough").mkdir()
    _, codes = judged(tmp_path / "enough", note_of(entries))
    assert not codes & {"watch.view_not_witnessed", "watch.view_is_another"}


def test_nor_by_one_that_is_not_what_they_saw(tmp_path: Path) -> None:
    """The end was cut off, or another entry stands in the place of one."""
    longer = record(WORLD, "note.written", {"a": 1})
    other = record(WORLD, "note.written", {"a": 2})
    for name, world in (("cut", WORLD), ("other", other)):
        (tmp_path / name).mkdir()
        kind, codes = judged(tmp_path / name, note_of(entries_of(longer)), world)
        assert (kind, codes) == (VerdictKind.UNDETERMINED, {"watch.view_is_another"})
    (tmp_path / "forged").mkdir()
    forged = note_of(entries_of(WORLD), signer=OTHER)
    kind, codes = judged(tmp_path / "forged", forged)
    assert kind is VerdictKind.UNDETERMINED
    assert "watch.view_not_witnessed" in codes


# The granter -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("by", "granted"), [((), False), ((GATE,), False), (BOTH, True)])
def test_nobody_grants_a_lease_by_it(by: Sequence[WitnessSigner], *, granted: bool) -> None:
    entries = entries_of(WORLD)
    request = sign_request(
        LeaseRequest(
            genesis_digest=WORLD.genesis_digest,
            gate_id="gate-1",
            first=1,
            hashes=("ab" * 32,),
        ),
        OWN,
    )
    outlook = outlook_of(
        entries, note_of(entries, by=by), genesis_digest=WORLD.genesis_digest, now=NOW
    )
    if granted:
        assert grant(request, ENROLLED, None, outlook, now=NOW).journal.size == len(entries)
        return
    with pytest.raises(Refused) as caught:
        grant(request, ENROLLED, None, outlook, now=NOW)
    assert "watch.view_not_witnessed" in {each.code for each in caught.value.findings}


def test_of_what_no_witness_has_seen_yet_a_lease_says_nothing() -> None:
    """Else the server shows the granter a void, and the gate something else in its place."""
    longer = entries_of(record(WORLD, "note.written", {}))
    note = note_of(entries_of(WORLD))
    outlook = outlook_of(longer, note, genesis_digest=WORLD.genesis_digest, now=NOW)
    assert len(outlook.leaves) == len(longer) - 1


def test_the_pass_of_these_tests_is_in_its_bundle() -> None:
    assert digest_of(ASKED).encode() in bundle_of(WORLD, ASKED)


# What is told of it ------------------------------------------------------------------------------


def test_the_account_names_the_witnesses(memory: JournalStore) -> None:
    gathered: list[Gathered] = []
    bundle = bundle_of(WORLD, ASKED, by=BOTH)
    for seen in (None, *(each.seen for each in opened(bundle))):
        papers = Papers(bundle=bundle, lease=lease_for(DEVICE, memory), seen=seen)
        check(PSBT, DEVICE, memory, papers, onlooker=gathered.append)
    first, again = (account_of(each, ())[2].evidence for each in gathered)
    assert [each.name for each in first] == ["bundle", "cosigned", "cosigned", "seen_first"]
    assert again[-1].name == "seen_before"


def opened(bundle: bytes) -> list[Opened]:
    genesis = DEVICE.genesis_digest
    return [open_bundle(bundle, genesis_digest=genesis, seen=None, now=NOW, where="x")]
