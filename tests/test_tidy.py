"""The rules of STYLE.md that a machine can hold us to."""

import re
from collections.abc import Callable

import pytest
from rules import (
    RULES,
    Broken,
    clears_only_in_clear,
    fits_on_a_screen,
    gives_a_reason_for_every_exemption,
    has_frozen_records,
    has_no_floats,
    has_no_guard_that_o_removes,
    names_end_in_their_unit,
    names_things,
    returns_findings_in_a_list,
    says_what_it_imports,
    touches_nothing,
    two_who_check_do_not_share_the_check,
)
from tree import Module, all_python, files, module, name_of, source, text_of

Rule = Callable[[Module], Broken]
EVERYWHERE: tuple[Rule, ...] = (fits_on_a_screen, gives_a_reason_for_every_exemption)
FILE_BYTES_MAX = 5 * 1024 * 1024


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_the_rule(rule: Rule) -> None:
    modules = all_python() if rule in EVERYWHERE else source()
    broken = [f"{each.name}: {why}" for each in modules for why in rule(each)]
    assert not broken, "\n" + "\n".join(broken)


BROKEN: list[tuple[Rule, str, str]] = [
    (fits_on_a_screen, "passes/a.py", "x = 1\n" * 401),
    (fits_on_a_screen, "passes/a.py", "def long():\n" + "    x = 1\n" * 50),
    (names_end_in_their_unit, "passes/a.py", "def f(fee: Sat): ..."),
    (names_end_in_their_unit, "passes/a.py", "class A:\n    loss: Jpy | None"),
    (names_end_in_their_unit, "passes/a.py", "gas: 'Wei' = 1"),
    (names_end_in_their_unit, "passes/a.py", "def f(sat_fee: money.Sat): ..."),
    (names_end_in_their_unit, "passes/a.py", "def f(when: datetime): ..."),
    (names_end_in_their_unit, "passes/a.py", "class A:\n  @property\n  def fee(self) -> Sat: ..."),
    (touches_nothing, "passes/a.py", "import os"),
    (touches_nothing, "passes/a.py", "from time import time"),
    (touches_nothing, "passes/a.py", "import secrets"),
    (touches_nothing, "watch/match.py", "import numpy"),
    (touches_nothing, "gate/clear.py", "import btclib_wallet"),
    (touches_nothing, "passes/a.py", "import importlib"),
    (touches_nothing, "passes/a.py", "def f(at=datetime.now): ..."),
    (touches_nothing, "passes/a.py", "x = datetime.datetime.now(tz=UTC)"),
    (touches_nothing, "passes/a.py", "key = ed25519.Ed25519PrivateKey.generate()"),
    (touches_nothing, "passes/a.py", "x = open('/etc/passwd')"),
    (has_no_floats, "passes/a.py", "def f(share: float): ..."),
    (has_no_floats, "passes/a.py", "def f() -> list[float]: ..."),
    (has_no_floats, "passes/flow.py", "share = fee_sat / size"),
    (has_no_floats, "cli/a.py", "btc = a.fee_sat / 10**8"),
    (has_no_guard_that_o_removes, "cli/a.py", "assert x"),
    (has_no_guard_that_o_removes, "edges/a.py", "print(x)"),
    (clears_only_in_clear, "gate/flow.py", "x = Cleared(pass_id=1)"),
    (clears_only_in_clear, "gate/flow.py", "x = attest.AttestedPSBT(psbt=b'')"),
    (two_who_check_do_not_share_the_check, "gate/a.py", "from sekisho.watch.match import match"),
    (two_who_check_do_not_share_the_check, "gate/a.py", "from sekisho import watch"),
    (two_who_check_do_not_share_the_check, "watch/a.py", "import sekisho.gate.correspond"),
    (two_who_check_do_not_share_the_check, "watch/a.py", "from sekisho.passes import verify"),
    (two_who_check_do_not_share_the_check, "watch/a.py", "from sekisho.passes.verify import x"),
    (says_what_it_imports, "gate/a.py", "from . import records"),
    (says_what_it_imports, "gate/__init__.py", "'gate.'\nfrom sekisho.gate.clear import clear"),
    (says_what_it_imports, "gate/__init__.py", ""),
    (has_frozen_records, "gate/a.py", "@dataclass\nclass A: ..."),
    (has_frozen_records, "gate/a.py", "@dataclass(frozen=True, slots=True)\nclass A: ..."),
    (has_frozen_records, "gate/a.py", "class A(Pass): ..."),
    (names_things, "gate/utils.py", ""),
    (names_things, "gate/a.py", "class PassManager: ..."),
    (returns_findings_in_a_list, "gate/a.py", "def f() -> Iterator[Finding]: ..."),
    (gives_a_reason_for_every_exemption, "gate/a.py", "x = 1  # noqa: S101"),
    (gives_a_reason_for_every_exemption, "gate/a.py", "x = 1  # type: ignore[arg-type]"),
    (gives_a_reason_for_every_exemption, "gate/a.py", "x = 1  # pragma: no cover"),
    (gives_a_reason_for_every_exemption, "tests/a.py", "@pytest.mark.xfail\ndef f(): ..."),
    (gives_a_reason_for_every_exemption, "tests/a.py", "@pytest.mark.skipif(x)\ndef f(): ..."),
]


@pytest.mark.parametrize(("rule", "name", "text"), BROKEN)
def test_each_rule_catches_what_breaks_it(rule: Rule, name: str, text: str) -> None:
    assert list(rule(module(name, text)))


def test_each_rule_has_something_that_it_must_catch() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


NOT_IN_THE_REPOSITORY = {
    "a package index": r"py[p]i\.org|python[h]osted\.org|npm[j]s\.org",
    "a package mirror": r"(?:deb|security|snapshot|ftp)[.a-z]*\.[d]ebian\.org",
    "a path of one machine": (
        r"(?<![\w.~$}{])/(?:work|farm|root|Users)/|(?<![\w.~$}{])/home/\w|[A-Z]:\\[U]sers"
    ),
    "a folder beside the repository": r"\.\./[s]hared\b",
}


@pytest.mark.parametrize("what", NOT_IN_THE_REPOSITORY)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(NOT_IN_THE_REPOSITORY[what])
    broken = [
        f"{name_of(path)}: {found[0]}"
        for path in files()
        if (found := pattern.search(text_of(path) or ""))
    ]
    assert not broken, "\n" + "\n".join(broken)


def test_the_patterns_find_what_they_look_for() -> None:
    examples = {
        "a package index": "https://pypi" + ".org/simple",
        "a package mirror": "http://deb" + ".debian.org/debian",
        "a path of one machine": "see /home" + "/me/x",
        "a folder beside the repository": ".." + "/shared/data",
    }
    for what, example in examples.items():
        assert re.search(NOT_IN_THE_REPOSITORY[what], example), what


def test_no_file_is_large() -> None:
    large = [name_of(path) for path in files() if path.stat().st_size > FILE_BYTES_MAX]
    assert not large, large


def test_what_is_left_to_do_has_an_issue() -> None:
    mark = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX|[H]ACK)\b(?! \(#\d+\))")
    ours = [
        p for p in files() if p.suffix in {".py", ".toml", ".md", ".html"} or p.name == "Makefile"
    ]
    broken = [
        f"{name_of(path)}: {found[0]}"
        for path in ours
        if "vectors" not in path.parts and (found := mark.search(text_of(path) or ""))
    ]
    assert not broken, "\n" + "\n".join(broken)
