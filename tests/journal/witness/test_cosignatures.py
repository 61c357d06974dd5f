import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from journal_world import NOON, OTHER, SIGNER, chain, signed
from witness_world import AUDITOR, GATE, KEYS, LOG, WATCHER, cosigned, lines_of, text_of

from sekisho.journal.checkpoints import open_checkpoint, sign_checkpoint
from sekisho.journal.notes import (
    Note,
    Signature,
    SignerKey,
    parse_note,
    parse_vkey,
    sign_note,
    write_note,
)
from sekisho.journal.witness.cosignatures import (
    WitnessKey,
    WitnessSigner,
    cosign,
    cosignatures,
    merge_cosignatures,
    parse_witness_key,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "journal" / "cosignatures.json").read_text()
)
NOTE = cosigned(signed(chain(5)), GATE, WATCHER)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def who(note: bytes, witnesses: list[WitnessKey]) -> tuple[dict[str, datetime], list[str]]:
    found, findings = cosignatures(parse_note(note, "note"), witnesses, "note")
    return {each.witness.name: each.at for each in found}, [each.code for each in findings]


@pytest.mark.parametrize("case", VECTORS["cosigned"], ids=lambda case: case["comment"])
def test_published_cosignatures(case: dict[str, Any]) -> None:
    """Made by four implementations of others; each is verified under its published key."""
    note = case["note"].encode()
    open_checkpoint(note, parse_vkey(case["log"], "log"), "note")
    keys = [parse_witness_key(text, "key") for text in case["witnesses"]]
    assert [str(key) for key in keys] == list(case["witnesses"])
    times = [EPOCH + timedelta(seconds=each) for each in case["witnesses"].values()]
    names = [key.name for key in keys]
    assert who(note, keys) == (dict(zip(names, times, strict=True)), [])


@pytest.mark.parametrize("case", VECTORS["cosigned"], ids=lambda case: case["comment"])
def test_a_published_cosignature_on_a_text_with_one_bit_changed(case: dict[str, Any]) -> None:
    keys = [parse_witness_key(text, "key") for text in case["witnesses"]]
    note = parse_note(case["note"].encode(), "note")
    text = note.text.encode()
    for at in range(len(text)):
        changed = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        altered = Note(text=changed.decode(), signatures=note.signatures)
        found, findings = cosignatures(altered, keys, "note")
        assert (found, len(findings)) == ([], len(keys))


def test_what_is_signed_is_what_the_specification_writes_out() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    log = SignerKey(name="example.com/behind-the-sofa", private_key=SIGNER.private_key)
    at = EPOCH + timedelta(seconds=1679315147)
    note = cosign(sign_note(text, [log]), log.verifier, GATE, now=at)
    line = lines_of(note)[-1].decode()
    assert line.startswith("\u2014 gate.example/witness ")
    blob = base64.b64decode(line.split(" ")[2])
    assert blob[:4] == GATE.verifier.key_id
    assert blob[4:12] == (1679315147).to_bytes(8, "big")
    Ed25519PublicKey.from_public_bytes(GATE.verifier.public_key).verify(
        blob[12:], f"cosignature/v1\ntime 1679315147\n{text}".encode()
    )


def test_a_cosigned_checkpoint_is_still_the_log_s() -> None:
    assert open_checkpoint(NOTE, LOG, "note").size == 5
    assert who(NOTE, KEYS) == ({GATE.name: NOON, WATCHER.name: NOON}, [])
    assert who(NOTE, [AUDITOR.verifier]) == ({}, [])


@pytest.mark.parametrize("at", range(len(NOTE)))
def test_a_cosigned_note_with_one_bit_changed_says_nothing_new(at: int) -> None:
    """Whatever is changed, nobody is made to say what they did not say."""
    data = bytearray(NOTE)
    data[at] ^= 1
    try:
        note = parse_note(bytes(data), "note")
    except BadInputError:
        return
    found, findings = cosignatures(note, KEYS, "note")
    said = {(each.witness.name, each.at) for each in found}
    assert said <= {(GATE.name, NOON), (WATCHER.name, NOON)}
    changed_text = at < len(text_of(NOTE).encode())
    changed_log_line = len(said) == 2 and not findings
    assert not (changed_text and said)
    if changed_log_line:  # then it is the log whose signature no longer verifies
        with pytest.raises((Refused, BadInputError)):
            open_checkpoint(bytes(data), LOG, "note")


