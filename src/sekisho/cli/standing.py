"""How a pass is shown: what it allows, its twelve words, who said what, and what is missing."""

from collections.abc import Sequence

from sekisho.cli.output import findings_json, put_findings, put_json, say
from sekisho.kernel.canonical import Json, parse_json
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_btc
from sekisho.kernel.words import digest_words
from sekisho.passes.documents import pass_bytes
from sekisho.passes.evidence import Evidence
from sekisho.passes.records import Admin, ListedInputs, Roster, SubjectType, Transfer
from sekisho.passes.roster import read_roster
from sekisho.passes.verify import Standing
from sekisho.wallets.records import Wallet
from sekisho.wallets.registry import first_address


def subject_of(evidence: Evidence, standing: Standing) -> Sequence[str]:
    """Return what an admin pass would put in force, in lines to read before anybody signs.

    A digest tells nobody that a thief's descriptor is about to become a wallet.
    """
    action = standing.asked.action
    if not isinstance(action, Admin):
        return ()
    if action.subject_type is SubjectType.WALLET and action.new_digest in evidence.wallets:
        return _wallet_lines(evidence.wallets[action.new_digest])
    if action.subject_type is SubjectType.ROSTER and action.new_digest in evidence.rosters:
        return _roster_lines(read_roster(evidence.rosters[action.new_digest], "roster"))
    return ("  nobody has filed the document of this digest: do not approve",)


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
    if isinstance(asked.action, Transfer):
        say(*_transfer_lines(asked.action))
    else:
        action = asked.action
        say(f"  puts in force  {action.subject_type.value} {action.subject_id}")
        say(f"                 {action.new_digest}", *subject)
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


def _wallet_lines(wallet: Wallet) -> Sequence[str]:
    return (
        (
            f"  wallet     {wallet.wallet_id}: {wallet.name}, {wallet.tier.value}, "
            f"{wallet.segregation.value}'s coins, change {wallet.change_rule.value}"
        ),
        f"  asked by   departments {', '.join(wallet.departments)}",
        f"  descriptor {wallet.descriptor}",
        f"  address    {first_address(wallet)} is its first; compare it with the wallet's own",
        f"  keys       {wallet.proof}: no key holder has shown possession of a key",
    )


def _roster_lines(roster: Roster) -> Sequence[str]:
    needed = ", ".join(f"{count} of {name}" for name, count in roster.quorum_transfer.at_least)
    return (
        *(
            f"  person     {person.person_id}, {person.department}, key {each.public_key.hex()}"
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
        f"at {ballot.approval.terminal_id}, {format_instant(ballot.approval.signed_at)}"
        + (f": {ballot.approval.reason}" if ballot.approval.reason else "")
        for ballot in standing.ballots
    ]
