"""One isolated gate with everything in order, and the honest PSBT that it is asked about.

shown = papers(memory)                     # a bundle and a lease; fields of the lease by name
answer(memory, shown)                      # why it is refused; nothing if it is cleared
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from gate_scene import CHANGE_SAT, Attempt, honest, scene
from gate_tampered_transactions import change, outputs
from gate_world import check, gate_of, papers_of
from journal_world import rows_of
from world import entries_of
from world_people import NOW

from sekisho.gate.records import Gate, Mode, Papers
from sekisho.journal.store import JournalStore
from sekisho.kernel.finding import Refused
from sekisho.passes.life import GATE_REFUSED

ATTEMPT = honest(scene())
GATE = gate_of(ATTEMPT.genesis, mode=Mode.ISOLATED)
ROWS = rows_of(entries_of(ATTEMPT.scene.world))


def papers(
    memory: JournalStore,
    gate: Gate = GATE,
    *,
    now: datetime = NOW,
    **lease: Any,  # noqa: ANN401 - the fields of Lease, each of its type
) -> Papers:
    """Return what is carried to the gate, with fields of the lease replaced."""
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


def without_fee() -> Attempt:
    """Return another transaction that the same pass would allow as well."""
    other = outputs(ATTEMPT.scene, {3: change(ATTEMPT.scene, CHANGE_SAT + 20_000)})
    return honest(replace(ATTEMPT.scene, unsigned=other))
