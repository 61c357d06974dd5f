"""How a pass is shown to programs and people, wherever that is: a command, or a page."""

from collections.abc import Sequence

from sekisho.kernel.canonical import Json, parse_json
from sekisho.kernel.catalogue import finding_json, findings_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant
from sekisho.kernel.words import digest_words
from sekisho.passes.ballots import Ballot
from sekisho.passes.documents import pass_bytes
from sekisho.passes.policy.case import Outcome
from sekisho.passes.policy.evaluate import hold_seconds, is_allowed
from sekisho.passes.records import Admin, CredentialKind, SubjectType
from sekisho.passes.register import Register
from sekisho.passes.roster import read_roster
from sekisho.passes.subjects import document_lines, roster_lines, wallet_lines
from sekisho.passes.verify import Standing
from sekisho.wallets.documents import read_wallet


def standing_json(standing: Standing, *, state: str = "") -> dict[str, Json]:
    """Return where a pass stands, as a document."""
    raw = bytes.fromhex(standing.digest)
    return {
        "pass_id": standing.asked.pass_id,
        "digest": standing.digest,
        "words": {
            "en": list(digest_words(raw, "en")),
            "ja": list(digest_words(raw, "ja")),
        },
        "state": state,
        "pass": parse_json(pass_bytes(standing.asked), "pass"),
        "counted": {name: list(people) for name, people in standing.counted.items()},
        "statements": [
            {
                "approver": each.approval.approver,
                "decision": each.approval.decision.value,
                "method": each.approval.method.value,
                "terminal_id": each.approval.terminal_id,
                "words_entered": bool(each.approval.words),
                "reason": each.approval.reason,
                "signed_at": format_instant(each.approval.signed_at),
                "journal_entry": each.seq,
                **_device(each),
            }
            for each in standing.ballots
        ],
        "held_until_at": ""
        if standing.held_until_at is None
        else format_instant(standing.held_until_at),
        "findings": findings_json(standing.findings),
        "set_aside": findings_json(standing.set_aside),
    }


def weak_points(ballot: Ballot) -> tuple[str, ...]:
    """Return what a policy must be relaxed for, so that this statement counts; mostly nothing."""
    device = _device(ballot)
    return tuple(
        name
        for name, weak in (
            ("key_backed_up", device["backed_up"] is True),
            ("key_not_device_bound", device["device_bound"] is False),
            ("key_not_attested", device["attested"] is False),
        )
        if weak
    )


def outcomes_json(outcomes: Sequence[Outcome]) -> dict[str, Json]:
    """Return what every rule of a policy says, as a document."""
    return {
        "allowed": is_allowed(outcomes),
        "hold_seconds": hold_seconds(outcomes),
        "rules": [
            {
                "rule": each.rule,
                "answer": each.answer.value,
                "reference": each.reference,
                "inputs": [{"name": name, "value": value} for name, value in each.inputs],
                "hold_seconds": each.hold_seconds,
                "finding": None if each.finding is None else finding_json(each.finding),
            }
            for each in outcomes
        ],
    }


def _device(ballot: Ballot) -> dict[str, Json]:
    """Return what is known of the hardware that signed; None of a key file, which is none."""
    held, credential = ballot.assertion, ballot.credential
    if held is None or credential is None or credential.kind is CredentialKind.ED25519:
        return {"backed_up": None, "device_bound": None, "attested": None}
    return {
        "backed_up": held.backed_up,
        "device_bound": held.device_bound,
        "attested": credential.attested,
    }


def subject_of(register: Register, standing: Standing) -> Sequence[str]:
    """Return what an admin pass would put in force, in lines to read before anybody signs.

    A digest tells nobody that a thief's descriptor is about to become a wallet.
    """
    action = standing.asked.action
    if not isinstance(action, Admin):
        return ()
    match action.subject_type:
        case SubjectType.SUSPENSION:
            return (f"  suspends   {action.subject_id}: their approvals stop counting at once",)
        case SubjectType.REINSTATEMENT:
            return (
                f"  lets       {action.subject_id} approve again, with a new key: what they",
                "             signed before stays void, and their old keys do not come back",
            )
        case SubjectType.ROSTER | SubjectType.RECOVERY:
            what = "roster"
        case _:
            what = action.subject_type.value
    document = register.documents.get((what, action.new_digest))
    if document is None:
        return ("  nobody has filed the document of this digest: do not approve",)
    try:
        if what == "wallet":
            wallet = read_wallet(parse_json(document, "wallet"), "wallet")
            return tuple(wallet_lines(register, wallet, at=standing.asked.not_before_at))
        if what == "roster":
            return tuple(roster_lines(register, read_roster(document, "roster")))
    except BadInputError as error:
        return (f"  its document cannot be read ({error}): do not approve",)
    return tuple(document_lines(register, action.subject_type, action.subject_id, document))
