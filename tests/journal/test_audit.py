from dataclasses import replace
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_world import SIGNER, a_draft, chain, kept, root_of, rows_of, signed

from sekisho.journal.audit import RUNS_MAX, Audit, audit
from sekisho.journal.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from sekisho.journal.entries import entry_hash, seal
from sekisho.journal.records import GENESIS, Entry, Row
from sekisho.kernel.catalogue import catalogue, says

Found: TypeAlias = list[tuple[str, str]]

STORY = chain(12)
ROWS = rows_of(STORY)


def found_in(rows: list[Row], **checkpoints: Checkpoint) -> Found:
    return said(audit(rows, kept=checkpoints))


def said(result: Audit) -> Found:
    """Return what was found and where; every finding must also be sayable."""
    for each in result.findings:
        assert each.code in catalogue()
        for language in ("en", "ja"):
            assert "?)" not in says(each, language), "a sentence lacks a fact"
    return [
        (each.code.removeprefix("journal."), dict(each.facts).get("entries", each.subject))
        for each in result.findings
    ]


def edited(seq: int, **columns: object) -> list[Row]:
    rows = [*ROWS]
    rows[seq - 1] = rows[seq - 1]._replace(**columns)  # type: ignore[arg-type] # any column
    return rows


def resealed(seq: int, history: tuple[Entry, ...] = STORY) -> Entry:
    """Return an entry of other content for the same place, with the right chain behind it."""
    entry = history[seq - 1]
    return seal(a_draft(seq, story="forged"), seq=seq, prev_hash=entry.prev_hash)


# What an honest journal looks like -------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 12])
def test_a_journal_as_it_was_written(size: int) -> None:
    found = audit(ROWS[:size], kept={})
    assert (found.size, found.root, found.findings) == (size, root_of(STORY[:size]), ())
    assert found.agrees_to == 0


