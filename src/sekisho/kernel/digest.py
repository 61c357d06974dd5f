"""Domain-separated SHA-256: a hash of one kind of thing is never the hash of another kind."""

import hashlib

from sekisho.kernel.canonical import Json, canonical_bytes


def tagged_digest(what: str, data: bytes) -> bytes:
    """Return SHA-256 of `sekisho/<what>/v1`, a newline, and `data`: 32 bytes.

    Raises `ValueError` if `what` holds a newline: then two pairs could be one and the same bytes.
    """
    if "\n" in what:
        raise ValueError(f"{what!r} is not a tag")
    return hashlib.sha256(f"sekisho/{what}/v1\n".encode() + data).digest()


def document_digest(what: str, document: Json) -> str:
    """Return the tagged digest of a document's canonical bytes, as 64 hex characters."""
    return tagged_digest(what, canonical_bytes(document)).hex()
