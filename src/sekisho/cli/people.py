"""Whom this installation trusts, whose a key is, and how its owner asks for a pass."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sekisho.app import Installation, current_time, new_id
from sekisho.edges.keys import UnlockedKey, take_sequence
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.evidence import gather_evidence
from sekisho.passes.flow import ask
from sekisho.passes.records import Admin, Pass, Roster, Transfer
from sekisho.passes.verify import Standing, Trust, establish_trust


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The parts of a pass that do not depend on what it is for."""

    terminal_id: str
    purpose: str
    valid_for: timedelta


def ask_with(
    here: Installation,
    trust: Trust,
    key: UnlockedKey,
    *,
    action: Transfer | Admin,
    terms: Terms,
    now: datetime,
) -> Standing:
    """Ask for a pass now, bound to this genesis and roster, under the key's next number."""
    asked = Pass(
        pass_id=new_id(now),
        requester=owner_of(trust.roster, key.public_key, str(key.path)),
        terminal_id=terms.terminal_id,
        purpose=terms.purpose,
        not_before_at=now,
        expires_at=now + terms.valid_for,
        genesis_digest=trust.genesis_digest,
        roster_digest=trust.genesis_digest,
        policy_digest="",
        action=action,
    )
    return ask(
        here.journal,
        asked,
        key=key.private,
        public_key=key.public_key,
        take_sequence=lambda at_least: take_sequence(key, at_least=at_least),
        now=now,
    )
