"""The life of a pass, as a fold of what people signed, what the gate did, and what the chain says.

    asked -> approved -> issued -> signed_live -> settled | dead
      |          |          |
      +----------+----------+--> rejected, voided, expired (before anything was signed)

After a signature exists, nothing that people say ends the pass: a signed transaction can still be
mined, so it is over only when its anchor is spent, at depth.

A state is a word for people and grants nothing: gate and watcher never read it. An entry that
lies, or that cannot be read, leads to a wrong word at most.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.passes.evidence import PASS_ISSUED
from sekisho.passes.records import Transfer
from sekisho.passes.spendings import Spendings
from sekisho.passes.verify import Standing

GATE_CLEARED = "gate.cleared"
GATE_REFUSED = "gate.refused"


class PassState(StrEnum):
    """Where in its life a pass is."""

    ASKED = "asked"
    APPROVED = "approved"
    ISSUED = "issued"
    SIGNED_LIVE = "signed_live"
    SETTLED = "settled"
    DEAD = "dead"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOIDED = "voided"


class AnchorFate(StrEnum):
    """What the chain says of a pass's anchor outpoint."""

    UNSPENT = "unspent"
    """As far as is known, or by what nobody could judge."""
    SPENT_AS_ALLOWED = "spent_as_allowed"
    """At depth, by a transaction that does what the pass allows."""
    SPENT_OTHERWISE = "spent_otherwise"
    """At depth, by any other transaction: nothing can leave under the pass any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """The gate let one unsigned transaction through under a pass. Recorded before signing."""

    pass_digest: str
    txid: str
    """Of the unsigned transaction. A nested segwit or legacy one gets another when signed."""
    transaction_digest: str
    """Tagged digest of the unsigned transaction's bytes."""
    cleared_at: datetime
    seq: int


def clearances(entries: Iterable[Entry]) -> tuple[Clearance, ...]:
    """Return every clearance in the journal.

    Raises `BadInputError` for an entry of that kind that cannot be read: a gate that cannot read
    its own memory must not conclude that a pass was never used.
    """
    found: list[Clearance] = []
    for entry in entries:
        if entry.kind == GATE_CLEARED:
            fields = Fields(entry.body, f"journal entry {entry.seq}")
            found.append(
                Clearance(
                    pass_digest=fields.hex("pass_digest", size=32).hex(),
                    txid=fields.hex("txid", size=32).hex(),
                    transaction_digest=fields.hex("transaction_digest", size=32).hex(),
                    cleared_at=entry.at,
                    seq=entry.seq,
                )
            )
    return tuple(found)


def readable_clearances(entries: Iterable[Entry]) -> list[Clearance]:
    """Return the clearances in a journal that others write, too.

    One that cannot be read was never a gate's: entries stand as they were written, in a chain.
    If it stopped the gate, whoever can append anything could.
    """
    return [found for each in entries for found in _readable(each)]


def _readable(entry: Entry) -> tuple[Clearance, ...]:
    try:
        return clearances([entry])
    except BadInputError:
        return ()


def issued_digest(entry: Entry) -> str:
    """Return the digest of the pass that an entry says was handed on to a gate; empty if none."""
    if entry.kind != PASS_ISSUED:
        return ""
    try:
        fields = Fields(entry.body, f"journal entry {entry.seq}")
        return fields.hex("pass_digest", size=32).hex()
    except BadInputError:
        return ""  # issuing grants nothing, so an unreadable entry takes nothing away


def state_of_pass(
    standing: Standing,
    *,
    issued: bool,
    cleared: Sequence[Clearance],
    anchor: AnchorFate,
    now: datetime,
) -> PassState:
    """Return where the pass is in its life at `now`; clearances of other passes do not matter.

    What was done as the pass allows is settled, also where the gate was not asked: people must not
    take it for something that can be asked for again. Whatever ended a pass before the gate
    cleared anything remains the reason that is shown when its coin is spent by another.
    """
    if anchor is AnchorFate.SPENT_AS_ALLOWED:
        return PassState.SETTLED
    if any(each.pass_digest == standing.digest for each in cleared):
        spent = anchor is AnchorFate.SPENT_OTHERWISE
        return PassState.DEAD if spent else PassState.SIGNED_LIVE
    codes = {each.code for each in standing.findings}
    if "passes.voided" in codes:
        return PassState.VOIDED
    if "passes.rejected" in codes:
        return PassState.REJECTED
    if now >= standing.asked.expires_at:
        return PassState.EXPIRED
    if anchor is AnchorFate.SPENT_OTHERWISE:
        return PassState.DEAD
    if codes:
        return PassState.ASKED
    held = standing.held_until_at is not None and now < standing.held_until_at
    return PassState.ISSUED if issued and not held else PassState.APPROVED


def state_by_journal(
    standing: Standing,
    *,
    issued: bool,
    cleared: Sequence[Clearance],
    spendings: Spendings,
    now: datetime,
) -> PassState:
    """Return where the pass is in its life, by the journal: the watcher wrote down what it saw."""
    if standing.adopted is not None:
        return PassState.SETTLED
    return state_of_pass(
        standing,
        issued=issued,
        cleared=cleared,
        anchor=_anchor_fate(standing, spendings),
        now=now,
    )


def _anchor_fate(standing: Standing, spendings: Spendings) -> AnchorFate:
    action = standing.asked.action
    if not isinstance(action, Transfer):
        return AnchorFate.UNSPENT
    match spendings.keeps_to(action.anchor, standing.asked.pass_id):
        case None:
            return AnchorFate.UNSPENT
        case True:
            return AnchorFate.SPENT_AS_ALLOWED
        case False:
            return AnchorFate.SPENT_OTHERWISE
