"""The roster: read exactly or not at all, and no key that anybody else could sign for."""

from dataclasses import replace
from datetime import timedelta

import pytest
from document_paths import changed, paths_of, place, without
from hypothesis import assume, given
from hypothesis import strategies as st
from journal_world import SIGNER
from world_people import (
    NOW,
    ONE_OF_EACH,
    PEOPLE,
    TERMINALS,
    person,
    roster,
)

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.names import look_alikes
from sekisho.passes.records import Quorum, Roster
from sekisho.passes.roster import read_roster, roster_bytes, roster_digest

DOCUMENT = parse_json(roster_bytes(roster()), "roster")


def refusal(document: Json) -> BadInputError:
    with pytest.raises(BadInputError) as refused:
        read_roster(canonical_bytes(document), "roster")
    return refused.value


def refusal_of(changed_roster: Roster) -> BadInputError:
    return refusal(parse_json(roster_bytes(changed_roster), "roster"))


ids = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True)


@given(
    st.lists(ids, min_size=2, max_size=6, unique=True), st.integers(1, 3), st.integers(1, 2**31)
)
def test_a_roster_is_read_back_as_it_was_written(
    departments: list[str], members: int, version: int
) -> None:
    people = tuple(
        person(f"{department}-{number}", department)
        for department in departments
        for number in range(members)
    )
    assume(not look_alikes(departments))
    assume(not look_alikes(each.person_id for each in people))
    assume(not look_alikes(each.name for each in people))
    quorum = Quorum(at_least=tuple((name, members) for name in sorted(departments)))
    written = roster(
        version=version,
        previous_digest="" if version == 1 else "ab" * 32,
        departments=tuple(departments),
        people=people,
        quorum_transfer=quorum,
        quorum_admin=Quorum(at_least=quorum.at_least[:2]),
    )
    document = roster_bytes(written)
    assert read_roster(document, "roster") == written
    assert roster_digest(document) == tagged_digest("roster", document).hex()


def test_each_missing_field_is_named() -> None:
    for path in paths_of(DOCUMENT):
        if path[:1] == ("quorum",) and len(path) == 3:
            continue  # the departments of a quorum are its own to choose
        assert refusal(without(DOCUMENT, path)).where == place("roster", path)


def test_an_unknown_field_anywhere_means_no() -> None:
    for parent in {path[:-1] for path in paths_of(DOCUMENT)}:
        if parent[:1] == ("quorum",) and len(parent) == 2:
            continue
        found = refusal(changed(DOCUMENT, [*parent, "note"], "x"))
        assert found.where == place("roster", parent)
        assert "'note' is not a known field" in found.reason


