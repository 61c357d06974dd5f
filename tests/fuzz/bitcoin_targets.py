"""What a fuzzer feeds in the Bitcoin room: each target takes any bytes, and may only refuse them.

A target returns, or raises `BadInputError`. Anything else is a finding: another exception, an
`AssertionError` because something was read that is not written back the same, a hang.
"""

import gzip
import json
from pathlib import Path
from typing import Any

from fuzz.hunt import Target

from sekisho.chains.bitcoin.addresses import address_of, decode_base58check, script_of
from sekisho.chains.bitcoin.blocks import parse_block, parse_header
from sekisho.chains.bitcoin.networks import Network, network_of_caip2
from sekisho.chains.bitcoin.reader import Reader
from sekisho.chains.bitcoin.scripts import (
    classify,
    multi_a_of,
    multisig_of,
    parse_operations,
    pushed_stack,
)
from sekisho.chains.bitcoin.signatures import signatures_of
from sekisho.chains.bitcoin.transaction import (
    Transaction,
    TxOut,
    parse_outpoint,
    parse_transaction,
    read_transaction,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat

VECTORS = Path(__file__).parents[1] / "vectors" / "chains"


def transaction(data: bytes) -> None:
    read = parse_transaction(data, "fuzz")
    assert read.serialize() == data
    afresh = Transaction(
        version=read.version, inputs=read.inputs, outputs=read.outputs, locktime=read.locktime
    )
    assert (afresh.txid, afresh.wtxid, afresh.weight) == (read.txid, read.wtxid, read.weight)


def block(data: bytes) -> None:
    assert parse_block(data, "fuzz").serialize() == data


def header(data: bytes) -> None:
    assert parse_header(data, "fuzz").serialize() == data


def script(data: bytes) -> None:
    classify(data)
    parse_operations(data)
    pushed_stack(data)
    multisig_of(data)
    multi_a_of(data)
    for network in Network:
        address = address_of(data, network)
        assert address is None or script_of(address, network, "fuzz") == data


def address(data: bytes) -> None:
    text = data.decode("utf-8", errors="replace")
    read = {}
    for network in Network:
        try:
            read[network] = script_of(text, network, "fuzz")
        except BadInputError:
            continue
    for network, found in read.items():
        assert address_of(found, network) in {text, text.lower()}
    if not read:
        raise BadInputError("fuzz", "is an address of no network")


def base58(data: bytes) -> None:
    decode_base58check(data.decode("utf-8", errors="replace"), "fuzz")


def outpoint(data: bytes) -> None:
    text = data.decode("utf-8", errors="replace")
    assert str(parse_outpoint(text, "fuzz")) == text


def chain_id(data: bytes) -> None:
    text = data.decode("utf-8", errors="replace")
    assert network_of_caip2(text, "fuzz").caip2 == text


def signatures(data: bytes) -> None:
    """A transaction, then the outputs that it spends as they are written on the wire."""
    reader = Reader(data, "fuzz")
    signed = read_transaction(reader)
    spent = []
    for _ in signed.inputs:
        amount = reader.uint64() % (SUPPLY_MAX_SAT + 1)
        spent.append(TxOut(amount_sat=Sat(amount), script=reader.var_bytes()))
    reader.done()
    found = signatures_of(signed, spent)
    assert [each.index for each in found] == list(range(len(signed.inputs)))
    for each in found:
        assert each.understood == bool(each.keys)
        assert not each.is_signed or each.threshold <= len(each.keys)


def _seeds_of_transactions() -> list[bytes]:
    dmm = [VECTORS / "dmm" / f"{name}_tx.hex" for name in ("outflow", "funding")]
    return [bytes.fromhex(path.read_text()) for path in dmm] + [
        bytes.fromhex(case["transaction"]) for case in _spends()
    ]


def _seeds_of_signatures() -> list[bytes]:
    seeds = []
    for case in _spends():
        spent = b"".join(
            TxOut(
                amount_sat=Sat(int(each["amount_sat"])), script=bytes.fromhex(each["script"])
            ).serialize()
            for each in case["spent"]
        )
        seeds.append(bytes.fromhex(case["transaction"]) + spent)
    return seeds


def _spends() -> list[dict[str, Any]]:
    late = json.loads((VECTORS / "blocks" / "866342.spends.json").read_text())["cases"]
    early = json.loads((VECTORS / "bips" / "bip-0143.json").read_text())["cases"]
    return [*late, *early]


def _seeds_of_blocks() -> list[bytes]:
    names = ("0", "542213", "482683")
    return [gzip.decompress((VECTORS / "blocks" / f"{n}.blk.gz").read_bytes()) for n in names]


def _seeds_of_addresses() -> list[bytes]:
    rows = json.loads((VECTORS / "bitcoin-core" / "key_io_valid.json").read_text())
    return [row[0].encode() for row in rows]


def _seeds_of_scripts() -> list[bytes]:
    rows = json.loads((VECTORS / "bitcoin-core" / "key_io_valid.json").read_text())
    return [bytes.fromhex(row[1]) for row in rows]


FUZZ_TARGETS: list[Target] = [
    ("bitcoin.transaction", transaction, _seeds_of_transactions()),
    ("bitcoin.block", block, _seeds_of_blocks()),
    ("bitcoin.header", header, [each[:80] for each in _seeds_of_blocks()]),
    ("bitcoin.script", script, _seeds_of_scripts()),
    ("bitcoin.address", address, _seeds_of_addresses()),
    ("bitcoin.base58", base58, _seeds_of_addresses()),
    ("bitcoin.outpoint", outpoint, [f"{'1f' * 32}:{vout}".encode() for vout in (0, 21)]),
    ("bitcoin.chain_id", chain_id, [each.caip2.encode() for each in Network]),
    ("bitcoin.signatures", signatures, _seeds_of_signatures()),
]
