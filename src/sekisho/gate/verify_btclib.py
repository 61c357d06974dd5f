"""What a library says of signatures: whose they are, over what, and whether a script then holds.

btclib's interpreter runs the scripts, with every rule that nodes relay by, and btclib makes the
digests. The watcher works its digests out itself (`chains/bitcoin/sighash.py`), so the two share
nothing but the curve.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from btclib.alias import Octets
from btclib.exceptions import BTClibException
from btclib.script import sig_hash
from btclib.script.engine import ScriptFlag, verify_input
from btclib.script.sig_hash import PrecomputedTxData
from btclib.script.taproot import leaf_hash
from btclib.script.witness import Witness
from btclib.tx import Tx
from btclib.tx import TxOut as BtclibTxOut
from btclib_wallet import descriptors
from btclib_wallet.descriptors import Descriptor, Provider, SpendContext

from sekisho.chains.bitcoin.curve import is_low_s, verify_ecdsa, verify_schnorr
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.scripts import ScriptKind, classify, p2pkh_of, p2sh_of, p2wsh_of
from sekisho.chains.bitcoin.sighash import ALL
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.gate.inputs import SpentCoin
from sekisho.gate.records import Signatures

_EVERY_RULE = reduce(or_, ScriptFlag)
_TAPSCRIPT = b"\x00\xff\xff\xff\xff"
"""Key version 0, and no OP_CODESEPARATOR was executed (BIP-342)."""
BTCLIB_NAMES = {
    Network.MAIN: "mainnet",
    Network.TEST: "testnet",
    Network.TESTNET4: "testnet4",
    Network.SIGNET: "signet",
    Network.REGTEST: "regtest",
}
"""What the library calls each network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """An unsigned transaction with the coins that it spends, and what all its signatures share."""

    transaction: Transaction
    coins: tuple[SpentCoin, ...]
    """One for each input, in order."""
    branches: tuple[Descriptor, ...]
    """Of the wallet, as the library reads them."""
    tx: Tx
    """The same transaction, the library's; the scripts of an input are put in when they run."""
    prevouts: list[BtclibTxOut]
    shared: PrecomputedTxData


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One signature that a PSBT files under a key."""

    key: bytes
    signature: bytes
    leaf: bytes
    """The leaf hash of a taproot script; empty for all others."""
    sighash: int
    own: bool
    """Whether the wallet's descriptor derives this key, and the leaf, at the input's place."""
    valid: bool
    """Whether the key signed the cleared transaction, with that sighash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of running an input's script."""

    fault: str
    """Why the script does not hold; empty if it does."""
    sighashes: frozenset[int]
    """Of every signature that the script took."""
    signers: tuple[bytes, ...]


def spend_of(
    transaction: Transaction, coins: Sequence[SpentCoin], descriptor: str, network: Network
) -> Spend:
    """Return what is needed to check signatures of a transaction that spends these coins."""
    prevouts = [BtclibTxOut.parse(coin.output.serialize()) for coin in coins]
    tx = Tx.parse(transaction.serialize(with_witness=False))
    name = BTCLIB_NAMES[network]
    return Spend(
        transaction=transaction,
        coins=tuple(coins),
        branches=tuple(
            descriptors.parse(each, name)
            for each in descriptors.multipath_descriptors(descriptor, name)
        ),
        tx=tx,
        prevouts=prevouts,
        shared=PrecomputedTxData(tx, prevouts),
    )


def check_loose(spend: Spend, index: int, signatures: Signatures) -> list[Checked]:
    """Return every signature of an input that is not yet part of a final script."""
    if not (signatures.partial or signatures.taproot_key or signatures.taproot_scripts):
        return []
    coin = spend.coins[index]
    known = spend.branches[coin.own.branch].provider(coin.own.index)
    found = [_ecdsa(spend, index, known, key, each) for key, each in signatures.partial]
    if signatures.taproot_key:
        key, each = coin.output.script[2:], signatures.taproot_key
        found.append(_schnorr(spend, index, key=key, signature=each, leaf=b"", own=True))
    leaves = {hashed for hashed, _ in _leaves(known)}
    keys = {key[1:] for key in known.keys}
    for place, each in signatures.taproot_scripts:
        key, leaf = place[:32], place[32:]
        own = key in keys and leaf in leaves
        found.append(_schnorr(spend, index, key=key, signature=each, leaf=leaf, own=own))
    return found


def digest_to_sign(spend: Spend, index: int) -> bytes:
    """Return what an ECDSA signature over the whole transaction signs (SIGHASH_ALL)."""
    coin = spend.coins[index]
    known = spend.branches[coin.own.branch].provider(coin.own.index)
    digest = _ecdsa_digest(spend, index, known.scripts, ALL)
    if digest is None:
        raise ValueError(f"input {index} takes no ECDSA signatures")
    return digest


def satisfied(spend: Spend, index: int, checked: Sequence[Checked]) -> Signatures | None:
    """Return a final script made of these valid signatures, or None while they do not suffice.

    The descriptor says how, and not what the PSBT says of scripts. The script was run, and holds.
    """
    coin, unsigned = spend.coins[index], spend.transaction
    branch = spend.branches[coin.own.branch]
    context = SpendContext(
        locktime=unsigned.locktime,
        sequence=unsigned.inputs[index].sequence,
        version=unsigned.version,
    )
    for offered in _offers(branch.provider(coin.own.index), checked):
        try:
            script_sig, witness = branch.satisfy(offered, coin.own.index, spend=context)
        except BTClibException:
            continue
        final = Signatures(script_sig=script_sig, witness=tuple(witness.stack))
        if not run_script(spend, index, final).fault:
            return final
    return None


