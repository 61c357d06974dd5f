"""Is a pass on hold? By the keeper's own will, or because of something that only the keeper knows.

Both look the same from outside: one finding, with nothing in it but the pass.
"""

from datetime import datetime

from sekisho.kernel.canonical import Json
from sekisho.passes.duress import Keeper, Stated, hold_of, stated
from sekisho.passes.register import Register


def gate_hold(
    keeper: Keeper, register: Register, pass_digest: str, *, now: datetime
) -> dict[str, Json] | None:
    """Return what the keeper must be told if the pass is on hold, or None if it is not.

    Every genuine statement in the journal is looked at, on whatever pass: an admin pass that
    somebody was forced to approve is what later passes rest on.
    """
    place = register.child_places.get(pass_digest)
    digests = {pass_digest} if place is None else {pass_digest, place[0]}
    statements = _statements(register)
    return hold_of(keeper, statements, frozenset(digests), where="gate", now=now)


def _statements(register: Register) -> list[Stated]:
    return [
        stated(ballot.approval, ballot.credential)
        for ballots in register.ballots.values()
        for ballot in ballots
        if ballot.credential is not None
    ]
