from io import BytesIO
from pathlib import Path

import pytest
from journal_log import Log, unwatched
from journal_world import OTHER, SIGNER, a_draft, chain, kept, rows_of, signed

from sekisho.journal import flow
from sekisho.journal.checkpoints import Checkpoint, open_checkpoint
from sekisho.journal.entries import seal
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused

KEY = SIGNER.verifier


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
