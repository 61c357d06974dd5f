"""The scan of raw blocks, beside python-bitcoinlib parsing the same bytes and looking up sets.

A chain of more than 1 GB is made of five real blocks, repeated. Each copy pays other scripts and
spends other coins than the rest: were they the same, the words of the filter that they lead to
would stay in the cache, and what is measured would be five blocks. Each run is a process of its
own: it loads what is watched from a file, and is timed from before the block file is opened until
its last byte was searched, as `sekisho scan` searches it. Both sides must find the same, or
nothing is reported.

With BENCH_100M set, a hundred million scripts are watched as well: that takes 8 GB of memory, 4 GB
of disk, and some minutes for making the file.
"""

import json
import lzma
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.peers.watched import random_outpoints, random_scripts
from sekisho.chains.bitcoin.blocks import HEADER_SIZE, parse_block
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.reader import compact_size, var_bytes
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction
from sekisho.edges.block_files import XOR_KEY_NAME, BlockFiles
from sekisho.edges.script_files import declared_count, read_scripts, write_scripts
from sekisho.watch.sieve import Sieve
from sekisho.watch.sweep import Sweep

NAME = "scan"
RUNS = 3
RUNS_HUGE = 2
"""With a hundred million scripts: each loads for more than a minute."""
CYCLES = 160
"""How often the blocks are repeated: 1.08 GB."""
PEER_CYCLES = 10
"""The peer needs minutes for all of it, so it reads the beginning; its pace is the same.

One copy in so many has what is watched: what is found is parsed in Python on both sides, and is
not what is measured."""
SCRIPTS = 1_000_000
HUGE = 10**8
SCRIPTS_MANY = {"10m": 10_000_000} | ({"100m": HUGE} if "BENCH_100M" in os.environ else {})
OUTPOINTS = 100_000
BATCH = 10_000
BATCHES = 450
"""So many batches of new scripts make a table of ten million grow."""

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "bench"
PEER = ROOT / ".venv-peers" / "bin" / "python"
PEERS = {"python-bitcoinlib": "whole", "python-bitcoinlib (no merkle root)": "transactions"}
XOR_KEY = bytes.fromhex("5b1d00c3e9f40a77")

Found = dict[str, Any]


def measure() -> list[dict[str, Any]]:
    paths = sorted((ROOT / "bench" / "data").glob("*.blk.xz"))
    blocks = [lzma.decompress(path.read_bytes()) for path in paths]
    there = _really_there(blocks)
    size = sum(8 + len(raw) for raw in blocks)
    plain = {"path": _made("chain", blocks, there), "outpoints": OUTPOINTS, **there}
    plain |= {"scripts": SCRIPTS, "bytes": PEER_CYCLES * size}
    obfuscated = _made("chain_obfuscated", blocks, there, key=XOR_KEY)
    asked = {"scan": plain, "scan.obfuscated": {**plain, "path": obfuscated}}
    asked |= {f"scan.{name}": {**plain, "scripts": n} for name, n in SCRIPTS_MANY.items()}
    for each in asked.values():
        each["watched"] = _watched(each["scripts"])
    compile_seconds = _compiling(plain)
    ours: dict[str, list[Found]] = {name: [] for name in asked}
    theirs: dict[str, list[Found]] = {peer: [] for peer in PEERS}
    for run in range(RUNS):  # in turns, so that what else the machine does hits both sides
        for name, each in asked.items():
            if run < RUNS_HUGE or each["scripts"] < HUGE:
                ours[name].append(_ours(each))
        for peer, parse in PEERS.items():
            theirs[peer].append(_peer({**plain, "parse": parse}))
    found = _all_found_the_same(ours, theirs)
    first = _row(
        "scan",
        ours["scan"],
        theirs,
        f"{SCRIPTS:,} scripts, {OUTPOINTS:,} outpoints, one core, file in the page cache; "
        f"{found:,} transactions found, by both sides alike. Compiled code from numba's cache "
        f"(the first scan on a machine compiles for {compile_seconds:.1f} s). The peers read "
        f"the first {plain['bytes'] / 1e6:.0f} MB; the ratio is to the faster one",
    )
    rows = [first, _row("scan.obfuscated", ours["scan.obfuscated"], {}, "XORed as by Core 28")]
    for name, count in SCRIPTS_MANY.items():
        runs = ours[f"scan.{name}"]
        rows.append(_row(f"scan.{name}", runs, theirs, f"{count:,} scripts; the peers' 1,000,000"))
        rows += _more_rows(f"scan.{name}", runs)
    return rows


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
        "note": f"{note}. At best {_best(ours, 'seconds'):,.0f} MB/s; by processor time, of which "
        f"others on the machine take none, {_best(ours, 'cpu_seconds'):,.0f}; blocks that are in "
        f"memory already, by processor time, {_best(ours, 'memory_cpu_seconds'):,.0f}",
    }


