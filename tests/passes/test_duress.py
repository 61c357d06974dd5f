"""What was said freely, what was not, and that nobody without the openings can tell."""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world_coins import bytes_of
from world_people import NOW, PEOPLE, key_of, roster

from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.passes import duress
from sekisho.passes.duress import (
    COUNT_MAX,
    MARKS,
    Holds,
    Keeper,
    Meaning,
    Opening,
    Openings,
    Stated,
    check_openings,
    commitment,
    count_of,
    hold_of,
    joined,
    marked_number,
    openings_bytes,
    read_openings,
    unfree_statements,
)
from sekisho.passes.records import Credential, CredentialKind, Person

PASS = "aa" * 32
OTHER = "bb" * 32


def opening_of(name: str, meaning: Meaning = Meaning.MARKED) -> Opening:
    return Opening(
        public_key=key_of(name).public_key().public_bytes_raw(),
        salt=bytes_of(f"salt of {name}"),
        meaning=meaning,
        mark_key=bytes_of(f"mark key of {name}") if meaning is Meaning.MARKED else b"",
    )


def credential_of(opening: Opening, name: str = "aoki-1") -> Credential:
    return Credential(
        credential_id=name,
        kind=CredentialKind.ED25519,
        public_key=opening.public_key,
        commitment=commitment(opening),
    )


def said(opening: Opening, number: int, *, about: str = PASS, **changes: Credential) -> Stated:
    credential = changes.get("credential", credential_of(opening))
    return Stated(
        statement_id=f"{credential.credential_id} {number} {about} approve",
        pass_digest=about,
        person_id="aoki",
        credential=credential,
        number=number,
    )


AOKI = opening_of("aoki")
HELD = joined([AOKI, opening_of("baba")], "test")
FREE = marked_number(AOKI.mark_key, 7)
FORCED_KEY = bytes_of("mark key behind the second passphrase")
FORCED = marked_number(FORCED_KEY, 7)


# 1. Commitments ---------------------------------------------------------------------------------


def test_a_commitment_shows_nothing_of_what_it_hides() -> None:
    """To 32 bytes each, and another salt gives another, whatever the meaning."""
    found = {
        commitment(replace(opening_of("aoki", meaning), salt=bytes([salt]) * 32))
        for meaning in Meaning
        for salt in range(20)
    }
    assert len(found) == 60
    assert {len(each) for each in found} == {32}


def test_a_commitment_opens_in_one_way() -> None:
    usual = opening_of("aoki")
    others = (
        replace(usual, public_key=opening_of("baba").public_key),
        replace(usual, salt=bytes(32)),
        replace(usual, mark_key=FORCED_KEY),
        opening_of("aoki", Meaning.FREE),
        opening_of("aoki", Meaning.FORCED),
    )
    assert commitment(usual) not in {commitment(each) for each in others}


def test_the_commitment_is_what_it_was() -> None:
    """Pinned: rosters hold it. From the format alone: SHA-256 of the tag and RFC 8785 bytes."""

    plain = {
        "mark_key": AOKI.mark_key.hex(),
        "meaning": "marked",
        "public_key": AOKI.public_key.hex(),
        "salt": AOKI.salt.hex(),
    }
    written = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    assert commitment(AOKI) == hashlib.sha256(b"sekisho/commitment/v1\n" + written).digest()


def test_whoever_has_the_second_slot_cannot_try_it_against_the_roster() -> None:
    """The key file gives away key and mark key; without the salt neither slot fits or fails."""
    stolen = {
        commitment(Opening(public_key=AOKI.public_key, salt=salt, meaning=meaning, mark_key=mark))
        for salt in (bytes(32), AOKI.public_key, AOKI.mark_key, FORCED_KEY)
        for meaning in Meaning
        for mark in (AOKI.mark_key, FORCED_KEY, b"")
    }
    assert commitment(AOKI) not in stolen


# 2. Marks ---------------------------------------------------------------------------------------


def test_marks_of_both_keys_look_alike() -> None:
    """Seven digits, spread evenly: a chi-square of the leading digit, at one in a million."""
    for key in (AOKI.mark_key, FORCED_KEY):
        digits = Counter(
            marked_number(key, count) % MARKS // 1_000_000 for count in range(1, 5001)
        )
        assert set(digits) == set(range(10))
        assert sum((seen - 500) ** 2 / 500 for seen in digits.values()) < 44.8


def test_numbers_grow_whichever_key_marks_them() -> None:
    numbers = [marked_number((AOKI.mark_key, FORCED_KEY)[n % 3 == 0], n) for n in range(1, 300)]
    assert numbers == sorted(numbers)
    assert [count_of(each) for each in numbers] == list(range(1, 300))


