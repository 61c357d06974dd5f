from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from journal_log import Log, unwatched
from journal_world import OTHER, SIGNER, chain, rows_of, signed

from sekisho.journal import flow
from sekisho.journal.checkpoints import open_checkpoint
from sekisho.journal.records import Entry, Row
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Refused

KEY = SIGNER.verifier


def begun(folder: Path, origin: str = "exchange.example/journal") -> Log:
    parts = Log(
        journal=folder / "journal.sqlite",
        key=folder / "journal.key",
        vkey=folder / "journal.vkey",
        last_signed=folder / "checkpoints" / "last-signed",
        elsewhere=folder,
    )
    flow.begin_log(
        journal=parts.journal,
        key=parts.key,
        vkey=parts.vkey,
        last_signed=parts.last_signed,
        origin=origin,
    )
    return parts


def test_a_new_log_works_and_its_key_is_its_own(tmp_path: Path) -> None:
    one = begun(tmp_path)
    key = flow.read_vkey(one.vkey)
    assert key.name == "exchange.example/journal"
    empty = open_checkpoint(one.last_signed.read_bytes(), key, "empty")
    assert empty.size == 0
    one.append(1, 2, 3)
    note = one.checkpoint()
    assert open_checkpoint(note, key, "note").size == 3
    assert one.last_signed.read_bytes() == note
    assert one.key.stat().st_mode & 0o077 == 0
    (tmp_path / "other").mkdir()
    assert flow.read_vkey(begun(tmp_path / "other").vkey) != key


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_new_log_over_a_journal_on_a_server(database: str, tmp_path: Path) -> None:
    parts = {name: tmp_path / name for name in ("key", "vkey", "last_signed")}
    missing = database.replace("/journal_", "/nowhere_")
    with pytest.raises(WorldError, match="does not exist"):
        flow.begin_log(journal=missing, **parts, origin="exchange.example/journal")
    assert list(tmp_path.iterdir()) == []
    flow.begin_log(journal=database, **parts, origin="exchange.example/journal")
    one = Log(journal=database, **parts, elsewhere=tmp_path)
    one.append(1, 2, 3)
    assert open_checkpoint(one.checkpoint(), flow.read_vkey(one.vkey), "note").size == 3
    for each in parts.values():
        each.unlink()
    with pytest.raises(WorldError, match="entries in it"):
        flow.begin_log(journal=database, **parts, origin="exchange.example/journal")
    assert list(tmp_path.iterdir()) == [tmp_path / "last_signed-lock"]


@pytest.mark.parametrize("name", ["journal", "key", "vkey", "last_signed"])
def test_a_new_log_is_not_begun_over_an_old_one(tmp_path: Path, name: str) -> None:
    old = begun(tmp_path)
    before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
    for part in {"journal", "key", "vkey", "last_signed"} - {name}:
        path: Path = getattr(old, part)
        path.unlink()
        before.pop(path)
    with pytest.raises(WorldError, match="already"):
        begun(tmp_path)
    assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before


def test_a_new_log_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"journal\.key: cannot be written"):
        begun(tmp_path / "missing")


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\nb", "\u200b"])
def test_a_log_with_a_name_that_no_key_can_have(tmp_path: Path, origin: str) -> None:
    with pytest.raises(BadInputError):
        begun(tmp_path, origin)
    assert list(tmp_path.iterdir()) == []


def test_an_honest_log(log: Log) -> None:
    log.append(1, 2, 3)
    first = log.keep("first")
    log.append(4, 5)
    second = log.keep("second")
    log.append(6)
    assert log.found() == log.found(first) == log.found(first, second, log.last_signed) == []
    result = flow.verify_journal(log.journal, key=KEY, against=[first, second], watch=unwatched)
    assert (result.size, result.agrees_to) == (6, 5)


def test_a_history_rewritten_by_whoever_has_file_and_key(log: Log) -> None:
    """The kept checkpoints show it, and between which two it begins; nothing else can."""
    log.append(1, 2, 3)
    first = log.keep("first")
    log.append(4, 5)
    second = log.keep("second")
    log.append(6, 7, 8)
    third = log.keep("third")
    fork = chain(9, story="fork", after=chain(4))
    log.become(rows_of(fork))
    log.last_signed.write_bytes(signed(fork))
    assert log.found() == log.found(log.last_signed) == [], "it looks whole from inside"
    result = flow.verify_journal(
        log.journal, key=KEY, against=[third, second, first, log.last_signed], watch=unwatched
    )
    # They agree up to the forged checkpoint's 9, so those kept of 5 and 8 convict the key.
    assert {each.code for each in result.findings} == {"journal.two_histories"}
    result = flow.verify_journal(
        log.journal, key=KEY, against=[third, second, first], watch=unwatched
    )
    (found,) = result.findings
    assert (found.code, found.subject) == ("journal.forked", str(second))
    assert dict(found.facts) == {"agrees_to": "3", "differs_by": "5", "checkpoints": "2"}


