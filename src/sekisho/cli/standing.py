"""How a pass is shown: what it allows, its words, who said what, what is missing, its history."""

from collections.abc import Mapping, Sequence

from sekisho.cli.output import put_findings, put_json, say
from sekisho.kernel.canonical import Json, parse_json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.fields import visible
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_btc, format_jpy
from sekisho.kernel.words import digest_words
from sekisho.passes.documents import child_bytes
from sekisho.passes.events import Event, Usage
from sekisho.passes.records import (
    Admin,
    Automatic,
    Claims,
    ListedInputs,
    Pass,
    Payment,
    Transfer,
)
from sekisho.passes.register import ChildHeard
from sekisho.passes.shown import standing_json, weak_points
from sekisho.passes.verify import Standing

_WEAK = {
    "key_backed_up": "the private key of their passkey has copies outside the device",
    "key_not_device_bound": "the private key of their passkey can leave the device",
    "key_not_attested": "no maker vouches for their device",
}


def put_standing(
    standing: Standing,
    *,
    as_json: bool,
    subject: Sequence[str] = (),
    state: str = "",
    anchor_spender: str = "",
    only_id: bool = False,
    history: Sequence[Event] | None = None,
    usage: Usage | None = None,
) -> None:
    """Write where a pass stands, with its history and its children's counters if given."""
    if only_id:
        say(standing.asked.pass_id)
        return
    if as_json:
        put_json(
            {
                **standing_json(standing, state=state),
                "anchor_spender": anchor_spender,
                **({} if usage is None else {"children": _usage_json(usage)}),
                **({} if history is None else {"history": _history_json(history)}),
            }
        )
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
    say(*_action_lines(asked, subject), *_statement_lines(standing))
    if anchor_spender:
        say(f"  anchor     seen spent by {anchor_spender}")
    if standing.findings:
        say("  It allows nothing yet:")
        put_findings(standing.findings, style="yellow")
    elif standing.held_until_at is not None:
        until = format_instant(standing.held_until_at)
        say(f"  Its quorum is complete; it is locked until {until}.")
    else:
        say("  Its quorum is complete.")
    if standing.set_aside:
        say("  Not counted:")
        put_findings(standing.set_aside, style="yellow")
    if usage is not None:
        say(*_usage_lines(usage))
    if history is not None:
        say(*_history_lines(history))


def put_child(
    heard: ChildHeard,
    standing: Standing,
    *,
    as_json: bool,
    findings: Sequence[Finding],
    paid_with: str,
    history: Sequence[Event],
) -> None:
    """Write what one child of a standing pass allows, what speaks against it, and its history.

    `paid_with` names it with all that one transaction must pay together.
    """
    child = heard.child
    name = f"{standing.asked.pass_id}#{child.number}"
    if as_json:
        put_json(
            {
                "pass_id": name,
                "digest": heard.digest,
                "child": parse_json(child_bytes(child), "child"),
                "journal_entry": heard.seq,
                "paid_with": paid_with,
                "standing_digest": standing.digest,
                "findings": findings_json(findings),
                "history": _history_json(history),
            }
        )
        return
    say(
        f"Pass {name}: a child of the standing pass {standing.asked.pass_id}",
        f"  digest     {heard.digest}",
        f"  purpose    {standing.asked.purpose}",
        f"  issued     {format_instant(child.issued_at)} (entry {heard.seq})",
        *_payment_lines(child.payments),
        f"  spends     the anchor {child.anchor}",
        f"  paid with  {paid_with}, by one transaction",
        *_claim_lines(child.claims),
    )
    if findings:
        say("  It allows nothing:")
        put_findings(findings, style="yellow")
    else:
        say("  It is sound.")
    say(*_history_lines(history))


def _action_lines(asked: Pass, subject: Sequence[str]) -> Sequence[str]:
    match asked.action:
        case Transfer() as transfer:
            return (*_transfer_lines(transfer), *_claim_lines(asked.claims))
        case Automatic() as automatic:
            return _automatic_lines(automatic)
        case Admin() as action:
            return (
                f"  puts in force  {action.subject_type.value} {action.subject_id}",
                f"                 {action.new_digest}",
                *subject,
            )


