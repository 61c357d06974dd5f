"""Clear a PSBT for signing, or refuse it with every reason at once."""

from collections.abc import Sequence
from datetime import datetime

from sekisho.gate.correspond import correspond
from sekisho.gate.records import Cleared
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.passes.life import Clearance
from sekisho.passes.records import Transfer
from sekisho.passes.verify import (
    Trust,
    standing_of,
    time_findings,
    wallet_in_force,
)
from sekisho.wallets.registry import ScriptBook


def clear(
    psbt: bytes,
    *,
    pass_digest: str,
    trust: Trust,
    book: ScriptBook,
    used: Sequence[Clearance],
    now: datetime,
) -> Cleared:
    """Return the only thing that a signer accepts, or raise `Refused`.

    `used` is the gate's own memory of what it cleared before.
    """
    if pass_digest not in trust.passes:
        raise Refused([finding("gate.no_pass", pass_digest[:16] or "-")])
    standing = standing_of(trust, pass_digest)
    findings: list[Finding] = [*standing.findings, *time_findings(standing.asked, now=now)]
    transfer = standing.asked.action
    if not isinstance(transfer, Transfer):
        raise Refused([*findings, finding("gate.pass_moves_nothing", standing.asked.pass_id)])
    wallet, _ = wallet_in_force(trust, transfer.wallet_id)
    if wallet is None:
        raise Refused(findings)  # standing says why, so the list is not empty
    read, wrong = correspond(psbt, transfer, wallet, book, where="PSBT")
    findings.extend(wrong)
    if read is None:
        raise Refused(findings)
    txid = read.transaction.txid
    if not transfer.replacement.fee_bump:
        # Any other transaction under the pass spends the anchor too, so the chain allows only one;
        # but only a pass that says so lets a second one be signed.
        findings.extend(
            finding("gate.pass_used", standing.asked.pass_id, txid=before.txid)
            for before in used
            if before.pass_digest == pass_digest and before.txid != txid
        )
    if findings:
        raise Refused(findings)
    unsigned = read.transaction.serialize(with_witness=False)
    return Cleared(
        pass_id=standing.asked.pass_id,
        pass_digest=pass_digest,
        replaceable=transfer.replacement.fee_bump,
        psbt=psbt,
        txid=txid,
        transaction_digest=tagged_digest("unsigned-transaction", unsigned).hex(),
    )
