"""Each step that a plan may name, done on a stage; where there is nothing to do, nothing is."""

import signal
import time
from collections.abc import Callable
from typing import TypeAlias

from parts.bitcoind import Node

from bench.faulted.journal import JournalReader
from bench.faulted.plan import PARTED, Step
from bench.faulted.purse import Signed
from bench.faulted.stage import Stage

Deed: TypeAlias = Callable[[Stage, Step], bool]
"""Does a step; returns whether there was anything to do."""
CLOCKS_SECONDS = (0, 45, 120, 4_000, 90_000, -45, -120, -4_000)
"""By how much the watcher's clock is off: a view older than a minute is stale, an hour is told."""
LATE_SECONDS = 0.4
DARK_SECONDS = 0.2
JUDGED_SECONDS = 0.3
BEGINNING_SECONDS = 0.5
ROOM_BYTES = 4096


def do(stage: Stage, step: Step) -> bool:
    """Wait as the step says, and do it; return whether there was anything to do."""
    time.sleep(step.wait_ms / 1000)
    done = DEEDS[step.name](stage, step)
    stage.share()
    return done


# Movements ---------------------------------------------------------------------------------------


def _theft(stage: Stage, step: Step) -> bool:
    made = _made(stage, step)
    return made is not None and stage.send(made.raw, stage.node(step.choice))


def _theft_in_block(stage: Stage, step: Step) -> bool:
    made = _made(stage, step)
    if made is None or not stage.mine(stage.node(step.choice), [made.raw]):
        return False
    stage.note(made.txid)
    return True


def _theft_of_deposit(stage: Stage, _: Step) -> bool:
    deposit = stage.purse.paid_in()
    if not stage.send(deposit, stage.main):
        return False
    (coin,) = stage.purse.outputs_of(deposit)
    made = stage.purse.theft(coin)
    stage.purse.thefts.append(made)
    return stage.send(made.raw, stage.main)


def _replaced(stage: Stage, step: Step) -> bool:
    made = _waiting_theft(stage, step)
    return made is not None and stage.send(made.rival_raw, stage.main)


def _honest(stage: Stage, step: Step) -> bool:
    if not stage.purse.honest:
        return False
    made = stage.purse.honest.pop()
    stage.purse.sent_honest.append(made)
    return stage.send(made.raw, stage.node(step.choice))


def _bump(stage: Stage, step: Step) -> bool:
    made = _waiting(stage, step, stage.purse.sent_honest)
    if made is None:
        if not _honest(stage, step):
            return False
        made = stage.purse.sent_honest[-1]
        time.sleep(step.wait_ms / 1000)
    return stage.send(made.rival_raw, stage.node(step.choice))


def _deposit(stage: Stage, _: Step) -> bool:
    return stage.send(stage.purse.paid_in(), stage.main)


def _mine(stage: Stage, step: Step) -> bool:
    return all(stage.mine(stage.node(step.choice)) for _ in range(step.much))


def _again(stage: Stage, step: Step) -> bool:
    node = stage.node(step.choice)
    waiting = set(node.rpc("getrawmempool"))
    known = [each for each in stage.purse.known.items() if each[0] in stage.sent]
    sent = [stage.send(raw, node) for txid, raw in known if txid not in waiting]
    return any(sent)


def _made(stage: Stage, step: Step) -> Signed | None:
    # After a reorganisation a coin may be unconfirmed again; that is no less a theft.
    coins = stage.purse.coins() or stage.purse.coins(least_confirmations=0)
    if not coins:
        return None
    made = stage.purse.theft(coins[step.choice % len(coins)])
    stage.purse.thefts.append(made)
    return made


def _waiting_theft(stage: Stage, step: Step) -> Signed | None:
    """Return a theft that is in the mempool, if need be a new one."""
    made = _waiting(stage, step, stage.purse.thefts)
    if made is None:
        made = _made(stage, step)
        if made is None or not stage.send(made.raw, stage.main):
            return None
        time.sleep(step.wait_ms / 1000)
    return made


def _waiting(stage: Stage, step: Step, among: list[Signed]) -> Signed | None:
    """Return one of these that is in the mempool and whose rival never was."""
    waiting = set(stage.main.rpc("getrawmempool"))
    found = [each for each in among if each.txid in waiting and each.rival_txid not in stage.sent]
    return found[step.choice % len(found)] if found else None


# Faults ------------------------------------------------------------------------------------------


def _kill_watcher(stage: Stage, step: Step) -> bool:
    """Kill it: now, or the moment that a theft is in the journal; at times its file is lost too.

    At times it is killed once more while it begins again.
    """
    if stage.watcher is None:
        return False
    if step.choice % 2:
        _wait_for_verdict(stage, step)
    stage.kill()
    if not step.choice % 3:
        (stage.exchange.root / "watch.json").unlink(missing_ok=True)
    if not step.choice % 5:
        stage.start()
        time.sleep(step.much * BEGINNING_SECONDS)
        stage.kill()
    return True


def _wait_for_verdict(stage: Stage, step: Step) -> None:
    """Have a theft judged, and wait for its verdict, or for the entry after that."""
    made = _made(stage, step)
    journal = JournalReader(stage.exchange.root / "journal.sqlite")
    wanted, until = journal.size() + step.much % 2 + 1, time.monotonic() + JUDGED_SECONDS
    if made is not None and stage.send(made.raw, stage.node(step.choice)):
        while journal.size() < wanted and time.monotonic() < until:
            pass