def _transfer_lines(transfer: Transfer) -> Sequence[str]:
    lines = [f"  from       wallet {transfer.wallet_id}", *_payment_lines(transfer.payments)]
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
    if transfer.replacement.replaces:
        lines.append(f"  replaces   pass {transfer.replacement.replaces}, and keeps its anchor")
    return lines


def _payment_lines(payments: Sequence[Payment]) -> Sequence[str]:
    return [
        f"  pays       {format_btc(payment.amount_sat)} BTC to "
        + (payment.address or f"script {payment.script.hex()}")
        for payment in payments
    ]


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


def _statement_lines(standing: Standing) -> Sequence[str]:
    lines: list[str] = []
    for ballot in standing.ballots:
        said = ballot.approval
        lines.append(
            f"  {said.decision.value:<10} {said.approver} "
            f"at {said.terminal_id}, {format_instant(said.signed_at)}, {said.method.value}"
            + (", words compared" if said.words else "")
            + (f": {said.reason}" if said.reason else "")
            + f" (entry {ballot.seq})"
        )
        lines.extend(f"  ! {said.approver}: {_WEAK[point]}" for point in weak_points(ballot))
    return lines


def _usage_json(usage: Usage) -> dict[str, Json]:
    return {
        "used": usage.children,
        "children_max": usage.children_max,
        "hour_sat": str(usage.hour_sat),
        "hour_max_sat": str(usage.hour_max_sat),
        "day_sat": str(usage.day_sat),
        "day_max_sat": str(usage.day_max_sat),
    }


def _usage_lines(usage: Usage) -> Sequence[str]:
    return (
        f"  children   {usage.children:,} of {usage.children_max:,} used",
        f"  last hour  {format_btc(usage.hour_sat)} of {format_btc(usage.hour_max_sat)} BTC",
        f"  last day   {format_btc(usage.day_sat)} of {format_btc(usage.day_max_sat)} BTC",
    )


def _history_json(history: Sequence[Event]) -> list[Json]:
    return [
        {
            "at": format_instant(each.at),
            "journal_entry": each.seq,
            "kind": each.kind,
            "facts": dict(each.facts),
        }
        for each in history
    ]


def _history_lines(history: Sequence[Event]) -> Sequence[str]:
    return (
        "  History, as the journal tells it; nothing in it grants anything:",
        *(
            f"  {format_instant(each.at)}  {visible(_happened(each))} (entry {each.seq})"
            for each in history
        ),
    )


def _happened(event: Event) -> str:
    """Return in words what an event says."""
    facts = event.facts
    if "unreadable" in facts:
        return f"unreadable {event.kind}: {facts['unreadable']}"
    match event.kind:
        case "pass.asked":
            said = f"filed by {facts['actor']}"
        case "pass.stated":
            said = f"{facts['decision']} by {facts['approver']}"
        case "pass.issued":
            said = "issued: handed on to the gate"
        case "child.issued":
            said = _child_issued(facts)
        case "gate.cleared":
            said = f"gate cleared transaction {facts['txid']}"
        case "gate.refused":
            said = "gate refused"
        case "gate.returned":
            signed = "signed in full" if facts["complete"] else "more signatures are needed"
            said = f"signer returned transaction {facts['txid']}, {signed}"
        case "watch.judged":
            said = f"watcher judged transaction {facts['txid']} {facts['verdict']}"
        case _:
            said = (
                f"anchor {_listed(facts['anchors'])} spent by transaction {facts['txid']} in "
                f"block {facts['block_hash']}, {facts['confirmations']} confirmations"
            )
    children = f", for {_numbered(str(facts['children']))}" if facts.get("children") else ""
    codes = _listed(facts.get("findings", []))
    return said + children + (f": {codes}" if codes else "")


def _child_issued(facts: Mapping[str, Json]) -> str:
    """Return in words which child was issued, and whether anything may leave under it."""
    many = facts["destinations"]
    return (
        f"child {facts['number']}: {format_btc(int(str(facts['amount_sat'])))} BTC to {many} "
        f"{'destination' if many == 1 else 'destinations'}, anchor {facts['anchor']}, "
        + ("sound" if facts["sound"] else "allows nothing")
    )


def _numbered(numbers: str) -> str:
    return f"children {numbers}" if "," in numbers else f"child {numbers}"


def _listed(items: Json) -> str:
    return ", ".join(map(str, items)) if isinstance(items, list) else ""
