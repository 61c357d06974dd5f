"""A hash of one kind of thing is never the hash of another kind."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.digest import document_digest, tagged_digest

tags = st.text(alphabet="abcdefghijklmnopqrstuvwxyz-", min_size=1)


def test_the_preimage_byte_for_byte() -> None:
    assert tagged_digest("pass", b"{}") == hashlib.sha256(b"sekisho/pass/v1\n{}").digest()
    # What `sha256sum` says of these eighteen bytes: a pinned format does not move.
    assert (
        tagged_digest("pass", b"{}").hex()
        == "bdfd5aab146bdcf959e53498e3b71183c9ae4af1ba409e4fcf38e2a36ce12d03"
    )


def test_a_document_is_hashed_in_its_canonical_bytes() -> None:
    wanted = hashlib.sha256(b'sekisho/pass/v1\n{"a":"1","b":[true,null]}').hexdigest()
    assert document_digest("pass", {"b": [True, None], "a": "1"}) == wanted


@given(tags, st.binary(), tags, st.binary())
def test_two_kinds_never_hash_the_same_bytes(
    what: str, data: bytes, other: str, more: bytes
) -> None:
    same = tagged_digest(what, data) == tagged_digest(other, more)
    assert same == ((what, data) == (other, more))


def test_a_tag_cannot_run_into_the_data() -> None:
    # sekisho/a/v1 + newline + "b/v1\n" would also be what a tag "a/v1\nb" writes over no data.
    with pytest.raises(ValueError, match="not a tag"):
        tagged_digest("a/v1\nb", b"")
