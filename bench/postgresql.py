"""The journal on PostgreSQL: eight writers at once, beside eight that only insert.

A server of its own, on the disk that holds temporary files, with every commit synced. Each writer
is a process; they start together, and the time is from the first entry to the last. Afterwards the
journal is audited, and must hold what each writer was told, once and in order, or nothing is
reported. `python bench/postgresql.py` prints the rows.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from sekisho.journal.audit import audit
from sekisho.journal.entries import seal
from sekisho.journal.records import GENESIS, Draft
from sekisho.journal.store import create_journal_on_server, open_journal
from sekisho.kernel.canonical import INTEGER_MAX
from sekisho.kernel.instants import parse_instant
from sekisho.kernel.ulid import make_ulid

NAME = "postgresql"
RUNS = 3
WRITERS = 8
EACH = 200
ROOT = Path(__file__).parents[1]
AT = parse_instant("2024-05-31T04:26:00Z", "bench")


def measure() -> list[dict[str, Any]]:
    with server() as folder:
        turns = [
            {
                "eight": written_by(folder, f"eight_{run}", "append", WRITERS),
                "one": written_by(folder, f"one_{run}", "append", 1),
                "peer": written_by(folder, f"peer_{run}", "insert", WRITERS),
            }
            for run in range(RUNS)
        ]
    found = {what: [turn[what] for turn in turns] for what in turns[0]}
    return [
        _row(
            "postgresql.append.8",
            found["eight"],
            {"psycopg insert": found["peer"]},
            f"{WRITERS} processes, {EACH} entries each, every one on the disk before it is "
            "acknowledged; in every run nothing was lost, doubled or out of chain, and each "
            "writer's entries stand in its order. The peer inserts the same bytes from as many "
            "processes, without a chain: there the server syncs many commits at once, which a "
            "chain cannot",
        ),
        _row("postgresql.append.1", found["one"], {}, "the same with one writer"),
    ]


def _row(
    name: str,
    ours: list[dict[str, float]],
    peers: dict[str, list[dict[str, float]]],
    note: str,
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


@contextmanager
def server() -> Iterator[str]:
    """Run a server with two roles, and yield the folder of its socket."""
    command = [sys.executable, str(ROOT / "tests" / "parts" / "postgresql.py"), "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without its pipes")
        folder = process.stdout.readline().decode().strip()
        if not folder:
            raise RuntimeError("PostgreSQL did not start")
        as_superuser(folder, "CREATE ROLE keeper LOGIN", "CREATE ROLE writer LOGIN")
        yield folder
        process.stdin.close()


def as_superuser(folder: str, *statements: str, database: str = "postgres") -> None:
    with psycopg.connect(
        host=folder, user="postgres", dbname=database, autocommit=True
    ) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def written_by(folder: str, name: str, work: str, writers: int) -> dict[str, float]:
    """Let writers write to a new database at once; return how fast it went, having checked it."""
    as_superuser(folder, f"CREATE DATABASE {name} OWNER keeper")
    location = f"postgresql://writer@/{name}?host={folder}"
    if work == "append":
        create_journal_on_server(location.replace("writer@", "keeper@"), writer="writer")
    else:
        made = "CREATE TABLE journal (entry_id varchar(26) PRIMARY KEY, document bytea NOT NULL)"
        as_superuser(folder, made, "GRANT ALL ON journal TO writer", database=name)
    begin_at = time.time() + 1.5
    children = [
        subprocess.Popen(
            [sys.executable, __file__, work, location, str(writer), str(begin_at)],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(ROOT / "src")},
        )
        for writer in range(writers)
    ]
    said = [json.loads(child.communicate()[0]) for child in children]
    if any(child.returncode for child in children):
        raise RuntimeError("a writer failed")
    if work == "append":
        check(location, said)
    seconds = max(each["ended_at"] for each in said) - min(each["began_at"] for each in said)
    return {
        "per_second": writers * EACH / seconds,
        "peak_rss_mb": max(each["peak_rss_mb"] for each in said),
    }


def check(location: str, said: list[dict[str, Any]]) -> None:
    """Raise unless the journal holds exactly what each writer was told, in its order."""
    with open_journal(location) as store:
        found = audit(store.rows(), kept={})
        stands = {entry.seq: entry for entry in store.entries()}
    told = [(seq, hash_) for each in said for seq, hash_ in each["acknowledged"]]
    if found.findings or found.size != len(said) * EACH or len(stands) != found.size:
        raise RuntimeError(f"the journal is damaged: {found.findings}, {found.size} entries")
    if sorted(told) != [(seq, stands[seq].hash.hex()) for seq in sorted(stands)]:
        raise RuntimeError("what was acknowledged is not what stands")
    for each in said:
        places = [seq for seq, _ in each["acknowledged"]]
        if places != sorted(places):
            raise RuntimeError("what one writer wrote stands in another order")


def drafts(writer: int) -> Iterator[Draft]:
    for number in range(EACH):
        yield Draft(
            entry_id=make_ulid(AT, (writer << 32 | number).to_bytes(10, "big")),
            at=AT,
            kind="passes.approved",
            actor=f"yamada / operations / terminal-{writer}",
            body={
                "pass": "01HZ6QZ3C0000000000000000A",
                "digest": f"{number:064x}",
                "decision": "approve",
                "amount_sat": "450290000000",
                "sequence": number,
            },
        )


def append(location: str, writer: int, begin_at: float) -> dict[str, Any]:
    with open_journal(location) as store:
        store.last()
        time.sleep(max(0, begin_at - time.time()))
        began_at = time.time()
        entries = [store.append(draft) for draft in drafts(writer)]
        ended_at = time.time()
    acknowledged = [(entry.seq, entry.hash.hex()) for entry in entries]
    return {"began_at": began_at, "ended_at": ended_at, "acknowledged": acknowledged}


def insert(location: str, writer: int, begin_at: float) -> dict[str, Any]:
    sealed = [seal(draft, seq=INTEGER_MAX, prev_hash=GENESIS) for draft in drafts(writer)]
    with psycopg.connect(location, autocommit=True) as connection:
        time.sleep(max(0, begin_at - time.time()))
        began_at = time.time()
        for entry in sealed:
            connection.execute(
                "INSERT INTO journal VALUES (%s, %s)", (entry.entry_id, entry.document)
            )
        ended_at = time.time()
    return {"began_at": began_at, "ended_at": ended_at}


def _child(work: str, location: str, writer: str, begin_at: str) -> dict[str, Any]:
    done = {"append": append, "insert": insert}[work](location, int(writer), float(begin_at))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_kb = int(status.split("VmHWM:")[1].split()[0])
    return {**done, "peak_rss_mb": peak_kb / 1024}


if __name__ == "__main__":
    if len(sys.argv) == 5:
        print(json.dumps(_child(*sys.argv[1:])))
    else:
        print(json.dumps(measure(), indent=2))
