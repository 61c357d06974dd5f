"""How a pass is shown to programs and people, wherever that is: a command, or a page."""

import json
from collections.abc import Sequence

from sekisho.kernel.canonical import Json, parse_json
from sekisho.kernel.catalogue import finding_json, findings_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant
from sekisho.kernel.words import digest_words
from sekisho.passes.documents import pass_bytes
from sekisho.passes.policy.case import Outcome
from sekisho.passes.policy.evaluate import hold_seconds, is_allowed
from sekisho.passes.records import Admin, Roster, SubjectType
from sekisho.passes.register import Register
from sekisho.passes.roster import read_roster
from sekisho.passes.verify import Standing
from sekisho.wallets.documents import read_wallet
from sekisho.wallets.records import UNPROVEN, Wallet
from sekisho.wallets.registry import first_address


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
            }
            for each in standing.ballots
        ],
        "held_until_at": ""
        if standing.held_until_at is None
        else format_instant(standing.held_until_at),
        "findings": findings_json(standing.findings),
        "set_aside": findings_json(standing.set_aside),
    }


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
            return (f"  gives back {action.subject_id}'s approvals; earlier ones stay void",)
        case SubjectType.ROSTER | SubjectType.RECOVERY:
            what = "roster"
        case _:
            what = action.subject_type.value
    document = register.documents.get((what, action.new_digest))
    if document is None:
        return ("  nobody has filed the document of this digest: do not approve",)
    try:
        if what == "wallet":
            return _wallet_lines(read_wallet(parse_json(document, "wallet"), "wallet"))
        if what == "roster":
            return _roster_lines(read_roster(document, "roster"))
    except BadInputError as error:
        return (f"  its document cannot be read ({error}): do not approve",)
    return tuple(f"  {line}" for line in written(document))


def written(document: bytes) -> Sequence[str]:
    """Return a filed document as lines for people: indented JSON, nothing left out."""
    text = json.dumps(parse_json(document, "document"), ensure_ascii=False, indent=2)
    return text.splitlines()


def _wallet_lines(wallet: Wallet) -> Sequence[str]:
    return (
        (
            f"  wallet     {wallet.wallet_id}: {wallet.name}, {wallet.tier.value}, "
            f"{wallet.segregation.value}'s coins, change {wallet.change_rule.value}"
        ),
        f"  asked by   departments {', '.join(wallet.departments)}",
        f"  descriptor {wallet.descriptor}",
        f"  address    {first_address(wallet)} is its first; compare it with the wallet's own",
        (
            f"  keys       {wallet.proof}: no key holder has shown possession of a key"
            if wallet.proof == UNPROVEN
            else f"  keys       every holder has proven possession ({wallet.proof[:16]})"
        ),
    )


def _roster_lines(roster: Roster) -> Sequence[str]:
    needed = ", ".join(f"{count} of {name}" for name, count in roster.quorum_transfer.at_least)
    return (
        *(
            f"  person     {person.person_id}, {person.department}, {each.kind.value} key "
            f"{each.credential_id} {each.public_key.hex()}"
            for person in roster.people
            for each in person.credentials
        ),
        f"  terminals  {', '.join(each.terminal_id for each in roster.terminals)}",
        f"  quorum     {needed}; the requester does not count",
        f"  valid      until {format_instant(roster.expires_at)}",
    )
