"""The models of docs/model: nothing in them is left out by the script that checks them.

Checking itself takes spin, and is `make model`.
"""

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tree import ROOT

HERE = ROOT / "docs" / "model"
MODELS = sorted(HERE.glob("*.pml"))
ROW = re.compile(
    r"^\| (\w+) \| `(\w+)` \| ([^|]*) \| ([\d,]+) \| [\d.]+ \| ([^|]+) \|$", re.MULTILINE
)


def _script() -> Any:  # noqa: ANN401 - a script is no package; its claims are read through it
    name = "check_of_models"
    spec = importlib.util.spec_from_file_location(name, HERE / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


CHECK = _script()


def formulas(path: Path) -> set[str]:
    return set(re.findall(r"^ltl (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def flags_read(path: Path) -> set[str]:
    """Return every name that the model's text depends on, but for those that it defines itself."""
    text = path.read_text(encoding="utf-8")
    directives = re.findall(r"^#(?:ifdef|ifndef|if|elif) (.*)$", text, re.MULTILINE)
    names = {name for line in directives for name in re.findall(r"\b[A-Z_]{3,}\b", line)}
    return names - set(re.findall(r"^#define (\w+)", text, re.MULTILINE))


def test_there_are_models() -> None:
    assert len(MODELS) >= 8


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_line_of_a_head_is_a_claim(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    written = re.findall(r"^(?:holds|breaks|limit|happens)\b.*$", text, re.MULTILINE)
    assert len(CHECK.claims(path)) == len(written)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_flag_and_every_formula_is_checked(path: Path) -> None:
    claims = CHECK.claims(path)
    assert {flag.removeprefix("-D") for each in claims for flag in each.flags} == flags_read(path)
    assert {each.name for each in claims} == formulas(path)
    assert not [each for each, times in Counter((c.name, c.flags) for c in claims).items()
                if times > 1]  # fmt: skip


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_what_holds_is_broken_without_its_rule_and_something_happens(path: Path) -> None:
    claims = CHECK.claims(path)
    named = {kind: {each.name for each in claims if each.kind == kind} for kind in
             ("holds", "breaks", "limit", "happens")}  # fmt: skip
    assert named["holds"] == named["breaks"]
    assert named["happens"]
    assert all(name.startswith("can_") for name in named["happens"])
    assert all(each.flags for each in claims if each.kind == "breaks")


def test_the_page_shows_every_claim_and_no_other() -> None:
    page = (HERE / "README.md").read_text(encoding="utf-8")
    shown = [(model, name, flags.replace("`", "").split()) for model, name, flags, _, _ in
             ROW.findall(page)]  # fmt: skip
    claimed = [
        (each.model, each.name, [flag.removeprefix("-D") for flag in each.flags])
        for path in MODELS
        for each in CHECK.claims(path)
    ]
    assert shown == claimed, "stale: python docs/model/check.py --write"
    assert {answer for *_, answer in ROW.findall(page)} == {
        "holds",
        "happens",
        *CHECK.FOUND.values(),
    }


def test_the_page_names_only_what_the_models_have() -> None:
    page = (HERE / "README.md").read_text(encoding="utf-8")
    known = {each for path in MODELS for each in formulas(path) | flags_read(path)}
    prose = page.partition("<!-- measured -->")[0]
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+|[a-z]+(?:_[a-z]+)+)`", prose))
    assert named
    assert named <= known


def test_a_search_that_did_not_end_or_found_the_wrong_thing_is_not_right() -> None:
    claim = next(each for each in CHECK.claims(MODELS[0]) if each.kind == "holds")
    result = CHECK.Result(claim=claim, states=1, seconds=0.0, errors=0, whole=True, said="")
    assert result.right
    assert not replace(result, whole=False).right
    assert not replace(result, errors=1).right
    broken = replace(result, claim=replace(claim, kind="breaks"))
    assert not broken.right
    assert replace(broken, errors=1).right


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "check.py")],
        env={"PATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "apt-get install gcc libc6-dev spin" in done.stderr
