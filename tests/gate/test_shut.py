"""The gate is shut unless everything says that it may be open: lease, memory, clock, place."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gate_scene import Attempt
from gate_shut_world import ATTEMPT, GATE, ROWS, answer, papers, without_fee
from gate_world import (
    bundle_at,
    check,
    extent_of,
    gate_of,
    lease_for,
    memory_in,
    papers_of,
)
from journal_world import rows_of
from world import World, entries_of, journal_in, record, void
from world_people import DAY, NOW

from sekisho.gate.leases.flow import ask_lease, take_lease
from sekisho.gate.memory import GATE_BEGAN, remember
from sekisho.gate.records import Cleared, Mode, Papers
from sekisho.gate.shut import lease_in
from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore, create_journal, open_journal
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.bundle import open_bundle
from sekisho.passes.lease import Extent, Memory
from sekisho.passes.life import GATE_CLEARED

SECOND = timedelta(seconds=1)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[JournalStore]:
    with memory_in(tmp_path, GATE) as opened:
        yield opened


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
        ({"expires_at": NOW + DAY + SECOND}, "gate.lease_too_long"),
        ({"granted_at": NOW + timedelta(minutes=1) + SECOND}, "gate.clock_behind"),
        ({"journal": Extent(size=len(ROWS) + 1, root="ab" * 32)}, "gate.journal_behind"),
        ({"journal": Extent(size=len(ROWS), root="ab" * 32)}, "gate.journal_forked"),
        ({"journal": Extent(size=3, root=extent_of(ROWS).root)}, "gate.journal_forked"),
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
        {"expires_at": NOW + DAY},
        {"granted_at": NOW + timedelta(minutes=1)},
        {"journal": extent_of(ROWS)},
        {"journal": extent_of(ROWS[:7])},
    ],
)
def test_at_the_very_edge_it_does(memory: JournalStore, changes: dict[str, Any]) -> None:
    assert answer(memory, papers_of(GATE, memory, ROWS, ATTEMPT.digest, lease=changes)) == []


def test_a_lease_by_anybody_else_is_forged(memory: JournalStore) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    forged = replace(papers(memory), lease=lease_for(GATE, memory, key=stranger))
    assert answer(memory, forged) == ["gate.lease_forged"]


def test_a_gate_beside_the_journal_has_a_shorter_one(tmp_path: Path) -> None:
    beside = gate_of(ATTEMPT.genesis, gate_id="gate-2", mode=Mode.CO_LOCATED)
    with memory_in(tmp_path, beside) as memory, journal_in(tmp_path, ATTEMPT.scene.world) as there:
        for more, found in ((timedelta(), []), (SECOND, ["gate.lease_too_long"])):
            ends_at = NOW + timedelta(minutes=15) + more
            shown = papers(memory, beside, expires_at=ends_at)
            try:
                check(ATTEMPT.psbt, beside, memory, shown, journal=there)
                codes = []
            except Refused as refused:
                codes = [each.code for each in refused.findings]
            assert codes == found


def test_a_gate_beside_the_journal_is_not_asked_without_it(tmp_path: Path) -> None:
    """Else two of them would both say yes: only the journal keeps them apart."""
    beside = gate_of(ATTEMPT.genesis, gate_id="gate-2", mode=Mode.CO_LOCATED)
    with memory_in(tmp_path, beside) as memory:
        shown = papers(memory, beside)
        assert answer(memory, shown, gate=beside) == ["gate.journal_missing"]


def test_a_lease_that_was_taken_makes_every_older_one_useless(memory: JournalStore) -> None:
    older = lease_for(GATE, memory, lease={"number": 6})
    newer = lease_for(GATE, memory, lease={"number": 7})
    took = take_lease(memory, GATE, newer, entry_id=make_ulid(NOW, b"0123456789"), now=NOW)
    assert took.number == 7
    assert answer(memory, replace(papers(memory), lease=older)) == ["gate.lease_superseded"]
    with pytest.raises(Refused) as caught:
        take_lease(memory, GATE, older, entry_id=make_ulid(NOW, b"0123456780"), now=NOW)
    assert [each.code for each in caught.value.findings] == ["gate.lease_superseded"]
    assert answer(memory, replace(papers(memory), lease=newer)) == []


# What is withheld --------------------------------------------------------------------------------


def test_a_void_cannot_be_withheld_from_who_holds_a_lease(memory: JournalStore) -> None:
    """The server shows the journal as it was before; the granter has seen it as it is."""
    voided = entries_of(void(ATTEMPT.scene.world, ATTEMPT.scene.asked))
    shown = papers(memory, journal=extent_of(rows_of(voided)))
    assert answer(memory, shown) == ["gate.journal_behind"]
    seen = {"journal": extent_of(rows_of(voided))}
    full = papers_of(GATE, memory, rows_of(voided), ATTEMPT.digest, lease=seen)
    assert "passes.voided" in answer(memory, full)


def test_nor_can_another_journal_of_the_same_length_be_shown(memory: JournalStore) -> None:
    """The journal's key signs two histories: the granter sees the void, the gate a note."""
    voided = entries_of(void(ATTEMPT.scene.world, ATTEMPT.scene.asked))
    forked = entries_of(record(ATTEMPT.scene.world, "note.written", {}))
    assert len(voided) == len(forked)
    seen = {"journal": extent_of(rows_of(voided))}
    shown = papers_of(GATE, memory, rows_of(forked), ATTEMPT.digest, lease=seen)
    assert answer(memory, shown) == ["gate.journal_forked"]


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


def test_a_question_asked_with_a_clock_that_is_years_ahead_shuts_no_gate(
    memory: JournalStore,
) -> None:
    assert answer(memory, papers(memory), now=NOW + 9_000 * DAY) == ["passes.roster_expired"]
    assert answer(memory, papers(memory)) == []


def test_nor_does_a_lease_that_is_taken_with_such_a_clock(memory: JournalStore) -> None:
    """It has run out by then, so nothing vouches for that moment, and it is not written down."""
    shown = papers(memory)
    ahead = NOW + 9_000 * DAY
    with pytest.raises(Refused) as caught:
        take_lease(memory, GATE, shown.lease, entry_id=make_ulid(NOW, bytes(10)), now=ahead)
    assert [each.code for each in caught.value.findings] == ["gate.lease_expired"]
    assert answer(memory, shown) == []


def test_an_entry_of_the_year_2099_shuts_no_gate(memory: JournalStore) -> None:
    """Whoever can append to the journal can write any time into it."""
    world: World = record(ATTEMPT.scene.world, "note.written", {}, at=NOW + 27_000 * DAY)
    shown = papers_of(GATE, memory, rows_of(entries_of(world)), ATTEMPT.digest)
    assert answer(memory, shown) == []