def test_every_checkpoint_of_its_own_agrees() -> None:
    for size in range(13):
        found = audit(ROWS, kept=kept(STORY[:size], STORY[: size // 2]))
        assert (found.findings, found.agrees_to) == ((), size)


def test_bodies_that_look_like_what_stands_after_a_body() -> None:
    tail = ',"id":"01HZ6QZ3C0000000000000000A","kind":"a","prev_hash":"' + "0" * 64 + '","seq":9}'
    entries: list[Entry] = []
    for number, text in enumerate([tail, "}" + tail, tail + tail, '"' + tail + "\n"], start=1):
        tip = entries[-1].hash if entries else GENESIS
        draft = replace(a_draft(number), body={"text": text, "seq": {"seq": 9}}, actor="}" + tail)
        entries.append(seal(replace(draft, actor='"},"id":"'), seq=number, prev_hash=tip))
    assert found_in(rows_of(tuple(entries))) == []


# One stored thing changed ----------------------------------------------------------------------


@pytest.mark.parametrize("seq", [1, 2, 7, 12])
def test_each_column_changed(seq: int) -> None:
    here = str(seq)
    forged = STORY[seq - 1].document.replace(b"450290000000", b"450290000001")
    assert found_in(edited(seq, document=forged)) == [("entry_changed", here)]
    assert found_in(edited(seq, hash=bytes(32))) == [("entry_changed", here)]
    assert found_in(edited(seq, hash=b"")) == [("entry_changed", here)]
    assert found_in(edited(seq, entry_id=a_draft(99).entry_id)) == [("entry_id_differs", here)]
    assert found_in(edited(seq, document=b"")) == [("entry_unreadable", here)]
    assert found_in(edited(seq, document=b'{"actor":"a"}')) == [("entry_unreadable", here)]
    rows = edited(seq, document=b"?", hash=entry_hash(b"?"))
    assert found_in(rows) == [("entry_unreadable", here)]


def test_the_place_of_the_last_entry_changed() -> None:
    found = found_in([*ROWS[:11], ROWS[11]._replace(seq=15)])
    assert found == [("entries_missing", "12-14"), ("entry_moved", "15")]


@pytest.mark.parametrize("seq", [1, 2, 7, 11])
def test_an_entry_replaced_with_its_hash_breaks_the_chain_after_it(seq: int) -> None:
    entry = resealed(seq)
    rows = edited(seq, document=entry.document, hash=entry.hash, entry_id=entry.entry_id)
    assert found_in(rows) == [("chain_broken", str(seq + 1))]


def test_the_last_entry_replaced_with_its_hash_shows_against_a_checkpoint_only() -> None:
    entry = resealed(12)
    rows = edited(12, document=entry.document, hash=entry.hash, entry_id=entry.entry_id)
    assert found_in(rows) == []
    assert found_in(rows, kept=kept(STORY)["a"]) == [("forked", "kept")]


@given(st.integers(1, 12), st.sampled_from(["document", "hash", "entry_id"]), st.data())
def test_any_byte_changed_in_any_column_is_found_at_that_entry(
    seq: int, column: str, data: st.DataObject
) -> None:
    row = ROWS[seq - 1]
    if column == "entry_id":
        at = data.draw(st.integers(0, 25))
        other = data.draw(st.characters().filter(lambda c: c != row.entry_id[at]))
        rows = edited(seq, entry_id=f"{row.entry_id[:at]}{other}{row.entry_id[at + 1 :]}")
    else:
        value = bytearray(row.document if column == "document" else row.hash)
        at = data.draw(st.integers(0, len(value) - 1))
        value[at] ^= data.draw(st.integers(1, 255))
        rows = edited(seq, **{column: bytes(value)})
    found = found_in(rows)
    assert found
    assert {where for _, where in found} == {str(seq)}


def test_a_chain_that_names_another_beginning() -> None:
    first = seal(a_draft(1), seq=1, prev_hash=STORY[5].hash)
    assert found_in(rows_of((first,))) == [("chain_broken", "1")]


# Cut, moved, added -----------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 5), (4, 4), (4, 9), (11, 11)])
def test_entries_cut_out_of_the_beginning_or_the_middle(first: int, last: int) -> None:
    rows = ROWS[: first - 1] + ROWS[last:]
    where = str(first) if first == last else f"{first}-{last}"
    assert found_in(rows) == [("entries_missing", where)]


def test_entries_cut_off_at_the_end_show_against_a_checkpoint_only() -> None:
    for size in range(12):
        assert found_in(ROWS[:size]) == []
        found = audit(ROWS[:size], kept=kept(STORY[: size + 1], STORY, STORY[: size // 2]))
        assert said(found) == [("truncated", "b")]
        assert dict(found.findings[0].facts) == {"size": str(size), "signed_size": "12"}
        assert found.agrees_to == size // 2


def test_entries_cut_out_and_the_rest_renumbered() -> None:
    rows = ROWS[:4] + [row._replace(seq=row.seq - 2) for row in ROWS[6:]]
    assert found_in(rows) == [("entry_moved", "5-10")]


def test_two_entries_in_each_other_s_place() -> None:
    rows = [*ROWS]
    rows[3], rows[8] = rows[8]._replace(seq=4), rows[3]._replace(seq=9)
    assert found_in(rows) == [("entry_moved", "4"), ("entry_moved", "9")]


def test_two_entries_in_each_other_s_place_and_sealed_anew() -> None:
    def put(entry: Entry, seq: int) -> Entry:
        draft = replace(a_draft(entry.seq), entry_id=entry.entry_id)
        return seal(draft, seq=seq, prev_hash=STORY[seq - 1].prev_hash)

    entries = (*STORY[:3], put(STORY[8], 4), *STORY[4:8], put(STORY[3], 9), *STORY[9:])
    assert found_in(rows_of(entries)) == [("chain_broken", "5"), ("chain_broken", "10")]


def test_an_entry_put_between_two_others() -> None:
    forged = resealed(5)
    later = [row._replace(seq=row.seq + 1) for row in ROWS[4:]]
    assert found_in([*ROWS[:4], *rows_of((forged,)), *later]) == [("entry_moved", "6-13")]


def test_lines_of_an_export_in_another_order() -> None:
    rows = [*ROWS[:3], ROWS[4], ROWS[3], *ROWS[5:]]
    assert found_in(rows) == [("entries_missing", "4"), ("entry_out_of_order", "4")]
    rows = [*ROWS[:5], ROWS[2], *ROWS[5:]]
    assert found_in(rows) == [("entry_out_of_order", "3")]


@given(st.lists(st.integers(0, 11), max_size=16).filter(lambda order: order != [*range(12)]))
def test_any_choice_of_rows_but_all_in_order_is_found(order: list[int]) -> None:
    found = found_in([ROWS[at] for at in order], kept=kept(STORY)["a"])
    assert found
    if order != [*range(len(order))]:
        assert {code for code, _ in found} & {"entries_missing", "entry_out_of_order"}


# Forked by someone who holds the file and the key ------------------------------------------------


def test_a_history_rewritten_as_a_whole_is_found_between_two_checkpoints() -> None:
    fork = chain(20, story="fork", after=STORY[:7])
    assert found_in(rows_of(fork)) == [], "nothing in the file shows it"
    found = audit(rows_of(fork), kept=kept(STORY[:3], STORY[:6], STORY[:9], STORY))
    assert said(found) == [("forked", "c")]
    assert dict(found.findings[0].facts) == {
        "agrees_to": "6",
        "differs_by": "9",
        "checkpoints": "2",
    }
    assert found.agrees_to == 6


def test_a_history_rewritten_from_the_first_entry() -> None:
    found = audit(rows_of(chain(12, story="fork")), kept=kept(STORY[:1]))
    assert dict(found.findings[0].facts)["agrees_to"] == "0"


def test_a_history_that_is_both_cut_and_rewritten() -> None:
    fork = chain(8, story="fork", after=STORY[:4])
    found = found_in(rows_of(fork), **kept(STORY[:3], STORY[:6], STORY))
    assert found == [("truncated", "c"), ("forked", "b")]


def test_checkpoints_of_two_histories_convict_the_key() -> None:
    fork = chain(8, story="fork", after=STORY[:4])
    # One below a checkpoint that agrees; and two of one size, of which neither agrees.
    assert found_in(ROWS, **kept(STORY, fork)) == [("two_histories", "b")]
    other = chain(8, story="third", after=STORY[:4])
    found = found_in(ROWS[:10], **kept(fork, other))
    assert found == [("forked", "a"), ("two_histories", "b")]
    assert found_in(ROWS, **kept(STORY[:8], fork)) == [("two_histories", "b")]


@given(st.integers(0, 11), st.sets(st.integers(1, 16), max_size=5))
def test_kept_checkpoints_bound_the_fork(begins: int, sizes: set[int]) -> None:
    honest = chain(16)
    fork = chain(16, story="fork", after=honest[:begins])
    checkpoints = {
        str(size): open_checkpoint(signed(honest[:size]), SIGNER.verifier, str(size))
        for size in sizes
    }
    found = audit(rows_of(fork), kept=checkpoints)
    differing = [size for size in sizes if size > begins]
    assert found.agrees_to == max((size for size in sizes if size <= begins), default=0)
    if differing:
        assert said(found) == [("forked", str(min(differing)))]
        assert dict(found.findings[0].facts)["differs_by"] == str(min(differing))
    else:
        assert found.findings == ()


# Floods ----------------------------------------------------------------------------------------


def test_a_file_of_which_every_entry_was_changed_gives_one_finding() -> None:
    rows = [row._replace(hash=bytes(32)) for row in ROWS]
    assert found_in(rows) == [("entry_changed", "1-12")]


@pytest.mark.parametrize(("every", "left_out"), [(2, 30), (3, 27)])
def test_a_flood_is_listed_in_part_and_counted_in_full(every: int, left_out: int) -> None:
    """Runs of one entry with one sound one between them; runs of two likewise."""

    def changed(row: Row) -> Row:
        return row._replace(document=row.document.replace(b"450290000000", b"450290000001"))

    rows = [changed(row) if row.seq % every else row for row in rows_of(chain(100))]
    found = audit(rows, kept={})
    listed = [each for each in found.findings if each.code == "journal.entry_changed"]
    assert len(listed) == RUNS_MAX
    assert len(found.findings) == RUNS_MAX + 1
    last = found.findings[-1]
    assert last.code == "journal.findings_left_out"
    assert dict(last.facts) == {"of": "journal.entry_changed", "entries": str(left_out)}


def test_a_gap_of_any_size_is_one_finding() -> None:
    far = seal(a_draft(1), seq=2**53 - 1, prev_hash=STORY[0].hash)
    found = audit(rows_of((STORY[0], far)), kept={})
    assert said(found) == [("entries_missing", f"2-{2**53 - 2}")]
    assert dict(found.findings[0].facts)["count"] == str(2**53 - 3)


def test_several_things_wrong_are_all_said() -> None:
    rows = [*ROWS]
    rows[1] = rows[1]._replace(hash=bytes(32))
    rows[4] = rows[4]._replace(entry_id="")
    rows[6] = rows[6]._replace(document=b"?")
    del rows[9]
    found = found_in(rows, kept=kept(STORY)["a"])
    assert sorted(found) == [
        ("entries_missing", "10"),
        ("entry_changed", "2"),
        ("entry_id_differs", "5"),
        ("entry_unreadable", "7"),
        ("truncated", "kept"),
    ]


def test_a_forged_document_of_the_longest_size_is_looked_at_once() -> None:
    """A pattern that backtracks would be at this for hours."""
    for document in (
        b'{"actor":' + b'},"id":"01HZ6QZ3C0000000000000000A","kind":"a' * 20_000,
        b'{"actor":' + b"}" * 1_000_000,
        b'{"actor":"' + b'},"id":"' * 100_000,
    ):
        row = Row(1, "", entry_hash(document), document)
        assert found_in([row]) == [("entry_unreadable", "1")]


def test_a_checkpoint_of_nothing_agrees_with_everything() -> None:
    empty = open_checkpoint(
        sign_checkpoint(size=0, root=audit([], kept={}).root, signer=SIGNER),
        SIGNER.verifier,
        "empty",
    )
    assert found_in(ROWS, empty=empty) == []
    assert found_in([], empty=empty) == []