def _more_rows(name: str, runs: list[Found]) -> list[dict[str, Any]]:
    """Return what else is measured of many scripts: reading them, and adding to them."""
    common: dict[str, Any] = {"peers": {}, "ratio": None, "runs": len(runs)}
    loads = [each["load_seconds"] for each in runs]
    updates = sorted(seconds for each in runs for seconds in each["update_seconds"])
    return [
        {
            "name": f"{name}.load",
            "unit": "s",
            "ours": round(statistics.median(loads), 2),
            "peak_rss_mb": round(max(each["loaded_rss_mb"] for each in runs)),
            "note": f"reading the scripts from a file with checksums; at best {min(loads):.2f} s",
            **common,
        },
        {
            "name": f"{name}.update",
            "unit": "ms",
            "ours": round(1000 * statistics.median(updates), 1),
            "peak_rss_mb": None,
            "note": f"{BATCH:,} more scripts, until a scan finds the last of them; the longest of "
            f"{len(updates):,} times {1000 * updates[-1]:.0f} ms",
            **common,
        },
    ]


def _pace(found: list[Found]) -> float:
    return float(statistics.median(each["bytes"] / each["seconds"] / 1e6 for each in found))


def _best(found: list[Found], seconds: str) -> float:
    return float(max(each["bytes"] / each[seconds] / 1e6 for each in found))


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


def _made(name: str, blocks: list[bytes], there: dict[str, Any], *, key: bytes = b"") -> str:
    """Return the path of a block file with the blocks repeated; make it if it is not there."""
    path = FOLDER / name / "blk00000.dat"
    if not path.exists() or path.stat().st_size != CYCLES * sum(8 + len(raw) for raw in blocks):
        path.parent.mkdir(parents=True, exist_ok=True)
        if key:
            path.with_name(XOR_KEY_NAME).write_bytes(key)
        with path.open("wb") as file:
            for raw in _chain(blocks, there):
                record = Network.MAIN.magic + len(raw).to_bytes(4, "little") + raw
                file.write(_xored(record, key, file.tell()))
    return str(path)


def _chain(blocks: list[bytes], there: dict[str, Any]) -> Iterator[bytes]:
    """Yield the blocks again and again, each upon the one before, with other scripts and coins."""
    kept = {bytes.fromhex(each) for each in there["real_scripts"]}
    kept |= {OutPoint(txid=txid, vout=int(vout)).serialize() for txid, vout in _coins(there)}
    random = Random("copies")  # noqa: S311 - the same ones each time
    places = [(_places(raw, set()), _places(raw, kept)) for raw in blocks]
    parent = bytes(32)
    for cycle in range(CYCLES):
        pad = np.frombuffer(random.randbytes(8), np.uint8)
        for raw, (every, others) in zip(blocks, places, strict=True):
            block = np.frombuffer(raw, np.uint8).copy()
            block[4:36] = np.frombuffer(parent, np.uint8)
            changed = every if cycle % PEER_CYCLES else others
            block[changed[:, None] + np.arange(8)] ^= pad
            parent = sha256(sha256(block[:HEADER_SIZE].tobytes()).digest()).digest()
            yield block.tobytes()


def _places(raw: bytes, kept: set[bytes]) -> NDArray[np.int64]:
    """Return where eight bytes of each script and outpoint lie, but of those to be kept.

    Scripts shorter than those of an address are left as they are.
    """
    transactions = parse_block(raw, "bench").transactions
    at = HEADER_SIZE + len(compact_size(len(transactions)))
    places: list[int] = []
    for each in transactions:
        places += _places_of(each, at, kept)
        at += len(each.serialize())
    return np.array(places, np.int64)


def _places_of(transaction: Transaction, start: int, kept: set[bytes]) -> Iterator[int]:
    marked = 2 if any(each.witness for each in transaction.inputs) else 0
    at = start + 4 + marked + len(compact_size(len(transaction.inputs)))
    for spent in transaction.inputs:
        if spent.outpoint.serialize() not in kept:
            yield at
        at += 36 + len(var_bytes(spent.script_sig)) + 4
    at += len(compact_size(len(transaction.outputs)))
    for out in transaction.outputs:
        if len(out.script) >= 22 and out.script not in kept:
            yield at + 8 + len(compact_size(len(out.script))) + 6
        at += 8 + len(var_bytes(out.script))


