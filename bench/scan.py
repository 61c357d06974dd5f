"""The scan of raw blocks, beside python-bitcoinlib parsing the same bytes and looking up sets.

A file of more than 1 GB is made of five real blocks, repeated. Each run is a process of its own:
it loads what is watched, and is timed from before the file is opened until its last byte was
searched, as `sekisho scan` searches it. Both sides must find the same, or nothing is reported.
"""

import json
import lzma
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.peers.watched import random_outpoints, random_scripts
from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.edges.block_files import XOR_KEY_NAME, BlockFiles
from sekisho.watch.sieve import Sieve
from sekisho.watch.sweep import Sweep

NAME = "scan"
RUNS = 3
CYCLES = 160
"""How often the blocks are repeated: 1.08 GB."""
PEER_CYCLES = 10
"""The peer needs minutes for all of it, so it reads the beginning; its pace is the same."""
SCRIPTS = 1_000_000
SCRIPTS_MANY = 10_000_000
OUTPOINTS = 100_000

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "bench"
PEER = ROOT / ".venv-peers" / "bin" / "python"
PEERS = {"python-bitcoinlib": "whole", "python-bitcoinlib (no merkle root)": "transactions"}
XOR_KEY = bytes.fromhex("5b1d00c3e9f40a77")

Found = dict[str, Any]


def measure() -> list[dict[str, Any]]:
    paths = sorted((ROOT / "bench" / "data").glob("*.blk.xz"))
    blocks = [lzma.decompress(path.read_bytes()) for path in paths]
    cycle = b"".join(Network.MAIN.magic + len(raw).to_bytes(4, "little") + raw for raw in blocks)
    plain = {"path": _made("plain", cycle), **_really_there(blocks)}
    plain |= {"scripts": SCRIPTS, "outpoints": OUTPOINTS, "bytes": PEER_CYCLES * len(cycle)}
    asked = {
        "scan": plain,
        "scan.obfuscated": {**plain, "path": _made("obfuscated", cycle, key=XOR_KEY)},
        "scan.10m": {**plain, "scripts": SCRIPTS_MANY},
    }
    compile_seconds = _compiling(plain)
    ours: dict[str, list[Found]] = {name: [] for name in asked}
    theirs: dict[str, list[Found]] = {peer: [] for peer in PEERS}
    for _ in range(RUNS):  # in turns, so that what else the machine does hits both sides
        for name, each in asked.items():
            ours[name].append(_ours(each))
        for peer, parse in PEERS.items():
            theirs[peer].append(_peer({**plain, "parse": parse}))
    found = _all_found_the_same(ours, theirs)
    return [
        _row(
            "scan",
            ours["scan"],
            theirs,
            f"{SCRIPTS:,} scripts, {OUTPOINTS:,} outpoints, one core, file in the page cache; "
            f"{found:,} transactions found, by both sides alike. Compiled code from numba's cache "
            f"(the first scan on a machine compiles for {compile_seconds:.1f} s). The peers read "
            f"the first {plain['bytes'] / 1e6:.0f} MB; the ratio is to the faster one",
        ),
        _row("scan.obfuscated", ours["scan.obfuscated"], {}, "the same file, XORed as by Core 28"),
        _row("scan.10m", ours["scan.10m"], {}, f"the same with {SCRIPTS_MANY:,} scripts"),
    ]


def _row(
    name: str, ours: list[Found], theirs: dict[str, list[Found]], note: str
) -> dict[str, Any]:
    peers = {peer: round(_pace(found), 1) for peer, found in theirs.items()}
    return {
        "name": name,
        "unit": "MB/s",
        "ours": round(_pace(ours)),
        "peers": peers,
        "ratio": round(_pace(ours) / max(peers.values())) if peers else None,
        "runs": len(ours),
        "peak_rss_mb": round(max(each["peak_rss_mb"] for each in ours)),
        "note": note,
    }


def _pace(found: list[Found]) -> float:
    return float(statistics.median(each["bytes"] / each["seconds"] / 1e6 for each in found))


