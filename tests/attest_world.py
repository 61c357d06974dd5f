"""A wallet whose device asks for attestations, and the key that gives them.

attester = attester_for(policy_of(amount_max_sat=...))     # of the wallet cold-1
attested(was)                                              # of a spend of `gate_returns.sent`
device_for(was.wallet)                                     # the model of the device, just loaded
"""

import json
from typing import Any

from coldcard import Coldcard
from embit.ec import PrivateKey
from gate_returns import Sent
from world_people import NOW

from sekisho.chains.bitcoin.networks import Network
from sekisho.gate.attest import AttestedPSBT, Attester, attest, key_address
from sekisho.gate.device_policy import Caps, device_policy_bytes, read_device_policy
from sekisho.gate.records import Cleared
from sekisho.kernel.money import Sat
from sekisho.passes.life import Clearance
from sekisho.wallets.records import Wallet

SECRET = bytes(range(1, 33))
PUBLIC_KEY: bytes = PrivateKey(SECRET).get_public_key().sec()
ADDRESS = key_address(PUBLIC_KEY, Network.MAIN)
BTC = 100_000_000
PERIOD_MINUTES = 60


def policy_of(
    *,
    amount_max_sat: int = 10 * BTC,
    period_max_sat: int = 20 * BTC,
    address: str = ADDRESS,
    name: str = "cold",
) -> bytes:
    """Return a good policy."""
    caps = Caps(
        amount_max_sat=Sat(amount_max_sat),
        period_max_sat=Sat(period_max_sat),
        period_minutes=PERIOD_MINUTES,
    )
    return device_policy_bytes(address=address, device_wallet=name, caps=caps, notes="a test")


def edited(change: dict[str, Any], rule: dict[str, Any] | None = None) -> bytes:
    """Return a policy with settings replaced, and of its rule; None takes one out."""
    document = json.loads(policy_of())
    for where, fields in ((document, change), (document["rules"][0], rule or {})):
        where.update(fields)
        for name in [name for name, value in where.items() if value is None]:
            del where[name]
    return json.dumps(document).encode()


def attester_for(policy: bytes, *, wallet_id: str = "cold-1", secret: bytes = SECRET) -> Attester:
    return Attester(
        wallet_id=wallet_id,
        secret=secret,
        public_key=PrivateKey(secret).get_public_key().sec(),
        policy=read_device_policy(policy, "policy"),
    )


ATTESTER = attester_for(policy_of())


def device_for(wallet: Wallet, policy: bytes | None = None) -> Coldcard:
    """Return the device of a wallet, loaded with the good policy if with no other."""
    return Coldcard(policy=policy_of() if policy is None else policy, wallet=wallet, name="cold")


def used_by(cleared: Cleared) -> list[Clearance]:
    """Return a memory in which a clearance stands."""
    return [
        Clearance(
            pass_digest=cleared.pass_digest,
            txid=cleared.txid,
            transaction_digest=cleared.transaction_digest,
            cleared_at=NOW,
            seq=1,
        )
    ]


def attested(was: Sent, attester: Attester = ATTESTER) -> AttestedPSBT:
    """Return what the gate gives of a spend that it has cleared."""
    made = attest(was.cleared, [attester], used=used_by(was.cleared))
    if made is None:
        raise ValueError("no attester for this wallet")
    return made
