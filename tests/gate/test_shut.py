"""The gate is shut unless everything says that it may be open: lease, memory, clock, place."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gate_returns import signed
from gate_scene import CHANGE_SAT, Attempt, honest, scene
from gate_tampered_transactions import change, outputs
from gate_world import (
    bundle_at,
    check,
    gate_of,
    lease_for,
    memory_in,
    papers_of,
)
from journal_world import rows_of
from world import World, cleared, entries_of, record, void
from world_people import DAY, NOW

from sekisho.gate.flow import GATE_RETURNED, Papers, Records, ask_lease, check_return
from sekisho.gate.memory import GATE_BEGAN, remember
from sekisho.gate.records import Cleared, Gate, Mode, Returned
from sekisho.gate.shut import lease_in
from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore, create_journal, open_journal
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.bundle import open_bundle
from sekisho.passes.lease import Memory
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED

SECOND = timedelta(seconds=1)
ATTEMPT = honest(scene())
GATE = gate_of(ATTEMPT.genesis)
ROWS = rows_of(entries_of(ATTEMPT.scene.world))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[JournalStore]:
    with memory_in(tmp_path, GATE) as opened:
        yield opened


def papers(
    memory: JournalStore,
    gate: Gate = GATE,
    *,
    now: datetime = NOW,
    **lease: Any,  # noqa: ANN401 - the fields of Lease, each of its type
) -> Papers:
    return papers_of(gate, memory, ROWS, ATTEMPT.digest, now=now, lease=lease)


def answer(
    memory: JournalStore, shown: Papers, *, gate: Gate = GATE, now: datetime = NOW
) -> list[str]:
    """Return why the gate refuses the honest PSBT; nothing if it clears it.

    A refusal stands in the gate's memory before it is given.
    """
    size = memory.size()
    try:
        check(ATTEMPT.psbt, gate, memory, shown, number=1 + size, now=now)
    except Refused as refused:
        assert memory.size() == size + 1
        last = memory.last()
        assert last is not None
        assert (last.kind, last.body["pass_digest"]) == (GATE_REFUSED, ATTEMPT.digest)
        return [each.code for each in refused.findings]
    return []


def test_with_a_lease_a_memory_and_the_time_it_is_open(memory: JournalStore) -> None:
    assert answer(memory, papers(memory)) == []
    assert [each.kind for each in memory.entries()] == [GATE_BEGAN, GATE_CLEARED]


# The lease ---------------------------------------------------------------------------------------


def test_without_a_lease_it_is_shut(memory: JournalStore) -> None:
    assert answer(memory, replace(papers(memory), lease=b"")) == ["gate.lease_missing"]


@pytest.mark.parametrize("junk", [b"{}", b"\xff", b"[1]", b'{"lease":{},"signature":""}'])
def test_a_lease_that_cannot_be_read_is_none(memory: JournalStore, junk: bytes) -> None:
    assert answer(memory, replace(papers(memory), lease=junk)) == ["gate.lease_unreadable"]


def test_every_byte_of_a_lease_counts(memory: JournalStore) -> None:
    good = lease_for(GATE, memory)
    for place in range(len(good)):
        flipped = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        lease, (found,) = lease_in(flipped, GATE)
        assert lease is None
        assert found.code in {"gate.lease_unreadable", "gate.lease_forged"}, place


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"gate_id": "gate-2"}, "gate.lease_foreign"),
        ({"genesis_digest": "ab" * 32}, "gate.lease_foreign"),
        ({"expires_at": NOW}, "gate.lease_expired"),
        ({"expires_at": NOW + timedelta(minutes=15) + SECOND}, "gate.lease_too_long"),
        ({"granted_at": NOW + timedelta(minutes=1) + SECOND}, "gate.clock_behind"),
        ({"journal_size": len(ROWS) + 1}, "gate.journal_behind"),
        ({"memory": Memory(size=2, tip="ab" * 32)}, "gate.memory_lost"),
        ({"memory": Memory(size=1, tip="ab" * 32)}, "gate.memory_lost"),
    ],
)
def test_a_lease_that_says_something_else_does_not_open_it(
    memory: JournalStore, changes: dict[str, Any], code: str
) -> None:
    assert answer(memory, papers_of(GATE, memory, ROWS, ATTEMPT.digest, lease=changes)) == [code]


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOW + SECOND},
        {"expires_at": NOW + timedelta(minutes=15)},
        {"granted_at": NOW + timedelta(minutes=1)},
        {"journal_size": len(ROWS)},
    ],
)
def test_at_the_very_edge_it_does(memory: JournalStore, changes: dict[str, Any]) -> None:
    assert answer(memory, papers_of(GATE, memory, ROWS, ATTEMPT.digest, lease=changes)) == []


def test_a_lease_by_anybody_else_is_forged(memory: JournalStore) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    forged = replace(papers(memory), lease=lease_for(GATE, memory, key=stranger))
    assert answer(memory, forged) == ["gate.lease_forged"]


def test_an_isolated_gate_may_have_a_longer_lease(tmp_path: Path) -> None:
    alone = gate_of(ATTEMPT.genesis, gate_id="gate-2", mode=Mode.ISOLATED)
    with memory_in(tmp_path, alone) as memory:
        longer = papers(memory, alone, expires_at=NOW + DAY)
        assert answer(memory, longer, gate=alone) == []
        longest = papers(memory, alone, expires_at=NOW + DAY + SECOND)
        assert answer(memory, longest, gate=alone) == ["gate.lease_too_long"]


# What is withheld --------------------------------------------------------------------------------


def test_a_void_cannot_be_withheld_from_who_holds_a_lease(memory: JournalStore) -> None:
    """The server shows the journal as it was before; the granter has seen it as it is."""
    voided = entries_of(void(ATTEMPT.scene.world, ATTEMPT.scene.asked))
    shown = papers(memory, journal_size=len(voided))
    assert answer(memory, shown) == ["gate.journal_behind"]
    seen = {"journal_size": len(voided)}
    full = papers_of(GATE, memory, rows_of(voided), ATTEMPT.digest, lease=seen)
    assert "passes.voided" in answer(memory, full)


def test_a_lower_checkpoint_than_was_seen_is_refused(memory: JournalStore) -> None:
    voided = rows_of(entries_of(void(ATTEMPT.scene.world, ATTEMPT.scene.asked)))
    seen = open_bundle(
        bundle_at(voided, ATTEMPT.digest),
        genesis_digest=ATTEMPT.genesis,
        seen=None,
        now=NOW,
        where="bundle",
    ).seen
    older = replace(papers(memory), seen=seen)
    assert answer(memory, older) == ["journal.checkpoint_lower"]


# The memory --------------------------------------------------------------------------------------


def without_fee() -> Attempt:
    other = outputs(ATTEMPT.scene, {3: change(ATTEMPT.scene, CHANGE_SAT + 20_000)})
    return honest(replace(ATTEMPT.scene, unsigned=other))


def asked(memory: JournalStore, attempt: Attempt, shown: Papers) -> Cleared:
    return check(attempt.psbt, GATE, memory, shown, number=50 + memory.size())


def test_far_from_the_journal_a_used_pass_is_used_all_the_same(memory: JournalStore) -> None:
    """An isolated gate's answers come into the exchange's journal late, or never."""
    assert asked(memory, ATTEMPT, papers(memory)).txid == ATTEMPT.scene.unsigned.txid
    with pytest.raises(Refused) as caught:
        asked(memory, without_fee(), papers(memory))
    assert [each.code for each in caught.value.findings] == ["gate.pass_used"]
    assert asked(memory, ATTEMPT, papers(memory)).txid == ATTEMPT.scene.unsigned.txid


def test_a_memory_put_back_from_a_backup_lets_nothing_through(tmp_path: Path) -> None:
    """It has forgotten that the pass was used; the lease that it holds has not."""
    (tmp_path / "then").mkdir()
    memory_in(tmp_path / "then", GATE).close()
    backup = (tmp_path / "then" / "gate-1.db").read_bytes()
    with open_journal(tmp_path / "then" / "gate-1.db") as memory:
        asked(memory, ATTEMPT, papers(memory))
        later = lease_for(GATE, memory)
    (tmp_path / "now").mkdir()
    restored = tmp_path / "now" / "gate-1.db"
    restored.write_bytes(backup)
    with open_journal(restored) as memory:
        assert memory.size() == 1
        shown = replace(papers(memory), lease=later)
        with pytest.raises(Refused) as caught:
            asked(memory, without_fee(), shown)
        assert [each.code for each in caught.value.findings] == ["gate.memory_lost"]


def test_a_memory_that_never_began_is_no_memory(tmp_path: Path, memory: JournalStore) -> None:
    with create_journal(tmp_path / "other.db") as other:
        with pytest.raises(BadInputError, match=r"does not begin with gate\.began"):
            answer(other, papers(memory))
        other.append(
            Draft(entry_id=make_ulid(NOW, bytes(10)), at=NOW, kind="x.y", actor="x", body={})
        )
        with pytest.raises(BadInputError, match=r"does not begin with gate\.began"):
            answer(other, papers(memory))


def test_what_it_shows_the_granter_is_all_that_it_remembers(memory: JournalStore) -> None:
    answer(memory, papers(memory))
    request = ask_lease(memory, GATE)
    hashes = [each.hash.hex() for each in memory.entries()]
    assert (request.first, list(request.hashes)) == (1, hashes)
    assert request.memory == Memory(size=2, tip=hashes[1])
    assert all(request.holds(Memory(size=n + 1, tip=each)) for n, each in enumerate(hashes))
    assert not request.holds(Memory(size=3, tip=hashes[1]))
    assert not request.holds(Memory(size=1, tip=hashes[1]))


# The clock ---------------------------------------------------------------------------------------


def test_its_clock_never_goes_back(memory: JournalStore) -> None:
    """Set back by an hour, a lease of then would be good again."""
    later = NOW + timedelta(hours=1)
    assert answer(memory, papers(memory, now=later), now=later) == []
    assert "gate.clock_behind" in answer(memory, papers(memory), now=NOW)
    barely = later - timedelta(minutes=1)
    assert answer(memory, papers(memory, now=barely), now=barely) == []


def test_what_a_granter_said_of_the_time_is_remembered_beyond_the_refusal(
    memory: JournalStore,
) -> None:
    tomorrow = NOW + DAY
    first = papers(memory, granted_at=tomorrow, expires_at=tomorrow + timedelta(minutes=5))
    assert "gate.clock_behind" in answer(memory, first)
    assert remember(memory.entries()).high_water_at == tomorrow
    assert "gate.clock_behind" in answer(memory, papers(memory))


def test_nor_behind_the_journals(memory: JournalStore) -> None:
    world: World = record(
        ATTEMPT.scene.world, "note.written", {}, at=NOW + timedelta(minutes=10) + SECOND
    )
    shown = papers_of(GATE, memory, rows_of(entries_of(world)), ATTEMPT.digest)
    assert answer(memory, shown) == ["gate.clock_behind"]


# What another gate let through -------------------------------------------------------------------


def test_what_another_gate_let_through_is_used_here_too(tmp_path: Path) -> None:
    """Its answers come with the journal, to a gate that never wrote anything there."""
    alone = gate_of(ATTEMPT.genesis, gate_id="gate-2", mode=Mode.ISOLATED)
    used = cleared(ATTEMPT.scene.world, ATTEMPT.scene.asked, ATTEMPT.scene.unsigned)
    with memory_in(tmp_path, alone) as memory:
        shown = papers_of(alone, memory, rows_of(entries_of(used)), ATTEMPT.digest)
        with pytest.raises(Refused) as caught:
            check(without_fee().psbt, alone, memory, shown)
        assert [each.code for each in caught.value.findings] == ["gate.pass_used"]
        assert check(ATTEMPT.psbt, alone, memory, shown, number=2).pass_digest == ATTEMPT.digest


# What the signer returned ------------------------------------------------------------------------


def returned(memory: JournalStore, answer: bytes, *, number: int) -> Returned | list[str]:
    shown = papers(memory)
    yes = check(ATTEMPT.psbt, GATE, memory, shown, number=number)
    try:
        return check_return(
            yes,
            answer,
            shown,
            gate=GATE,
            records=Records(memory=memory, journal=None),
            entry_id=make_ulid(NOW, (number + 500).to_bytes(10, "big")),
            now=NOW + timedelta(hours=3),
        )
    except Refused as refused:
        return [each.code for each in refused.findings]


def test_what_comes_back_is_verified_and_written_down(memory: JournalStore) -> None:
    """A signer may take its time: three hours later the lease and the checkpoint are old."""
    good = signed(ATTEMPT.psbt)
    found = returned(memory, good, number=1)
    assert isinstance(found, Returned)
    assert (found.complete, found.txid) == (True, ATTEMPT.scene.unsigned.txid)
    last = memory.last()
    assert last is not None
    assert (last.kind, last.body["complete"]) == (GATE_RETURNED, True)


def test_a_hostile_signature_is_written_down_too(memory: JournalStore) -> None:
    hostile = signed(without_fee().psbt)
    codes = returned(memory, hostile, number=1)
    assert isinstance(codes, list)
    assert {"gate.return_transaction_differs", "gate.return_hostile"} <= set(codes)
    last = memory.last()
    assert last is not None
    assert (last.kind, last.body["pass_digest"]) == (GATE_REFUSED, ATTEMPT.digest)
