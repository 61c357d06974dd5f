"""Whom this installation trusts, whose a key is, and how its owner asks for a pass."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sekisho.app import Installation, current_time, new_id
from sekisho.edges.keys import UnlockedKey, take_sequence
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.names import normal_name
from sekisho.passes.flow import Desk, Signer, ask, desk_of_pass, file_document, open_desk
from sekisho.passes.fold import why_not_trusted
from sekisho.passes.records import (
    NO_CLAIMS,
    Admin,
    Automatic,
    Claims,
    Pass,
    Roster,
    SubjectType,
    Transfer,
)
from sekisho.passes.register import Register
from sekisho.passes.sign import sign_approval
from sekisho.passes.verify import Standing

_PREFIX_MIN = 8
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The parts of a pass that do not depend on what it is for."""

    terminal_id: str
    purpose: str
    valid_for: timedelta


def desk_of(here: Installation) -> Desk:
    """Return the desk that the pinned genesis leads to, or raise `Refused` with every reason."""
    desk = open_desk(here.journal, genesis_digest=here.pinned_genesis())
    reasons = why_not_trusted(desk.register, now=current_time())
    if reasons:
        raise Refused(reasons)
    return desk


def desk_of_name(here: Installation, name: str, *, genesis_digest: str) -> tuple[Desk, str]:
    """Return the desk, and the digest of the pass or the child of a standing pass that is meant.

    A pass goes by its id or the start of its digest, a child by ID#NUMBER or the start of its
    own. Raises `BadInputError` if none or several are meant.
    """
    standing, separator, number = name.partition("#")
    if not separator and len(name) >= _PREFIX_MIN and _HEX.issuperset(name):
        desk = open_desk(here.journal, genesis_digest=genesis_digest)
        children = [each for each in desk.register.child_places if each.startswith(name)]
        if len(children) == 1:
            return desk, children[0]
    desk, digest = desk_of_pass(here.journal, standing, genesis_digest=genesis_digest)
    if not separator:
        return desk, digest
    family = desk.register.children.get(digest, {})
    child = family.get(int(number)) if number.isascii() and number.isdigit() else None
    if child is None:
        raise BadInputError(f"pass {name[:64]!r}", "has no child of that number")
    return desk, child.digest


def owner_of(roster: Roster, public_key: bytes, where: str) -> str:
    """Return whose key it is; raises `BadInputError` at `where` if it is nobody's."""
    for person in roster.people:
        if public_key in {each.public_key for each in person.credentials}:
            return person.person_id
    raise BadInputError(where, "belongs to nobody on the roster")


def signer_of(key: UnlockedKey) -> Signer:
    """Return what signs with an unlocked key file."""
    return Signer(
        public_key=key.public_key,
        sign=lambda approval: sign_approval(approval, key.private),
        take_sequence=lambda at_least: take_sequence(key, at_least=at_least),
    )


def ask_with(
    desk: Desk,
    key: UnlockedKey,
    *,
    action: Transfer | Automatic | Admin,
    terms: Terms,
    now: datetime,
    claims: Claims = NO_CLAIMS,
) -> Standing:
    """Ask for a pass now, bound to what is in force, under the key's next number."""
    register = desk.register
    asked = Pass(
        pass_id=new_id(now),
        requester=owner_of(register.roster, key.public_key, str(key.path)),
        terminal_id=terms.terminal_id,
        purpose=normal_name(terms.purpose),  # full-width digits, as a keyboard made them
        not_before_at=now,
        expires_at=now + terms.valid_for,
        genesis_digest=register.genesis_digest,
        roster_digest=register.roster_digest or register.genesis_digest,
        policy_digest=register.policy_digest,
        action=action,
        claims=claims,
    )
    return ask(desk, asked, signer=signer_of(key), now=now)


def ask_to_put_in_force(
    desk: Desk,
    key: UnlockedKey,
    *,
    subject_type: SubjectType,
    subject_id: str,
    document: bytes,
    terms: Terms,
    now: datetime,
) -> Standing:
    """File a document and ask a quorum to put it in force in place of the one before."""
    owner = owner_of(desk.register.roster, key.public_key, str(key.path))
    what = "roster" if subject_type is SubjectType.RECOVERY else subject_type.value
    digest = file_document(desk.journal, what, document, actor=owner, now=now)
    action = Admin(
        subject_type=subject_type,
        subject_id=subject_id,
        previous_digest=current_digest(desk.register, subject_type, subject_id),
        new_digest=digest,
    )
    return ask_with(desk, key, action=action, terms=terms, now=now)


def current_digest(register: Register, subject_type: SubjectType, subject_id: str) -> str:
    """Return the digest of what is in force now for a subject; empty where nothing is."""
    if subject_type in {SubjectType.ROSTER, SubjectType.RECOVERY}:
        return register.roster_digest
    now = register.in_force.get((subject_type, subject_id))
    return "" if now is None else now.digest
