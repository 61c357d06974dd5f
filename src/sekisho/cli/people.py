"""Whom this installation trusts, and whose a key is."""

from sekisho.app import Installation, current_time
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.evidence import gather_evidence
from sekisho.passes.records import Roster
from sekisho.passes.verify import Trust, establish_trust


def trust_of(here: Installation) -> Trust:
    """Return what the pinned genesis leads to, or raise `Refused` with every reason."""
    trust, reasons = establish_trust(
        gather_evidence(here.journal.entries()),
        genesis_digest=here.pinned_genesis(),
        now=current_time(),
    )
    if trust is None:
        raise Refused(reasons)
    return trust


def owner_of(roster: Roster, public_key: bytes, where: str) -> str:
    """Return whose key it is; raises `BadInputError` at `where` if it is nobody's."""
    for person in roster.people:
        if public_key in {each.public_key for each in person.credentials}:
            return person.person_id
    raise BadInputError(where, "belongs to nobody on the roster")