def _watched(count: int) -> str:
    """Return the path of a file with so many scripts; make it if it is not there."""
    path = FOLDER / f"{count}.scripts"
    if not path.exists() or declared_count(path) != count:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_scripts(path, random_scripts(count))
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
    """Return how much longer a run takes where nothing is compiled yet."""
    small = {**asked, "watched": _watched(1000), "outpoints": 1000}
    with TemporaryDirectory(prefix="bench-numba-") as folder:
        cold, warm = (_ours(small, NUMBA_CACHE_DIR=folder) for _ in range(2))
    return float(cold["whole_seconds"] - warm["whole_seconds"])


def main() -> None:
    """Search a file as asked on stdin; tell on stdout what was found and how long it took."""
    asked = json.load(sys.stdin)
    entered = time.perf_counter()
    sieve = Sieve(os.urandom(16))
    sieve.watch_scripts(bytes.fromhex(each) for each in asked["real_scripts"])
    sieve.expect_scripts(declared_count(Path(asked["watched"])))
    for data, sizes in read_scripts(Path(asked["watched"])):
        sieve.watch_packed_scripts(data, sizes)
    loaded, loaded_rss_mb = time.perf_counter(), _peak_rss_mb()
    sieve.watch_outpoints(OutPoint(txid=txid, vout=int(vout)) for txid, vout in _coins(asked))
    sieve.watch_outpoints(
        OutPoint(txid=txid[::-1].hex(), vout=vout)
        for txid, vout in random_outpoints(asked["outpoints"])
    )
    network = Network[asked.get("network", "MAIN")]
    _warm(sieve, Path(asked["path"]), network)
    started, started_cpu = time.perf_counter(), time.process_time()
    files = BlockFiles([Path(asked["path"])], network=network)
    sweep = Sweep(sieve, files.read)
    inputs = outputs = hits = 0
    for sighting in sweep:
        hits += 1
        inputs += len(sighting.inputs)
        outputs += len(sighting.outputs)
    ended, ended_cpu = time.perf_counter(), time.process_time()
    if sweep.findings or files.findings:
        raise RuntimeError(f"{sweep.findings} {files.findings}")
    found = {
        "hits": hits,
        "inputs": inputs,
        "outputs": outputs,
        "transactions": sweep.transactions,
        "bytes": files.size,
        "seconds": ended - started,
        "cpu_seconds": ended_cpu - started_cpu,
        "whole_seconds": ended - entered,
        "load_seconds": loaded - entered,
        "loaded_rss_mb": loaded_rss_mb,
        "peak_rss_mb": _peak_rss_mb(),
        "memory_cpu_seconds": _in_memory(sieve, files),
        "update_seconds": [_updating(sieve, number) for number in range(BATCHES)],
    }
    json.dump(found, sys.stdout)


def _warm(sieve: Sieve, path: Path, network: Network) -> None:
    """See to it that the file is in the page cache, and the compiled code in memory."""
    sieve.scan_transaction(_payment(b""), "bench")
    for _ in BlockFiles([path], network=network).read(lambda _position: True):
        pass


def _payment(script: bytes) -> bytes:
    """Return a transaction that pays a script."""
    spent = bytes(4) + b"\x01" + bytes(36) + b"\x00" + bytes(4)
    return spent + b"\x01" + bytes(8) + var_bytes(script) + bytes(4)


def _in_memory(sieve: Sieve, files: BlockFiles) -> float:
    """Return the processor time of searching all blocks, which are read before that."""
    blocks = [raw.data for raw in files.read(lambda _position: True)]
    started = time.process_time()
    for raw in blocks:
        sieve.scan_block(raw, "bench")
    return time.process_time() - started


def _updating(sieve: Sieve, number: int) -> float:
    """Return how long it takes until the last of some new scripts is found where it is paid."""
    random = Random(f"batch {number}")  # noqa: S311 - the same ones each time
    scripts = [b"\x00\x14" + random.randbytes(20) for _ in range(BATCH)]
    raw = _payment(scripts[-1])
    started = time.perf_counter()
    sieve.watch_scripts(scripts)
    hits = sieve.scan_transaction(raw, "bench").hits
    seconds = time.perf_counter() - started
    if [each.outputs for each in hits] != [(0,)]:
        raise RuntimeError("a script that was added is not found")
    return seconds


def _coins(asked: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for each in asked["real_outpoints"]:
        txid, _, vout = each.partition(":")
        yield txid, vout


def _peak_rss_mb() -> float:
    """Return the most memory that this process has had; `getrusage` would count its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    main()
