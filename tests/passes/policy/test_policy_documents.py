import re
from collections.abc import Iterator

import pytest
from document_paths import changed, paths_of, without
from hypothesis import given
from hypothesis import strategies as st
from policy_world import pack

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.passes.policy.documents import (
    SIZE_MAX_BYTES,
    policy_digest,
    policy_document,
    read_pack,
    read_policy,
)
from sekisho.passes.policy.packs import shipped_pack, shipped_packs

PACKS = shipped_packs()
KEY = re.compile(r"(?<![\w\"])([a-z_]+)(?= = )")
NUMBER = re.compile(r"(?<= = )([0-9]+)(?=[\s,}\n])")


def text_of(policy_id: str) -> str:
    return shipped_pack(policy_id)[0].decode()


def document_of(policy_id: str) -> Json:
    return parse_json(policy_document(pack(policy_id)), "policy")


def lines_of(policy_id: str) -> Iterator[tuple[int, str]]:
    """Yield where each line that is no comment begins, and the line."""
    at = 0
    for line in text_of(policy_id).splitlines(keepends=True):
        if not line.startswith("#"):
            yield at, line
        at += len(line)


def replaced(policy_id: str, old: str, new: str) -> bytes:
    text = text_of(policy_id)
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1).encode()


@pytest.mark.parametrize("policy_id", PACKS)
def test_both_forms_say_the_same(policy_id: str) -> None:
    document = policy_document(pack(policy_id))
    assert read_policy(document, "policy") == pack(policy_id)
    assert policy_digest(document) == tagged_digest("policy", document).hex()
    assert policy_document(read_policy(document, "policy")) == document


@pytest.mark.parametrize("policy_id", PACKS)
def test_a_typo_in_any_key_is_refused(policy_id: str) -> None:
    text = text_of(policy_id)
    keys = [
        (at + found.start(), at + found.end(), found[1])
        for at, line in lines_of(policy_id)
        for found in KEY.finditer(line)
    ]
    assert len(keys) > 60
    for begin, end, key in keys:
        for typo in (f"{key}x", key[:-1] or "z"):
            with pytest.raises(BadInputError, match=f"{key}|{typo}|is missing") as refused:
                read_pack((text[:begin] + typo + text[end:]).encode(), "pack")
            assert str(refused.value).startswith("pack")


@pytest.mark.parametrize("policy_id", PACKS)
def test_a_typo_in_any_table_is_refused(policy_id: str) -> None:
    text = text_of(policy_id)
    for found in re.finditer(r"^\[+([a-z_]+)(?=\])", text, re.MULTILINE):
        with pytest.raises(BadInputError):
            read_pack(f"{text[: found.end()]}s{text[found.end() :]}".encode(), "pack")


@pytest.mark.parametrize("policy_id", PACKS)
def test_a_number_with_a_point_is_refused(policy_id: str) -> None:
    text = text_of(policy_id)
    places = [
        at + found.end() for at, line in lines_of(policy_id) for found in NUMBER.finditer(line)
    ]
    assert len(places) > 15
    for end in places:
        with pytest.raises(BadInputError):
            read_pack(f"{text[:end]}.0{text[end:]}".encode(), "pack")


@pytest.mark.parametrize("policy_id", PACKS)
def test_what_is_missing_is_refused_or_says_something_else(policy_id: str) -> None:
    document, policy = document_of(policy_id), pack(policy_id)
    one_of_several = 0
    for path in paths_of(document):
        if not isinstance(path[-1], str):
            continue
        data = canonical_bytes(without(document, path))
        in_a_choice = len(path) > 1 and path[-2] in {"from", "most", "outside_most", "people"}
        if not in_a_choice:
            with pytest.raises(BadInputError, match=f"{path[-1]}|is missing|names no amount"):
                read_policy(data, "policy")
            continue
        one_of_several += 1
        try:
            read = read_policy(data, "policy")
        except BadInputError:
            continue
        assert read != policy
    assert one_of_several


