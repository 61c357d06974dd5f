"""The journal: durable appends and verification, beside what SQLite alone does with its bytes.

Each run is a process of its own, on the disk that holds the repository; ours and the peer take
turns, and the median counts. `python bench/journal.py` prints the rows.
"""

import json
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sekisho.journal.audit import audit
from sekisho.journal.entries import entry_hash, placed, seal
from sekisho.journal.records import GENESIS, Draft, Row
from sekisho.journal.store import create_journal, open_journal
from sekisho.kernel.canonical import INTEGER_MAX
from sekisho.kernel.ulid import make_ulid

NAME = "journal"
RUNS = 5
APPENDED = 3_000
VERIFIED = 200_000
READ = 20_000
AT = datetime(2024, 5, 31, 4, 26, tzinfo=UTC)


def measure() -> list[dict[str, Any]]:
    build = Path(__file__).parents[1] / "build"
    build.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=build, prefix="bench-journal-") as folder:
        _in_a_child("fill", folder)
        turns = [{work: _in_a_child(work, folder) for work in MEASURED} for _ in range(RUNS)]
    found = {work: [turn[work] for turn in turns] for work in MEASURED}
    return [
        _row(
            "journal.append",
            found["append"],
            {"sqlite3 insert": found["append_peer"]},
            "one process, each entry on the disk before the next. The peer inserts the same bytes "
            "with synchronous=FULL, but makes no canonical form, hash, chain, id check or lock",
        ),
        _row(
            "journal.verify",
            found["verify"],
            {"sqlite3 select": found["verify_peer"]},
            f"hashes, chain, columns and Merkle tree over the stored bytes of {VERIFIED:,} "
            "entries. The peer only fetches the same rows",
        ),
        _row(
            "journal.read",
            found["read"],
            {},
            "every entry parsed, held to its canonical form, its hash and the one before it",
        ),
    ]


def _row(
    name: str, ours: list[dict[str, float]], peers: dict[str, list[dict[str, float]]], note: str
) -> dict[str, Any]:
    pace = statistics.median(each["per_second"] for each in ours)
    others = {
        peer: statistics.median(each["per_second"] for each in found)
        for peer, found in peers.items()
    }
    return {
        "name": name,
        "unit": "entries/s",
        "ours": round(pace),
        "peers": {peer: round(value) for peer, value in others.items()},
        "ratio": round(pace / max(others.values()), 3) if others else None,
        "runs": len(ours),
        "peak_rss_mb": round(max(each["peak_rss_mb"] for each in ours)),
        "note": note,
    }


def _in_a_child(work: str, folder: str) -> dict[str, float]:
    source = str(Path(__file__).parents[1] / "src")
    done = subprocess.run(
        [sys.executable, __file__, work, folder],
        check=True,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": source},
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def drafts(count: int) -> Iterator[Draft]:
    for number in range(count):
        yield Draft(
            entry_id=make_ulid(AT, number.to_bytes(10, "big")),
            at=AT,
            kind="passes.approved",
            actor="yamada / operations / terminal-3",
            body={
                "pass": "01HZ6QZ3C0000000000000000A",
                "digest": f"{number:064x}",
                "decision": "approve",
                "amount_sat": "450290000000",
                "sequence": number,
            },
        )


def rows(count: int) -> Iterator[Row]:
    """Yield the rows of a long journal without the work of sealing each entry."""
    (template,) = drafts(1)
    entry = seal(template, seq=INTEGER_MAX, prev_hash=GENESIS)
    tip = GENESIS
    for seq in range(1, count + 1):
        entry_id = make_ulid(AT, seq.to_bytes(10, "big"))
        document = placed(entry, seq=seq, prev_hash=tip).document
        document = document.replace(entry.entry_id.encode(), entry_id.encode())
        tip = entry_hash(document)
        yield Row(seq, entry_id, tip, document)


def fill(folder: Path) -> int:
    """Put a long journal where the others find it, in one transaction."""
    path = folder / "long.sqlite"
    create_journal(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER journal_grows_at_its_end")
        connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows(VERIFIED))
    return VERIFIED


def append(folder: Path) -> Callable[[], int]:
    path = folder / f"append-{time.monotonic_ns()}.sqlite"
    store = create_journal(path)
    asked = list(drafts(APPENDED))
    store.append(asked[0])

    def work() -> int:
        for draft in asked[1:]:
            store.append(draft)
        return APPENDED - 1

    return work


def append_peer(folder: Path) -> Callable[[], int]:
    path = folder / f"peer-{time.monotonic_ns()}.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE journal (seq INTEGER PRIMARY KEY, document BLOB)")
    documents = [(row.seq, row.document) for row in rows(APPENDED)]
    connection.execute("INSERT INTO journal VALUES (?, ?)", documents[0])

    def work() -> int:
        for document in documents[1:]:
            connection.execute("INSERT INTO journal VALUES (?, ?)", document)
        return APPENDED - 1

    return work


def verify(folder: Path) -> Callable[[], int]:
    store = open_journal(folder / "long.sqlite")

    def work() -> int:
        found = audit(store.rows(), kept={})
        if found.findings:
            raise RuntimeError(f"the journal of the benchmark is damaged: {found.findings[0]}")
        return found.size

    return work


def verify_peer(folder: Path) -> Callable[[], int]:
    connection = sqlite3.connect(folder / "long.sqlite")

    def work() -> int:
        return sum(1 for _ in connection.execute("SELECT * FROM journal ORDER BY seq"))

    return work


def read(folder: Path) -> Callable[[], int]:
    store = open_journal(folder / "long.sqlite")
    return lambda: sum(1 for _ in store.entries(after_seq=VERIFIED - READ))


MEASURED = {
    "append": append,
    "append_peer": append_peer,
    "verify": verify,
    "verify_peer": verify_peer,
    "read": read,
}


def _child(work: str, folder: Path) -> dict[str, float]:
    if work == "fill":
        return {"entries": fill(folder)}
    run = MEASURED[work](folder)
    started = time.perf_counter()
    entries = run()
    seconds = time.perf_counter() - started
    # The kernel's own high-water mark of this very process; ru_maxrss would count its parent's.
    status = Path("/proc/self/status").read_text()
    peak_kb = int(status.split("VmHWM:")[1].split()[0])
    return {"per_second": entries / seconds, "peak_rss_mb": peak_kb / 1024}


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(_child(sys.argv[1], Path(sys.argv[2]))))
    else:
        print(json.dumps(measure(), indent=2))