def _start_watcher(stage: Stage, _: Step) -> bool:
    stage.start()
    return True


def _stop_watcher(stage: Stage, _: Step) -> bool:
    stage.signal(signal.SIGSTOP)
    return stage.watcher is not None


def _go_on(stage: Stage, _: Step) -> bool:
    stage.signal(signal.SIGCONT)
    return True


def _kill_node(stage: Stage, step: Step) -> bool:
    node = stage.node(step.choice)
    if step.much % 2:
        node.rpc(
            "gettxoutsetinfo"
        )  # it writes its blocks; else those since the last time are lost
    node.kill()
    time.sleep(step.much * DARK_SECONDS)
    stage.restart(node)
    return True


def _restart_node(stage: Stage, step: Step) -> bool:
    node = stage.node(step.choice)
    node.stop()
    time.sleep(step.much * DARK_SECONDS)
    stage.restart(node)
    return True


def _evict(stage: Stage, step: Step) -> bool:
    if not stage.main.rpc("getrawmempool"):
        _theft(stage, step)
        time.sleep(step.wait_ms / 1000)
    stage.main.stop()
    stage.restart(stage.main, options=("-persistmempool=0", "-walletbroadcast=0"))
    return True


def _drop(stage: Stage, step: Step) -> bool:
    stage.proxy.drop[step.topic] += step.much
    return True


def _late(stage: Stage, step: Step) -> bool:
    stage.proxy.late[step.topic] = step.much * LATE_SECONDS
    return True


def _in_time(stage: Stage, step: Step) -> bool:
    stage.proxy.late[step.topic] = 0.0
    return True


def _twice(stage: Stage, step: Step) -> bool:
    stage.proxy.twice[step.topic] += step.much
    return True


def _cut(stage: Stage, step: Step) -> bool:
    stage.proxy.cut.add(step.topic)
    return True


def _dead(stage: Stage, step: Step) -> bool:
    stage.proxy.mute.add(step.topic)
    return True


def _speaks(stage: Stage, step: Step) -> bool:
    stage.proxy.mute.discard(step.topic)
    return True


def _reorganised(stage: Stage, step: Step) -> bool:
    """Undo some blocks and mine one more: without what was in them, with it, or its rivals."""
    node, depth = stage.node(step.choice), step.much
    height = node.rpc("getblockcount")
    undone = node.rpc("getblockhash", height - depth + 1)
    node.rpc("invalidateblock", undone)
    how = step.choice % 3
    waiting = set(node.rpc("getrawmempool"))
    rivals = [each for each in stage.purse.thefts if each.txid in waiting] if how else []
    for number in range(depth + 1):
        if how == 1 and number == depth:
            stage.mine(node)
        elif how and number < len(rivals):
            _mined_rival(stage, node, rivals[number])
        else:
            stage.mine(node, [])
    while node.rpc("getblockcount") <= height:
        stage.mine(node, [])
    node.rpc("reconsiderblock", undone)
    return True


def _displaced(stage: Stage, step: Step) -> bool:
    made = _waiting_theft(stage, step)
    return made is not None and _mined_rival(stage, stage.main, made)


def _mined_rival(stage: Stage, node: Node, made: Signed) -> bool:
    if not stage.mine(node, [made.rival_raw]):
        return False
    stage.note(made.rival_txid)
    return True


def _disk_full(stage: Stage, step: Step) -> bool:
    """Let no file grow: at once, or after a little more was written behind the journal's end."""
    room = 0
    if step.much % 3:
        log = stage.exchange.root / "journal.sqlite-wal"
        room = log.stat().st_size + step.choice * ROOM_BYTES // 100 if log.exists() else 0
    stage.limit_files(room)
    return stage.watcher is not None


def _disk_has_room(stage: Stage, _: Step) -> bool:
    stage.limit_files(None)
    return True


def _clock(stage: Stage, step: Step) -> bool:
    before = stage.clock.off_seconds
    stage.clock.off_seconds = CLOCKS_SECONDS[step.choice % len(CLOCKS_SECONDS)]
    return stage.clock.off_seconds != before


def _part(stage: Stage, _: Step) -> bool:
    stage.parted = len(stage.nodes) > 1
    return stage.parted


def _meet(stage: Stage, step: Step) -> bool:
    for _ in range(step.much % 3):
        stage.mine(stage.node(step.choice))
    stage.meet(step.choice)
    return True


DEEDS: dict[str, Deed] = {
    "theft": _theft,
    "theft in a block": _theft_in_block,
    "theft of an unconfirmed deposit": _theft_of_deposit,
    "theft replaced by another": _replaced,
    "honest": _honest,
    "fee bump": _bump,
    "deposit": _deposit,
    "mine": _mine,
    "said again": _again,
    "watcher killed": _kill_watcher,
    "watcher started": _start_watcher,
    "watcher stopped a while": _stop_watcher,
    "watcher goes on": _go_on,
    "node killed": _kill_node,
    "node restarted": _restart_node,
    "evicted": _evict,
    "messages dropped": _drop,
    "messages late": _late,
    "messages in time": _in_time,
    "messages twice": _twice,
    "connection cut": _cut,
    "topic dead": _dead,
    "topic speaks": _speaks,
    "reorganised": _reorganised,
    "displaced": _displaced,
    "disk full": _disk_full,
    "disk has room": _disk_has_room,
    "clock jumps": _clock,
    PARTED: _part,
    "nodes meet": _meet,
}
