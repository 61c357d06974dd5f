import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from sekisho.cli import run
from sekisho.edges import keys
from sekisho.edges.keys import (
    COST,
    Cost,
    load_key,
    make_key,
    make_trial_key,
    needs_passphrase,
    public_file,
    read_public_file,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.passes.duress import (
    commitment,
    slot_key,
)

USUAL = "correct horse battery"
FORCED = "paper lantern river"
CHEAP = Cost(log2_n=4)
"""Sixteen kibibytes for a guess: no key that protects anything is made so."""


def make(path: Path, second: str | None = FORCED) -> bytes:
    return make_key(path, USUAL, second_passphrase=second, cost=CHEAP).public_key


# 1. The file ------------------------------------------------------------------------------------


def test_a_key_is_readable_by_its_owner_alone_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    opening = make_key(path, USUAL, second_passphrase=FORCED, cost=CHEAP)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = load_key(path, USUAL)
    assert (key.public_key, key.slot_key) == (opening.public_key, slot_key(opening.mark_key))
    assert stat.S_IMODE((tmp_path / "alice.key.count").stat().st_mode) == 0o600


def test_both_passphrases_open_one_signing_key_with_another_slot_key(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    opening = make_key(path, USUAL, second_passphrase=FORCED, cost=CHEAP)
    usual, forced = load_key(path, USUAL), load_key(path, FORCED)
    assert usual.public_key == forced.public_key
    assert usual.slot_key == slot_key(opening.mark_key) != forced.slot_key
    assert "slot_key" not in repr(usual)


def test_what_the_command_makes_costs_a_guess_256_mib(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    words = tmp_path / "words"
    words.write_text(USUAL)
    assert run(["roster", "key", str(path), "--passphrase-file", str(words)]) == 0
    assert json.loads(path.read_bytes())["log2_n"] == COST.log2_n == 18
    assert load_key(path, USUAL).public_key


@pytest.mark.parametrize("passphrase", ["wrong", "", None, USUAL + " ", USUAL.upper()])
def test_another_passphrase_opens_nothing(tmp_path: Path, passphrase: str | None) -> None:
    path = tmp_path / "alice.key"
    make(path)
    with pytest.raises(BadInputError, match="passphrase"):
        load_key(path, passphrase)


def test_a_passphrase_is_the_same_on_every_keyboard(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make_key(path, "ガギグゲゴのかぎのことばです", cost=CHEAP)
    half_width = "ｶﾞｷﾞｸﾞｹﾞｺﾞのかぎのことばです"
    assert load_key(path, half_width).public_key == load_key(path, half_width).public_key


@pytest.mark.parametrize("short", ["", "elevenchars", "短い合言葉"])
def test_a_short_passphrase_is_refused(tmp_path: Path, short: str) -> None:
    path = tmp_path / "alice.key"
    with pytest.raises(BadInputError, match="fewer than 12"):
        make_key(path, short, cost=CHEAP)
    with pytest.raises(BadInputError, match=r"second.*fewer than 12"):
        make_key(path, USUAL, second_passphrase=short, cost=CHEAP)
    assert not path.exists()


@pytest.mark.parametrize(
    "close", [USUAL, "correct horse batterz", "corect horsebatery", "Ｃorrect horse battery"]
)
def test_a_slip_of_the_finger_is_no_cry_for_help(tmp_path: Path, close: str) -> None:
    path = tmp_path / "alice.key"
    with pytest.raises(BadInputError, match="second passphrase"):
        make_key(path, USUAL, second_passphrase=close, cost=CHEAP)
    assert not path.exists()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make(path)
    before = path.read_bytes()
    with pytest.raises(BadInputError, match="never overwritten"):
        make(path)
    with pytest.raises(BadInputError, match="never overwritten"):
        make_trial_key(path)
    assert path.read_bytes() == before


def test_a_key_file_of_the_old_kind_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(USUAL.encode())
    )
    former = (b'{"format":"sekisho/key-file/v1"}', b'{"format":"sekisho/trial-key/v1"}')
    for data in (pem, *former):
        path.write_bytes(data)
        with pytest.raises(BadInputError, match="sekisho roster key"):
            load_key(path, USUAL)


@pytest.mark.parametrize("data", [b"", b"no key", b"{}", b"[]", bytes(99), b"{" * 9000])
def test_what_is_no_key_is_one_clear_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "alice.key"
    path.write_bytes(data)
    with pytest.raises(BadInputError, match=r"alice\.key"):
        load_key(path, USUAL)
    assert not needs_passphrase(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("log2_n", 0), ("log2_n", 19), ("log2_n", 2**40), ("log2_n", True), ("slots", [])],
)
def test_a_file_cannot_ask_for_more_work_than_ours_does(
    tmp_path: Path, name: str, value: object
) -> None:
    path = tmp_path / "alice.key"
    make(path)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), name: value}))
    with pytest.raises(BadInputError, match=name):
        load_key(path, USUAL)


