"""Was the journal that the watcher reads seen by enough others, and lately?

Whoever relies on a journal that one server keeps is shown what that server likes. So where the
policy in force wants witnesses, the watcher wants them for its own view, and the granter of leases
for its own: asked here, by code that the gate does not share (`passes/bundle.py` is the gate's).
"""

from collections.abc import Sequence
from datetime import datetime

from sekisho.journal.merkle import Frontier, leaf_hash
from sekisho.journal.notes import parse_vkey
from sekisho.journal.records import Entry
from sekisho.journal.witness.cosignatures import parse_witness_key
from sekisho.journal.witness.witnessed import witnessed
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.watch.credence import Credence


def relied_on(
    credence: Credence, entries: Sequence[Entry], note: bytes, *, now: datetime
) -> tuple[int, tuple[Finding, ...]]:
    """Return how many entries of the journal may be relied on, and why no more may.

    `note` is the last checkpoint of the journal, empty if there is none. Where the policy in force
    wants no witness nobody is asked, and all of them may.
    """
    rule = None if credence.policy is None else credence.policy.witnesses
    if rule is None or not rule.needed:
        return len(entries), ()
    if not note:
        return 0, (finding("watch.view_not_witnessed", "journal", needed=rule.needed),)
    try:
        log = parse_vkey(credence.journal_key, "roster.journal_key")
        found = witnessed(
            note,
            log,
            [parse_witness_key(each, "roster.witnesses") for each in credence.witnesses],
            rule.needed,
            now=now,
            age_max_seconds=rule.checkpoint_age_max_seconds,
            where="checkpoint",
        )
    except BadInputError:
        return 0, (finding("watch.view_not_witnessed", "journal", needed=rule.needed),)
    except Refused as refused:
        few = finding("watch.view_not_witnessed", "journal", needed=rule.needed)
        return 0, (few, *refused.findings)
    tree = Frontier()
    for entry in entries[: found.checkpoint.size]:
        tree.append(leaf_hash(entry.hash))
    if (tree.size, tree.root()) != (found.checkpoint.size, found.checkpoint.root):
        size = found.checkpoint.size
        return 0, (finding("watch.view_is_another", "journal", entries=len(entries), size=size),)
    return tree.size, ()
