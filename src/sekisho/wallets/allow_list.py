"""The allow-list: whom a standing pass, or a policy, lets us pay without looking again.

A wrong line here is paid many times, so reading is strict: the address is the script's, no script
stands twice, and names are such as nobody can mistake (`kernel/names.py`). A counterparty can show
by signing a message that the address is theirs; what they sign names this exchange.
"""

from dataclasses import dataclass

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import Network, network_of_caip2
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.names import look_alikes
from sekisho.wallets.documents import read_name
from sekisho.wallets.signed_messages import SIGNATURE_MAX_CHARACTERS, address_signs

FORMAT = "sekisho/allow-list/v1"
NONCE_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlProof:
    """The counterparty's signature over `control_message`."""

    nonce: bytes
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedDestination:
    """One address that may be paid, and whose it is."""

    address: str
    script: bytes
    label: str
    """What people call it; no two of a list look alike."""
    owner: str
    """The person or company whose it is."""
    note: str
    """Why it is here, and how it was checked; may be empty."""
    proof: ControlProof | None
    """None where the owner could not or would not sign: then the label is somebody's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """Every destination that is allowed on one chain."""

    chain: str
    """CAIP-2."""
    destinations: tuple[AllowedDestination, ...]


def control_message(address: str, nonce: bytes, genesis_digest: str) -> str:
    """Return what the owner of `address` signs to show that they control it, in one line."""
    return f"Sekisho address {address} exchange {genesis_digest} nonce {nonce.hex()}"


def allow_list_bytes(allowed: AllowList) -> bytes:
    """Return the canonical bytes of an allow-list."""
    return canonical_bytes(
        {
            "format": FORMAT,
            "chain": allowed.chain,
            "destinations": [_destination_document(each) for each in allowed.destinations],
        }
    )


def allow_list_digest(document: bytes) -> str:
    """Return the digest of canonical allow-list bytes: 64 hex characters."""
    return tagged_digest("allow-list", document).hex()


def read_allow_list(document: bytes, where: str) -> AllowList:
    """Return the allow-list in canonical bytes; raises `BadInputError` at the wrong field.

    It may be empty: nothing is allowed then. Reading verifies no signature: `check_allow_list`.
    """
    fields = Fields(parse_canonical(document, where), where)
    fields.choice("format", (FORMAT,))
    chain = fields.text("chain")
    network = network_of_caip2(chain, fields.where("chain"))
    destinations = fields.each(
        "destinations", lambda each: _read_destination(each, network), empty=True
    )
    fields.done()
    if len({each.script for each in destinations}) != len(destinations):
        raise fields.fail("destinations", "lists a script twice")
    for one, other in look_alikes(each.label for each in destinations):
        raise fields.fail("destinations", f"the labels {one!r} and {other!r} look alike")
    if len({each.label for each in destinations}) != len(destinations):
        raise fields.fail("destinations", "gives one label to two addresses")
    return AllowList(chain=chain, destinations=destinations)


def check_allow_list(allowed: AllowList, *, genesis_digest: str) -> list[Finding]:
    """Return a finding for each proof of control that does not hold."""
    return [
        finding("wallets.control_not_proven", each.address, label=each.label)
        for each in allowed.destinations
        if each.proof is not None
        and not address_signs(
            each.address,
            control_message(each.address, each.proof.nonce, genesis_digest),
            each.proof.signature,
        )
    ]


def _destination_document(each: AllowedDestination) -> Json:
    document: dict[str, Json] = {
        "address": each.address,
        "script": each.script.hex(),
        "label": each.label,
        "owner": each.owner,
        "note": each.note,
        "proof": None,
    }
    if each.proof is not None:
        proof = each.proof
        document["proof"] = {"nonce": proof.nonce.hex(), "signature": proof.signature}
    return document


def _read_destination(fields: Fields, network: Network) -> AllowedDestination:
    proof = fields.document("proof")
    read = AllowedDestination(
        address=fields.text("address"),
        script=fields.hex("script"),
        label=read_name(fields, "label"),
        owner=read_name(fields, "owner"),
        note=read_name(fields, "note", empty=True),
        proof=None if proof is None else _read_proof(Fields(proof, fields.where("proof"))),
    )
    fields.done()
    if address_of(read.script, network) != read.address:
        raise fields.fail("address", "is not the address of the script")
    return read


def _read_proof(fields: Fields) -> ControlProof:
    proof = ControlProof(
        nonce=fields.hex("nonce", size=NONCE_BYTES), signature=fields.text("signature")
    )
    fields.done()
    if len(proof.signature) > SIGNATURE_MAX_CHARACTERS:
        raise fields.fail("signature", f"has more than {SIGNATURE_MAX_CHARACTERS} characters")
    return proof
