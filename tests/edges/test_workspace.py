from pathlib import Path

import pytest

from sekisho.edges.workspace import (
    CONFIGURATION,
    create_workspace,
    open_workspace,
    pin_genesis,
)
from sekisho.kernel.errors import BadInputError

DIGEST = "ab" * 32
OTHER = "cd" * 32


def test_what_was_made_is_opened(tmp_path: Path) -> None:
    made = create_workspace(tmp_path / "w", name="kawa-1", network="regtest")
    assert open_workspace(tmp_path / "w") == made
    assert made.origin == "sekisho/kawa-1/journal"
    assert made.genesis_digest == ""


def test_a_genesis_is_pinned_once(tmp_path: Path) -> None:
    made = create_workspace(tmp_path / "w", name="kawa", network="mainnet")
    pinned = pin_genesis(made, DIGEST)
    assert open_workspace(tmp_path / "w") == pinned
    assert pin_genesis(pinned, DIGEST) == pinned
    with pytest.raises(BadInputError, match="pinned already"):
        pin_genesis(pinned, OTHER)
    assert open_workspace(tmp_path / "w").genesis_digest == DIGEST


@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "../a", "a+b", "a\n", "x" * 60])
def test_a_name_goes_into_files_and_is_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match="name"):
        create_workspace(tmp_path / "w", name=name, network="mainnet")
    assert not (tmp_path / "w").exists()


WHOLE = f'name = "kawa"\nnetwork = "mainnet"\ngenesis_digest = "{DIGEST}"\n'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (WHOLE.replace("mainnet", "moonnet"), "network"),
        (WHOLE.replace("name =", "nmae ="), "nmae"),
        (WHOLE + 'extra = "x"\n', "extra"),
        (WHOLE.replace(DIGEST, "ab"), "genesis_digest"),
        (WHOLE.replace(f'"{DIGEST}"', "7"), "genesis_digest"),
        (WHOLE.replace('network = "mainnet"\n', ""), "network"),
        ("name = ", "cannot be read"),
    ],
)
def test_a_configuration_that_is_not_right_is_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / CONFIGURATION).write_text(text)
    with pytest.raises(BadInputError, match=named):
        open_workspace(tmp_path)


def test_no_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="sekisho init"):
        open_workspace(tmp_path)
