"""What the watcher wrote down of anchors: what spent one at depth, and what was thought of it.

For people. It is read as it stands: an entry that cannot be read says nothing, and one that lies
shows a wrong word on a page. No check reads any of it. The gate asks for signatures alone, and
that an anchor is spent once, the chain sees to.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sekisho.chains.bitcoin.transaction import OutPoint, parse_outpoint
from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields

WATCH_SETTLED: Final = "watch.settled"

CONFIRMATIONS_MIN: Final = 6
"""From this depth on, a block counts as final; the block itself is the first.

A rival with a tenth of all work undoes six blocks less than once in a thousand times (Nakamoto
2008, section 11: q = 0.1, z = 5).
"""
_CONFIRMATIONS_MAX = 2**53 - 1
_WATCH_JUDGED = "watch.judged"
_AS_ALLOWED = frozenset({"matched", "replacement"})
_OTHERWISE = frozenset({"deviating", "unmatched", "reused"})
"""Not `expired`: that is the very payment, too late. Whoever took it for dead would pay again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """A transaction that spends the anchor of a pass, in a block that many others build on."""

    txid: str
    block_hash: str
    """In display order."""
    confirmations: int
    """When it was recorded."""
    anchors: tuple[OutPoint, ...]
    """Those of its inputs that were the anchor of a pass by then, in their order."""


def spending_body(spending: Spending) -> dict[str, Json]:
    """Return the body of the journal entry that holds a spending."""
    return {
        "txid": spending.txid,
        "block_hash": spending.block_hash,
        "confirmations": spending.confirmations,
        "anchors": [str(each) for each in spending.anchors],
    }


def read_spending(entry: Entry) -> Spending:
    """Return the spending that an entry holds.

    Raises `BadInputError` if it holds none, or one with fewer than `CONFIRMATIONS_MIN`.
    """
    fields = Fields(entry.body, f"journal entry {entry.seq}")
    spending = Spending(
        txid=fields.hex("txid", size=32).hex(),
        block_hash=fields.hex("block_hash", size=32).hex(),
        confirmations=fields.integer(
            "confirmations", at_least=CONFIRMATIONS_MIN, at_most=_CONFIRMATIONS_MAX
        ),
        anchors=tuple(
            parse_outpoint(each, fields.where("anchors")) for each in fields.texts("anchors")
        ),
    )
    fields.done()
    return spending


class Spendings:
    """The spent anchors of a journal, and the verdicts on what spent them, entry after entry."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._spenders: dict[OutPoint, str] = {}
        """By anchor. Of two, the later entry counts: the chain was reorganised between them."""
        self._verdicts: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        """By txid: each verdict, and the pass that it names."""
        for entry in entries:
            self.follow(entry)

    def follow(self, entry: Entry) -> None:
        """Take in the next entry; one that is about something else, or unreadable, is nothing."""
        try:
            if entry.kind == WATCH_SETTLED:
                spending = read_spending(entry)
                self._spenders.update(dict.fromkeys(spending.anchors, spending.txid))
            elif entry.kind == _WATCH_JUDGED:
                fields = Fields(entry.body, f"journal entry {entry.seq}")
                verdict = fields.text("verdict")
                if verdict in _AS_ALLOWED or verdict in _OTHERWISE:
                    self._verdicts[fields.text("txid")].add(
                        (verdict, fields.text("pass_id", empty=True))
                    )
        except BadInputError:
            return

    def keeps_to(self, anchor: OutPoint, pass_id: str) -> bool | None:
        """Return whether what spent an anchor at depth does what this pass allows.

        None if nothing did, or if nobody has judged it yet: while it is `undetermined`, it may be
        the very payment, and whoever took the pass for dead would pay a second time.
        """
        verdicts = self._verdicts.get(self._spenders.get(anchor, ""), set())
        if not verdicts:
            return None
        return any(kind in _AS_ALLOWED and named == pass_id for kind, named in verdicts)