def run_script(spend: Spend, index: int, final: Signatures) -> Ran:
    """Run the script of an input's coin on a final script, over the cleared transaction."""
    tx_in = spend.tx.vin[index]
    tx_in.script_sig = final.script_sig
    tx_in.script_witness = Witness(list(final.witness))
    sighashes: list[int] = []
    pairs: list[tuple[bytes, bytes]] = []
    fault = ""
    try:
        verify_input(spend.prevouts, spend.tx, index, _EVERY_RULE, spend.shared, sighashes, pairs)
    except (BTClibException, ValueError, TypeError, IndexError) as error:
        fault = str(error) or type(error).__name__
    signers = dict.fromkeys(key for key, _ in pairs)
    if not fault and _is_taproot(spend, index):
        signers = dict.fromkeys(_taproot_signers(spend, index, final.witness))
    return Ran(fault=fault, sighashes=frozenset(sighashes), signers=tuple(signers))


def _offers(known: Provider, checked: Sequence[Checked]) -> Iterator[dict[Octets, Octets]]:
    """Yield the signatures, by key, of each way to spend: by taproot, each leaf is one way."""
    internal_keys = [internal for internal, _, _ in known.trees.values()]
    for leaf in sorted({each.leaf for each in checked}):
        ours: dict[Octets, Octets] = {
            each.key: each.signature for each in checked if each.leaf == leaf
        }
        if internal_keys and not leaf:  # the descriptor knows the output key by the internal one
            [signature] = ours.values()
            ours = dict.fromkeys(internal_keys, signature)
        yield ours


def _ecdsa(spend: Spend, index: int, known: Provider, key: bytes, signature: bytes) -> Checked:
    sighash = signature[-1] if signature else 0
    digest = _ecdsa_digest(spend, index, known.scripts, sighash)
    return Checked(
        key=key,
        signature=signature,
        leaf=b"",
        sighash=sighash,
        own=key in known.keys,
        valid=digest is not None
        and verify_ecdsa(public_key=key, signature=signature[:-1], digest=digest)
        and is_low_s(signature[:-1]),
    )


def _ecdsa_digest(
    spend: Spend, index: int, scripts: Sequence[bytes], sighash: int
) -> bytes | None:
    """Return what an ECDSA signature signs, by the descriptor's own scripts; None by taproot."""
    output = spend.coins[index].output
    script = output.script
    if classify(script) is ScriptKind.P2SH:
        script = next(each for each in scripts if p2sh_of(each) == script)
    match classify(script):
        case ScriptKind.P2TR:
            return None
        case ScriptKind.P2WPKH:
            script_code = p2pkh_of(script[2:])
        case ScriptKind.P2WSH:
            script_code = next(each for each in scripts if p2wsh_of(each) == script)
        case _:
            return sig_hash.legacy(script, spend.tx, index, sighash)
    amount_sat = output.amount_sat
    return sig_hash.segwit_v0(script_code, spend.tx, index, sighash, amount_sat, spend.shared)


def _schnorr(
    spend: Spend, index: int, *, key: bytes, signature: bytes, leaf: bytes, own: bool
) -> Checked:
    sighash = signature[64] if len(signature) == 65 else 0
    explicit_default = len(signature) == 65 and not sighash  # BIP-341: never valid
    digest = _schnorr_digest(spend, index, sighash, leaf)
    return Checked(
        key=key,
        signature=signature,
        leaf=leaf,
        sighash=sighash,
        own=own,
        valid=digest is not None
        and len(signature) in {64, 65}
        and not explicit_default
        and verify_schnorr(public_key=key, signature=signature[:64], digest=digest),
    )


def _schnorr_digest(spend: Spend, index: int, sighash: int, leaf: bytes) -> bytes | None:
    if not _is_taproot(spend, index):
        return None
    extension = leaf + _TAPSCRIPT if leaf else b""
    try:
        return sig_hash.taproot(
            spend.tx,
            index,
            spend.prevouts,
            sighash,
            1 if leaf else 0,
            b"",
            extension,
            spend.shared,
        )
    except BTClibException:  # a sighash that BIP-341 does not define
        return None


def _taproot_signers(spend: Spend, index: int, witness: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield the keys whose signatures stand in a witness whose script holds, without annex."""
    coin = spend.coins[index]
    if len(witness) == 1:
        yield coin.output.script[2:]
        return
    *stack, script, control = witness
    leaf = leaf_hash(control[0] & 0xFE, script)
    for key in spend.branches[coin.own.branch].provider(coin.own.index).keys:
        for each in stack:
            checked = _schnorr(spend, index, key=key[1:], signature=each, leaf=leaf, own=True)
            if checked.valid:
                yield checked.key


def _leaves(known: Provider) -> Iterator[tuple[bytes, bytes]]:
    """Yield the hash and the script of every leaf of a taproot descriptor."""
    for _, _, leaves in known.trees.values():
        for script, version in leaves.values():
            yield leaf_hash(version, script), script


def _is_taproot(spend: Spend, index: int) -> bool:
    return classify(spend.coins[index].output.script) is ScriptKind.P2TR
