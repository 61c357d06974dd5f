import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from journal_files import Say, all_at_once, forked
from journal_log import KEY, Log, unwatched
from journal_world import NOON, OTHER, SIGNER, chain, rows_of, signed
from witness_world import AUDITOR, GATE, KEYS, LOG, WATCHER, cosigned, lines_of, request

from sekisho.journal.checkpoints import open_checkpoint
from sekisho.journal.notes import parse_note
from sekisho.journal.witness.cosignatures import Cosigned, cosignatures
from sekisho.journal.witness.flow import (
    Witness,
    add_log,
    begin_witness,
    check_checkpoint,
    cosign_checkpoint,
    logs_of,
    publish_witnessed,
    read_witness_key,
    witness_keys,
)
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Refused

STORY = chain(40)
FORK = chain(40, story="fork", after=STORY[:4])


def a_witness(folder: Path) -> Witness:
    """Return a new witness on the disk that knows the tests' log."""
    witness = Witness(folder=folder)
    begin_witness(witness, name="gate.example/witness")
    add_log(witness, LOG)
    return witness


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return a_witness(tmp_path / "witness")


def shown(folder: Path, data: bytes) -> Path:
    path = folder / "shown"
    path.write_bytes(data)
    return path


def cosign(witness: Witness, data: bytes, *, journal: Path | str | None = None) -> bytes:
    path = shown(witness.folder.parent, data)
    return cosign_checkpoint(witness, path, journal=journal, now=NOON)[1]


def size_seen(witness: Witness) -> int:
    (seen,) = logs_of(witness)
    return seen.checkpoint.size


def test_a_witness_from_its_first_day(witness: Witness) -> None:
    own = read_witness_key(witness.vkey_path)
    assert own.name == "gate.example/witness"
    assert witness.key_path.stat().st_mode & 0o077 == 0
    assert size_seen(witness) == 0
    for data, size in ((signed(STORY[:3]), 3), (request(STORY[:8], 3), 8)):
        note = cosign(witness, data)
        assert open_checkpoint(note, LOG, "note").size == size == size_seen(witness)
        found, findings = cosignatures(parse_note(note, "note"), [own], "note")
        assert ([each.at for each in found], findings) == ([NOON], [])


@pytest.mark.parametrize("data", [request(FORK[:12], 4), signed(FORK[:8]), signed(STORY[:7])])
def test_what_is_refused_changes_nothing(witness: Witness, data: bytes) -> None:
    cosign(witness, signed(STORY[:8]))
    before = witness.seen_path.read_bytes()
    with pytest.raises(Refused):
        cosign(witness, data)
    with pytest.raises(Refused):
        check_checkpoint(witness, shown(witness.folder.parent, data), journal=None)
    assert witness.seen_path.read_bytes() == before


def test_checking_changes_nothing(witness: Witness) -> None:
    cosign(witness, signed(STORY[:8]))
    path = shown(witness.folder.parent, request(STORY, 8))
    assert check_checkpoint(witness, path, journal=None).checkpoint.size == 40
    assert size_seen(witness) == 8


def test_the_journal_itself_as_evidence(witness: Witness, log: Log) -> None:
    log.append(*range(1, 6))
    cosign(witness, log.checkpoint())
    log.append(6, 7)
    note = log.checkpoint()
    log.append(8)
    with pytest.raises(Refused, match="proof_needed"):
        cosign(witness, note)
    assert open_checkpoint(cosign(witness, note, journal=log.journal), KEY, "n").size == 7
    for history, code in (
        (chain(8, story="fork", after=chain(6)), "entries_differ"),
        (chain(6), "entries_differ"),
    ):
        log.become(rows_of(history))
        with pytest.raises(Refused, match=code):
            cosign(witness, note, journal=log.journal)
    fork = chain(9, story="fork", after=chain(6))
    log.become(rows_of(fork))
    with pytest.raises(Refused, match="two_histories"):
        cosign(witness, signed(fork), journal=log.journal)
    assert size_seen(witness) == 7


@pytest.mark.parametrize("what", ["gone", "empty", "cut", "other"])
def test_a_memory_that_is_lost_or_damaged_stops_the_witness(witness: Witness, what: str) -> None:
    cosign(witness, signed(STORY[:8]))
    kept = witness.seen_path.read_bytes()
    if what == "gone":
        witness.seen_path.unlink()
    else:
        damaged = {"empty": b"", "cut": kept[:-1], "other": kept.replace(b"\\n8\\n", b"\\n7\\n")}
        assert damaged[what] != kept
        witness.seen_path.write_bytes(damaged[what])
    for data in (signed(STORY[:8]), signed(FORK[:8]), signed(STORY[:3])):
        with pytest.raises(WorldError, match="put the newest copy"):
            cosign(witness, data)
    with pytest.raises(WorldError):
        add_log(witness, OTHER.verifier)
    with pytest.raises(WorldError):
        logs_of(witness)
    with pytest.raises(WorldError, match="is there already"):
        begin_witness(witness, name="gate.example/witness")


