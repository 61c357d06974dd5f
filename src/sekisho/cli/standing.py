"""How a pass is shown: what it allows, its twelve words, who said what, and what is missing."""

from collections.abc import Sequence

from sekisho.cli.output import findings_json, put_findings, put_json, say
from sekisho.kernel.canonical import Json, parse_json
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_btc
from sekisho.kernel.words import digest_words
from sekisho.passes.documents import pass_bytes
from sekisho.passes.records import ListedInputs, Transfer
from sekisho.passes.verify import Standing


def put_standing(
    standing: Standing,
    *,
    as_json: bool,
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
    if isinstance(asked.action, Transfer):
        say(*_transfer_lines(asked.action))
    else:
        action = asked.action
        say(f"  puts in force  {action.subject_type.value} {action.subject_id}")
        say(f"                 {action.new_digest}")
    say(*_statement_lines(standing))
    if anchor_spender:
        say(f"  anchor     seen spent by {anchor_spender}")
    if standing.findings:
        say("  It allows nothing yet:")
        put_findings(standing.findings, style="yellow")
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
    lines.append(f"  change     {transfer.change.rule.value}")
    return lines


def _statement_lines(standing: Standing) -> Sequence[str]:
    return [
        f"  {ballot.approval.decision.value:<10} {ballot.approval.approver} "
        f"at {ballot.approval.terminal_id}, {format_instant(ballot.approval.signed_at)}"
        + (f": {ballot.approval.reason}" if ballot.approval.reason else "")
        for ballot in standing.ballots
    ]
