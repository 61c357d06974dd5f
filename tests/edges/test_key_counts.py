"""The count beside a key file: it moves on at each use, and does not tell what was signed."""

import json
import multiprocessing
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.edges.keys import Cost, UnlockedKey, load_key, make_key, make_trial_key, take_sequence
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.passes.duress import (
    COUNT_MAX,
    MARKS,
    Opening,
    Ratchet,
    count_of,
    marked_number,
    number_of,
    turned,
)

USUAL = "correct horse battery"
FORCED = "paper lantern river"
CHEAP = Cost(log2_n=4)
"""Sixteen kibibytes for a guess: no key that protects anything is made so."""


def make(path: Path) -> None:
    make_key(path, USUAL, second_passphrase=FORCED, cost=CHEAP)


def trial(path: Path) -> UnlockedKey:
    make_trial_key(path)
    return load_key(path, None)


# 1. The count -----------------------------------------------------------------------------------


def counts(key: UnlockedKey, *at_least: int) -> list[int]:
    return [count_of(take_sequence(key, at_least=each)) for each in at_least]


def test_no_number_is_taken_twice(tmp_path: Path) -> None:
    assert counts(trial(tmp_path / "a.key"), 1, 1, 1) == [1, 2, 3]


def test_both_passphrases_count_together(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make(path)
    one, other = load_key(path, USUAL), load_key(path, FORCED)
    assert [*counts(one, 1), *counts(other, 1), *counts(one, 1)] == [1, 2, 3]
    assert json.loads((tmp_path / "alice.key.count").read_bytes())["count"] == 3


@given(st.binary(min_size=32, max_size=32), st.integers(1, COUNT_MAX))
def test_a_number_is_its_count_and_a_mark_of_seven_digits(mark_key: bytes, count: int) -> None:
    number = marked_number(mark_key, count)
    assert count_of(number) == count
    assert number == marked_number(mark_key, count) < 2**53


@pytest.mark.parametrize("before", [1, 2, 41])
def test_a_count_that_was_restored_goes_on_after_what_the_journal_holds(
    tmp_path: Path, before: int
) -> None:
    """And under the usual marks, for they can be made from any earlier count."""
    path = tmp_path / "alice.key"
    opening = make_key(path, USUAL, cost=CHEAP)
    key, count = load_key(path, USUAL), tmp_path / "alice.key.count"
    backup = b""
    for number in range(1, 58):
        backup = count.read_bytes() if number == before else backup
        take_sequence(key, at_least=1)
    count.write_bytes(backup)
    last = marked_number(opening.mark_key, 57)
    assert take_sequence(key, at_least=last + 1) == marked_number(opening.mark_key, 58)
    assert take_sequence(key, at_least=1) == marked_number(opening.mark_key, 59)


def test_a_key_without_its_count_signs_no_more(tmp_path: Path) -> None:
    """Any mark that it could make would look forced. Both passphrases are told the same."""
    path = tmp_path / "alice.key"
    make(path)
    (tmp_path / "alice.key.count").unlink()
    told = set()
    for words in (USUAL, FORCED):
        with pytest.raises(BadInputError, match="is missing") as caught:
            take_sequence(load_key(path, words), at_least=1)
        told.add(str(caught.value))
    assert len(told) == 1


def test_the_count_of_another_key_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make(path)
    path.rename(tmp_path / "elsewhere.key")
    with pytest.raises(BadInputError, match=r"count: exists already"):
        make(path)
    assert not path.exists()


def test_a_number_follows_on_those_that_bear_no_mark(tmp_path: Path) -> None:
    key = trial(tmp_path / "alice.key")
    assert take_sequence(key, at_least=4712) > 4712


def test_a_key_ends_before_its_numbers_do(tmp_path: Path) -> None:
    key = trial(tmp_path / "alice.key")
    assert counts(key, (COUNT_MAX - 1) * MARKS, 1) == [COUNT_MAX - 1, COUNT_MAX]
    with pytest.raises(BadInputError, match="at the end"):
        take_sequence(key, at_least=1)
    with pytest.raises(BadInputError, match="at the end"):
        take_sequence(trial(tmp_path / "b.key"), at_least=2**53)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("count", each) for each in (-1, 1, 7, 2**30, COUNT_MAX + 1, "0", True, None)),
        ("nodes", []),
        ("nodes", ["00" * 32] * 29),
        ("nodes", ["00" * 32] * 31),
        ("nodes", ["00" * 31] * 30),
        ("nodes", ["xx" * 32] * 30),
        ("format", "sekisho/key-file/v2"),
        ("more", 1),
    ],
)
def test_a_count_that_is_none_stops_signing(tmp_path: Path, name: str, value: object) -> None:
    key, path = trial(tmp_path / "alice.key"), tmp_path / "alice.key.count"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), name: value}))
    with pytest.raises(BadInputError, match=r"alice\.key\.count"):
        take_sequence(key, at_least=1)


@pytest.mark.parametrize("data", [b"", b"12\n", b"{}", bytes(99), b"[" * 9000])
def test_what_is_no_count_stops_signing(tmp_path: Path, data: bytes) -> None:
    key = trial(tmp_path / "alice.key")
    (tmp_path / "alice.key.count").write_bytes(data)
    with pytest.raises(BadInputError, match=r"alice\.key\.count"):
        take_sequence(key, at_least=1)


# 2. Somebody takes the file, and hears a passphrase ---------------------------------------------


