"""What goes wrong while nodes are followed, in the watcher's words."""

from datetime import datetime

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.watch.feed_records import Header
from sekisho.watch.records import Verdict


def node_failed(node: str, reason: str) -> Finding:
    """Say that a question to a node was not answered."""
    return finding("watch.node_failed", node, reason=reason)


def message_bad(node: str, error: BadInputError) -> Finding:
    """Say that a message of a node could not be read."""
    return finding("watch.node_message_bad", node, reason=str(error))


def node_blind(node: str) -> Finding:
    """Say that one of several nodes shows nothing."""
    return finding("watch.node_blind", node)


def block_unreadable(error: BadInputError) -> Finding:
    """Say that a block that a node gave is none."""
    return finding("watch.block_unreadable", error.where, reason=error.reason)


def block_missing(node: str, header: Header) -> Finding:
    """Say that a node cannot give a block."""
    return finding("watch.block_missing", node, height=header.height, hash=header.hash.hex())


def reorganised(node: str, header: Header, *, blocks: int) -> Finding:
    """Say that blocks that were searched are not in the chain any more."""
    return finding("watch.reorganised", node, blocks=blocks, height=header.height)


def coins_unsearched(node: str) -> Finding:
    """Say that not all coins that were there before are known yet."""
    return finding("watch.coins_unsearched", node)


def coins_unproven(txid: str, height: int, *, count: int) -> Finding:
    """Say that no node can give the transactions that made some of our coins."""
    return finding("watch.coins_unproven", txid, height=height, coins=count)


def listed_unscanned(wallet_id: str, count: int) -> Finding:
    """Say that coins paid to listed scripts before may not be known."""
    return finding("watch.listed_unscanned", wallet_id, scripts=count)


def verdicts_owed(count: int) -> Finding:
    """Say that verdicts were given that the journal could not take."""
    return finding("watch.verdicts_owed", "journal", count=count)


def lives_owed(count: int) -> Finding:
    """Say that what became of movements could not be written down."""
    return finding("watch.lives_owed", "journal", count=count)


def journal_unreadable(error: Exception) -> Finding:
    """Say that the journal cannot be followed."""
    return finding("watch.journal_unreadable", "journal", reason=str(error))


def file_unwritten(error: Exception) -> Finding:
    """Say that what the watcher has come to cannot be kept."""
    return finding("watch.file_unwritten", "watch.json", reason=str(error))


def clock_back(subject: str, was_at: datetime, now: datetime) -> Finding:
    """Say that the clock was put back behind what was seen."""
    was, is_now = format_instant(was_at), format_instant(now)
    return finding("watch.clock_back", subject, was=was, now=is_now)


def opened_late(verdict: Verdict) -> Finding:
    """Say that an alarm of before the start had no incident, and has one now."""
    return finding("watch.opened_late", verdict.txid, left_sat=verdict.left_sat)


def stopped(subject: str) -> Finding:
    """Say that the watcher was told to stop."""
    return finding("watch.stopped", subject)


def not_running(subject: str, last_seen_at: datetime) -> Finding:
    """Say that no watcher is there, and none was told to stop."""
    return finding("watch.not_running", subject, last_seen_at=format_instant(last_seen_at))


def scripts_unreadable(path: str, reason: str) -> Finding:
    """Say that what a file of scripts lists from some place on is not watched."""
    return finding("watch.scripts_unreadable", path, reason=reason)


def scripts_unfinished(path: str) -> Finding:
    """Say that a file of scripts ends in the middle of what somebody was writing."""
    return finding("watch.scripts_unfinished", path)


def scripts_replaced(path: str) -> Finding:
    """Say that another file lies where one of scripts did, or that it became shorter."""
    return finding("watch.scripts_replaced", path)