@pytest.mark.parametrize("name", ["key_path", "vkey_path", "seen_path"])
def test_a_witness_is_not_begun_over_an_old_one(witness: Witness, name: str) -> None:
    left: Path = getattr(witness, name)
    for each in (witness.key_path, witness.vkey_path, witness.seen_path):
        if each != left:
            each.unlink()
    before = left.read_bytes()
    with pytest.raises(WorldError, match="is there already"):
        begin_witness(witness, name="gate.example/witness")
    assert left.read_bytes() == before


@pytest.mark.parametrize("name", ["", "two words", "a+b", "bell\x07", "全角\u3000空白"])
def test_a_name_that_no_key_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError):
        begin_witness(Witness(folder=tmp_path / "w"), name=name)
    assert not (tmp_path / "w").exists()


def test_a_key_that_is_not_the_witness_s(witness: Witness) -> None:
    witness.vkey_path.write_text(f"{GATE.verifier}\n")
    with pytest.raises(BadInputError, match="is not the key"):
        cosign(witness, signed(STORY[:3]))
    witness.key_path.write_text("no key")
    with pytest.raises(BadInputError, match="PEM"):
        cosign(witness, signed(STORY[:3]))
    assert size_seen(witness) == 0


def test_what_cannot_be_kept_is_not_cosigned(witness: Witness) -> None:
    """The disk takes no new file: no memory, so no cosignature."""
    cosign(witness, signed(STORY[:3]))
    (witness.folder / ".last-seen.json.new").mkdir()
    with pytest.raises(WorldError, match=r"last-seen\.json"):
        cosign(witness, request(STORY[:8], 3))
    assert size_seen(witness) == 3


def test_a_crash_between_memory_and_cosignature(witness: Witness) -> None:
    """What was remembered and never handed out is asked for again; a fork of it is refused."""

    def remember_and_die(_: Say) -> None:
        path = shown(witness.folder.parent, request(STORY[:8], 3))
        # No cosignature can have this time: it fails where a crash would hurt most.
        cosign_checkpoint(witness, path, journal=None, now=NOON.replace(year=1900))

    cosign(witness, signed(STORY[:3]))
    child, pipe = forked(remember_and_die)
    with pipe:
        assert pipe.read().startswith(b"OverflowError")
    os.waitpid(child, 0)
    assert size_seen(witness) == 8
    for data in (signed(FORK[:8]), request(FORK[:8], 3), request(FORK[:9], 3)):
        with pytest.raises(Refused):
            cosign(witness, data)
    assert open_checkpoint(cosign(witness, signed(STORY[:8])), LOG, "note").size == 8


def cosigning(witness: Witness, history: tuple[int, str]) -> Callable[[Say], None]:
    """Cosign ever larger checkpoints of one story, and tell each that was handed out."""
    start, name = history
    entries = STORY if name == "story" else FORK

    def work(say: Say) -> None:
        path = witness.folder.parent / f"shown-{os.getpid()}"
        size = start
        while size < len(entries):
            old = size_seen(witness)
            size = max(size, old) + 1
            try:
                path.write_bytes(request(entries[:size], old))
                cosign_checkpoint(witness, path, journal=None, now=NOON)
            except (Refused, ValueError, IndexError):
                continue
            say(f"{name} {size}")

    return work


def test_a_witness_killed_at_random_moments_remembers_all_that_it_said(tmp_path: Path) -> None:
    random = Random(20240531)  # noqa: S311 - the same moments again, as far as time allows
    handed_out = 0
    for life in range(12):
        witness = a_witness(tmp_path / f"{life}")
        child, pipe = forked(cosigning(witness, (4, "story")))
        with pipe:
            said = [pipe.readline()]
            time.sleep(random.uniform(0, 0.05))
            os.kill(child, signal.SIGKILL)
            said += pipe.readlines()
        os.waitpid(child, 0)
        sizes = [int(line.split()[1]) for line in said]
        assert size_seen(witness) - sizes[-1] in {0, 1}
        handed_out += len(sizes)
        with pytest.raises(Refused, match=r"two_histories|checkpoint_lower"):
            cosign(witness, signed(FORK[: size_seen(witness)]))
    assert handed_out > 12


def test_two_processes_with_one_memory_do_not_cosign_two_histories(tmp_path: Path) -> None:
    """One is shown the story, the other the fork, both from the same four entries on."""
    for _ in range(4):
        witness = a_witness(tmp_path / os.urandom(4).hex())
        cosign(witness, signed(STORY[:4]))
        works = [cosigning(witness, (4, name)) for name in ("story", "fork")]
        children = [forked(work) for work in works]
        said = []
        for child, pipe in children:
            with pipe:
                said.append(pipe.read().decode().split())
            os.waitpid(child, 0)
        told = {word for words in said for word in words if not word.isdigit()}
        assert len(told) == 1, said
        assert size_seen(witness) == 40


