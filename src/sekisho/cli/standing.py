"""How a pass is shown: what it allows, its twelve words, who said what, and what is missing."""

import json
from collections.abc import Sequence

from sekisho.cli.output import findings_json, put_findings, put_json, say
from sekisho.kernel.canonical import Json, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_btc, format_jpy
from sekisho.kernel.words import digest_words
from sekisho.passes.documents import pass_bytes
from sekisho.passes.records import (
    Admin,
    Automatic,
    Claims,
    ListedInputs,
    Roster,
    SubjectType,
    Transfer,
)
from sekisho.passes.register import Register
from sekisho.passes.roster import read_roster
from sekisho.passes.verify import Standing
from sekisho.wallets.documents import read_wallet
from sekisho.wallets.records import UNPROVEN, Wallet
from sekisho.wallets.registry import first_address


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


def put_standing(
    standing: Standing,
    *,
    as_json: bool,
    subject: Sequence[str] = (),
    state: str = "",
    anchor_spender: str = "",
    only_id: bool = False,
) -> None:
    """Write where a pass stands."""
    if only_id:
        say(standing.asked.pass_id)
        return
    if as_json:
        put_json({**standing_json(standing, state=state), "anchor_spender": anchor_spender})
        return
    asked = standing.asked
    say(f"Pass {asked.pass_id}" + (f": {state}" if state else ""))
    say(f"  digest     {standing.digest}")
    raw = bytes.fromhex(standing.digest)
    say(f"  words      {' '.join(digest_words(raw, 'en'))}")
    say(f"             {'　'.join(digest_words(raw, 'ja'))}")
    say(f"  purpose    {asked.purpose}")
    say(f"  asked by   {asked.requester} at {asked.terminal_id}")
    say(
        f"  valid      {format_instant(asked.not_before_at)} until "
        f"{format_instant(asked.expires_at)}"
    )
    match asked.action:
        case Transfer() as transfer:
            say(*_transfer_lines(transfer), *_claim_lines(asked.claims))
        case Automatic() as automatic:
            say(*_automatic_lines(automatic))
        case Admin() as action:
            say(f"  puts in force  {action.subject_type.value} {action.subject_id}")
            say(f"                 {action.new_digest}", *subject)
    say(*_statement_lines(standing))
    if anchor_spender:
        say(f"  anchor     seen spent by {anchor_spender}")
    if standing.findings:
        say("  It allows nothing yet:")
        put_findings(standing.findings, style="yellow")
    elif standing.held_until is not None:
        say(f"  Its quorum is complete; it is locked until {format_instant(standing.held_until)}.")
    else:
        say("  Its quorum is complete.")
    if standing.set_aside:
        say("  Not counted:")
        put_findings(standing.set_aside, style="yellow")


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
        "held_until": "" if standing.held_until is None else format_instant(standing.held_until),
        "findings": findings_json(standing.findings),
        "set_aside": findings_json(standing.set_aside),
    }


def _transfer_lines(transfer: Transfer) -> Sequence[str]:
    lines = [f"  from       wallet {transfer.wallet_id}"]
    lines.extend(
        f"  pays       {format_btc(payment.amount_sat)} BTC to "
        + (payment.address or f"script {payment.script.hex()}")
        for payment in transfer.payments
    )
    inputs = transfer.inputs
    spends = (
        f"{len(inputs.outpoints)} listed coins"
        if isinstance(inputs, ListedInputs)
        else f"at most {inputs.inputs_max} coins of the wallet"
    )
    lines.append(f"  spends     {spends}, among them the anchor {transfer.anchor}")
    lines.append(
        f"  fee        at most {format_btc(transfer.fee.fee_max_sat)} BTC and "
        f"{transfer.fee.feerate_max_sat_per_kvb / 1000:,.1f} sat/vB"
    )
    lines.append(
        f"  change     {transfer.change.rule.value}, at most {transfer.change.outputs_max} outputs"
    )
    rule = transfer.transaction
    lines.append(
        f"  fields     version {' or '.join(map(str, rule.versions))}, locktime "
        f"{rule.locktime_min} to {rule.locktime_max}, sequence {rule.sequence_min} to "
        f"{rule.sequence_max}"
    )
    if transfer.replacement.fee_bump:
        lines.append("  replacing  the same payments may be sent again with a higher fee")
    return lines


def _automatic_lines(automatic: Automatic) -> Sequence[str]:
    limits = automatic.limits
    return (
        f"  from       wallet {automatic.wallet_id}, without people, numbered",
        f"  issued by  key {automatic.issuer_key.hex()}",
        f"  pays       {automatic.destinations.value.replace('_', ' ')}",
        (
            f"  limits     {format_btc(limits.child_max_sat)} BTC each, "
            f"{format_btc(limits.hour_max_sat)} an hour, {format_btc(limits.day_max_sat)} a day, "
            f"{limits.children_max:,} in all; each holds for {limits.child_valid_seconds:,} s"
        ),
        (
            f"  fee        at most {format_btc(automatic.fee.fee_max_sat)} BTC and "
            f"{automatic.fee.feerate_max_sat_per_kvb / 1000:,.1f} sat/vB for a transaction"
        ),
    )


def _claim_lines(claims: Claims) -> Sequence[str]:
    return [
        *(
            f"  price      ¥{format_jpy(each.price_jpy)} a bitcoin by {each.source}, "
            f"{format_instant(each.quoted_at)}"
            for each in claims.prices
        ),
        *(
            f"  holds      {each.wallet_id}: {format_btc(each.amount_sat)} BTC by its own account"
            for each in claims.balances
        ),
    ]


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


def _statement_lines(standing: Standing) -> Sequence[str]:
    return [
        f"  {ballot.approval.decision.value:<10} {ballot.approval.approver} "
        f"at {ballot.approval.terminal_id}, {format_instant(ballot.approval.signed_at)}, "
        f"{ballot.approval.method.value}"
        + (", words compared" if ballot.approval.words else "")
        + (f": {ballot.approval.reason}" if ballot.approval.reason else "")
        + f" (entry {ballot.seq})"
        for ballot in standing.ballots
    ]
