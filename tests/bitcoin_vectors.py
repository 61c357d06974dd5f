"""Reads the published vectors and real bytes that the tests of several rooms share."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from sekisho.chains.bitcoin.transaction import Transaction, TxOut, parse_transaction
from sekisho.kernel.money import Sat

VECTORS = Path(__file__).parent / "vectors" / "chains"


def text_of(name: str) -> str:
    return bytes_of(name).decode()


def bytes_of(name: str) -> bytes:
    data = (VECTORS / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


@cache
def json_of(name: str) -> Any:  # noqa: ANN401 - each file has its own shape
    return json.loads(text_of(name))


def block_bytes(height: int) -> bytes:
    return bytes_of(f"blocks/{height}.blk.gz")


def dmm_outflow() -> Transaction:
    return parse_transaction(bytes.fromhex(text_of("dmm/outflow_tx.hex")), "outflow")


def dmm_funding() -> Transaction:
    return parse_transaction(bytes.fromhex(text_of("dmm/funding_tx.hex")), "funding")


def dmm_spent() -> list[TxOut]:
    funding = dmm_funding()
    return [funding.outputs[each.outpoint.vout] for each in dmm_outflow().inputs]


def spent_of(rows: list[dict[str, str]]) -> list[TxOut]:
    return [
        TxOut(amount_sat=Sat(int(row["amount_sat"])), script=bytes.fromhex(row["script"]))
        for row in rows
    ]
