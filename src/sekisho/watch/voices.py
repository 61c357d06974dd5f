"""Who said what, heard by the watcher itself, for the one question of `passes/duress.py`.

Only what bears the signature of a key that the watcher's keeper holds an opening of. That key is
the opening's: no roster has to be believed for it, and nobody without the key can raise an alarm.
"""

from collections import defaultdict
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sekisho.kernel.errors import BadInputError
from sekisho.passes.documents import approval_digest, read_approval
from sekisho.passes.duress import Openings, Stated, commitment, commits, stated
from sekisho.passes.evidence import Evidence, Filed, Said
from sekisho.passes.records import Credential, CredentialKind, Roster, SignedApproval
from sekisho.passes.roster import read_roster, roster_digest


def voices(evidence: Evidence, openings: Openings) -> tuple[Stated, ...]:
    """Return every statement that a key file made whose opening the keeper holds."""
    named = _named(evidence, openings)
    found: list[Stated] = []
    for event in evidence.events:
        if not isinstance(event, Said):
            continue
        try:
            approval = read_approval(event.signed.document, "approval")
        except BadInputError:
            continue  # it grants nothing and stops nothing
        found.extend(
            stated(approval, credential)
            for credential in named[approval.credential_id]
            if _signed_by(event.signed, credential.public_key)
        )
    return tuple(dict.fromkeys(found))


def committed(evidence: Evidence, in_force: str) -> bool:
    """Return whether the roster whose digest is `in_force` lists commitments."""
    return any(
        roster is not None and commits(roster)
        for roster in (
            _roster(event.document)
            for event in evidence.events
            if isinstance(event, Filed)
            and event.what == "roster"
            and roster_digest(event.document) == in_force
        )
    )


def _named(evidence: Evidence, openings: Openings) -> dict[str, list[Credential]]:
    """Return the key files of which there is an opening, by the ids that any roster gives them.

    The commitment is the opening's own: a roster that nobody adopted must not take it away.
    """
    named: dict[str, dict[bytes, Credential]] = defaultdict(dict)
    for event in evidence.events:
        if isinstance(event, Filed) and event.what == "roster":
            for each in _credentials(event.document):
                opening = openings.by_key.get(each.public_key)
                if opening is not None and each.kind is CredentialKind.ED25519:
                    named[each.credential_id][each.public_key] = Credential(
                        credential_id=each.credential_id,
                        kind=each.kind,
                        public_key=each.public_key,
                        commitment=commitment(opening),
                    )
    return defaultdict(list, {name: list(each.values()) for name, each in named.items()})


def _credentials(document: bytes) -> Iterable[Credential]:
    roster = _roster(document)
    people = () if roster is None else roster.people
    return (each for person in people for each in person.credentials)


def _roster(document: bytes) -> Roster | None:
    try:
        return read_roster(document, "roster")
    except BadInputError:
        return None


def _signed_by(signed: SignedApproval, public_key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            signed.signature, approval_digest(signed.document)
        )
    except (InvalidSignature, ValueError):
        return False
    return True
