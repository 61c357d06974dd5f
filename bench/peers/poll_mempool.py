"""The mempool asked every two seconds, as Electrum servers ask: list, compare, fetch the new.

`python -m bench.peers.poll_mempool URL COOKIE WATCHED` prints, for each transaction that pays or
spends what is in the file WATCHED (a script or an outpoint in hex on each line), its txid and the
moment at which that was known. It is the method alone, and none of those servers: it keeps no
index and writes nothing.
"""

import sys
import time
from pathlib import Path
from typing import Any

from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.edges.node_rpc import NodeRefusedError, NodeRPC, node_address

EVERY_SECONDS = 2


def main(url: str, cookie: str, watched_path: str) -> None:
    watched = set(Path(watched_path).read_text(encoding="ascii").split())
    rpc = NodeRPC(node_address("polled", url, Path(cookie)), timeout_seconds=60)
    known: set[str] = set()
    due = time.monotonic()
    while True:
        listed: Any = rpc.call("getrawmempool")
        new = [each for each in listed if each not in known]
        known = set(listed)
        for answer in rpc.batch([("getrawtransaction", (each,)) for each in new]) if new else []:
            if isinstance(answer, NodeRefusedError) or not isinstance(answer, str):
                continue
            read = parse_transaction(bytes.fromhex(answer), "mempool")
            touched = {each.script.hex() for each in read.outputs}
            touched |= {each.outpoint.serialize().hex() for each in read.inputs}
            if touched & watched:
                print(read.txid, time.monotonic_ns() // 1_000, flush=True)
        due += EVERY_SECONDS
        time.sleep(max(due - time.monotonic(), 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
