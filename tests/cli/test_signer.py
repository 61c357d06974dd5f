"""Core's external-signer protocol: what is understood, what is asked of the delegate, and no else.

With a real node and a pass: tests/gate/test_signer_story.py.
"""

import sys
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import pytest

from sekisho.chains.bitcoin.networks import Network
from sekisho.cli.signer import _returned_psbt, respond, signed
from sekisho.cli.signer_options import read_question, read_settings
from sekisho.edges import external_signer
from sekisho.edges.external_signer import ask_signer
from sekisho.gate.records import Cleared
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Refused, finding

DEVICE = ["--fingerprint", "565cc516", "--chain", "regtest"]
PSBT = b"psbt\xff\x00"
CLEARED = Cleared(
    pass_id="T-1",
    wallet_id="cold-1",
    pass_digest="ab" * 32,
    replaceable=False,
    psbt=PSBT,
    txid="cd" * 32,
    transaction_digest="ef" * 32,
    payments=(0,),
)


# 1. What Core asks -------------------------------------------------------------------------------


ASKED = {
    "enumerate": (["enumerate"], ["enumerate"]),
    "getdescriptors": (
        [*DEVICE, "getdescriptors", "--account", "0"],
        [*DEVICE, "getdescriptors", "--account", "0"],
    ),
    "displayaddress": (
        [*DEVICE, "displayaddress", "--desc", "wpkh([00/84h]02ab)#xyz"],
        [*DEVICE, "displayaddress", "--desc", "wpkh([00/84h]02ab)#xyz"],
    ),
    "signtx": (["--stdin", *DEVICE], ["--stdin", *DEVICE]),
}


@pytest.mark.parametrize("command", ASKED)
def test_what_core_asks_is_asked_of_the_delegate_in_the_same_words(command: str) -> None:
    arguments, delegated = ASKED[command]
    question = read_question(["--config", "/s.toml", *arguments], settings="")
    assert (question.command, question.settings) == (command, "/s.toml")
    assert question.for_delegate() == delegated
    if command != "enumerate":
        assert question.network is Network.REGTEST


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--stdin"],
        ["--stdin", "enumerate"],
        [*DEVICE],
        [*DEVICE, "signtx"],
        [*DEVICE, "signmessage"],
        [*DEVICE, "getdescriptors"],
        [*DEVICE, "getdescriptors", "--account", "-1"],
        [*DEVICE, "getdescriptors", "--account", "0;x"],
        [*DEVICE, "getdescriptors", "--acc", "0"],
        [*DEVICE, "displayaddress"],
        [*DEVICE, "displayaddress", "--desc", "x", "--account", "0"],
        ["--stdin", "--fingerprint", "565cc516"],
        ["--stdin", "--fingerprint", "565cc51", "--chain", "regtest"],
        ["--stdin", "--fingerprint", "565cc516", "--chain", "mainnet"],
        ["--stdin", *DEVICE, "--expert"],
        ["--stdin", *DEVICE, ""],
        ["enumerate", "enumerate"],
    ],
    ids=" ".join,
)
def test_what_core_does_not_ask_is_not_answered(arguments: list[str]) -> None:
    with pytest.raises(BadInputError):
        read_question(["--config", "/s.toml", *arguments], settings="")


def test_the_settings_are_those_of_the_option_else_of_the_environment() -> None:
    assert read_question(["enumerate"], settings="/e.toml").settings == "/e.toml"
    named = ["--config", "/s.toml", "enumerate"]
    assert read_question(named, settings="/e.toml").settings == "/s.toml"
    with pytest.raises(BadInputError, match="names no settings"):
        read_question(["enumerate"], settings="")


GOOD = {"workspace": '"/w"', "gate": '"/g"', "delegate": '["/usr/bin/hwi", "--expert"]'}


