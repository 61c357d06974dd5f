"""The peer of the scan: python-bitcoinlib parses blocks, and Python sets say what is watched.

Run in .venv-peers by bench/scan.py, with a JSON document on stdin; writes one to stdout.
"""

import json
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from bitcoin.core import (  # type: ignore[import-not-found]  # of the peers' environment
    CBlock,
    CBlockHeader,
    CTransaction,
)
from bitcoin.core.serialize import (  # type: ignore[import-not-found]  # likewise
    VectorSerializer,
)

from bench.peers.watched import random_outpoints, random_scripts


def whole_block(raw: bytes) -> Any:  # noqa: ANN401 - the peer publishes no types
    return CBlock.deserialize(raw).vtx


def transactions_alone(raw: bytes) -> Any:  # noqa: ANN401 - likewise
    """Return the transactions, without the merkle tree that CBlock computes."""
    stream = BytesIO(raw)
    CBlockHeader.stream_deserialize(stream)
    return VectorSerializer.stream_deserialize(CTransaction, stream)


def main() -> None:
    asked = json.load(sys.stdin)
    parse = {"whole": whole_block, "transactions": transactions_alone}[asked["parse"]]
    scripts = {bytes.fromhex(each) for each in asked["real_scripts"]}
    scripts.update(random_scripts(asked["scripts"]))
    coins = {
        (bytes.fromhex(txid)[::-1], int(vout))
        for txid, vout in (each.split(":") for each in asked["real_outpoints"])
    }
    coins.update(random_outpoints(asked["outpoints"]))
    found = {"bytes": 0, "transactions": 0, "hits": 0, "inputs": 0, "outputs": 0}
    started = time.perf_counter()
    with Path(asked["path"]).open("rb") as file:
        while found["bytes"] < asked["bytes"]:
            head = file.read(8)
            raw = file.read(int.from_bytes(head[4:], "little"))
            found["bytes"] += len(head) + len(raw)
            for transaction in parse(raw):
                spent = sum(
                    (each.prevout.hash, each.prevout.n) in coins for each in transaction.vin
                )
                paid = [
                    n for n, each in enumerate(transaction.vout) if each.scriptPubKey in scripts
                ]
                if paid:
                    coins.update((transaction.GetTxid(), vout) for vout in paid)
                found["transactions"] += 1
                found["hits"] += bool(spent or paid)
                found["inputs"] += spent
                found["outputs"] += len(paid)
    seconds = time.perf_counter() - started
    json.dump({**found, "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
