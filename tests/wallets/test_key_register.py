"""The key register's document: one way to write it, and the place of whatever is wrong."""

from dataclasses import replace

import pytest
from document_paths import changed, paths_of, without
from hypothesis import given
from hypothesis import strategies as st
from wallet_keys import NOW, registered
from world_coins import DESCRIPTORS, wallet_of

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.key_register import (
    Backup,
    Ceremony,
    KeyRegister,
    RegisteredKey,
    key_register_bytes,
    key_register_digest,
    read_key_register,
)

REGISTER = KeyRegister(keys=registered(wallet_of(DESCRIPTORS["wsh_sortedmulti"])))
BYTES = key_register_bytes(REGISTER)
DOCUMENT: Json = parse_json(BYTES, "register")
KEY = ("keys", 0)

ids = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
instants = st.datetimes(NOW.replace(tzinfo=None), NOW.replace(year=2199, tzinfo=None)).map(
    lambda at: at.replace(microsecond=0, tzinfo=NOW.tzinfo)
)
keys = st.builds(
    RegisteredKey,
    expression=st.from_regex(r"[\[\]a-zA-Z0-9/]{1,200}", fullmatch=True),
    holder=ids,
    vendor=ids,
    device=st.sampled_from(["serial 7", "金庫A-3", "HSM-0001"]),
    site=ids,
    backups=st.lists(
        st.builds(Backup, site=ids, reached_by=st.lists(ids, min_size=1, unique=True).map(tuple)),
        max_size=3,
    ).map(tuple),
    ceremonies=st.lists(
        st.builds(Ceremony, held_at=instants, place=st.just("大阪支店")), max_size=3
    ).map(tuple),
    last_checked_at=instants,
    rotation_due_at=instants,
)


@given(some=st.lists(keys, min_size=1, max_size=4, unique_by=lambda key: key.expression))
def test_any_register_is_read_back_as_it_was_written(some: list[RegisteredKey]) -> None:
    register = KeyRegister(keys=tuple(some))
    document = key_register_bytes(register)
    assert read_key_register(document, "register") == register
    assert key_register_bytes(read_key_register(document, "register")) == document


def test_the_digest_is_of_these_bytes() -> None:
    assert key_register_digest(BYTES) == tagged_digest("key-register", BYTES).hex()


def test_a_key_stands_once() -> None:
    twice = KeyRegister(keys=(REGISTER.keys[0], replace(REGISTER.keys[0], holder="another")))
    with pytest.raises(BadInputError, match="lists a key twice"):
        read_key_register(key_register_bytes(twice), "register")


def test_where_and_with_whom_a_key_is_counts_its_backups() -> None:
    key = REGISTER.keys[0]
    assert key.sites() == {"site-1", "bank-1"}
    assert key.people() == {"holder-1", "keeper-1"}


WRONG: list[tuple[tuple[str | int, ...], Json]] = [
    (("format",), "sekisho/key-register/v2"),
    (("keys",), []),
    ((*KEY, "expression"), ""),
    ((*KEY, "expression"), "x" * 513),
    ((*KEY, "expression"), "xpuб"),
    ((*KEY, "holder"), "Holder 1"),
    ((*KEY, "holder"), "h\u043elder-1"),
    ((*KEY, "vendor"), ""),
    ((*KEY, "device"), "serial\u202e1"),
    ((*KEY, "device"), " serial"),
    ((*KEY, "site"), None),
    ((*KEY, "backups", 0, "site"), ""),
    ((*KEY, "backups", 0, "reached_by"), []),
    ((*KEY, "backups", 0, "reached_by"), ["a", "a"]),
    ((*KEY, "ceremonies", 0, "held"), "2026-04-01"),
    ((*KEY, "ceremonies", 0, "place"), "Tоkyo"),
    ((*KEY, "last_checked"), "never"),
    ((*KEY, "rotation_due"), ""),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_each_wrong_field_is_named(path: tuple[str | int, ...], value: Json) -> None:
    with pytest.raises(BadInputError) as refusal:
        read_key_register(canonical_bytes(changed(DOCUMENT, path, value)), "register")
    assert str(path[-1]) in refusal.value.where


@pytest.mark.parametrize("path", paths_of(DOCUMENT), ids=str)
def test_each_missing_and_each_unknown_field_means_no(path: tuple[str | int, ...]) -> None:
    with pytest.raises(BadInputError, match="is missing"):
        read_key_register(canonical_bytes(without(DOCUMENT, path)), "register")
    unknown = changed(DOCUMENT, (*path[:-1], "note"), "x")
    with pytest.raises(BadInputError, match="is not a known field"):
        read_key_register(canonical_bytes(unknown), "register")