@pytest.mark.parametrize("count", [0, -1, COUNT_MAX + 1])
def test_no_number_is_made_that_no_document_can_hold(count: int) -> None:
    with pytest.raises(ValueError, match="is not between"):
        marked_number(AOKI.mark_key, count)


# 3. Which statements are free -------------------------------------------------------------------


def test_the_usual_mark_is_free_and_any_other_is_not() -> None:
    assert unfree_statements([said(AOKI, FREE)], HELD) == ()
    [found] = unfree_statements([said(AOKI, FREE), said(AOKI, FORCED)], HELD)
    assert (found.sure, found.person_id, found.pass_digest) == (True, "aoki", PASS)


@given(st.integers(0, MARKS - 1), st.integers(1, 10**6))
def test_no_mark_but_one_is_free(mark: int, count: int) -> None:
    right = marked_number(AOKI.mark_key, count) % MARKS == mark
    assert (not unfree_statements([said(AOKI, count * MARKS + mark)], HELD)) is right


def test_a_mark_is_free_under_its_own_count_alone() -> None:
    mark = FREE % MARKS
    for count in (1, 6, 8, 70):
        assert unfree_statements([said(AOKI, count * MARKS + mark)], HELD)


def test_a_number_without_a_mark_is_not_free() -> None:
    """Whoever has the signing key alone, and counts 1, 2, 3."""
    assert all(unfree_statements([said(AOKI, number)], HELD)[0].sure for number in range(1, 50))


def test_whoever_knows_the_roster_cannot_pass_for_free() -> None:
    """The marks that an attacker could make from what is public."""
    for key in (AOKI.public_key, commitment(AOKI), bytes(32), FORCED_KEY):
        assert unfree_statements([said(AOKI, marked_number(key, 9))], HELD)


@pytest.mark.parametrize(("meaning", "sure"), [(Meaning.FREE, False), (Meaning.FORCED, True)])
def test_a_passkey_means_what_its_opening_says(meaning: Meaning, *, sure: bool) -> None:
    opening = opening_of("chiba", meaning)
    found = unfree_statements([said(opening, 3)], joined([opening], "test"))
    assert [each.sure for each in found] == [True] * sure


def test_without_its_opening_no_statement_is_free_and_none_is_forced() -> None:
    wrong = replace(AOKI, salt=bytes(32))
    for openings in (Openings(), joined([opening_of("baba")], "test"), joined([wrong], "test")):
        [found] = unfree_statements([said(AOKI, FREE)], openings)
        assert not found.sure


def test_an_opening_cannot_be_exchanged_for_one_with_the_other_mark_key() -> None:
    """By somebody who has the keeper's folder for a moment, and the second slot."""
    [found] = unfree_statements(
        [said(AOKI, FORCED)], joined([replace(AOKI, mark_key=FORCED_KEY)], "")
    )
    assert not found.sure


def test_a_credential_that_commits_to_nothing_is_free() -> None:
    bare = replace(credential_of(AOKI), commitment=b"")
    assert unfree_statements([said(AOKI, 1, credential=bare)], HELD) == ()


def test_as_much_is_computed_whatever_comes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: digests, marks and comparisons for the same journal, free or not."""
    calls: Counter[str] = Counter()
    first = said(AOKI, marked_number(AOKI.mark_key, 1))
    seconds = [said(AOKI, number) for number in (FREE, FORCED, 3)]

    def counted(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def counting(*arguments: object, **named: object) -> object:
            calls[name] += 1
            return call(*arguments, **named)

        return counting

    for name in ("digest", "compare_digest"):
        monkeypatch.setattr(hmac, name, counted(name, getattr(hmac, name)))
    for name in ("tagged_digest", "_mark"):
        monkeypatch.setattr(duress, name, counted(name, getattr(duress, name)))
    work = []
    for second in seconds:
        calls.clear()
        unfree_statements([first, second], HELD)
        work.append(dict(calls))
    # Two openings; two statements, each with two keys, thirty nodes on the way, and one mark.
    usual = {"digest": 2 * 31, "_mark": 2, "compare_digest": 4, "tagged_digest": 2 + 2 * 2}
    assert work == [usual] * 3


# 4. What is held --------------------------------------------------------------------------------


def keeper(holds: Holds, openings: Openings = HELD) -> Keeper:
    def nobody(_: dict[str, Json]) -> None:
        raise AssertionError("deciding tells nobody")

    return Keeper(openings=openings, holds=holds, report=nobody)


def held(holds: Holds, *statements: Stated, about: str = PASS) -> bool:
    report = hold_of(keeper(holds), statements, frozenset({about}), where="gate", now=NOW)
    return report is not None


def test_nothing_is_held_without_a_reason() -> None:
    assert not held(Holds(), said(AOKI, FREE))
    assert not held(Holds(passes=frozenset({OTHER})), said(AOKI, FREE))


def test_a_keeper_holds_everything_or_one_pass() -> None:
    assert held(Holds(on=True), said(AOKI, FREE))
    assert held(Holds(passes=frozenset({PASS})), said(AOKI, FREE))


def test_one_forced_statement_holds_everything_until_it_is_settled() -> None:
    """As a keeper's hold does: that one pass alone is held must not tell which, nor why."""
    forced = said(AOKI, FORCED, about=OTHER)
    assert held(Holds(), said(AOKI, FREE), forced)
    assert held(Holds(), forced, about="cc" * 32)
    settled = Holds(settled=frozenset({forced.statement_id}))
    assert not held(settled, said(AOKI, FREE), forced)