def test_a_file_with_one_or_three_slots_is_none(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make(path)
    document = json.loads(path.read_bytes())
    for slots in (document["slots"][:1], document["slots"] + document["slots"][:1]):
        path.write_text(json.dumps({**document, "slots": slots}))
        with pytest.raises(BadInputError, match="are not two"):
            load_key(path, USUAL)


def test_a_trial_key_needs_no_passphrase_and_takes_none(tmp_path: Path) -> None:
    path = tmp_path / "trial.key"
    public = make_trial_key(path)
    assert not needs_passphrase(path)
    assert load_key(path, None).public_key == public
    with pytest.raises(BadInputError, match="for trials"):
        load_key(path, USUAL)


def test_the_public_file_holds_the_key_and_its_commitment(tmp_path: Path) -> None:
    opening = make_key(tmp_path / "alice.key", USUAL, cost=CHEAP)
    data = public_file(opening.public_key, commitment(opening))
    assert read_public_file(data, "a.pub") == (opening.public_key, commitment(opening))
    assert public_file(opening.public_key) == data[:65]
    assert read_public_file(data[:65], "a.pub") == (opening.public_key, b"")
    for wrong in (b"", b"zz", data[:-3], data + data, "é".encode(), data[:62]):
        with pytest.raises(BadInputError, match="public key"):
            read_public_file(wrong, "a.pub")


# 2. A stolen laptop -----------------------------------------------------------------------------


def test_a_stolen_file_shows_neither_key_nor_public_key_nor_marks(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make(path)
    key = load_key(path, USUAL)
    stolen = path.read_bytes()
    for secret in (key.private.private_bytes_raw(), key.public_key, key.slot_key):
        assert secret not in stolen
        assert secret.hex().encode() not in stolen
    for words in (USUAL, FORCED):
        assert words.encode() not in stolen


def test_a_stolen_file_does_not_show_whether_there_is_a_second_passphrase(tmp_path: Path) -> None:
    """What is not random in two files, one with a passphrase for duress and one without."""
    shapes = set()
    for number in range(8):
        path = tmp_path / f"{number}.key"
        make(path, FORCED if number % 2 else None)
        document = json.loads(path.read_bytes())
        for slot in document["slots"]:
            slot["salt"], slot["sealed"] = len(slot["salt"]), len(slot["sealed"])
        shapes.add((json.dumps(document), path.stat().st_size, path.stat().st_mode))
    assert len(shapes) == 1


def test_the_slots_are_in_random_order(tmp_path: Path) -> None:
    """With one order for all, the first slot would always be the usual one. 1 in 2**39 fails."""
    usual_first = set()
    for number in range(40):
        path = tmp_path / f"{number}.key"
        make(path)
        document = json.loads(path.read_bytes())
        first = document["slots"][0]
        fields = Fields({"slot": first}, "file").fields("slot")
        usual_first.add(keys._open(keys._read_slot(fields), USUAL.encode(), CHEAP) is not None)
    assert usual_first == {True, False}


def test_as_much_is_computed_for_each_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right one, the one for duress, and a wrong one: two derivations of the same cost."""
    path, alone = tmp_path / "alice.key", tmp_path / "bob.key"
    make(path)
    make(alone, None)
    derived: list[tuple[int, int, int]] = []
    derive = keys._derive

    def counting(passphrase: bytes, salt: bytes, cost: Cost) -> bytes:
        derived.append((len(salt), cost.log2_n, len(passphrase)))
        return derive(passphrase, salt, cost)

    monkeypatch.setattr(keys, "_derive", counting)
    work = []
    for file, passphrase in ((path, USUAL), (path, FORCED), (path, "x" * 20), (alone, USUAL)):
        derived.clear()
        try:
            load_key(file, passphrase)
        except BadInputError:
            assert passphrase == "x" * 20
        work.append([each[:2] for each in derived])
    assert work == [[(32, 4), (32, 4)]] * 4


def test_a_wrong_passphrase_is_told_the_same_with_and_without_a_second_one(
    tmp_path: Path,
) -> None:
    said = set()
    for name, second in (("with", FORCED), ("without", None)):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "alice.key"
        make(path, second)
        with pytest.raises(BadInputError) as caught:
            load_key(path, "nothing like it")
        said.add(caught.value.reason)
    assert len(said) == 1


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize("field", ["salt", "sealed"])
def test_a_changed_slot_opens_no_more(tmp_path: Path, slot: int, field: str) -> None:
    path = tmp_path / "alice.key"
    make(path)
    document = json.loads(path.read_bytes())
    changed = bytearray.fromhex(document["slots"][slot][field])
    changed[7] ^= 1
    document["slots"][slot][field] = changed.hex()
    path.write_text(json.dumps(document))
    opened = []
    for passphrase in (USUAL, FORCED):
        try:
            opened.append(load_key(path, passphrase))
        except BadInputError:
            continue
    assert len(opened) == 1
