"""Each parser, hunted for a second; and the hunter itself, which must find what is wrong."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fuzz import hunt as the_hunt
from fuzz.corpus import (
    BYTES_MAX,
    CORPUS,
    FILES_MAX,
    Reaching,
    keep_inputs,
    kept_inputs,
    lines_of,
    minimised,
    name_of,
)
from fuzz.hunt import Target, hunt, targets

from sekisho.kernel.canonical import parse_json
from sekisho.kernel.errors import BadInputError

SEED = 20240531
SECONDS = 1.0
WITH_CORPUS = {
    *("gate.psbt_bytes", "gate.read_psbt", "gate.correspond", "gate.judge_return"),
    *("gate.read_device_policy", "gate.judge_attested"),
    *("passes.open_bundle", "passes.read_signed_lease", "passes.read_request"),
}
KEPT = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("target", targets(), ids=lambda target: target[0])
def test_a_correct_parse_or_an_error_of_ours(target: Target) -> None:
    report = hunt(target, seconds=SECONDS, seed=SEED)
    assert not report.failures, "\n".join(f"{each.kept}\n{each.why}" for each in report.failures)
    assert report.accepted, "no seed is good input, so nothing was tested"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_is_kept_is_read_or_refused(path: Path) -> None:
    [(_, parse, seeds)] = [each for each in targets() if each[0] == path.parent.name]
    data = path.read_bytes()
    assert data in seeds, "every hunt begins with it"
    with suppress(BadInputError):
        parse(data)


def test_what_is_kept_is_little_and_the_gates() -> None:
    assert {path.parent.name for path in KEPT} == WITH_CORPUS
    for name in WITH_CORPUS:
        inputs = kept_inputs(name)
        assert 0 < len(inputs) <= FILES_MAX
        assert sum(map(len, inputs)) <= BYTES_MAX
    assert all(path.name == name_of(path.read_bytes()) for path in KEPT)


def test_an_input_is_kept_only_for_lines_of_its_own(tmp_path: Path) -> None:
    reached = {b"seed": "a", b"x": "ab", b"xx": "ab", b"yyy": "abc", b"zz": "a"}
    inputs = [b"yyy", b"xx", b"x", b"zz", b"x"]
    kept = minimised(
        [b"seed"], inputs, lambda data: frozenset((each, 1) for each in reached[data])
    )
    assert kept == [b"x", b"yyy"]
    keep_inputs("few", [b"of before"], tmp_path)
    keep_inputs("few", kept, tmp_path)
    assert sorted(kept_inputs("few", tmp_path)) == kept


def test_what_is_kept_stays_within_bounds() -> None:
    each_its_own = minimised(
        [], (bytes([n]) for n in range(99)), lambda data: frozenset({(data.hex(), 1)})
    )
    assert len(each_its_own) == FILES_MAX
    big = [bytes([n]) * (BYTES_MAX // 3) for n in range(9)]
    assert len(minimised([], big, lambda data: frozenset({(data[:1].hex(), 1)}))) == 3


def test_lines_are_told_apart_whether_an_input_is_parsed_or_refused() -> None:
    def read(data: bytes) -> object:
        return parse_json(data, "here")

    good, bad = lines_of(read, b"[1]"), lines_of(read, b"[1")
    assert good - bad
    assert bad - good
    reaching = Reaching(read)
    reaching(b"[1]")
    reaching(b"[2]")
    with pytest.raises(BadInputError):
        reaching(b"[1")
    assert reaching.found == [b"[1]", b"[1"]


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