def test_a_cosignature_lifted_from_another_note() -> None:
    lifted = signed(chain(4)) + lines_of(NOTE)[1]
    assert who(lifted, KEYS) == ({}, ["journal.note_signature_wrong"])
    forked = signed(chain(5, story="fork", after=chain(4))) + lines_of(NOTE)[1]
    assert who(forked, KEYS) == ({}, ["journal.note_signature_wrong"])


@pytest.mark.parametrize("bit", range(64))
def test_a_cosignature_with_another_time(bit: int) -> None:
    note = parse_note(NOTE, "note")
    true = note.signatures[1]
    time = int.from_bytes(true.signature[:8], "big") ^ (1 << bit)
    false = Signature(
        name=true.name, key_id=true.key_id, signature=time.to_bytes(8, "big") + true.signature[8:]
    )
    for signatures in ((false,), (true, false), (false, true)):
        altered = Note(text=note.text, signatures=signatures)
        _, findings = cosignatures(altered, KEYS, "note")
        assert [each.code for each in findings] == ["journal.note_signature_wrong"]


def by_hand(signer: WitnessSigner, at_seconds: int) -> bytes:
    text = text_of(NOTE)
    signature = at_seconds.to_bytes(8, "big") + signer.private_key.sign(
        f"cosignature/v1\ntime {at_seconds}\n{text}".encode()
    )
    line = Signature(name=signer.name, key_id=signer.verifier.key_id, signature=signature)
    return write_note(Note(text=text, signatures=(line,)))


