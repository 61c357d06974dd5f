import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from journal_world import OTHER, SIGNER, a_draft, chain, kept, key_files, rows_of, signed

from sekisho.journal import flow
from sekisho.journal.checkpoints import Checkpoint, open_checkpoint
from sekisho.journal.entries import seal
from sekisho.journal.notes import VerifierKey
from sekisho.journal.records import Entry, Row
from sekisho.journal.store import create_journal, open_journal
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Refused

KEY = SIGNER.verifier


def unwatched(rows: Iterable[Row], _total: int | None) -> Iterable[Row]:
    return rows


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log on disk, and a folder that nobody who owns the log can reach."""

    journal: Path
    key: Path
    vkey: Path
    last_signed: Path
    elsewhere: Path

    def append(self, *numbers: int, story: str = "") -> None:
        with open_journal(self.journal) as store:
            for number in numbers:
                store.append(a_draft(number, story=story))

    def checkpoint(self) -> bytes:
        return flow.checkpoint_journal(
            self.journal,
            key=self.key,
            vkey=self.vkey,
            last_signed=self.last_signed,
            watch=unwatched,
        )

    def keep(self, name: str) -> Path:
        """Sign a checkpoint and keep a copy elsewhere."""
        (self.elsewhere / name).write_bytes(self.checkpoint())
        return self.elsewhere / name

    def prove(self, seq: int) -> bytes:
        return flow.prove_inclusion(
            self.journal, seq=seq, vkey=self.vkey, last_signed=self.last_signed
        )

    def prove_consistent(self, older: Path) -> bytes:
        return flow.prove_consistency(
            self.journal, older=older, vkey=self.vkey, last_signed=self.last_signed
        )

    def found(self, *against: Path, key: VerifierKey = KEY) -> list[str]:
        result = flow.verify_journal(self.journal, key=key, against=against, watch=unwatched)
        return [each.code.removeprefix("journal.") for each in result.findings]

    def become(self, rows: Iterable[Row]) -> None:
        """Do what the owner of the file can do: put any rows into it, with everything in order."""
        for each in self.journal.parent.glob("journal.sqlite*"):
            each.unlink()
        create_journal(self.journal).close()
        with closing(sqlite3.connect(self.journal)) as connection, connection:
            connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    key, vkey = key_files(here)
    create_journal(here / "journal.sqlite").close()
    (here / "last-signed").write_bytes(signed(()))
    yield Log(
        journal=here / "journal.sqlite",
        key=key,
        vkey=vkey,
        last_signed=here / "last-signed",
        elsewhere=elsewhere,
    )
    shutil.rmtree(tmp_path)


# Beginning -------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\nb", "\u200b"])
def test_a_log_with_a_name_that_no_key_can_have(tmp_path: Path, origin: str) -> None:
    with pytest.raises(BadInputError):
        begun(tmp_path, origin)
    assert list(tmp_path.iterdir()) == []


# Verifying -------------------------------------------------------------------------------------


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


# Signing ---------------------------------------------------------------------------------------


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


# Proving ---------------------------------------------------------------------------------------


def test_a_proof_is_verified_from_file_and_key_alone(log: Log) -> None:
    log.append(*range(1, 8))
    log.checkpoint()
    log.append(8)
    for seq in range(1, 8):
        path = log.elsewhere / f"{seq}.tlog-proof"
        path.write_bytes(log.prove(seq))
        proven, checkpoint = flow.verify_proof(path, key=KEY, against=[])
        assert proven == chain(7)[seq - 1]
        assert checkpoint.size == 7
    with pytest.raises(Refused, match="note_unsigned"):
        flow.verify_proof(path, key=OTHER.verifier, against=[])


@pytest.mark.parametrize("seq", [-1, 0, 4, 10**9])
def test_an_entry_that_no_checkpoint_covers_is_not_proven(log: Log, seq: int) -> None:
    log.append(1, 2, 3)
    log.checkpoint()
    log.append(4)
    with pytest.raises(Refused, match="entry_not_covered"):
        log.prove(seq)


def test_nothing_is_proven_from_a_journal_that_is_not_what_was_signed(log: Log) -> None:
    log.append(*range(1, 6))
    older = log.keep("older")
    log.append(6)
    log.checkpoint()
    for history in (chain(4), chain(6, story="fork", after=chain(5))):
        log.become(rows_of(history))
        with pytest.raises(Refused, match=r"journal\.(truncated|forked)"):
            log.prove(2)
        with pytest.raises(Refused, match=r"journal\.(truncated|forked)"):
            log.prove_consistent(older)


def test_consistency_is_verified_from_two_files_and_the_key(log: Log) -> None:
    log.append(1, 2, 3)
    older = log.keep("older")
    log.append(4, 5, 6, 7)
    newer = log.keep("newer")
    proof = log.elsewhere / "proof"
    proof.write_bytes(log.prove_consistent(older))
    proven, checkpoint = flow.verify_proof(proof, key=KEY, against=[older])
    assert isinstance(proven, Checkpoint)
    assert (proven.size, checkpoint.size) == (3, 7)
    with pytest.raises(Refused, match="consistency_wrong"):
        flow.verify_proof(proof, key=KEY, against=[newer])
    for against in ([], [older, newer]):
        with pytest.raises(BadInputError, match="one older checkpoint"):
            flow.verify_proof(proof, key=KEY, against=against)


def test_consistency_with_what_this_log_never_was(log: Log) -> None:
    log.append(1, 2, 3)
    log.checkpoint()
    for name, note, code in (
        ("fork", signed(chain(2, story="fork")), "consistency_wrong"),
        ("later", signed(chain(5)), "truncated"),
        ("foreign", signed(chain(2), signer=OTHER), "note_unsigned"),
    ):
        (log.elsewhere / name).write_bytes(note)
        with pytest.raises(Refused, match=code):
            log.prove_consistent(log.elsewhere / name)


def test_a_proof_of_an_entry_takes_no_other_checkpoint(log: Log) -> None:
    log.append(1)
    older = log.keep("older")
    path = log.elsewhere / "proof"
    path.write_bytes(log.prove(1))
    with pytest.raises(BadInputError, match="no other checkpoint"):
        flow.verify_proof(path, key=KEY, against=[older])


# Exporting -------------------------------------------------------------------------------------


def exported(log: Log) -> bytes:
    sink = BytesIO()
    assert flow.export_journal(log.journal, sink, watch=unwatched).findings == ()
    return sink.getvalue()


def verified(log: Log, data: bytes, *against: Path) -> list[str]:
    path = log.elsewhere / "export.jsonl"
    path.write_bytes(data)
    result = flow.verify_export(path, key=KEY, against=against, watch=unwatched)
    return [each.code.removeprefix("journal.") for each in result.findings]


def test_an_export_is_verified_like_the_journal(log: Log) -> None:
    log.append(*range(1, 7))
    checkpoint = log.keep("kept")
    data = exported(log)
    lines = data.splitlines(keepends=True)
    assert len(lines) == 6
    assert verified(log, data) == verified(log, data, checkpoint) == []
    for changed, code in (
        (data.replace(b"4502", b"4503", 1), "entry_changed"),
        (b"".join(lines[:2] + lines[3:]), "entries_missing"),
        (b"".join([*lines[:2], lines[3], lines[2], *lines[4:]]), "entry_out_of_order"),
        (b"".join([*lines[:3], lines[2], *lines[3:]]), "entry_out_of_order"),
        (data[:-1], "entry_unreadable"),
        (data[: len(data) // 2 + 7], "entry_unreadable"),
        (data + b"\n", "entry_unreadable"),
        (b"\xff" * 5_000_000, "entry_unreadable"),
    ):
        assert code in verified(log, changed), "without any checkpoint"
        assert verified(log, changed, checkpoint)
    assert verified(log, b"".join(lines[:5]), checkpoint) == ["truncated"]
    assert verified(log, b"", checkpoint) == ["truncated"]


def test_an_export_of_a_tampered_journal_is_written_and_condemned(log: Log) -> None:
    rows = rows_of(chain(4))
    rows[1] = rows[1]._replace(document=rows[1].document.replace(b"4502", b"4503"))
    log.become(rows)
    sink = BytesIO()
    result = flow.export_journal(log.journal, sink, watch=unwatched)
    assert [each.code for each in result.findings] == ["journal.entry_changed"]
    assert verified(log, sink.getvalue()) == ["entry_changed"]


def test_an_export_against_a_checkpoint_needs_the_key(log: Log) -> None:
    log.append(1)
    checkpoint = log.keep("kept")
    path = log.elsewhere / "export.jsonl"
    path.write_bytes(exported(log))
    assert flow.verify_export(path, key=None, against=[], watch=unwatched).findings == ()
    with pytest.raises(BadInputError, match="verifier key"):
        flow.verify_export(path, key=None, against=[checkpoint], watch=unwatched)


def test_the_world_s_helpers_are_the_flow_s_own(log: Log) -> None:
    """What these tests take for a checkpoint is what the flow signs, byte for byte."""
    log.append(1, 2, 3)
    assert log.checkpoint() == signed(chain(3))
    assert open_checkpoint(log.checkpoint(), KEY, "a") == kept(chain(3))["a"]
    sealed = seal(a_draft(1), seq=1, prev_hash=bytes(32))
    assert chain(1) == (sealed,)
