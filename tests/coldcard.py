"""A model of a Coldcard in HSM mode: what would it say to this PSBT, under this policy?

Written from reading the firmware (Coldcard/firmware at 8eb0e008: shared/hsm.py, psbt.py,
chains.py), with arithmetic of its own; it shares nothing with `gate/attest.py`.

device = Coldcard(policy, WALLET, name="cold")     # as it was loaded
device.asked(psbt)                                 # "" if it signs, else why not; it counts
device.asked(psbt, at_minutes=61)                  # later, in its own time
returned(psbt)                                     # signed, and written down as the device does
"""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from btclib.b32 import address_from_witness
from btclib.b58 import address_from_h160
from btclib.hashes import hash160
from btclib.tx import Tx
from gate_psbts import Maps, bytes_of_maps, maps_of
from gate_returns import signed
from world_coins import book_of

from sekisho.wallets.records import Wallet

ATTESTATION, PROPRIETARY = b"\xfc\x08COINKITE\x00", 0xFC
DERIVATION, SIGHASH_TYPE, SIGHASH_ALL = b"\x02", b"\x03", b"\x01\x00\x00\x00"
P = 2**256 - 2**32 - 977
N = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
G = (
    0x79BE667E_F9DCBBAC_55A06295_CE870B07_029BFCDB_2DCE28D9_59F2815B_16F81798,
    0x483ADA77_26A3C465_5DA4FBFC_0E1108A8_FD17B448_A6855419_9C47D08F_FB10D4B8,
)
Point = tuple[int, int] | None
"""On secp256k1 (SEC 2); None is the neutral one."""


class NoError(Exception):
    """What the device says when it does not sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output as the device sees it."""

    amount_sat: int
    script: bytes
    pairs: list[tuple[bytes, bytes]]
    is_change: bool

    @property
    def attestation(self) -> bytes:
        """The last of them counts, whatever follows the subtype in its key."""
        found = [value for key, value in self.pairs if key.startswith(ATTESTATION)]
        return found[-1] if found else b""


@dataclass(kw_only=True)
class Coldcard:
    """A device that holds one key of a wallet."""

    policy: bytes
    wallet: Wallet
    name: str
    """Of its multi-signature wallet; "1" where it signs alone."""
    network: str = "mainnet"
    spent_sat: dict[int, int] = field(default_factory=dict)
    began_minutes: int = 0

    def asked(self, psbt: bytes, *, at_minutes: int = 0) -> str:
        """Return why the device does not sign, or "" having counted what leaves."""
        policy = json.loads(self.policy)
        if self.spent_sat and at_minutes - self.began_minutes >= policy.get("period", 0):
            self.spent_sat = {}
        outputs = self.outputs(psbt)
        leaving_sat = sum(each.amount_sat for each in outputs if not each.is_change)
        reasons = []
        for number, rule in enumerate(policy["rules"]):
            try:
                self.match(rule, number, outputs, leaving_sat)
            except NoError as no:
                reasons.append(str(no))
                continue
            if rule.get("per_period") is not None:
                if not self.spent_sat:
                    self.began_minutes = at_minutes
                self.spent_sat[number] = self.spent_sat.get(number, 0) + leaving_sat
            return ""
        return "; ".join(reasons) or "no txn signing allowed"

    def match(
        self, rule: dict[str, Any], number: int, outputs: list[Output], leaving_sat: int
    ) -> None:
        """Raise `NoError` unless one rule allows it."""
        options = rule.get("whitelist_opts") or {}
        if rule.get("wallet") and rule["wallet"] != self.name:
            raise NoError("wrong wallet")
        if rule.get("max_amount") is not None and leaving_sat > rule["max_amount"]:
            raise NoError("amount exceeded")
        for each in outputs if rule.get("whitelist") else []:
            free = each.amount_sat == 0 and options.get("allow_zeroval_outs")
            if not each.is_change and not free:
                self.match_output(rule, options.get("mode", "BASIC"), each)
        allowed_sat = rule.get("per_period")
        if allowed_sat is not None and self.spent_sat.get(number, 0) + leaving_sat > allowed_sat:
            raise NoError("would exceed period spending")

    def match_output(self, rule: dict[str, Any], mode: str, each: Output) -> None:
        if mode == "BASIC":
            if self.address(each.script) not in rule["whitelist"]:
                raise NoError("non-whitelisted address")
            return
        if not each.attestation:
            raise NoError("missing attestation")
        if self.signer(each) not in rule["whitelist"]:
            raise NoError("non-whitelisted attestation key")

    def signer(self, each: Output) -> str:
        """Return the address of whoever attested an output, as the header names its kind."""
        signature = each.attestation
        if len(signature) != 65:
            raise NoError("signature length")
        if not 27 <= signature[0] <= 42:
            raise NoError("unsupported recovery id")
        key_hash = hash160(recovered(signature, digest_of(each)))
        if signature[0] <= 34:
            return self.address(b"\x76\xa9\x14" + key_hash + b"\x88\xac")
        nested = b"\x00\x14" + key_hash
        if signature[0] <= 38:
            return self.address(b"\xa9\x14" + hash160(nested) + b"\x87")
        return self.address(nested)

    def address(self, script: bytes) -> str:
        """Return the address of a script, or its hex where it has none."""
        if len(script) == 25 and script[:3] == b"\x76\xa9\x14":
            return address_from_h160("p2pkh", script[3:23], self.network)
        if len(script) == 23 and script[:2] == b"\xa9\x14":
            return address_from_h160("p2sh", script[2:22], self.network)
        if len(script) in {22, 34} and script[0] == 0 and script[1] == len(script) - 2:
            return address_from_witness(0, script[2:], self.network)
        return script.hex()

    def outputs(self, psbt: bytes) -> list[Output]:
        """Return the outputs of a PSBT. Change says how it is derived, and is of the wallet."""
        maps, paid = read(psbt)
        own = book_of(self.wallet).by_script
        return [
            Output(
                amount_sat=amount_sat,
                script=script,
                pairs=pairs,
                is_change=script in own and any(key[:1] == DERIVATION for key, _ in pairs),
            )
            for (amount_sat, script), pairs in zip(paid, maps[-len(paid) :], strict=True)
        ]


