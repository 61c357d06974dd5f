"""C2SP tlog-checkpoint: one signed line of text commits to the whole history so far.

The note's text is origin, size and root (https://c2sp.org/tlog-checkpoint). The origin of our logs
is the name of the key that signs them, and a checkpoint in which they differ is refused.
"""

import base64
from dataclasses import dataclass

from sekisho.journal.merkle import EMPTY_ROOT, HASH_BYTES
from sekisho.journal.notes import (
    SignerKey,
    VerifierKey,
    parse_base64,
    parse_note,
    sign_note,
    signed_wrongly,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused, finding

SIZE_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log says of itself at one size. Verified if `open_checkpoint` returned it."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Lines after the root, opaque to us; we write none."""

    def __str__(self) -> str:
        """Return the text that is signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions))


def parse_checkpoint(text: str, where: str) -> Checkpoint:
    """Return the checkpoint that a note's `text` is. Raises `BadInputError` at `where`.

    An empty tree with another root than the empty one is refused here: it is true of no tree.
    """
    lines = text.removesuffix("\n").split("\n")
    if not text.endswith("\n") or len(lines) < 3 or not all(lines):
        raise BadInputError(where, "is no checkpoint: origin, size, root hash, no empty line")
    size = parse_size(lines[1], f"{where}, size")
    root = parse_base64(lines[2], f"{where}, root hash")
    if len(root) != HASH_BYTES or (size == 0 and root != EMPTY_ROOT):
        raise BadInputError(f"{where}, root hash", f"is not the root of a tree of {size}")
    return Checkpoint(origin=lines[0], size=size, root=root, extensions=tuple(lines[3:]))


def parse_size(text: str, where: str) -> int:
    """Return a tree size or index: decimal digits, no leading zero, below 2**63."""
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not 0 <= size <= SIZE_MAX or str(size) != text:
        raise BadInputError(where, f"{text[:40]!r} is not a number of entries")
    return size


def open_checkpoint(data: bytes, key: VerifierKey, where: str) -> Checkpoint:
    """Return the checkpoint in `data`, which `key` signed and whose origin is the key's name.

    Raises `BadInputError` at `where` for what is no checkpoint, and `Refused` for one that this
    key did not sign (`journal.note_unsigned`, `journal.note_signature_wrong`) or that speaks for
    another log (`journal.checkpoint_foreign`).
    """
    note = parse_note(data, where)
    findings = signed_wrongly(note, key, where)
    if findings:
        raise Refused(findings)
    checkpoint = parse_checkpoint(note.text, where)
    if checkpoint.origin != key.name:
        raise Refused(
            [finding("journal.checkpoint_foreign", where, origin=checkpoint.origin, log=key.name)]
        )
    return checkpoint


def sign_checkpoint(*, size: int, root: bytes, signer: SignerKey) -> bytes:
    """Return the signed note that commits to the tree of `size` with `root`.

    The caller has verified that it is consistent with every checkpoint signed before: a log that
    signs two histories is caught, for good, by whoever kept both.
    """
    checkpoint = Checkpoint(origin=signer.name, size=size, root=root)
    if parse_checkpoint(str(checkpoint), "checkpoint to be signed") != checkpoint:
        raise RuntimeError("a checkpoint that cannot be read back")
    return sign_note(str(checkpoint), [signer])
