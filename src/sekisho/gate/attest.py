"""The gate's word on an output, in the form that a Coldcard in HSM mode asks for.

A rule of whitelist mode ATTEST signs a transaction only if each of its outputs that is not change
brings a signature over its amount and script (`device_policy.py` says when that is every way to
sign). The device sees the output alone: no input, no number, no time. Whoever has one attestation
can have that output paid again, within the caps that the device counts; so none is given before
the pass is used up, and none beyond the caps.

The pair in an output's map: the key is 0xFC, "COINKITE" with its size before it, and subtype 0;
the value is a `Bitcoin Signed Message` over the serialized output, 65 bytes as BIP-137 has them.
Read from the firmware (github Coldcard/firmware at 8eb0e008: shared/psbt.py, shared/hsm.py
`matches_transaction`, shared/chains.py `verify_recover_pubkey`); none of its code is used.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from btclib.b32 import p2wpkh
from btclib.ecc import bms
from btclib.key import PrvKeyData, PubKeyData

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.digests import hash160
from sekisho.chains.bitcoin.networks import Network, network_of_caip2
from sekisho.chains.bitcoin.transaction import TxOut
from sekisho.gate.device_policy import DevicePolicy, device_policy_findings
from sekisho.gate.maps import pairs_of, with_pairs
from sekisho.gate.reading import read_psbt
from sekisho.gate.records import Cleared, ReadPSBT
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.passes.life import Clearance
from sekisho.passes.records import Transfer

ATTESTATION_KEY = b"\xfc\x08COINKITE\x00"
_MAKER = ATTESTATION_KEY[:-1]
_SIZE = 65
_HEADERS = range(39, 43)
"""BIP-137: the key's P2WPKH address is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attester:
    """A key that attests the outputs of one wallet to its device, and is used for nothing else."""

    wallet_id: str
    secret: bytes = field(repr=False)
    public_key: bytes
    """33 bytes; it follows from the secret."""
    policy: DevicePolicy
    """What the operator loaded on the device."""

    def address(self, network: Network) -> str:
        """Return what stands in the device's whitelist: the key's P2WPKH address."""
        return key_address(self.public_key, network)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedOutput:
    """The gate's word on one output."""

    index: int
    output: TxOut
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedPSBT:
    """A cleared PSBT as the device wants it. Only `attest()` makes one."""

    cleared: Cleared
    psbt: bytes
    """What was cleared, with the attestations in it and nothing else."""
    attestations: tuple[AttestedOutput, ...]


def key_address(public_key: bytes, network: Network) -> str:
    """Return the P2WPKH address of a compressed public key."""
    address = address_of(b"\x00\x14" + hash160(public_key), network)
    if address is None:
        raise RuntimeError("a P2WPKH script has an address")
    return address


def device_findings(
    psbt: bytes, transfer: Transfer, attesters: Sequence[Attester]
) -> list[Finding]:
    """Return why the wallet's device would not take this, or must not be given attestations.

    What earlier transactions used up of the device's period only the device knows.
    """
    attester = _attester_of(attesters, transfer.wallet_id)
    if attester is None:
        return []
    address = attester.address(network_of_caip2(transfer.chain, "pass.chain"))
    findings = device_policy_findings(attester.policy, address=address)
    if not findings:
        findings = _over(attester, sum(each.amount_sat for each in transfer.payments))
    return [*findings, *_there_already(psbt)]


