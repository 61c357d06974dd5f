"""What puts a gate's clock on for good: what somebody vouches for, and no question."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gate_returns import signed
from gate_shut_world import ATTEMPT, GATE, answer, papers, without_fee
from gate_world import LEASE, bundle_at, lease_for, memory_in
from journal_world import rows_of
from world import entries_of
from world_people import DAY, NOW

from sekisho.gate.flow import Records, check_return, record_refusal
from sekisho.gate.memory import remember
from sekisho.gate.records import Papers
from sekisho.journal.store import JournalStore
from sekisho.kernel.finding import Refused, finding
from sekisho.kernel.ulid import make_ulid

AHEAD = NOW + 9_000 * DAY
SECOND = timedelta(seconds=1)
GOOD, HOSTILE = signed(ATTEMPT.psbt), signed(without_fee().psbt)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[JournalStore]:
    with memory_in(tmp_path, GATE) as opened:
        yield opened


def back(memory: JournalStore, data: bytes, shown: Papers, *, now: datetime) -> list[str]:
    """Return why what came back is refused; nothing if it is what was cleared."""
    try:
        check_return(
            ATTEMPT.psbt,
            data,
            shown,
            gate=GATE,
            records=Records(memory=memory, journal=None),
            entry_id=make_ulid(NOW, memory.size().to_bytes(10, "big")),
            now=now,
        )
    except Refused as refused:
        return [each.code for each in refused.findings]
    return []


def lived_until(memory: JournalStore) -> datetime:
    return remember(memory.entries()).high_water_at


def alarm(data: bytes) -> list[str]:
    """Return what shuts the gate whatever its clock says: a hostile signature that came back."""
    return [] if data == GOOD else ["gate.alarm_stands"]


@pytest.mark.parametrize("data", [GOOD, HOSTILE, b"nothing"])
def test_a_return_that_is_judged_with_a_clock_years_ahead_shuts_no_gate(
    data: bytes, memory: JournalStore
) -> None:
    shown = papers(memory)
    assert answer(memory, shown) == []
    assert back(memory, data, shown, now=AHEAD) == back(memory, data, shown, now=NOW)
    assert lived_until(memory) == NOW
    assert answer(memory, shown) == alarm(data)


@pytest.mark.parametrize("data", [GOOD, HOSTILE])
@pytest.mark.parametrize(("late", "counts"), [(-SECOND, True), (timedelta(), False)])
def test_while_its_lease_lasts_a_return_puts_the_clock_on(
    data: bytes, late: timedelta, memory: JournalStore, *, counts: bool
) -> None:
    """As a clearance does: else a clock set back would bring back what is over since."""
    shown = papers(memory)
    now = NOW + LEASE + late
    assert answer(memory, shown) == []
    back(memory, data, shown, now=now)
    assert lived_until(memory) == (now if counts else NOW)
    assert answer(memory, shown) == [*(["gate.clock_behind"] if counts else []), *alarm(data)]


@pytest.mark.parametrize("data", [GOOD, HOSTILE])
def test_what_the_granter_says_is_remembered_with_a_return(
    data: bytes, memory: JournalStore
) -> None:
    assert answer(memory, papers(memory)) == []
    tomorrow = NOW + DAY
    later = papers(memory, granted_at=tomorrow, expires_at=tomorrow + LEASE)
    back(memory, data, later, now=NOW)
    assert lived_until(memory) == tomorrow
    assert "gate.clock_behind" in answer(memory, papers(memory))


def test_a_forged_lease_vouches_for_nothing(memory: JournalStore) -> None:
    assert answer(memory, papers(memory)) == []
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    lasting = {"granted_at": AHEAD, "expires_at": AHEAD + LEASE}
    forged = lease_for(GATE, memory, key=stranger, lease=lasting)
    assert back(memory, GOOD, replace(papers(memory), lease=forged), now=AHEAD) == []
    assert lived_until(memory) == NOW


def test_a_return_beside_a_bundle_that_is_not_believed_is_written_down_all_the_same(
    memory: JournalStore,
) -> None:
    assert answer(memory, papers(memory)) == []
    cut = bundle_at(rows_of(entries_of(ATTEMPT.scene.world))[:3], ATTEMPT.digest)
    assert back(memory, GOOD, replace(papers(memory), bundle=cut), now=AHEAD) != []
    assert lived_until(memory) == NOW


def test_nor_does_a_question_that_leads_to_no_pass(memory: JournalStore) -> None:
    shown = replace(papers(memory, granted_at=NOW + DAY), bundle=b"")
    for now in (AHEAD, NOW):
        record_refusal(
            [finding("gate.no_pass", "PSBT")],
            shown,
            gate=GATE,
            records=Records(memory=memory, journal=None),
            entry_id=make_ulid(NOW, memory.size().to_bytes(10, "big")),
            now=now,
        )
        assert lived_until(memory) == NOW + DAY