@pytest.mark.parametrize("at_seconds", [253402300800, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_time_that_no_calendar_has(at_seconds: int) -> None:
    assert who(by_hand(GATE, at_seconds), KEYS) == ({}, ["journal.note_signature_wrong"])


@pytest.mark.parametrize("at_seconds", [0, 1717156800, 253402300799])
def test_a_time_that_a_calendar_has(at_seconds: int) -> None:
    at = EPOCH + timedelta(seconds=at_seconds)
    assert who(by_hand(GATE, at_seconds), KEYS) == ({GATE.name: at}, [])


def test_a_log_s_signature_is_no_cosignature_and_the_other_way_round() -> None:
    """One key used as both: what it signed as a log does not count as a witness's word."""
    as_log = SignerKey(name=GATE.name, private_key=GATE.private_key)
    plain = parse_note(sign_note(text_of(NOTE), [as_log]), "note").signatures[0]
    relabelled = Signature(
        name=GATE.name, key_id=GATE.verifier.key_id, signature=bytes(8) + plain.signature
    )
    note = write_note(Note(text=text_of(NOTE), signatures=(relabelled,)))
    assert who(note, KEYS) == ({}, ["journal.note_signature_wrong"])
    with pytest.raises(Refused, match="note_unsigned"):
        open_checkpoint(NOTE, as_log.verifier, "note")


@pytest.mark.parametrize("size", [0, 7, 8, 63, 71])
def test_a_signature_that_is_too_short(size: int) -> None:
    line = Signature(name=GATE.name, key_id=GATE.verifier.key_id, signature=b"s" * (size or 1))
    note = write_note(Note(text=text_of(NOTE), signatures=(line,)))
    assert who(note, KEYS) == ({}, ["journal.note_signature_wrong"])


def test_cosigning_again_replaces_what_was_said_before() -> None:
    later = cosigned(NOTE, GATE, now=NOON + timedelta(hours=1))
    assert len(lines_of(later)) == 3
    assert who(later, KEYS)[0] == {GATE.name: NOON + timedelta(hours=1), WATCHER.name: NOON}


def test_of_two_cosignatures_the_newest_is_told() -> None:
    later = lines_of(cosigned(signed(chain(5)), GATE, now=NOON + timedelta(hours=1)))[-1]
    for note in (NOTE + later, signed(chain(5)) + later + lines_of(NOTE)[1]):
        assert who(note, KEYS)[0][GATE.name] == NOON + timedelta(hours=1)


def test_only_a_checkpoint_of_this_log_is_cosigned() -> None:
    with pytest.raises(BadInputError):
        cosign(sign_note("pay the thief\n", [SIGNER]), LOG, GATE, now=NOON)
    with pytest.raises(Refused):
        cosign(signed(chain(3), signer=OTHER), LOG, GATE, now=NOON)
    with pytest.raises(ValueError, match="time zone"):
        cosign(signed(chain(3)), LOG, GATE, now=NOON.replace(tzinfo=None))


def test_a_note_that_is_full_is_not_cosigned() -> None:
    note = signed(chain(3))
    full = note + lines_of(note)[0] * 63
    with pytest.raises(BadInputError, match="signatures"):
        cosigned(full, GATE)


def test_a_witness_key_is_no_log_key() -> None:
    text = str(GATE.verifier)
    assert parse_witness_key(text + "\n", "key") == GATE.verifier
    with pytest.raises(BadInputError, match="type 1"):
        parse_vkey(text, "key")
    with pytest.raises(BadInputError, match="type 4"):
        parse_witness_key(str(LOG), "key")
    as_log = SignerKey(name=GATE.name, private_key=GATE.private_key).verifier
    assert as_log.key_id != GATE.verifier.key_id


@pytest.mark.parametrize("at", range(len(str(GATE.verifier))))
def test_a_witness_key_with_one_character_changed_is_no_key(at: int) -> None:
    text = str(GATE.verifier)
    with pytest.raises(BadInputError):
        parse_witness_key(f"{text[:at]}{chr(ord(text[at]) + 1)}{text[at + 1 :]}", "key")


def test_a_key_for_which_anybody_can_sign_is_no_key() -> None:
    """With the neutral point as key, one signature verifies under every message."""
    neutral = (1).to_bytes(32, "little")
    for message in (b"a checkpoint", b"another"):
        Ed25519PublicKey.from_public_bytes(neutral).verify(neutral + bytes(32), message)
    weak = [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255 + 1]
    for y in weak:
        key = y.to_bytes(32, "little")
        with pytest.raises(BadInputError, match="only its holder"):
            parse_witness_key(str(WitnessKey(name="w", public_key=key)), "key")


def test_a_signer_does_not_show_its_secret() -> None:
    assert "private" not in repr(GATE)


def test_cosignatures_of_several_files_are_joined() -> None:
    note = signed(chain(5))
    files = {
        "gate": cosigned(note, GATE),
        "both": cosigned(note, GATE, AUDITOR, now=NOON + timedelta(hours=1)),
        "watcher": cosigned(note, WATCHER),
    }
    joined = merge_cosignatures(files, LOG, KEYS)
    assert joined.checkpoint == open_checkpoint(joined.note, LOG, "joined")
    assert joined.checkpoint.size == 5
    later = NOON + timedelta(hours=1)
    assert who(joined.note, KEYS) == (
        {GATE.name: later, WATCHER.name: NOON, AUDITOR.name: later},
        [],
    )
    assert len(lines_of(joined.note)) == 4


def test_what_strangers_signed_is_not_joined() -> None:
    files = {"gate": cosigned(signed(chain(5)), GATE, AUDITOR)}
    joined = merge_cosignatures(files, LOG, [GATE.verifier])
    assert len(lines_of(joined.note)) == 2


def test_everything_wrong_with_files_to_be_joined_is_told() -> None:
    note = signed(chain(5))
    files = {
        "gate": cosigned(note, GATE),
        "uncosigned": note,
        "older": cosigned(signed(chain(4)), GATE),
        "lifted": note + lines_of(cosigned(signed(chain(4)), GATE))[1],
    }
    with pytest.raises(Refused) as refused:
        merge_cosignatures(files, LOG, KEYS)
    assert [(each.code, each.subject) for each in refused.value.findings] == [
        ("journal.cosignature_missing", "uncosigned"),
        ("journal.cosignature_elsewhere", "older"),
        ("journal.note_signature_wrong", "lifted"),
        ("journal.cosignature_missing", "lifted"),
    ]
    with pytest.raises(Refused, match="note_unsigned"):
        merge_cosignatures({"a": signed(chain(5), signer=OTHER)}, LOG, KEYS)
    with pytest.raises(ValueError, match="no note"):
        merge_cosignatures({}, LOG, KEYS)


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - made aware
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_what_is_cosigned_is_read_back(at: datetime, size: int, root: bytes) -> None:
    note = cosigned(sign_checkpoint(size=size, root=root, signer=SIGNER), GATE, now=at)
    assert who(note, KEYS) == ({GATE.name: at.replace(microsecond=0)}, [])