WRONG: list[tuple[list[str | int], Json]] = [
    (["format"], "sekisho/roster/v2"),
    (["version"], 0),
    (["version"], True),
    (["previous_digest"], "zz"),
    (["exchange"], ""),
    (["exchange"], "Hakone\u202eExchange"),
    (["created"], "yesterday"),
    (["expires"], "2020-01-01T00:00:00Z"),
    (["departments"], []),
    (["departments"], ["operations", "security", "finance", "finance"]),
    (["departments"], ["operations", "security", "finance", "Fin"]),
    (["people"], []),
    (["people", 0, "person_id"], "Aoki"),
    (["people", 0, "person_id"], "\u0430oki"),
    (["people", 0, "name"], ""),
    (["people", 0, "name"], "Aoki\u0000"),
    (["people", 0, "name"], "\u0410oki"),
    (["people", 0, "name"], "青木\u3164"),
    (["terminals", 0, "name"], "Ｄｅｓｋ"),
    (["people", 0, "department"], "Ops"),
    (["people", 0, "credentials"], []),
    (["people", 0, "credentials", 0, "credential_id"], ""),
    (["people", 0, "credentials", 0, "kind"], "passkey"),
    (["people", 0, "credentials", 0, "public_key"], "ab" * 31),
    (["people", 0, "credentials", 0, "public_key"], "AB" * 32),
    (["terminals"], []),
    (["terminals", 1, "terminal_id"], "desk 2"),
    (["terminals", 1, "name"], ""),
    (["quorum", "transfer"], {}),
    (["quorum", "transfer"], []),
    (["quorum", "transfer", "finance"], 0),
    (["quorum", "admin", "finance"], "1"),
    (["quorum", "admin", "finance"], True),
    (["quorum", "admin", "finance"], 1001),
    (["journal_key"], "log+00000000+AAAA"),
    (["journal_key"], f"{SIGNER.verifier}\n"),
    (["witnesses"], [str(SIGNER.verifier)]),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_each_wrong_field_is_named(path: list[str | int], value: Json) -> None:
    assert refusal(changed(DOCUMENT, path, value)).where == place("roster", path)


AOKI, BABA, CHIBA = PEOPLE[:3]
ONE_DEPARTMENT = Quorum(at_least=(("security", 2),))
WRONG_AS_A_WHOLE = {
    "a person twice": (
        roster(people=(*PEOPLE, replace(AOKI, credentials=person("x", "finance").credentials))),
        "roster.people",
        "'aoki' stands twice",
    ),
    "a person in two departments": (
        roster(people=(*PEOPLE, replace(person("aoki", "finance"), name="Aoki again"))),
        "roster.people",
        "'aoki' stands twice",
    ),
    "one key for two people": (
        roster(
            people=(
                *PEOPLE,
                replace(
                    person("gotoh", "finance"),
                    credentials=(replace(AOKI.credentials[0], credential_id="gotoh-1"),),
                ),
            )
        ),
        "roster.people.credentials",
        "stands twice",
    ),
    "one credential id for two keys": (
        roster(
            people=(
                *PEOPLE,
                replace(
                    person("gotoh", "finance"),
                    credentials=(
                        replace(person("gotoh", "x").credentials[0], credential_id="aoki-1"),
                    ),
                ),
            )
        ),
        "roster.people.credentials",
        "'aoki-1' stands twice",
    ),
    "a terminal twice": (
        roster(terminals=(*TERMINALS, replace(TERMINALS[0], name="another"))),
        "roster.terminals",
        "'desk-1' stands twice",
    ),
    "a department that nobody named": (
        roster(people=(*PEOPLE, person("gotoh", "sales"))),
        "roster.people",
        "'sales' is no department",
    ),
    "a quorum of one department": (
        roster(quorum_transfer=ONE_DEPARTMENT),
        "roster.quorum",
        "could be met by one department",
    ),
    "an admin quorum of one department": (
        roster(quorum_admin=ONE_DEPARTMENT),
        "roster.quorum",
        "could be met by one department",
    ),
    "a quorum that cannot be met": (
        roster(quorum_admin=Quorum(at_least=(("finance", 3), ("security", 1)))),
        "roster.quorum",
        "finance has 2 people, not 3",
    ),
    "a quorum of a department that is not there": (
        roster(quorum_transfer=Quorum(at_least=(*ONE_OF_EACH.at_least, ("sales", 1)))),
        "roster.quorum",
        "sales has 0 people, not 1",
    ),
    "a first version with something before it": (
        roster(previous_digest="ab" * 32),
        "roster.previous_digest",
        "does not go with the version",
    ),
    "a later version with nothing before it": (
        roster(version=2),
        "roster.previous_digest",
        "does not go with the version",
    ),
    "an end before the beginning": (
        roster(expires_at=NOW - timedelta(days=30)),
        "roster.expires",
        "is not after created",
    ),
}


@pytest.mark.parametrize("what", WRONG_AS_A_WHOLE)
def test_what_no_single_field_shows_is_refused(what: str) -> None:
    written, where, reason = WRONG_AS_A_WHOLE[what]
    found = refusal_of(written)
    assert found.where == where
    assert reason in found.reason


@pytest.mark.parametrize(
    "names",
    [
        ("佐藤 葵", "佐藤 蒼"),
        ("髙橋 一", "高橋 一"),
        ("斉藤　力", "斎藤　カ"),
        ("陳 偉", "Sørensen"),
    ],
)
def test_honest_names_stand_side_by_side(names: tuple[str, str]) -> None:
    first, second, *rest = roster().people
    people = (replace(first, name=names[0]), replace(second, name=names[1]), *rest)
    document = roster_bytes(roster(people=people))
    assert [each.name for each in read_roster(document, "roster").people[:2]] == list(names)


def test_two_people_of_one_name_are_told_apart_by_their_ids() -> None:
    people = tuple(replace(each, name="佐藤 葵") for each in roster().people)
    read_roster(roster_bytes(roster(people=people)), "roster")


def test_names_that_a_hurried_approver_confuses_are_refused() -> None:
    first, second, *rest = roster().people
    for other in (
        replace(second, person_id="aokl"),
        replace(second, name="AOKI"),
        replace(second, name="Aokl"),
    ):
        found = refusal_of(roster(people=(first, other, *rest)))
        assert found.where == "roster.people"
        assert "look alike" in found.reason
    desks = (roster().terminals[0], replace(roster().terminals[1], terminal_id="desk-l"))
    assert refusal_of(roster(terminals=desks)).where == "roster.terminals"
