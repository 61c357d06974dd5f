"""A gate among others: what they let through, what signers return, who can append."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gate_returns import signed
from gate_shut_world import ATTEMPT, GATE, answer, papers, without_fee
from gate_world import (
    check,
    gate_of,
    memory_in,
    papers_of,
)
from journal_world import rows_of
from world import World, cleared, entries_of, record
from world_people import NOW

from sekisho.gate.flow import (
    GATE_RETURNED,
    Records,
    check_return,
)
from sekisho.gate.records import Mode, Returned
from sekisho.journal.store import JournalStore
from sekisho.kernel.finding import Refused
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[JournalStore]:
    with memory_in(tmp_path, GATE) as opened:
        yield opened


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
    check(ATTEMPT.psbt, GATE, memory, shown, number=number)
    try:
        return check_return(
            ATTEMPT.psbt,
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


def test_what_was_never_cleared_is_not_judged_as_if_it_was(memory: JournalStore) -> None:
    """No gate let it be signed: if it is, or nobody can read it, that is a theft under way."""
    hostile = ["gate.not_cleared", "gate.return_hostile"]
    for number, (back, codes) in enumerate(
        [(signed(ATTEMPT.psbt), hostile), (b"?", hostile), (ATTEMPT.psbt, hostile[:1])]
    ):
        with pytest.raises(Refused) as caught:
            check_return(
                ATTEMPT.psbt,
                back,
                papers(memory),
                gate=GATE,
                records=Records(memory=memory, journal=None),
                entry_id=make_ulid(NOW, bytes([number] * 10)),
                now=NOW,
            )
        assert [each.code for each in caught.value.findings] == codes


# Who can append ----------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"pass_digest": "?"}, {"pass_digest": 7, "txid": []}])
def test_a_clearance_that_nobody_can_read_stops_no_gate(
    memory: JournalStore, body: dict[str, Any]
) -> None:
    world: World = record(ATTEMPT.scene.world, GATE_CLEARED, body)
    shown = papers_of(GATE, memory, rows_of(entries_of(world)), ATTEMPT.digest)
    assert answer(memory, shown) == []
