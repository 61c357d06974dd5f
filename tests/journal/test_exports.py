import json
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from journal_world import chain, rows_of

from sekisho.journal.audit import audit
from sekisho.journal.exports import export_line, export_rows
from sekisho.journal.records import Row

STORY = chain(5)
LINES = [export_line(row) for row in rows_of(STORY)]


def test_rows_come_back_as_they_were() -> None:
    assert list(export_rows(LINES)) == rows_of(STORY)
    assert list(export_rows([])) == []


def test_each_line_is_json_for_any_reader() -> None:
    for line, entry in zip(LINES, STORY, strict=True):
        found = json.loads(line)
        assert found == {"entry": json.loads(entry.document), "hash": entry.hash.hex()}
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")


def test_a_tampered_row_is_still_written_and_found_again() -> None:
    rows = rows_of(STORY)
    rows[2] = Row(3, "\ufffd", b"", b"two\nlines")
    lines = BytesIO(b"".join(export_line(row) for row in rows))
    found = audit(export_rows(lines), kept={})
    assert "journal.entry_unreadable" in {each.code for each in found.findings}


@given(st.integers(0, 4), st.data())
def test_any_byte_changed_in_any_line_is_found_there(at: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(LINES[at]) - 1))
    flip = data.draw(st.integers(1, 255))
    line = bytearray(LINES[at])
    line[place] ^= flip
    file = BytesIO(b"".join([*LINES[:at], bytes(line), *LINES[at + 1 :]]))
    found = audit(export_rows(file), kept={})
    assert found.findings
    first = dict(found.findings[0].facts)["entries"]
    assert int(first.split("-")[0]) in {at + 1, at + 2}


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_whatever_stands_there_is_a_row(lines: list[bytes]) -> None:
    found = audit(export_rows(lines), kept={})
    assert found.size == len(lines)
    assert bool(found.findings) is bool(lines)
