"""The scan of a node's own block files, beside the node's own rescan of them.

A node takes no mainnet blocks without all those before them. So blocks of a regtest chain are made
for it: each full one has 6,000 payments. The node's wallet watches a descriptor of a hundred
thousand scripts and rescans from the first block (`rescanblockchain`, without an index of compact
filters); `sekisho`'s scan reads the same `blk*.dat` files, with ten million scripts besides. Both
must find the same payments, or nothing is reported.
"""

import json
import statistics
import sys
import time
from typing import Any

from bench.regtest_blocks import MATURE, PER_BLOCK, chain
from bench.scan import ROOT, Found, _ours, _watched
from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network

NAME = "rescan"
RUNS = 3
FULL = 100
"""Full blocks: 128 MB."""
SCRIPTS = 100_000
SCRIPTS_OURS = 10_000_000
WALLET = "watching"
PUBLIC = (
    "tpubD6NzVbkrYhZ4XgiXtGrdW5XDAPFCL9h7we1vwNCpn8tGbBcgfVYjXyhWo4E1xkh56hjod1RhGjxbaTLV3X4FyWuej"
    "ifB9jusQ46QzG87VKp"
)
"""A public key of nobody's, of the examples in BIP-389."""


def measure() -> list[dict[str, Any]]:
    sys.path.append(str(ROOT / "tests"))
    from parts.bitcoind import running  # noqa: PLC0415 - a part of the tests, found just now

    with running("-keypool=1") as node:
        descriptor = node.rpc("getdescriptorinfo", f"wpkh({PUBLIC}/*)")["descriptor"]
        addresses = node.rpc("deriveaddresses", descriptor, [0, FULL - 1])
        paid = [script_of(each, Network.REGTEST, "bench") for each in addresses]
        size = _fill(node, paid)
        imported_seconds = _wallet(node, descriptor)
        asked = {
            "path": str(node.folder / "regtest" / "blocks"),
            "network": "REGTEST",
            "real_scripts": [each.hex() for each in paid],
            "real_outpoints": [],
            "outpoints": 0,
            "scripts": SCRIPTS_OURS,
            "watched": _watched(SCRIPTS_OURS),
        }
        ours: list[Found] = []
        theirs = []
        for _ in range(RUNS):
            ours.append(_ours(asked))
            theirs.append(_rescan(node))
        found = node.rpc("getwalletinfo", wallet=WALLET)["txcount"]
    if {each["hits"] for each in ours} != {found} or found != FULL // 10:
        raise RuntimeError(
            f"of {FULL // 10} payments we found {ours[0]['hits']}, the node {found}"
        )
    paces = [size / each["seconds"] / 1e6 for each in ours]
    pace, peer = statistics.median(paces), statistics.median(size / each / 1e6 for each in theirs)
    return [
        {
            "name": "rescan",
            "unit": "MB/s",
            "ours": round(pace),
            "peers": {"bitcoind rescanblockchain": round(peer, 1)},
            "ratio": round(pace / peer),
            "runs": RUNS,
            "peak_rss_mb": round(max(each["peak_rss_mb"] for each in ours)),
            "note": f"{size / 1e6:.0f} MB of regtest blocks with {PER_BLOCK:,} payments each, the "
            f"node's own files; {SCRIPTS_OURS:,} scripts here, {SCRIPTS:,} in the node's wallet, "
            f"which took {imported_seconds:.0f} s to be given them; both found {found} payments",
        }
    ]


def _fill(node: Any, paid: list[bytes]) -> int:  # noqa: ANN401 - of the tests
    """Give the node its chain; return how many bytes it takes in its files."""
    genesis = bytes.fromhex(node.rpc("getblockhash", 0))[::-1]
    size, minutes = 0, MATURE + FULL + 60
    began_at = int(time.time()) - 60 * minutes
    for block in chain(genesis, full=FULL, began_at=began_at, paid=paid):
        refused = node.rpc("submitblock", block.hex())
        if refused is not None:
            raise RuntimeError(f"the node refused a block: {refused}")
        size += 8 + len(block)
    return size


def _wallet(node: Any, descriptor: str) -> float:  # noqa: ANN401 - of the tests
    """Have a wallet that watches, and has found nothing yet; return how long that took."""
    options = {"disable_private_keys": True, "blank": True, "descriptors": True}
    node.rpc("createwallet", wallet_name=WALLET, **options)
    asked = {"desc": descriptor, "range": [0, SCRIPTS - 1], "timestamp": "now"}
    started = time.perf_counter()
    [done] = node.rpc("importdescriptors", [asked], wallet=WALLET)
    if not done["success"]:
        raise RuntimeError(str(done))
    return time.perf_counter() - started


def _rescan(node: Any) -> float:  # noqa: ANN401 - of the tests
    started = time.perf_counter()
    node.rpc("rescanblockchain", 0, wallet=WALLET)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