def read(psbt: bytes) -> tuple[Maps, list[tuple[int, bytes]]]:
    """Return the maps of a PSBT, and the amount and the script of each output."""
    maps = maps_of(psbt)
    overall = dict(maps[0])
    if b"\x00" in overall:
        transaction = Tx.parse(overall[b"\x00"])
        return maps, [(each.value, bytes(each.script_pub_key.script)) for each in transaction.vout]
    last = [dict(each) for each in maps[-overall[b"\x05"][0] :]]
    return maps, [(int.from_bytes(each[b"\x03"], "little"), each[b"\x04"]) for each in last]


def started_again(policy: bytes) -> bytes:
    """Return the policy as a device reads it after a restart: it kept nothing that is 0."""
    document = json.loads(policy)
    kept = {name: value for name, value in document.items() if value}
    kept["rules"] = [
        {name: value for name, value in rule.items() if value} for rule in document["rules"]
    ]
    return json.dumps(kept).encode()


def returned(psbt: bytes) -> bytes:
    """Return the PSBT signed, and written down as the device writes it.

    Of an output's proprietary pairs it keeps its own attestation alone; unknown ones stay.
    """
    maps, paid = read(signed(psbt))
    first_output = len(maps) - len(paid)
    for pairs in maps[1:first_output]:
        pairs[:] = [pair for pair in pairs if pair[0] != SIGHASH_TYPE]
        pairs.append((SIGHASH_TYPE, SIGHASH_ALL))
    for pairs in maps[first_output:]:
        attested = [(ATTESTATION, value) for key, value in pairs if key.startswith(ATTESTATION)]
        pairs[:] = [pair for pair in pairs if pair[0][0] != PROPRIETARY] + attested[-1:]
    return bytes_of_maps(maps)


def digest_of(output: Output) -> int:
    """Return what an attestation signs: the signed-message digest of the serialized output."""
    message = output.amount_sat.to_bytes(8, "little") + sized(output.script)
    framed = sized(b"Bitcoin Signed Message:\n") + sized(message)
    return int.from_bytes(sha256(sha256(framed).digest()).digest(), "big")


def sized(data: bytes) -> bytes:
    if len(data) < 0xFD:
        return bytes([len(data)]) + data
    return b"\xfd" + len(data).to_bytes(2, "little") + data


def recovered(signature: bytes, digest: int) -> bytes:
    """Return the compressed key that made a compact signature (SEC 1, 4.1.6)."""
    number = (signature[0] - 27) & 3
    r, s = (int.from_bytes(part, "big") for part in (signature[1:33], signature[33:]))
    x = r + N * (number >> 1)
    y = pow(x**3 + 7, (P + 1) // 4, P)
    if not (0 < r < N and 0 < s < N and x < P) or (y * y - x**3 - 7) % P:
        raise NoError("invalid signature")
    point = (x, y if y & 1 == number & 1 else P - y)
    back = pow(r, -1, N)
    key = added(times(s * back % N, point), times(-digest * back % N, G))
    if key is None:
        raise NoError("invalid signature")
    return bytes([2 + (key[1] & 1)]) + key[0].to_bytes(32, "big")


def added(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0] and (one[1] + other[1]) % P == 0:
        return None
    if one == other:
        slope = 3 * one[0] * one[0] * pow(2 * one[1], -1, P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P)
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def times(number: int, point: Point) -> Point:
    total: Point = None
    while number:
        total = added(total, point) if number & 1 else total
        point, number = added(point, point), number >> 1
    return total
