"""A watcher of a scene at work on a journal file, and what it is shown."""

from datetime import datetime

from gate_psbts import psbt_of, signed_transaction
from gate_scene import Scene
from watch_lookout import coin, to
from world_coins import spending, stranger
from world_people import NOW

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.journal.store import JournalStore
from sekisho.watch.flow import Judged, Watch, judge_parsed, open_watch


def watching(
    journal: JournalStore, setting: Scene, *seen: Transaction, now: datetime = NOW
) -> Watch:
    known = [*setting.coins.previous, *seen]
    genesis = setting.world.genesis_digest
    return open_watch(journal, known, genesis_digest=genesis, now=now)


def judge(watch: Watch, transaction: Transaction, *, now: datetime = NOW) -> Judged:
    judged = judge_parsed(watch, transaction, now=now)
    assert judged is not None
    return judged


def signed(setting: Scene, transaction: Transaction | None = None) -> Transaction:
    """Return the scene's transaction, or another that spends its coins, signed by a library."""
    return signed_transaction(psbt_of(transaction or setting.unsigned, setting.coins))


def theft(setting: Scene) -> Transaction:
    return spending([coin(setting, 2)], [to(stranger(9), 39_000_000)])
