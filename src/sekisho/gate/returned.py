"""Is what a signer gave back the transaction that was cleared, with only signatures added?

The steps, in the order in which an auditor reads them. A signature that exists can be sent to the
network by whoever has it, so what fails here is not only refused: it is a live hostile signature.

1. It is read: a PSBT by both readers, a transaction by our own parser (`read_return.py`).
2. It is the cleared transaction in every field, and a PSBT says nothing else about it that was not
   cleared (`unchanged.py`). A version 2 that comes back as a version 0, or the other way round, is
   no change: what is compared is what both readers read, and only the signatures are taken.
3. The signatures are taken out of it and judged over the cleared transaction, with the amounts
   that the cleared PSBT proved and the scripts and keys that the descriptor derives: each is
   valid, over the whole transaction, and by a key of that very input (`verify_btclib.py`).
4. Every input has at least one. Where they suffice, its script is run, and holds.
"""

from collections.abc import Sequence
from dataclasses import replace

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.scripts import ScriptKind, classify
from sekisho.chains.bitcoin.sighash import ALL, DEFAULT, sighash_name
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.gate.inputs import SpentCoin, spent_output
from sekisho.gate.maps import pairs_of
from sekisho.gate.read_return import ReadReturn, read_return
from sekisho.gate.reading import read_psbt
from sekisho.gate.records import Cleared, ReadPSBT, Returned, Signatures
from sekisho.gate.unchanged import field_findings, pair_findings, transaction_findings
from sekisho.gate.verify_btclib import (
    Checked,
    Spend,
    check_loose,
    run_script,
    satisfied,
    spend_of,
)
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.wallets.records import Wallet
from sekisho.wallets.registry import ScriptBook

_WHERE = "returned"
_ANNEX_TAG = b"\x50"
_HARMLESS = frozenset(("gate.return_unsigned",))
"""What may be wrong without any signature being over something else."""


def judge_return(
    cleared: Cleared, returned: bytes, *, wallet: Wallet, book: ScriptBook, handed: bytes = b""
) -> Returned:
    """Return `Returned` if `returned` is what was cleared, signed, or raise `Refused`.

    `handed` is what the signer was given where that is not the cleared PSBT to the byte: with our
    attestations in it (`attest.py`), which it may give back, and no others.
    `returned` is a PSBT (binary, base64 or hex) or a transaction (binary or hex), signed by all
    or by some of the keys that its inputs need; `complete` tells which. `wallet` and `book` are
    those it was cleared with. Beside everything that is wrong, `gate.return_hostile` says whether
    the bytes are to be treated as a theft under way: if they bear any signature and are not what
    was cleared, or hold what cannot be read, so that nobody can say that they bear none.
    """
    before, coins = cleared_coins(cleared, wallet, book)
    claim, findings = read_return(returned, _WHERE)
    if claim is None:
        raise Refused([*findings, _hostile(cleared)])
    findings.extend(transaction_findings(before.transaction, claim.transaction))
    inputs: list[tuple[Signatures | None, tuple[bytes, ...]]] = []
    if claim.transaction == before.transaction:
        if claim.psbt is not None:
            findings.extend(field_findings(before, claim.psbt, claim.shown_txids, coins, wallet))
            sent = pairs_of(handed or cleared.psbt, "cleared")
            findings.extend(pair_findings(sent, claim.pairs, len(coins)))
        network = network_of_caip2(wallet.chain, "wallet.chain")
        spend = spend_of(before.transaction, coins, wallet.descriptor, network)
        for index, signatures in enumerate(claim.signatures):
            final, signers, wrong = _judge_input(spend, index, signatures)
            findings.extend(wrong)
            inputs.append((final, signers))
    if findings:
        raise Refused([*findings, *_hostility(cleared, claim, findings)])
    finals = [final for final, _ in inputs if final is not None]
    whole = _with(before.transaction, finals) if len(finals) == len(inputs) else None
    return Returned(
        cleared=cleared,
        returned=claim.data,
        signers=tuple(signers for _, signers in inputs),
        transaction=b"" if whole is None else whole.serialize(),
        txid=cleared.txid if whole is None else whole.txid,
    )


def is_hostile(findings: Sequence[Finding]) -> bool:
    """Return whether a refusal of what came back says that it is a theft under way."""
    return any(each.code == "gate.return_hostile" for each in findings)


def uncleared_findings(returned: bytes, pass_id: str) -> list[Finding]:
    """Return whether what came back of a PSBT that nobody cleared is to be treated as a theft.

    It is if it bears any signature, or cannot be read: no gate let that transaction be signed.
    """
    claim, _ = read_return(returned, _WHERE)
    if claim is not None and not claim.signed:
        return []
    txid = "unreadable" if claim is None else claim.transaction.txid
    return [finding("gate.return_hostile", txid, pass_id=pass_id)]


