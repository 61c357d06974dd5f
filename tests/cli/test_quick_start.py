"""The README's quick start, run as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from forked_cli import forked

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def quick_start(readme: str) -> str:
    """Return the shell block of the quick start."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    found = [block for block in blocks if "sekisho init" in block]
    assert len(found) == 1, f"{readme} has {len(found)} quick starts"
    return str(found[0])


def commands(block: str) -> list[str]:
    """Return the block without its comments, which each language has in its own words."""
    return [line for line in block.splitlines() if not line.startswith("#") and line.strip()]


def test_both_languages_show_the_same_commands() -> None:
    assert commands(quick_start("README.md")) == commands(quick_start("README.ja.md"))


@pytest.mark.skipif(shutil.which("bash") is None, reason="the quick start is written for bash")
def test_the_quick_start_works_as_written(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with forked(tmp_path_factory.mktemp("cli")) as path:
        hold_the_quick_start(tmp_path, path)


def hold_the_quick_start(tmp_path: Path, path: str) -> None:
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    subprocess.run(
        [str(BIN / "sekisho"), "drill", "--out", "build/drill"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
    )
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", quick_start("README.md")],
        cwd=tmp_path,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr + run.stdout
    said = run.stdout
    assert "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD is ours: wallet cold-1" in said
    assert "cold-1: 4,703.00000000 BTC" in said
    assert "Refused: 2 of 20 steps say no (18, 19). Nothing may be signed or sent." in said
    for code in ("gate.payment_not_allowed", "gate.lookalike", "gate.feerate_too_high"):
        assert f"[{code}]" in said
    assert "DEVIATING" in said
    assert said.count("exit code 3") == 2
    assert "The policy says yes." in said
    assert "Every entry is as it was written" in said
    assert said.endswith("The pass is good.\n")
