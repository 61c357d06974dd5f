"""Does a checkpoint only add to the last one that was seen? Refuse lower ones, and forks.

For whoever relies on a journal without keeping it: gate, watcher, approvers' command lines,
auditors and witnesses. That something is a log's at all is shown by its signature; that it is the
same history as before, only by what was seen before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sekisho.journal.checkpoints import Checkpoint, open_checkpoint
from sekisho.journal.merkle import EMPTY_ROOT, Frontier, proves_consistency
from sekisho.journal.notes import Note, VerifierKey, is_by, parse_note, write_note
from sekisho.kernel.finding import Finding, Refused, finding


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """The largest checkpoint of one log that somebody saw."""

    log: VerifierKey
    """The key that signed it, or that must sign the first one."""
    checkpoint: Checkpoint
    note: bytes
    """The checkpoint with the log's signature, to be shown should the log deny it; empty as long
    as none was seen. Every history begins with the empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByProof:
    """A consistency proof from an older size."""

    old_size: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByEntries:
    """The entries themselves, from the first to the last that the new checkpoint covers."""

    leaf_hashes: Sequence[bytes]
    """`leaf_hash(entry.hash)` of each, computed from its document by whoever asks."""


Evidence: TypeAlias = ByProof | ByEntries


def none_seen(log: VerifierKey) -> LastSeen:
    """Return what somebody saw who trusts `log` and saw nothing: the first one is believed."""
    empty = Checkpoint(origin=log.name, size=0, root=EMPTY_ROOT)
    return LastSeen(log=log, checkpoint=empty, note=b"")


def seen_in(data: bytes, log: VerifierKey, where: str) -> LastSeen:
    """Return the checkpoint note in `data` as the last one seen.

    Others' signatures are left out. Raises as `open_checkpoint` does.
    """
    checkpoint = open_checkpoint(data, log, where)
    signatures = [
        each for each in parse_note(data, where).signatures if is_by(each, log.name, log.key_id)
    ]
    note = write_note(Note(text=str(checkpoint), signatures=tuple(signatures)))
    return LastSeen(log=log, checkpoint=checkpoint, note=note)


def advance(
    seen: LastSeen, data: bytes, log: VerifierKey, evidence: Evidence, where: str
) -> LastSeen:
    """Return the checkpoint note in `data` as the last one seen, in the place of `seen`.

    `log` is `seen.log`, or the key that a quorum put in its place for the same origin. Raises
    `BadInputError` at `where` for what is no checkpoint, and `Refused` for one that the log did
    not sign or that does not only add to the one seen (see `differences`).
    """
    shown = seen_in(data, log, where)
    findings = differences(seen.checkpoint, shown.checkpoint, evidence, where)
    if findings:
        raise Refused(findings)
    return shown


def differences(
    seen: Checkpoint, shown: Checkpoint, evidence: Evidence, where: str
) -> list[Finding]:
    """Return why the checkpoint `shown` does not only add to the one `seen`; nothing if it does.

    Both were verified by `open_checkpoint`. The findings: another log's
    (`journal.checkpoint_foreign`), a lower one (`journal.checkpoint_lower`), another history
    (`journal.two_histories`), a proof from another size (`journal.proof_from_elsewhere`) or that
    proves nothing (`journal.consistency_wrong`), entries that are not those of the checkpoint
    (`journal.entries_differ`).
    """
    if shown.origin != seen.origin:
        return [finding("journal.checkpoint_foreign", where, origin=shown.origin, log=seen.origin)]
    if shown.size < seen.size:
        return [finding("journal.checkpoint_lower", where, size=shown.size, seen_size=seen.size)]
    if shown.size == seen.size and shown.root != seen.root:
        return [finding("journal.two_histories", where, signed_size=shown.size)]
    if isinstance(evidence, ByEntries):
        return _by_entries(seen, shown, evidence.leaf_hashes, where)
    return _by_proof(seen, shown, evidence, where)


def _by_proof(seen: Checkpoint, shown: Checkpoint, proof: ByProof, where: str) -> list[Finding]:
    if proof.old_size != seen.size:
        return [
            finding(
                "journal.proof_from_elsewhere",
                where,
                old_size=proof.old_size,
                seen_size=seen.size,
            )
        ]
    consistent = proves_consistency(
        proof.hashes,
        old_size=seen.size,
        old_root=seen.root,
        size=shown.size,
        root=shown.root,
    )
    if consistent:
        return []
    return [finding("journal.consistency_wrong", where, old_size=seen.size, size=shown.size)]


def _by_entries(
    seen: Checkpoint, shown: Checkpoint, leaf_hashes: Sequence[bytes], where: str
) -> list[Finding]:
    tree = Frontier(leaf_hashes[: seen.size])
    old_root = tree.root()
    for leaf in leaf_hashes[seen.size :]:
        tree.append(leaf)
    if (tree.size, tree.root()) != (shown.size, shown.root):
        return [
            finding("journal.entries_differ", where, entries=len(leaf_hashes), size=shown.size)
        ]
    if old_root != seen.root:
        # What was shown stands on its entries, so it is the log that signed another beginning.
        return [finding("journal.two_histories", where, signed_size=shown.size)]
    return []
