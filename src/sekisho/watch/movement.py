"""From a transaction to a movement: what left which wallet, to whom, and how we know."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.digests import hash160
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.scripts import p2pkh_of, p2sh_of, p2wsh_of, pushed_stack
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.wallets.records import ListedScript, OwnScript
from sekisho.wallets.registry import ScriptBook
from sekisho.watch.listed import Listed
from sekisho.watch.records import MovedInput, MovedOutput, Movement


def reconstruct(
    transaction: Transaction,
    *,
    outputs: Mapping[OutPoint, TxOut],
    book: ScriptBook,
    network: Network,
    seen_at: datetime,
    anchors: Collection[OutPoint] = (),
    listed: Listed | None = None,
) -> Movement | None:
    """Return the movement that a transaction is, or None if it touches no wallet of ours.

    `outputs` are outputs of transactions whose bytes we hold: an amount is never taken from
    anybody's word. An input whose previous transaction we lack is still known as ours if it
    reveals a script of ours (BIP-16, BIP-141), but its amount stays unproven. One that reveals
    nothing (taproot) is not passed over if it spends one of `anchors`, the coins that passes name.
    A coin on one of the `listed` scripts is ours when it is spent; an output never is.
    """
    inputs = tuple(_input(each, outputs, book, network, listed) for each in transaction.inputs)
    paid = tuple(
        MovedOutput(
            address=address_of(each.script, network) or f"script {each.script.hex()}",
            script=each.script,
            amount_sat=each.amount_sat,
            own=book.own(each.script),
            listed=None if listed is None else listed.of(each.script),
        )
        for each in transaction.outputs
    )
    spends_ours = any(each.own is not None for each in inputs)
    pays_us = any(each.pays for each in paid)
    if not spends_ours and not pays_us and not any(each.outpoint in anchors for each in inputs):
        return None
    return Movement(transaction=transaction, inputs=inputs, outputs=paid, seen_at=seen_at)


def revealed_scripts(spent: TxIn) -> tuple[bytes, ...]:
    """Return the scriptPubKeys that an input can only spend, judged by what it reveals.

    P2SH and P2WSH reveal the script whose hash was paid, P2PKH and P2WPKH the key. Taproot's key
    path reveals nothing, and an empty result proves nothing.
    """
    scripts: list[bytes] = []
    pushed = pushed_stack(spent.script_sig) or ()
    if pushed:
        scripts.append(p2sh_of(pushed[-1]))
        scripts.append(p2pkh_of(hash160(pushed[-1])))
    elif spent.witness:
        scripts.append(p2wsh_of(spent.witness[-1]))
        scripts.append(b"\x00\x14" + hash160(spent.witness[-1]))
    return tuple(scripts)


def _input(
    spent: TxIn,
    outputs: Mapping[OutPoint, TxOut],
    book: ScriptBook,
    network: Network,
    listed: Listed | None,
) -> MovedInput:
    proven = outputs.get(spent.outpoint)
    scripts = revealed_scripts(spent) if proven is None else (proven.script,)
    own: OwnScript | ListedScript | None = next(filter(None, map(book.own, scripts)), None)
    if own is None and listed is not None:
        own = next(filter(None, map(listed.of, scripts)), None)
    addresses = (address_of(script, network) for script in scripts)
    return MovedInput(
        outpoint=spent.outpoint,
        sequence=spent.sequence,
        amount_sat=None if proven is None else proven.amount_sat,
        script=None if proven is None else proven.script,
        addresses=tuple(each for each in addresses if each is not None),
        own=own,
    )