def settings_in(folder: Path, **changes: str) -> Path:
    path = folder / "signer.toml"
    lines = [f"{key} = {value}" for key, value in (GOOD | changes).items() if value]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_settings_are_read(tmp_path: Path) -> None:
    found = read_settings(settings_in(tmp_path, keeper='"/k"'))
    assert (found.workspace, found.gate, found.keeper) == (Path("/w"), Path("/g"), Path("/k"))
    assert found.delegate == ("/usr/bin/hwi", "--expert")
    assert read_settings(settings_in(tmp_path)).keeper is None


@pytest.mark.parametrize(
    "changes",
    [
        {"workspace": ""},
        {"gate": ""},
        {"delegate": ""},
        {"delegate": '"hwi enumerate"'},
        {"delegate": "[]"},
        {"delegate": '["hwi", 1]'},
        {"delegate": '[""]'},
        {"workspace": '"w"'},
        {"gate": '"./g"'},
        {"keeper": '"k"'},
        {"unsafe": "true"},
        {"workspace": "["},
    ],
    ids=str,
)
def test_settings_that_are_not_whole_are_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(BadInputError, match=r"signer\.toml"):
        read_settings(settings_in(tmp_path, **changes))


# 2. The order ------------------------------------------------------------------------------------


def test_what_is_refused_never_reaches_the_signer() -> None:
    def decide(psbt: bytes) -> Cleared:
        raise Refused([finding("gate.no_pass", psbt.hex())])

    def sign(cleared: Cleared) -> bytes:
        pytest.fail(f"{cleared.pass_id} was signed")

    with pytest.raises(Refused):
        signed(PSBT, decide=decide, sign=sign, verify_return=lambda *_: None)


def test_what_came_back_leaves_only_when_it_was_verified() -> None:
    judged: list[tuple[Cleared, bytes]] = []

    def refuse(cleared: Cleared, returned: bytes) -> None:
        judged.append((cleared, returned))
        raise Refused([finding("gate.return_hostile", cleared.txid, pass_id=cleared.pass_id)])

    with pytest.raises(Refused):
        signed(PSBT, decide=lambda _: CLEARED, sign=lambda _: b"back", verify_return=refuse)
    assert judged == [(CLEARED, b"back")]
    got = signed(
        PSBT, decide=lambda _: CLEARED, sign=lambda _: b"back", verify_return=lambda *_: None
    )
    assert got == b"back"


# 3. What Core hears ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"signtx",
        b"signtx !!!",
        b"enumerate",
        b"signtx aaaa bbbb",
        b'signtx "aaaa',
        b"signmessage aaaa",
        b"signtx " + b64encode(PSBT) + b"\nsignmessage x",
    ],
)
def test_what_is_not_one_psbt_is_an_error_and_nobody_is_asked(tmp_path: Path, said: bytes) -> None:
    path = settings_in(tmp_path, delegate='["/nowhere/at/all"]')
    answer = respond(["--config", str(path), "--stdin", *DEVICE], BytesIO(said))
    assert isinstance(answer, dict)
    assert set(answer) == {"error"}
    assert "standard input" in answer["error"]


@pytest.mark.parametrize("quoted", [False, True], ids=["29", "before 29"])
def test_both_ways_of_putting_a_psbt_come_to_the_gate(tmp_path: Path, *, quoted: bool) -> None:
    text = b64encode(PSBT).decode()
    said = f'signtx "{text}"' if quoted else f"signtx {text}"
    path = settings_in(tmp_path, gate=f'"{tmp_path}/gate"', workspace=f'"{tmp_path}/w"')
    answer = respond(["--config", str(path), "--stdin", *DEVICE], BytesIO(said.encode()))
    assert answer == {
        "error": f"Sekisho: {tmp_path}/gate: is no gate; `sekisho gate init` makes one"
    }


def test_a_fault_of_ours_is_an_error_and_no_psbt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ZeroDivisionError(size)

    answer = respond(["--config", str(settings_in(tmp_path)), "--stdin", *DEVICE], Broken())
    assert answer == {"error": "Sekisho: this is a fault of Sekisho's; nothing was signed"}
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_error_of_enumerate_is_in_a_list_as_core_expects_it() -> None:
    answer = respond(["--config", "/nowhere/signer.toml", "enumerate"], BytesIO())
    assert isinstance(answer, list)
    assert [set(each) for each in answer] == [{"error"}]