def _all_found_the_same(ours: dict[str, list[Found]], theirs: dict[str, list[Found]]) -> int:
    """Return how many transactions were found; raise if any run found other than the others."""
    counted = ("hits", "inputs", "outputs", "transactions")
    different = {tuple(each[name] for name in counted) for runs in ours.values() for each in runs}
    different |= {
        tuple(each[name] * CYCLES // PEER_CYCLES for name in counted)
        for runs in theirs.values()
        for each in runs
    }
    if len(different) != 1 or 0 in (only := next(iter(different))):
        raise RuntimeError(f"the two sides did not find the same: {counted} were {different}")
    return int(only[0])


def _made(name: str, cycle: bytes, *, key: bytes = b"") -> str:
    """Return the path of a block file with the blocks repeated; make it if it is not there."""
    path = FOLDER / name / "blk00000.dat"
    if not path.exists() or path.stat().st_size != CYCLES * len(cycle):
        path.parent.mkdir(parents=True, exist_ok=True)
        if key:
            path.with_name(XOR_KEY_NAME).write_bytes(key)
        with path.open("wb") as file:
            for _ in range(CYCLES):
                file.write(_xored(cycle, key, file.tell()))
    return str(path)


def _xored(data: bytes, key: bytes, at: int) -> bytes:
    if not key:
        return data
    repeated = (key * (len(data) // len(key) + 2))[at % len(key) :][: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(repeated)).to_bytes(len(data))


def _really_there(blocks: list[bytes]) -> dict[str, Any]:
    """Return a few scripts and outpoints that occur once each, so that there is something to find.

    Few, because what is found is parsed in Python on both sides, and is not what is measured.
    """
    parsed = [parse_block(raw, "bench").transactions for raw in blocks]
    paid = Counter(out.script for block in parsed for each in block for out in each.outputs)
    scripts = [
        next(each.outputs[0].script for each in block[1:] if paid[each.outputs[0].script] == 1)
        for block in parsed[:2]
    ]
    outpoints = [block[len(block) // 2].inputs[0].outpoint for block in parsed[2:4]]
    return {
        "real_scripts": [each.hex() for each in scripts],
        "real_outpoints": [str(each) for each in outpoints],
    }


def _ours(asked: dict[str, Any], **environment: str) -> Found:
    return _in_a_child([sys.executable, "-m", "bench.scan"], asked, environment)


def _peer(asked: dict[str, Any]) -> Found:
    if not PEER.exists():
        raise RuntimeError(f"{PEER} is not there; `make bench` makes it")
    return _in_a_child([str(PEER), "-m", "bench.peers.bitcoinlib_scan"], asked, {})


def _in_a_child(command: list[str], asked: dict[str, Any], environment: dict[str, str]) -> Found:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    found: Found = json.loads(done.stdout)
    return found


def _compiling(asked: dict[str, Any]) -> float:
    """Return how much longer loading takes where nothing is compiled yet."""
    small = {**asked, "scripts": 1000, "outpoints": 1000}
    with TemporaryDirectory(prefix="bench-numba-") as folder:
        cold, warm = (_ours(small, NUMBA_CACHE_DIR=folder) for _ in range(2))
    return float(cold["whole_seconds"] - warm["whole_seconds"])


def main() -> None:
    """Search a file as asked on stdin; tell on stdout what was found and how long it took."""
    asked = json.load(sys.stdin)
    entered = time.perf_counter()
    sieve = Sieve(os.urandom(16))
    sieve.watch_scripts(bytes.fromhex(each) for each in asked["real_scripts"])
    sieve.watch_scripts(random_scripts(asked["scripts"]))
    sieve.watch_outpoints(
        OutPoint(txid=txid, vout=int(vout))
        for txid, vout in (each.split(":") for each in asked["real_outpoints"])
    )
    sieve.watch_outpoints(
        OutPoint(txid=txid[::-1].hex(), vout=vout)
        for txid, vout in random_outpoints(asked["outpoints"])
    )
    started = time.perf_counter()
    files = BlockFiles([Path(asked["path"])], network=Network.MAIN)
    sweep = Sweep(sieve, files.read)
    inputs = outputs = hits = 0
    for sighting in sweep:
        hits += 1
        inputs += len(sighting.inputs)
        outputs += len(sighting.outputs)
    ended = time.perf_counter()
    if sweep.findings or files.findings:
        raise RuntimeError(f"{sweep.findings} {files.findings}")
    found = {
        "hits": hits,
        "inputs": inputs,
        "outputs": outputs,
        "transactions": sweep.transactions,
        "bytes": files.size,
        "seconds": ended - started,
        "whole_seconds": ended - entered,
        "peak_rss_mb": _peak_rss_mb(),
    }
    json.dump(found, sys.stdout)


def _peak_rss_mb() -> float:
    """Return the most memory that this process has had; `getrusage` would count its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    main()