@pytest.mark.parametrize("policy_id", PACKS)
@pytest.mark.parametrize("value", [None, True, -1000, 10**15, {}, [{}], "\u202e"], ids=repr)
def test_a_value_of_another_kind_is_refused(policy_id: str, value: Json) -> None:
    document = document_of(policy_id)
    for path in paths_of(document):
        if changed(document, path, value) == document:
            continue
        with pytest.raises(BadInputError):
            read_policy(canonical_bytes(changed(document, path, value)), "policy")


def test_no_other_spelling_of_a_filed_policy_is_read() -> None:
    document = document_of("jp-psa")
    amount = ("quorum", 0, "from")
    for data in (
        canonical_bytes(changed(document, amount, {"btc": "0"})),
        policy_document(pack("jp-psa")).replace(b":", b": "),
    ):
        with pytest.raises(BadInputError):
            read_policy(data, "policy")


NONSENSE = [
    ("jp-psa", 'effective_until = "2027-07-22"', 'effective_until = "2020-05-01"', "until"),
    ("jp-psa", 'effective_from = "2020-05-01"', 'effective_from = "2020-02-30"', "effective_from"),
    ("jp-psa", 'effective_from = "2020-05-01"', 'effective_from = "May 2020"', "is not a day"),
    ("jp-psa", 'effective_from = "2020-05-01"', "effective_from = 2020-05-01", "effective_from"),
    ("jp-psa", "{ finance = 1, operations = 1, security = 1 }", "{ finance = 3 }", "single"),
    ("jp-psa", "{ finance = 1, operations = 1, security = 1 }", "{ finance = 0, x = 1 }", "fin"),
    ("jp-psa", "{ finance = 1, operations = 1, security = 1 }", "{}", "people"),
    ("jp-psa", '["finance", "operations", "security"]', '["finance", "finance"]', "departments"),
    ("jp-psa", '["finance", "operations", "security"]', '["finance", "security"]', "operations"),
    ("jp-psa", '"operations", "security"]', '"operations", "security", "idle"]', "idle"),
    ("jp-psa", 'tiers = ["cold", "warm", "hot"]', 'tiers = ["cold", "hot"]', "no step.*warm"),
    ("jp-psa", 'levels = ["enforced", "advisory"]', 'levels = ["enforced"]', "advisory"),
    ("jp-psa", 'levels = ["enforced", "advisory"]', 'levels = ["enforced", "x"]', "levels"),
    ("jp-psa", 'from = { btc = "0" }', 'from = { btc = "1" }', "no step from 0"),
    ("jp-psa", 'from = { btc = "0" }', 'from = { btc = "0", sat = "0" }', "btc"),
    ("jp-psa", 'from = { btc = "0" }', "from = {}", "names no amount"),
    ("jp-psa", 'from = { btc = "0" }', "from = { btc = 0 }", "btc"),
    ("jp-psa", 'from = { btc = "0" }', 'from = "0"', "table"),
    ("jp-psa", 'from = { btc = "0" }', 'from = { btc = "0", jpy = 1.5 }', "jpy"),
    ("jp-psa", 'from = { btc = "0" }', 'from = { btc = "0", jpy = "9999999999999999" }', "jpy"),
    ("jp-psa", 'purposes = ["*"]', 'purposes = ["*", "rent"]', "purposes"),
    ("jp-psa", 'purposes = ["*"]', "purposes = []", "purposes"),
    ("jp-psa", '{ btc = "50", share_bps = 100 }', '{ btc = "50", share_bps = 5 }', "less leave"),
    ("jp-psa", 'window = "hour"', 'window = "pass"', "stands beside another"),
    ("jp-psa", 'window = "hour"', 'window = "week"', "window"),
    ("jp-psa", '"2000", share_bps = 5000 }', '"2000", share_bps = 1000 }', "not above"),
    ("jp-psa", '"2000", share_bps = 5000 }', '"500", share_bps = 5000 }', "not above"),
    ("jp-psa", "hold_seconds = 3600", "hold_seconds = 1800", "no more than"),
    ("jp-psa", 'from = "09:00"', 'from = "18:00"', "not after"),
    ("jp-psa", 'from = "09:00"', 'from = "9:00"', "time of day"),
    ("jp-psa", '"mon", "tue"', '"mon", "mon"', "weekdays"),
    ("jp-psa", '"mon", "tue"', '"mon", "tues"', "weekdays"),
    ("jp-psa", "sources_min = 2", "sources_min = 1", "sources_min"),
    ("jp-psa", 'fee_max = { btc = "0.05" }', "fee_max = { share_bps = 5 }", "fee_max"),
    ("jp-psa", "not_cold_max_bps = 500", "not_cold_max_bps = 10000", "not_cold_max_bps"),
    ("jp-psa", '{ btc = "5", share_bps = 10 }', '{ btc = "5", share_bps = 0 }', "share_bps"),
    ("jp-psa", '{ btc = "8000", share_bps = 10000 }', "{ share_bps = 1 }", r"limits\[0\].most"),
    ("jp-psa", '{ btc = "10", share_bps = 100 }', "{ share_bps = 1 }", r"own_machine\[0\].from"),
    ("jp-psa", '{ btc = "2000", share_bps = 5000 }', "{ jpy = 1 }", "not above"),
    ("jp-psa", '{ btc = "500", share_bps = 1000 }', "{ share_bps = 1 }", r"time_lock\[0\].from"),
    ("jp-psa", '{ btc = "50", share_bps = 500 }', "{ jpy = 1 }", "first_time.most: .*claims"),
    ("jp-psa", '{ btc = "20", share_bps = 500 }', "{ share_bps = 1 }", "outside_most: .*claims"),
    ("jp-psa", "hold_seconds = 3600", "hold_seconds = 86400", r"time_lock\[1\].hold.*outlasts"),
    ("jp-psa", "transfer_max_seconds = 86400", "transfer_max_seconds = 0", "life.transfer_max"),
    ("jp-psa", "standing_max_seconds = 2678400", "", "standing_max_seconds"),
    ("jp-psa", "[life]", '[life]\noff = "no"', "not a known field"),
    ("hk-sfc", 'tiers = ["cold"]\nmost', 'tiers = ["warm"]\nmost', "has none|beside another"),
    ("hk-sfc", "people = 2", "people = 1", "no more than"),
    ("hk-sfc", 'fee_max = { btc = "0.05" }', 'fee_max = { btc = "0,05" }', "btc"),
    ("strict", "{ finance = 1, operations = 1, security = 2 }", "{ }", "people"),
    ("strict", 'jpy = "100000000" }', "jpy = true }", "jpy"),
    ("strict", "[price]\n", '[price]\noff = "x"\n', "not a known field"),
    (
        "strict",
        "{ executive = 1, finance = 1, operations = 1, security = 2 }",
        "{ executive = 1, security = 1 }",
        "no more than",
    ),
    (
        "strict",
        'sources_min = 3\nspread_max_bps = 200\nage_max_seconds = 600\nreference = "own default"',
        'off = "no yen"',
        "yen",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("policy_id", "old", "new", "why"), NONSENSE)
def test_nonsense_is_refused(policy_id: str, old: str, new: str, why: str) -> None:
    with pytest.raises(BadInputError, match=why):
        read_pack(replaced(policy_id, old, new), "pack")


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"a = ",
        b"[a]\n[a]",
        b"a = 1\na = 2",
        b"a = " + b"[" * 5000,
        b"a = " + b"9" * 5000,
        b"#" * (SIZE_MAX_BYTES + 1),
        b"",
    ],
    ids=["not-utf8", "torn", "table-twice", "key-twice", "deep", "huge-number", "long", "empty"],
)
def test_what_is_no_pack_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError):
        read_pack(data, "pack")
    with pytest.raises(BadInputError):
        read_policy(data, "policy")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_pack_or_refused(data: bytes) -> None:
    for read in (read_pack, read_policy):
        with pytest.raises(BadInputError):
            read(data, "foreign")


def test_yen_may_be_written_either_way_and_sat_too() -> None:
    jpy = replaced("strict", 'jpy = "100000000"', "jpy = 100000000")
    sat = replaced("strict", 'btc = "10", jpy', 'sat = "1000000000", jpy')
    assert read_pack(jpy, "pack") == read_pack(sat, "pack") == pack("strict")


def test_a_day_begins_by_the_packs_own_clock() -> None:
    policy = pack("jp-psa")
    assert policy.effective_from_at.isoformat() == "2020-04-30T15:00:00+00:00"