class Robber:
    """Has both files as they lay there, one passphrase, and every number that was ever public."""

    def __init__(self, path: Path, heard: str) -> None:
        self.key = load_key(path, heard)
        left = json.loads(path.with_name(f"{path.name}.count").read_bytes())
        nodes = tuple(bytes.fromhex(each) for each in left["nodes"])
        self.ratchet = Ratchet(count=left["count"], nodes=nodes)

    def explains(self, number: int) -> bool:
        """Return whether anything that the robber can make is the mark of that number."""
        count, slot = count_of(number), self.key.slot_key
        keys = {slot, self.key.public_key, b"", *self.ratchet.nodes}
        if count > self.ratchet.count:
            keys.add(turned(self.ratchet, count)[1])
        made = {number_of(slot, each, count) for each in keys}
        made |= {number_of(each, slot, count) for each in keys}
        made |= {marked_number(each, count) for each in (slot, *self.ratchet.nodes)}
        return number in made


@pytest.fixture
def alice(tmp_path: Path) -> tuple[Path, Opening]:
    path = tmp_path / "alice.key"
    return path, make_key(path, USUAL, second_passphrase=FORCED, cost=CHEAP)


def signed(path: Path, words: str, times: int) -> list[int]:
    key = load_key(path, words)
    return [take_sequence(key, at_least=1) for _ in range(times)]


@pytest.mark.parametrize("earlier", [USUAL, FORCED])
def test_neither_passphrase_explains_what_was_signed_before(
    alice: tuple[Path, Opening], earlier: str
) -> None:
    """Ever: one number in about 150,000 is hit by chance, so two of eight are never."""
    path, _ = alice
    numbers = signed(path, earlier, 8)
    for heard in (USUAL, FORCED):
        robber = Robber(path, heard)
        assert sum(map(robber.explains, numbers)) < 2


@pytest.mark.parametrize("heard", [USUAL, FORCED])
def test_each_passphrase_explains_what_is_signed_with_it_afterwards(
    alice: tuple[Path, Opening], heard: str
) -> None:
    """The robber has her sign before their eyes: the same again, whichever she said."""
    path, _ = alice
    signed(path, USUAL, 5)
    robber = Robber(path, heard)
    numbers = signed(path, heard, 8)
    assert all(map(robber.explains, numbers))
    assert sum(map(Robber(path, heard).explains, numbers)) < 2


def test_the_keeper_knows_which_it_was(alice: tuple[Path, Opening]) -> None:
    path, opening = alice
    numbers = [*signed(path, USUAL, 3), *signed(path, FORCED, 2), *signed(path, USUAL, 2)]
    free = [number == marked_number(opening.mark_key, count_of(number)) for number in numbers]
    assert free == [True] * 3 + [False] * 2 + [True] * 2


def test_what_is_left_on_the_disk_is_the_same_after_either_passphrase(
    alice: tuple[Path, Opening], tmp_path: Path
) -> None:
    """To the byte: also whoever copied both files every day does not see which slot was used."""
    path, _ = alice
    signed(path, USUAL, 3)
    other = tmp_path / "other"
    shutil.copytree(tmp_path, other)
    for words, twin in ((USUAL, FORCED), (USUAL, USUAL), (FORCED, USUAL)):
        assert len([*signed(path, words, 1), *signed(other / "alice.key", twin, 1)]) == 2
        for name in ("alice.key", "alice.key.count"):
            assert (tmp_path / name).read_bytes() == (other / name).read_bytes()
    assert sorted(each.name for each in other.iterdir()) == ["alice.key", "alice.key.count"]


@pytest.mark.parametrize("words", [USUAL, FORCED])
@pytest.mark.parametrize("step", ["os.open", "os.fsync", "pathlib.Path.replace", "after"])
def test_a_crash_at_any_step_repeats_no_number_and_explains_none(
    alice: tuple[Path, Opening], words: str, step: str
) -> None:
    path, opening = alice
    before = signed(path, words, 3)
    with pytest.MonkeyPatch.context() as patch:
        if step != "after":
            patch.setattr(step, lambda *_, **__: (_ for _ in ()).throw(OSError(5, "power")))
            with pytest.raises(WorldError, match="cannot be kept"):
                signed(path, words, 1)
        else:
            signed(path, words, 1)  # the number is lost: nobody ever signs under it
    after = signed(path, words, 2)
    assert len({*before, *after}) == 5
    assert [count_of(each) for each in after] == ([5, 6] if step == "after" else [4, 5])
    robber = Robber(path, words)
    assert sum(map(robber.explains, (*before, *after))) < 2
    if words == USUAL:
        assert after == [marked_number(opening.mark_key, count_of(each)) for each in after]
    left = {each.name for each in path.parent.iterdir()}
    assert left == {"alice.key", "alice.key.count"}, "what a crash left behind is used up"


# 3. Commands at once ----------------------------------------------------------------------------


def take_many(path: Path, taken: "multiprocessing.Queue[list[int]]") -> None:
    key = load_key(path, None)
    taken.put([count_of(take_sequence(key, at_least=1)) for _ in range(50)])


def test_commands_at_once_take_different_numbers(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make_trial_key(path)
    context = multiprocessing.get_context("fork")
    taken: multiprocessing.Queue[list[int]] = context.Queue()
    workers = [context.Process(target=take_many, args=(path, taken)) for _ in range(4)]
    for worker in workers:
        worker.start()
    numbers = [number for _ in workers for number in taken.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert sorted(numbers) == list(range(1, 201))