def cleared_coins(
    cleared: Cleared, wallet: Wallet, book: ScriptBook
) -> tuple[ReadPSBT, list[SpentCoin]]:
    """Return what was cleared, as it reads, and the coins that it spends, one for each input.

    Raises `Refused` if another wallet or book is given than it was cleared with, or if the PSBT
    does not prove its coins: whoever shows it after signing may have changed it.
    """
    read, _ = read_psbt(cleared.psbt, "cleared")
    if read is None or read.transaction.txid != cleared.txid:
        raise RuntimeError("what was cleared reads differently now")
    coins: list[SpentCoin] = []
    findings: list[Finding] = []
    for index, each in enumerate(read.transaction.inputs):
        output, wrong = spent_output(read, index)
        findings.extend(wrong)
        if output is None:
            continue
        outpoint, own = each.outpoint, book.own(output.script)
        if own is None or own.wallet_id != wallet.wallet_id:
            findings.append(finding("gate.input_not_ours", str(outpoint), index=index))
        else:
            coins.append(SpentCoin(index=index, output=output, own=own))
    if findings:
        raise Refused([*findings, _hostile(cleared)])
    return read, coins


def _judge_input(
    spend: Spend, index: int, signatures: Signatures
) -> tuple[Signatures | None, tuple[bytes, ...], list[Finding]]:
    """Return the final script of an input if there is one, who signed, and what is wrong."""
    checked = check_loose(spend, index, signatures)
    findings = [each for one in checked for each in _signature_findings(spend, index, one)]
    signers = tuple(dict.fromkeys(each.key for each in checked))
    if signatures.is_final:
        final = Signatures(script_sig=signatures.script_sig, witness=signatures.witness)
        ran_signers, wrong = _judge_final(spend, index, final)
        signers = tuple(dict.fromkeys([*signers, *ran_signers]))
        return final, signers, [*findings, *wrong]
    if not checked:
        return None, (), [finding("gate.return_unsigned", f"input {index}")]
    return None if findings else satisfied(spend, index, checked), signers, findings


def _signature_findings(spend: Spend, index: int, checked: Checked) -> list[Finding]:
    """Return what is wrong with one signature that a PSBT files under a key."""
    subject, key = f"input {index}", checked.key.hex()
    findings = []
    if not checked.own:
        findings.append(finding("gate.return_key_foreign", subject, key=key))
    if not checked.valid:
        findings.append(finding("gate.return_signature_invalid", subject, key=key))
    findings.extend(_sighash_findings(spend, index, [checked.sighash]))
    return findings


def _judge_final(
    spend: Spend, index: int, final: Signatures
) -> tuple[tuple[bytes, ...], list[Finding]]:
    """Run the script of a final input, and return who signed and what is wrong.

    The coin's own script is derived from the descriptor and commits to every key, so that no
    foreign key can make it hold.
    """
    subject = f"input {index}"
    ran = run_script(spend, index, final)
    findings = _sighash_findings(spend, index, sorted(ran.sighashes))
    if ran.fault or not ran.sighashes:
        reason = ran.fault or "it holds without any signature"
        findings.append(finding("gate.return_script_fails", subject, reason=reason))
    if (
        _is_taproot(spend, index)
        and len(final.witness) > 1
        and final.witness[-1][:1] == _ANNEX_TAG
    ):
        findings.append(finding("gate.return_annex", subject))
    return ran.signers, findings


def _sighash_findings(spend: Spend, index: int, sighashes: Sequence[int]) -> list[Finding]:
    allowed = {DEFAULT, ALL} if _is_taproot(spend, index) else {ALL}
    return [
        finding("gate.return_sighash_not_all", f"input {index}", sighash=sighash_name(each))
        for each in sighashes
        if each not in allowed
    ]


def _hostility(cleared: Cleared, claim: ReadReturn, findings: Sequence[Finding]) -> list[Finding]:
    mismatch = any(each.code not in _HARMLESS for each in findings)
    # Bytes that nobody reads may be signatures, too.
    unread = any(each.code == "gate.return_field_changed" for each in findings)
    return [_hostile(cleared)] if unread or (mismatch and claim.signed) else []


def _hostile(cleared: Cleared) -> Finding:
    return finding("gate.return_hostile", cleared.txid, pass_id=cleared.pass_id)


def _with(unsigned: Transaction, finals: Sequence[Signatures]) -> Transaction:
    """Return the transaction with these final scripts, one for each input in order."""
    inputs = tuple(
        replace(each, script_sig=final.script_sig, witness=final.witness)
        for each, final in zip(unsigned.inputs, finals, strict=True)
    )
    return replace(unsigned, inputs=inputs)


def _is_taproot(spend: Spend, index: int) -> bool:
    return classify(spend.coins[index].output.script) is ScriptKind.P2TR
