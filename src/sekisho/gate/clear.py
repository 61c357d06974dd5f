"""Clear a PSBT for signing, or refuse it with every reason at once."""

from collections.abc import Sequence
from datetime import datetime

from sekisho.gate.correspond import correspond
from sekisho.gate.outputs import payments_in
from sekisho.gate.reading import read_psbt
from sekisho.gate.records import Cleared, ReadPSBT
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.passes.leave import Leave, leave_of
from sekisho.passes.life import Clearance
from sekisho.passes.register import Register
from sekisho.wallets.registry import ScriptBook


def clear(
    psbt: bytes,
    *,
    pass_digest: str,
    register: Register,
    book: ScriptBook,
    used: Sequence[Clearance],
    now: datetime,
) -> Cleared:
    """Return the only thing that a signer accepts, or raise `Refused`.

    `pass_digest` may be that of a standing pass's child: the PSBT must pay its whole batch then.
    `used` is the gate's own memory of what it cleared before.
    """
    if pass_digest not in register.passes and pass_digest not in register.child_places:
        raise Refused([finding("gate.no_pass", pass_digest[:16] or "-")])
    leave = leave_of(register, pass_digest, now=now)
    if leave is None:
        raise Refused([finding("gate.pass_moves_nothing", pass_digest[:16])])
    findings: list[Finding] = list(leave.findings)
    transfer = leave.transfer
    wallet = register.wallets.get(transfer.wallet_id)
    if wallet is None:
        raise Refused(findings)  # the leave says why, so the list is not empty
    read, wrong = correspond(psbt, transfer, wallet, book, where="PSBT")
    findings.extend(wrong)
    if read is None:
        raise Refused(findings)
    txid = read.transaction.txid
    if not transfer.replacement.fee_bump:
        # Any other transaction under the pass spends the anchor too, so the chain allows only one;
        # but only a pass that says so lets a second one be signed.
        findings.extend(
            finding("gate.pass_used", leave.pass_id, txid=before.txid)
            for before in used
            if before.pass_digest == leave.digest and before.txid != txid
        )
    if findings:
        raise Refused(findings)
    return _cleared(psbt, read, leave)


def recall(psbt: bytes, leave: Leave, *, used: Sequence[Clearance]) -> Cleared:
    """Return what this gate has cleared before; raises `Refused` if its memory does not say so.

    Nothing is judged again: what a signer returned is held to what was cleared then.
    """
    read, findings = read_psbt(psbt, "PSBT")
    if read is None or findings:
        raise Refused(findings)
    cleared = _cleared(psbt, read, leave)
    if (leave.digest, cleared.transaction_digest) not in {
        (each.pass_digest, each.transaction_digest) for each in used
    }:
        raise Refused([finding("gate.not_cleared", leave.pass_id, txid=cleared.txid)])
    return cleared


def _cleared(psbt: bytes, read: ReadPSBT, leave: Leave) -> Cleared:
    unsigned = read.transaction.serialize(with_witness=False)
    return Cleared(
        pass_id=leave.pass_id,
        pass_digest=leave.digest,
        wallet_id=leave.transfer.wallet_id,
        replaceable=leave.transfer.replacement.fee_bump,
        psbt=psbt,
        txid=read.transaction.txid,
        transaction_digest=tagged_digest("unsigned-transaction", unsigned).hex(),
        payments=payments_in(read.transaction, leave.transfer)[0],
    )
