"""How a pass is shown: what it allows, its words, who said what, what is missing, its history."""

from collections.abc import Sequence

from sekisho.cli.history import history_json, history_lines, usage_json, usage_lines
from sekisho.cli.output import put_findings, put_json, say
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_btc, format_jpy
from sekisho.kernel.words import digest_words
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
                **({} if usage is None else {"children": usage_json(usage)}),
                **({} if history is None else {"history": history_json(history)}),
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
    _put_judgement(standing)
    if usage is not None:
        say(*usage_lines(usage))
    if history is not None:
        say(*history_lines(history))


def _put_judgement(standing: Standing) -> None:
    """Write what is missing, and what was not counted."""
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


def _action_lines(asked: Pass, subject: Sequence[str]) -> Sequence[str]:
    match asked.action:
        case Transfer() as transfer:
            return (*_transfer_lines(transfer), *claim_lines(asked.claims))
        case Automatic() as automatic:
            return _automatic_lines(automatic)
        case Admin() as action:
            return (
                f"  puts in force  {action.subject_type.value} {action.subject_id}",
                f"                 {action.new_digest}",
                *subject,
            )


def _transfer_lines(transfer: Transfer) -> Sequence[str]:
    lines = [f"  from       wallet {transfer.wallet_id}", *payment_lines(transfer.payments)]
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


def payment_lines(payments: Sequence[Payment]) -> Sequence[str]:
    """Return what is paid to whom, a line for each payment."""
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


def claim_lines(claims: Claims) -> Sequence[str]:
    """Return what the requester says of prices and balances."""
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
