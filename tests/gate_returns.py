"""What signers give back, signed by embit, which the gate uses for reading only.

was = sent("wsh_sortedmulti")             # what was cleared, with its wallet and book
signed(was.psbt, by=["alpha"])            # the PSBT with signatures, as a device returns it
final(was, psbt), extracted(was, psbt)    # finalised, whatever the signatures are worth
was.judge(returned)                       # `Returned`, or the codes of the refusal
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from btclib_wallet import descriptors
from btclib_wallet.descriptors import SpendContext
from embit.psbt import PSBT
from gate_psbts import Coins, Maps, bytes_of_maps, maps_of, psbt_of
from gate_scene import USUAL
from world_coins import (
    DESCRIPTORS,
    MULTIPATH,
    STRANGER,
    bip32_root,
    book_of,
    enforced,
    funding,
    key_expression,
    outpoint,
    script_at,
    spending,
    txout,
    wallet_of,
)

from sekisho.chains.bitcoin.reader import compact_size, var_bytes
from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.gate.records import Cleared, Returned
from sekisho.gate.returned import judge_return
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.wallets.records import ChangeRule, Wallet
from sekisho.wallets.registry import ScriptBook

SIGNERS = ("alpha", "beta", "gamma")
PARTIAL, FINAL_SCRIPT_SIG, FINAL_WITNESS = b"\x02", b"\x07", b"\x08"
TAP_KEY_SIG, TAP_SCRIPT_SIG = b"\x13", b"\x14"
OF_SIGNATURES = PARTIAL + FINAL_SCRIPT_SIG + FINAL_WITNESS + TAP_KEY_SIG + TAP_SCRIPT_SIG
KEPT_WHEN_FINAL = b"\x00\x01\x0e\x0f\x10"
NUMS = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"

_ALPHA, _BETA, _GAMMA = (f"{key_expression(name)}{MULTIPATH}" for name in SIGNERS)
KINDS = {
    **DESCRIPTORS,
    "enforced_by_two": enforced("alpha", ["beta", "gamma"]),
    "tr_multi_a": f"tr({NUMS},multi_a(2,{_ALPHA},{_BETA},{_GAMMA}))",
    "tr_same_key_twice": f"tr({NUMS},{{pk({_ALPHA}),and_v(v:pk({_ALPHA}),pk({_BETA}))}})",
    "tr_miniscript": f"tr({NUMS},or_d(pk({_ALPHA}),and_v(v:pk({_BETA}),older(52560))))",
}
"""Every kind of descriptor that the tests know, and tapscripts that need more than one key."""
TAPROOT = tuple(kind for kind in KINDS if kind.startswith("tr"))
MANY_KEYS = tuple(kind for kind in KINDS if "multi" in kind)

Answer = Returned | set[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was cleared and sent to the signers, and what the gate judges their answer by."""

    kind: str
    version: int
    wallet: Wallet
    book: ScriptBook
    coins: Coins = field(repr=False)
    unsigned: Transaction
    psbt: bytes = field(repr=False)

    @property
    def cleared(self) -> Cleared:
        return Cleared(
            pass_id="T-1",
            wallet_id=self.wallet.wallet_id,
            pass_digest="ab" * 32,
            replaceable=False,
            psbt=self.psbt,
            txid=self.unsigned.txid,
            transaction_digest="cd" * 32,
            payments=(0, 1),
        )

    def judge(self, returned: bytes) -> Answer:
        """Return the answer, or the codes of the refusal without their room."""
        try:
            return judge_return(self.cleared, returned, wallet=self.wallet, book=self.book)
        except Refused as refused:
            return {each.code.removeprefix("gate.") for each in refused.findings}

    def returned(self, by: Iterable[str]) -> Returned:
        """Return what the gate makes of it once these have signed."""
        psbt = signed(self.psbt, by=by)
        return judge_return(self.cleared, psbt, wallet=self.wallet, book=self.book)

    def other(self, unsigned: Transaction) -> bytes:
        """Return the PSBT of another transaction, which no gate has seen."""
        return psbt_of(unsigned, self.coins, version=self.version)


@cache
def sent(kind: str, *, version: int = 0, wallet_id: str = "cold-1", coins: int = 2) -> Sent:
    """Return a spend of coins of a wallet: two payments, and change where the wallet has it."""
    wallet = wallet_of(KINDS[kind], wallet_id=wallet_id)
    funded = funding(wallet, *[50_000_000] * (coins + 1))
    branch = 1 if wallet.change_rule is ChangeRule.INTERNAL_BRANCH else 0
    change = TxOut(amount_sat=Sat(9_980_000), script=script_at(wallet, branch=branch))
    unsigned = spending(
        [outpoint(funded, each) for each in range(coins)],
        [txout(USUAL, 40_000_000 + 50_000_000 * (coins - 2)), txout(STRANGER, 50_000_000), change],
    )
    known = Coins(previous=(funded,), wallets=(wallet,))
    return Sent(
        kind=kind,
        version=version,
        wallet=wallet,
        book=book_of(wallet),
        coins=known,
        unsigned=unsigned,
        psbt=psbt_of(unsigned, known, version=version),
    )