def test_what_was_itself_approved_under_duress_is_held_for_good() -> None:
    forced = said(AOKI, FORCED)
    assert held(Holds(settled=frozenset({forced.statement_id})), forced)


def test_a_second_forced_statement_holds_again() -> None:
    first, second = said(AOKI, FORCED), said(AOKI, marked_number(FORCED_KEY, 8))
    assert held(Holds(settled=frozenset({first.statement_id})), first, second, about=OTHER)


def test_a_missing_opening_holds_its_own_pass_and_no_other() -> None:
    unknown = said(opening_of("endo"), 5, about=OTHER)
    assert not held(Holds(), unknown)
    assert held(Holds(), unknown, about=OTHER)


def test_the_report_says_who_and_the_keeper_alone_gets_it() -> None:
    forced = said(AOKI, FORCED)
    report = hold_of(keeper(Holds()), [forced], frozenset({PASS}), where="gate", now=NOW)
    assert report == {
        "where": "gate",
        "at": "2026-01-15T09:00:00Z",
        "passes": [PASS],
        "held_by_keeper": False,
        "statements": [
            {
                "statement_id": forced.statement_id,
                "pass_digest": PASS,
                "person_id": "aoki",
                "credential_id": "aoki-1",
                "forced": True,
            }
        ],
    }


# 5. Files and findings --------------------------------------------------------------------------


def test_openings_come_back() -> None:
    mixed = joined([AOKI, opening_of("b", Meaning.FREE), opening_of("c", Meaning.FORCED)], "test")
    assert read_openings(openings_bytes(mixed), "file") == mixed
    assert "mark_key" not in repr(mixed)
    assert AOKI.mark_key.hex() not in repr(AOKI)


def test_two_openings_of_one_key_are_refused() -> None:
    other = replace(AOKI, mark_key=FORCED_KEY)
    assert joined([AOKI, AOKI], "file").by_key == {AOKI.public_key: AOKI}
    with pytest.raises(BadInputError, match="in two ways"):
        joined([AOKI, other], "file")


GOOD = json.loads(openings_bytes(joined([AOKI], "test")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("salt", "00" * 31),
        ("mark_key", ""),
        ("mark_key", "00" * 33),
        ("meaning", "unknown"),
        ("meaning", "free"),
        ("public_key", ""),
        ("public_key", "AA" * 32),
        ("public_key", "00" * 2049),
        ("more", "x"),
    ],
)
def test_an_openings_file_is_read_strictly(name: str, value: str) -> None:
    document = {**GOOD, "openings": [{**GOOD["openings"][0], name: value}]}
    with pytest.raises(BadInputError, match=name):
        read_openings(json.dumps(document).encode(), "file")


@given(st.binary(max_size=200))
def test_any_bytes_are_openings_or_bad_input(data: bytes) -> None:
    with suppress(BadInputError):
        read_openings(data, "file")


def test_the_keeper_learns_of_openings_that_are_missing_or_wrong() -> None:
    def committed(person: Person) -> Person:
        opening = opening_of(person.person_id)
        [credential] = person.credentials
        return replace(person, credentials=(replace(credential, commitment=commitment(opening)),))

    people = roster(people=tuple(committed(each) for each in PEOPLE))
    every = [opening_of(each.person_id) for each in PEOPLE]
    assert check_openings(people, joined(every, "test")) == []
    every[2] = replace(every[2], salt=bytes(32))
    found = check_openings(people, joined(every[1:], "test"))
    assert [(each.code, each.subject) for each in found] == [
        ("passes.opening_missing", "aoki-1"),
        ("passes.opening_wrong", "chiba-1"),
    ]


def test_an_opening_without_a_commitment_in_the_roster_is_wrong() -> None:
    """Else a roster that was filed without commitments would end the whole protection unseen."""
    found = check_openings(roster(), joined([AOKI], "test"))
    assert [each.code for each in found] == ["passes.opening_wrong"]
