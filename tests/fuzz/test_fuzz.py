"""Each parser, hunted for a second; and the hunter itself, which must find what is wrong."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzz import hunt as the_hunt
from fuzz.hunt import Target, hunt, targets

from sekisho.kernel.errors import BadInputError

SEED = 20240531
SECONDS = 1.0


@pytest.mark.parametrize("target", targets(), ids=lambda target: target[0])
def test_a_correct_parse_or_an_error_of_ours(target: Target) -> None:
    report = hunt(target, seconds=SECONDS, seed=SEED)
    assert not report.failures, "\n".join(f"{each.kept}\n{each.why}" for each in report.failures)
    assert report.accepted, "no seed is good input, so nothing was tested"


def refuse_all_but_seed(data: bytes) -> None:
    if data != b"seed":
        raise BadInputError("here", "is not the seed")


def read_as_number(data: bytes) -> int:
    return int(data)


def trust_a_length(data: bytes) -> bytes:
    return bytes(int.from_bytes(data[:4], "big"))


def never_answer(data: bytes) -> None:
    while data == b"seed":
        try:
            time.sleep(0.01)
        except Exception:  # noqa: BLE001, S112 - a parser that swallows the alarm, on purpose
            continue


def test_a_parser_that_keeps_its_promise(tmp_path: Path) -> None:
    report = hunt(("good", refuse_all_but_seed, [b"seed"]), seconds=0.1, seed=1, kept=tmp_path)
    assert report.failures == ()
    assert 1 <= report.accepted < report.executions
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parse", "seed", "why", "patience_seconds"),
    [
        (read_as_number, b"12", "ValueError", 20),
        (trust_a_length, b"\x00\x00\x00\x01", "MemoryError", 20),
        (never_answer, b"seed", "TookTooLongError", 0.2),
    ],
)
def test_a_broken_promise_is_found_and_its_input_kept(
    *,
    parse: Callable[[bytes], object],
    seed: bytes,
    why: str,
    patience_seconds: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Only the parser that never answers is hurried: an honest one may be slow on a busy machine.
    monkeypatch.setattr(the_hunt, "SECONDS_PER_INPUT", patience_seconds)
    report = hunt(("bad", parse, [seed]), seconds=1, seed=1, kept=tmp_path)
    assert {failure.why.splitlines()[-1].split()[0] for failure in report.failures} == {why}
    for failure in report.failures:
        kept = failure.kept.read_bytes()
        again = hunt(("again", parse, [kept]), seconds=0.3, seed=2, kept=tmp_path)
        assert again.failures, "the kept input shows the failure again"


def test_the_same_seed_makes_the_same_inputs(tmp_path: Path) -> None:
    tried: list[list[bytes]] = [[], []]
    for each in tried:
        hunt(("twice", each.append, [b"seed", b"[12]"]), seconds=0.1, seed=3, kept=tmp_path)
    shorter = min(len(each) for each in tried)
    assert shorter > 10
    assert tried[0][:shorter] == tried[1][:shorter]