# 1. Honest signers -------------------------------------------------------------------------------


def signed(psbt: bytes, *, by: Iterable[str] = SIGNERS, sighash: int | None = None) -> bytes:
    """Return the PSBT with the signatures of these key holders, made and written by embit.

    What embit puts into a final witness by itself, a key path signature, is filed as BIP-371 has
    it, so that every return can be had in both forms.
    """
    signing: Any = PSBT.parse(psbt)
    for name in by:
        for root in (bip32_root(name), bip32_root(name).derive("m/0")):
            if sighash is None:
                signing.sign_with(root)
            else:
                signing.sign_with(root, sighash)
    maps = maps_of(signing.serialize())
    for pairs in maps[1 : 1 + len(signing.inputs)]:
        pairs[:] = [
            (TAP_KEY_SIG, value[2:]) if key == FINAL_WITNESS else (key, value)
            for key, value in pairs
        ]
    return bytes_of_maps(maps)


def signatures_in(psbt: bytes, index: int) -> dict[bytes, bytes]:
    """Return what an input's map holds of signatures, by its key."""
    pairs = maps_of(psbt)[1 + index]
    return {key: value for key, value in pairs if key[:1] in OF_SIGNATURES}


def with_signatures(psbt: bytes, index: int, signatures: dict[bytes, bytes]) -> bytes:
    """Return the PSBT with these signatures on one input, and no others there."""
    maps = maps_of(psbt)
    kept = [(key, value) for key, value in maps[1 + index] if key[:1] not in OF_SIGNATURES]
    maps[1 + index] = [*kept, *signatures.items()]
    return bytes_of_maps(maps)


def final(was: Sent, psbt: bytes) -> bytes:
    """Return the PSBT finalised as its wallet would, whatever the signatures are worth."""
    maps = maps_of(psbt)
    for index, (script_sig, witness) in enumerate(_finals(was, maps)):
        pairs = [(key, value) for key, value in maps[1 + index] if key[:1] in KEPT_WHEN_FINAL]
        if script_sig:
            pairs.append((FINAL_SCRIPT_SIG, script_sig))
        if witness:
            pairs.append((FINAL_WITNESS, witness_bytes(witness)))
        maps[1 + index] = pairs
    return bytes_of_maps(maps)


def extracted(was: Sent, psbt: bytes) -> bytes:
    """Return the transaction with the final scripts of a PSBT that is not yet finalised."""
    return with_finals(was.unsigned, _finals(was, maps_of(psbt))).serialize()


def with_finals(
    unsigned: Transaction, finals: Sequence[tuple[bytes, tuple[bytes, ...]]]
) -> Transaction:
    """Return a transaction with these scripts and witnesses, whoever made them for whatever."""
    inputs = tuple(
        replace(each, script_sig=script_sig, witness=witness)
        for each, (script_sig, witness) in zip(unsigned.inputs, finals, strict=True)
    )
    return replace(unsigned, inputs=inputs)


def witness_bytes(witness: Sequence[bytes]) -> bytes:
    return compact_size(len(witness)) + b"".join(var_bytes(each) for each in witness)


FORMS: dict[str, Callable[[Sent, bytes], bytes]] = {
    "partial": lambda _, psbt: psbt,
    "final": final,
    "transaction": extracted,
    "transaction in hex": lambda was, psbt: extracted(was, psbt).hex().encode() + b"\n",
}
"""How a signer may return the same signatures."""


def _finals(was: Sent, maps: Maps) -> list[tuple[bytes, tuple[bytes, ...]]]:
    return [_final(was, index, dict(maps[1 + index])) for index in range(len(was.unsigned.inputs))]


def _final(was: Sent, index: int, pairs: dict[bytes, bytes]) -> tuple[bytes, tuple[bytes, ...]]:
    """Satisfy one input by its descriptor, with every way of spending tried in turn."""
    own = was.book.by_script[was.coins.spent(was.unsigned.inputs[index].outpoint).script]
    branch = _branches(was.wallet)[own.branch]
    trees = branch.provider(own.index).trees.values()
    ways = [{key[1:]: value for key, value in pairs.items() if key[:1] == PARTIAL}]
    ways += [{internal: pairs[TAP_KEY_SIG]} for internal, *_ in trees if TAP_KEY_SIG in pairs]
    by_leaf: dict[bytes, dict[bytes, bytes]] = {}
    for key, value in pairs.items():
        if key[:1] == TAP_SCRIPT_SIG:
            by_leaf.setdefault(key[33:], {})[key[1:33]] = value
    ways += sorted(by_leaf.values(), key=len)  # the leaf that asks for fewest
    for way in ways:
        try:
            script_sig, witness = branch.satisfy(
                dict(way), own.index, spend=SpendContext(sequence=0xFFFF_FFFD)
            )
        except ValueError:
            continue
        return script_sig, tuple(witness.stack)
    return b"", ()


@cache
def _branches(wallet: Wallet) -> tuple[Any, ...]:
    both = descriptors.multipath_descriptors(wallet.descriptor, "mainnet")
    return tuple(descriptors.parse(each, "mainnet") for each in both)