def attest(
    cleared: Cleared, attesters: Sequence[Attester], *, used: Sequence[Clearance]
) -> AttestedPSBT | None:
    """Return what was cleared, with an attestation of each output that pays somebody.

    None for a wallet that no attester is for. `used` is the gate's own memory: what it does not
    hold is not attested, because nothing would stop a second transaction under the pass. Raises
    `Refused` for that, for what is above the device's caps, and for a PSBT with attestations of
    somebody else.
    """
    attester = _attester_of(attesters, cleared.wallet_id)
    if attester is None:
        return None
    read, findings = read_psbt(cleared.psbt, "PSBT")
    if read is None:
        raise Refused(findings)
    place = (cleared.pass_digest, cleared.transaction_digest)
    if place not in {(each.pass_digest, each.transaction_digest) for each in used}:
        findings.append(finding("gate.not_cleared", cleared.pass_id, txid=cleared.txid))
    outputs = read.transaction.outputs
    findings.extend(_over(attester, sum(outputs[each].amount_sat for each in cleared.payments)))
    findings.extend(_there_already(cleared.psbt))
    if findings:
        raise Refused(findings)
    attestations, psbt = _attested(cleared, read, attester)
    if read_psbt(psbt, "PSBT") != (read, []):
        raise RuntimeError("the attested PSBT reads differently from what was cleared")
    return AttestedPSBT(cleared=cleared, psbt=psbt, attestations=attestations)


def handed_psbt(cleared: Cleared, attesters: Sequence[Attester]) -> bytes:
    """Return what the signer was given of what was cleared, to judge by it what comes back.

    It asks no questions: a signature that exists must be looked at, whatever the caps are by now.
    """
    attester = _attester_of(attesters, cleared.wallet_id)
    read, _ = read_psbt(cleared.psbt, "PSBT")
    if read is None or attester is None:
        return cleared.psbt
    return _attested(cleared, read, attester)[1]


def attest_output(attester: Attester, index: int, output: TxOut) -> AttestedOutput:
    """Return the attestation of one output (RFC 6979: always the same bytes)."""
    key = PrvKeyData(int.from_bytes(attester.secret, "big"))
    signed = bms.sign(output.serialize(), key, p2wpkh(PubKeyData(attester.public_key)))
    made = AttestedOutput(index=index, output=output, signature=signed.serialize())
    if not is_attested(made, attester.public_key):
        raise RuntimeError("the attestation just made does not verify")
    return made


def is_attested(attestation: AttestedOutput, public_key: bytes) -> bool:
    """Return whether the signature is over the output, by the key for its P2WPKH address."""
    signature = attestation.signature
    if len(signature) != _SIZE or signature[0] not in _HEADERS:
        return False
    message, text = attestation.output.serialize(), b64encode(signature)
    return bms.verify(message, key_address(public_key, Network.MAIN), text)


def _attester_of(attesters: Sequence[Attester], wallet_id: str) -> Attester | None:
    return next((each for each in attesters if each.wallet_id == wallet_id), None)


def _over(attester: Attester, paid_sat: int) -> list[Finding]:
    """Return the caps of the device that one transaction alone is above, by the device's count."""
    caps = attester.policy.caps
    return [
        finding(
            "gate.device_amount_over",
            attester.wallet_id,
            amount_sat=paid_sat,
            setting=setting,
            most_sat=most_sat,
        )
        for setting, most_sat in (
            ("max_amount", caps.amount_max_sat),
            ("per_period", caps.period_max_sat),
        )
        if paid_sat > most_sat
    ]


def _there_already(psbt: bytes) -> list[Finding]:
    """Return whether somebody else put a pair of the device's maker into a PSBT.

    The device takes the last attestation of an output that it finds, whatever stands before.
    """
    try:
        maps = pairs_of(psbt, "PSBT")
    except BadInputError:
        return []  # its readers say why
    there = any(key.startswith(_MAKER) for pairs in maps for key in pairs)
    return [finding("gate.device_attestation_there", "PSBT")] if there else []


def _attested(
    cleared: Cleared, read: ReadPSBT, attester: Attester
) -> tuple[tuple[AttestedOutput, ...], bytes]:
    outputs = read.transaction.outputs
    made = tuple(attest_output(attester, each, outputs[each]) for each in cleared.payments)
    maps = pairs_of(cleared.psbt, "PSBT")
    for each in made:
        maps[1 + len(read.inputs) + each.index][ATTESTATION_KEY] = each.signature
    return made, with_pairs(maps)
