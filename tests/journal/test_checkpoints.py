import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_world import OTHER, SIGNER, chain, root_of, signed

from sekisho.journal.checkpoints import (
    SIZE_MAX,
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    parse_size,
    sign_checkpoint,
)
from sekisho.journal.merkle import EMPTY_ROOT
from sekisho.journal.notes import parse_note, sign_note
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused

VECTORS = Path(__file__).parents[1] / "vectors" / "journal"
ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
SPECIFIED = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n"


def test_the_specification_s_example() -> None:
    checkpoint = parse_checkpoint(SPECIFIED, "example")
    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert checkpoint.size == 20_852_163
    assert checkpoint.root.hex().startswith("0ac5186a")
    assert checkpoint.extensions == ()
    assert str(checkpoint) == SPECIFIED


@pytest.mark.parametrize(
    "case", json.loads((VECTORS / "rekor_inclusion.json").read_text()), ids=lambda c: c["file"]
)
def test_checkpoints_of_real_logs(case: dict[str, Any]) -> None:
    """One with an extension line, one with the cosignatures of three witnesses."""
    note = parse_note(case["checkpoint"].encode(), "checkpoint")
    checkpoint = parse_checkpoint(note.text, "checkpoint")
    assert (checkpoint.size, str(checkpoint)) == (case["size"], note.text)
    assert len(note.signatures) + len(checkpoint.extensions) in {2, 4}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "origin\n1\n",
        f"origin\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"origin\n\n{ROOT}\n",
        f"origin\n1\n{ROOT}\n\n",
        f"origin\n1\n{ROOT}\n\nextension\n",
        f"origin\n01\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n+1\n{ROOT}\n",
        f"origin\n１\n{ROOT}\n",
        f"origin\n{2**63}\n{ROOT}\n",
        f"origin\n{'9' * 5000}\n{ROOT}\n",
        "origin\n1\nAAAA\n",
        f"origin\n1\n{ROOT[:-1]}\n",
        f"origin\n1\n {ROOT}\n",
        f"origin\n0\n{ROOT}\n",  # an empty tree has one root only
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_checkpoint(text, "checkpoint")


def test_an_empty_log_and_the_largest_one() -> None:
    for size, root in ((0, EMPTY_ROOT), (SIZE_MAX, b"r" * 32)):
        data = sign_checkpoint(size=size, root=root, signer=SIGNER)
        opened = open_checkpoint(data, SIGNER.verifier, "checkpoint")
        assert opened == Checkpoint(origin=SIGNER.name, size=size, root=root)


def test_a_checkpoint_signed_with_another_key_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        open_checkpoint(signed(chain(3), signer=OTHER), SIGNER.verifier, "kept.checkpoint")
    (found,) = refused.value.findings
    assert (found.code, found.subject) == ("journal.note_unsigned", "kept.checkpoint")


def test_a_checkpoint_that_was_altered_is_refused() -> None:
    data = signed(chain(3))
    with pytest.raises(Refused) as refused:
        open_checkpoint(data.replace(b"\n3\n", b"\n4\n"), SIGNER.verifier, "kept.checkpoint")
    assert [each.code for each in refused.value.findings] == ["journal.note_signature_wrong"]


def test_a_checkpoint_of_another_log_by_the_same_key_is_refused() -> None:
    text = str(Checkpoint(origin="elsewhere.example/log", size=3, root=root_of(chain(3))))
    with pytest.raises(Refused) as refused:
        open_checkpoint(sign_note(text, [SIGNER]), SIGNER.verifier, "kept.checkpoint")
    assert [each.code for each in refused.value.findings] == ["journal.checkpoint_foreign"]


def test_no_impossible_checkpoint_is_signed() -> None:
    for size, root in ((0, b"r" * 32), (1, b"short"), (-1, b"r" * 32), (2**63, b"r" * 32)):
        with pytest.raises(BadInputError):
            sign_checkpoint(size=size, root=root, signer=SIGNER)


@given(st.integers(0, SIZE_MAX))
def test_sizes_are_written_in_one_way(size: int) -> None:
    assert parse_size(str(size), "size") == size
    for text in (f"0{size}", f"{size} ", f"-{size}", f"{size}_0"):
        with pytest.raises(BadInputError):
            parse_size(text, "size")


@given(
    st.text(min_size=1, max_size=10).filter(str.isprintable),
    st.integers(1, SIZE_MAX),
    st.binary(min_size=32, max_size=32),
    st.lists(st.text(min_size=1, max_size=5).filter(str.isprintable), max_size=2),
)
def test_what_is_written_is_read_back(
    origin: str, size: int, root: bytes, extensions: list[str]
) -> None:
    checkpoint = Checkpoint(origin=origin, size=size, root=root, extensions=tuple(extensions))
    assert parse_checkpoint(str(checkpoint), "checkpoint") == checkpoint
