"""A watcher process that is killed the moment it has given its verdict; run by the flow's test."""

import os
import signal
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from world_people import NOW

from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.journal.store import open_journal
from sekisho.watch.flow import judge_transaction, open_watch


def judge_and_die(
    path: Path, genesis: str, seen: list[bytes], raw: bytes, told: "SimpleQueue[str]"
) -> None:
    """Put the hash of the entry that holds the verdict, and be killed."""
    journal = open_journal(path)
    known = [parse_transaction(each, "seen") for each in seen]
    watch = open_watch(journal, known, genesis_digest=genesis, now=NOW)
    judged = judge_transaction(watch, raw, where="outflow", now=NOW)
    told.put("" if judged is None else judged.entry.hash.hex())
    os.kill(os.getpid(), signal.SIGKILL)