# 4. The delegate ---------------------------------------------------------------------------------


def delegate_in(folder: Path, program: str) -> list[str]:
    path = folder / "delegate.py"
    path.write_text(program, encoding="utf-8")
    return [sys.executable, str(path)]


def test_the_delegate_hears_the_arguments_and_the_question_as_they_are(tmp_path: Path) -> None:
    program = (
        "import json, sys\nprint(json.dumps({'was': sys.argv[1:], 'said': sys.stdin.read()}))"
    )
    arguments = ["--desc", "wpkh($HOME; 'x')", "a b"]
    answer = ask_signer(delegate_in(tmp_path, program), arguments, "signtx é\n")
    assert answer == {"was": arguments, "said": "signtx é\n"}


FAILING: dict[str, tuple[str, str]] = {
    "fails": ("raise SystemExit(3)", "failed with exit code 3"),
    "fails and says why": (
        'print(\'{"error": "no device", "code": -3}\')\nraise SystemExit(2)',
        "failed with exit code 2: no device",
    ),
    "fails after an answer": (
        'print(\'{"psbt": "cHNidP8A"}\')\nraise SystemExit(1)',
        "failed with exit code 1",
    ),
    "says nothing": ("", "one JSON document"),
    "says two things": ("print('{}')\nprint('{}')", "one JSON document"),
    "says half of it": ("print('{\"psbt\": ')", "one JSON document"),
    "says no text": ("import sys\nsys.stdout.buffer.write(b'\\xff\\xfe\\xfd')", "one JSON"),
    "nests without end": ("print('[' * 10**6)", "one JSON document"),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_delegate_that_fails_is_the_worlds_failure(tmp_path: Path, name: str) -> None:
    program, reason = FAILING[name]
    with pytest.raises(WorldError, match=reason):
        ask_signer(delegate_in(tmp_path, program), ["enumerate"])


def test_a_delegate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"absent: cannot be started"):
        ask_signer([str(tmp_path / "absent")], ["enumerate"])


def test_a_delegate_is_neither_waited_for_nor_listened_to_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(external_signer, "ANSWER_MAX_BYTES", 1000)
    endless = "import sys\nwhile True: sys.stdout.write('x' * 1000)"
    with pytest.raises(WorldError, match="more than 1000 bytes"):
        ask_signer(delegate_in(tmp_path, endless), [])
    monkeypatch.setattr(external_signer, "WAIT_SECONDS", 0.1)
    with pytest.raises(WorldError, match="exit code -9"):
        ask_signer(delegate_in(tmp_path, "import time\ntime.sleep(600)"), [])


ANSWERS: dict[str, tuple[object, str]] = {
    "an error": ({"error": "pressed no", "code": -14}, "the signer did not sign: pressed no"),
    "an error beside a psbt": ({"error": "x", "psbt": "cHNidP8A"}, "the signer did not sign: x"),
    "no psbt": ({"signed": True}, "no PSBT in its answer"),
    "a list": ([{"psbt": "cHNidP8A"}], "no PSBT in its answer"),
    "a number": ({"psbt": 7}, "no PSBT in its answer"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_delegate_answers_without_a_psbt_is_no_signature(name: str) -> None:
    document, reason = ANSWERS[name]
    with pytest.raises(WorldError, match=reason):
        _returned_psbt(document)


def test_whatever_a_delegate_returns_as_a_psbt_is_there_to_be_verified() -> None:
    text = b64encode(PSBT).decode()
    assert _returned_psbt({"psbt": text, "signed": False}) == PSBT
    assert _returned_psbt({"psbt": "!"}) == b"!"
    assert _returned_psbt({"psbt": "\u00e9\ud800"}) == b"\xc3\xa9?"