def test_several_logs_are_added_at_once(tmp_path: Path) -> None:
    witness = Witness(folder=tmp_path / "witness")
    begin_witness(witness, name="gate.example/witness")

    def adding(number: int) -> Callable[[Say], None]:
        key = type(LOG)(name=f"log{number}.example", public_key=LOG.public_key)
        return lambda _: add_log(witness, key)

    all_at_once(*(adding(number) for number in range(8)))
    assert {each.log.name for each in logs_of(witness)} == {f"log{n}.example" for n in range(8)}


class Published:
    """A log whose checkpoints are cosigned and published."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.path = log.last_signed.parent / "witnessed"

    def join(self, *notes: bytes) -> Cosigned:
        paths = []
        for number, note in enumerate(notes):
            paths.append(self.log.elsewhere / f"cosigned-{number}")
            paths[-1].write_bytes(note)
        return publish_witnessed(
            self.log.journal,
            vkey=self.log.vkey,
            last_signed=self.log.last_signed,
            published=self.path,
            cosigned=paths,
            witnesses=KEYS,
            watch=unwatched,
        )

    def names(self) -> list[str]:
        note = parse_note(self.path.read_bytes(), "published")
        return [each.name for each in note.signatures[1:]]


@pytest.fixture
def published(log: Log) -> Published:
    log.append(*range(1, 6))
    return Published(log)


def test_cosignatures_are_joined_as_they_come(published: Published) -> None:
    note = published.log.checkpoint()
    assert published.join(cosigned(note, GATE)).checkpoint.size == 5
    assert published.names() == ["gate.example/witness"]
    published.join(cosigned(note, WATCHER), cosigned(note, AUDITOR))
    assert sorted(published.names()) == sorted(each.name for each in KEYS)
    published.log.append(6)
    published.join(cosigned(published.log.checkpoint(), GATE))
    assert published.names() == ["gate.example/witness"]
    assert open_checkpoint(published.path.read_bytes(), KEY, "published").size == 6


def test_what_a_witness_answers_over_http_is_lines_for_the_last_checkpoint(
    published: Published,
) -> None:
    note = published.log.checkpoint()
    published.join(lines_of(cosigned(note, GATE))[1])
    assert published.names() == ["gate.example/witness"]
    published.log.append(6)
    published.log.checkpoint()
    with pytest.raises(Refused, match="note_signature_wrong"):
        published.join(lines_of(cosigned(note, GATE))[1])


def test_nothing_lower_false_or_foreign_is_published(published: Published) -> None:
    note = published.log.checkpoint()
    published.join(cosigned(note, GATE, now=NOON + timedelta(hours=1)))
    before = published.path.read_bytes()
    for data, code in (
        (cosigned(signed(chain(4)), GATE), "checkpoint_lower"),
        (note, "cosignature_missing"),
        (cosigned(signed(chain(6)), GATE), "truncated"),
        (cosigned(signed(chain(5, story="fork", after=chain(4))), GATE), "two_histories|forked"),
        (signed(chain(5), signer=OTHER), "note_unsigned"),
        (note + lines_of(cosigned(signed(chain(4)), GATE))[1], "note_signature_wrong"),
    ):
        with pytest.raises(Refused, match=code):
            published.join(data)
        assert published.path.read_bytes() == before
    # An older word of the same witness does not take the place of a newer one.
    published.join(cosigned(note, GATE))
    assert published.path.read_bytes() == before


def test_nothing_is_published_of_a_journal_that_was_rewritten(published: Published) -> None:
    note = cosigned(published.log.checkpoint(), GATE)
    published.log.become(rows_of(chain(5, story="fork", after=chain(3))))
    with pytest.raises(Refused, match="forked"):
        published.join(note)
    assert not published.path.exists()


def test_witness_keys_are_given_as_text_or_in_files(witness: Witness) -> None:
    own = read_witness_key(witness.vkey_path)
    assert witness_keys([str(own), str(witness.vkey_path)]) == [own, own]
    for wrong in (str(LOG), "missing", str(witness.seen_path)):
        with pytest.raises(BadInputError):
            witness_keys([wrong])


def test_a_log_that_signs_with_the_witness_s_key(tmp_path: Path) -> None:
    witness = Witness(folder=tmp_path / "w")
    own = begin_witness(witness, name="gate.example/witness")
    with pytest.raises(Refused, match="witness_is_log"):
        add_log(witness, type(LOG)(name=SIGNER.name, public_key=own.public_key))
