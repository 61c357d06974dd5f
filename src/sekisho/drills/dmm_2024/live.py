"""Act two on a chain of one's own: the same amounts and nine inputs, under keys of the drill.

Nobody but the real signers can sign with the real keys, so the coins are made again on regtest:
outputs of the same worth at the same places, under a 2-of-3 script of the same shape. The thief
spends the same nine, in the same order, signed by the same two places, to the same script, for the
same fee. Anybody can derive these keys; they are worth nothing anywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from btclib_secp256k1 import dsa, keys

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.scripts import p2wsh_of
from sekisho.chains.bitcoin.sighash import ALL, segwit_digest, signed_parts
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.drills.dmm_2024 import cast, facts
from sekisho.drills.dmm_2024.stage import Stage, real_wallet
from sekisho.kernel.canonical import canonical_bytes
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.money import Sat
from sekisho.passes.records import SubjectType
from sekisho.passes.register import ROSTER_ID
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.wallets.descriptors import check_descriptor, derive_script, inner_scripts
from sekisho.wallets.documents import wallet_document
from sekisho.wallets.records import Wallet

REWARD_SAT: Final = Sat(50_0000_0000)
"""Of each of regtest's first 149 blocks."""
REWARDS: Final = 95
"""So many of them are the 4,703 BTC that lay at the real address, and a little."""
MATURE_BLOCKS: Final = 100
SIGNING: Final = (0, 1)
"""The places of the keys that signed the real outflow."""
BEFORE: Final = timedelta(hours=1)
"""How long before the theft everything is put in force: each approval takes some minutes."""
_TRUE = b"\x51"
_ANYONE = p2wsh_of(_TRUE)
_FINAL = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAct:
    """What came of it."""

    node: str
    """What the node says that it is."""
    inputs: int
    amount_sat: Sat
    txid: str
    verdict: str
    incident_id: str
    in_node_us: int
    """From the thief's call to the node's message."""
    total_us: int
    """From the thief's call to the durable verdict."""


def miners_address() -> str:
    """Return the address to mine to: anybody may spend what it holds."""
    address = address_of(_ANYONE, Network.REGTEST)
    if address is None:
        raise RuntimeError("P2WSH has addresses")
    return address


def live_wallet() -> Wallet:
    """Return the drill's own wallet, of the same shape as the real one."""
    points = ",".join(_point(place).hex() for place in range(3))
    descriptor = check_descriptor(f"sh(wsh(multi(2,{points})))", Network.REGTEST, "descriptor")
    return replace(
        real_wallet(),
        name="The wallet of the live act",
        chain=Network.REGTEST.caip2,
        descriptor=descriptor,
    )


def live_funding(rewards: Sequence[str]) -> Transaction:
    """Return what pays the wallet as the real one was paid, from coinbases with these txids."""
    real_script = facts.funding().outputs[facts.outflow().inputs[0].outpoint.vout].script
    own = derive_script(live_wallet().descriptor, Network.REGTEST, 0, 0)
    outputs = [
        replace(each, script=own) if each.script == real_script else each
        for each in facts.funding().outputs
    ]
    fee_sat = 100_000
    left = len(rewards) * REWARD_SAT - sum(each.amount_sat for each in outputs) - fee_sat
    return Transaction(
        version=2,
        inputs=tuple(
            TxIn(
                outpoint=OutPoint(txid=each, vout=0),
                script_sig=b"",
                sequence=_FINAL,
                witness=(_TRUE,),
            )
            for each in rewards
        ),
        outputs=(*outputs, TxOut(amount_sat=Sat(left), script=_ANYONE)),
        locktime=0,
    )


def live_theft(funding: Transaction) -> Transaction:
    """Return the outflow again, signed, of the coins that `funding` made."""
    redeem, witness = sorted(
        inner_scripts(live_wallet().descriptor, Network.REGTEST, 0, 0), key=len
    )
    real = facts.outflow()
    inputs = tuple(
        replace(
            each,
            outpoint=OutPoint(txid=funding.txid, vout=each.outpoint.vout),
            script_sig=bytes([len(redeem)]) + redeem,
            witness=(),
        )
        for each in real.inputs
    )
    unsigned = replace(real, inputs=inputs)
    spent = [funding.outputs[each.outpoint.vout] for each in inputs]
    parts = signed_parts(unsigned, spent)
    digests = [segwit_digest(parts, at, witness, ALL) for at in range(len(inputs))]
    signed = [
        replace(each, witness=(b"", *_signatures(digest), witness))
        for each, digest in zip(inputs, digests, strict=True)
    ]
    return replace(unsigned, inputs=tuple(signed))


def live_roster(journal_key: str, now: datetime) -> tuple[tuple[cast.Actor, ...], bytes]:
    """Return the drill's people, and their roster for today."""
    actors = cast.gather_cast()
    roster = cast.roster(actors, journal_key=journal_key)
    today = replace(roster, created_at=now - BEFORE, expires_at=now + timedelta(days=1))
    return actors, roster_bytes(today)


def put_live_wallet_in_force(stage: Stage, founding: bytes, now: datetime) -> str:
    """Adopt the roster and put the wallet in force; return the genesis digest."""
    at = now - BEFORE
    stage.put_in_force(SubjectType.ROSTER, ROSTER_ID, "roster", founding, at=at)
    wallet = live_wallet()
    document = canonical_bytes(wallet_document(wallet))
    stage.put_in_force(SubjectType.WALLET, wallet.wallet_id, "wallet", document, at=at)
    return roster_digest(founding)


def _signatures(digest: bytes) -> tuple[bytes, ...]:
    return tuple(dsa.sign(digest, _secret(place), grind=True) + bytes([ALL]) for place in SIGNING)


def _secret(place: int) -> bytes:
    return tagged_digest("drill-live-key", bytes([place]))


def _point(place: int) -> bytes:
    return keys.pubkey_from_prvkey(_secret(place))