def test_a_history_cut_by_whoever_has_file_and_key(log: Log) -> None:
    log.append(*range(1, 9))
    kept_elsewhere = log.keep("kept")
    log.become(rows_of(chain(5)))
    log.last_signed.write_bytes(signed(chain(5)))
    assert log.found() == log.found(log.last_signed) == []
    assert log.found(kept_elsewhere) == ["truncated"]


def test_checkpoints_that_are_not_of_this_log_are_findings_beside_the_others(log: Log) -> None:
    log.append(1, 2, 3)
    good = log.keep("good")
    (log.elsewhere / "forged").write_bytes(good.read_bytes().replace(b"\n3\n", b"\n2\n"))
    (log.elsewhere / "foreign").write_bytes(signed(chain(2), signer=OTHER))
    log.become(rows_of(chain(2)))
    found = log.found(log.elsewhere / "forged", good, log.elsewhere / "foreign")
    assert found == ["note_signature_wrong", "note_unsigned", "truncated"]
    assert log.found(good, key=OTHER.verifier) == ["note_unsigned"]


def test_what_is_no_checkpoint_or_is_not_there(log: Log) -> None:
    (log.elsewhere / "text").write_text("no note")
    (log.elsewhere / "large").write_bytes(b"a" * 10_000_000)
    for name in ("text", "large", "missing"):
        with pytest.raises(BadInputError, match=name):
            log.found(log.elsewhere / name)
    with pytest.raises(BadInputError):
        log.found(log.elsewhere)


def test_a_person_sees_how_far_it_is(log: Log) -> None:
    log.append(1, 2, 3)
    seen: list[tuple[int, int | None]] = []

    def watch(rows: Iterable[Row], total: int | None) -> Iterator[Row]:
        for row in rows:
            seen.append((row.seq, total))
            yield row

    flow.verify_journal(log.journal, key=KEY, against=[], watch=watch)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_checkpoint_is_signed_once_for_a_size(log: Log) -> None:
    log.append(1, 2)
    note = log.checkpoint()
    assert log.checkpoint() == note
    cosigned = note + "\u2014 witness.example AAAAAXM=\n".encode()
    log.last_signed.write_bytes(cosigned)
    assert log.checkpoint() == cosigned, "what witnesses added is not thrown away"
    log.append(3)
    assert open_checkpoint(log.checkpoint(), KEY, "note").size == 3


@pytest.mark.parametrize("history", [chain(4), chain(9, story="fork", after=chain(3)), ()])
def test_nothing_is_signed_that_contradicts_what_was_signed(
    log: Log, history: tuple[Entry, ...]
) -> None:
    log.append(*range(1, 7))
    before = log.checkpoint()
    log.become(rows_of(history))
    with pytest.raises(Refused) as refused:
        log.checkpoint()
    assert {each.code for each in refused.value.findings} <= {
        "journal.truncated",
        "journal.forked",
    }
    assert log.last_signed.read_bytes() == before


def test_nothing_is_signed_over_a_journal_with_a_flaw(log: Log) -> None:
    log.append(1, 2, 3)
    before = log.checkpoint()
    rows = rows_of(chain(6))
    rows[4] = rows[4]._replace(document=rows[4].document.replace(b"4502", b"4503"))
    log.become(rows)
    with pytest.raises(Refused, match="entry_changed"):
        log.checkpoint()
    assert log.last_signed.read_bytes() == before


def test_without_the_last_one_nothing_is_signed(log: Log) -> None:
    log.append(1)
    log.last_signed.unlink()
    with pytest.raises(WorldError, match="is gone"):
        log.checkpoint()
    log.last_signed.write_bytes(signed((), signer=OTHER))
    with pytest.raises(Refused, match="note_unsigned"):
        log.checkpoint()
    log.last_signed.write_bytes(b"")
    with pytest.raises(BadInputError):
        log.checkpoint()


def test_what_a_crash_left_behind_does_not_disturb(log: Log) -> None:
    log.append(1)
    (log.last_signed.parent / ".last-signed.new").write_bytes(b"half a checkpo")
    note = log.checkpoint()
    assert log.last_signed.read_bytes() == note
    assert not (log.last_signed.parent / ".last-signed.new").exists()


def test_keys_that_are_none(log: Log) -> None:
    log.append(1)
    private = SIGNER.private_key
    curve = ec.generate_private_key(ec.SECP256R1())
    for content in (
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        OTHER.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")),
        curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        b"a" * 100_000,
    ):
        log.key.write_bytes(content)
        with pytest.raises(BadInputError, match=r"journal\.key"):
            log.checkpoint()
    for text in ("", "name", f"{KEY}x", f"{KEY}\n{KEY}\n"):
        log.vkey.write_text(text)
        with pytest.raises(BadInputError, match=r"journal\.vkey"):
            log.checkpoint()
    log.vkey.unlink()
    with pytest.raises(BadInputError, match=r"journal\.vkey"):
        log.checkpoint()
    assert open_checkpoint(log.last_signed.read_bytes(), KEY, "last").size == 0
