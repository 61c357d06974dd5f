"""Every finding that the source can make has its words, and every word its finding."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree import Module, module, source

from sekisho.kernel.catalogue import catalogue

FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
CODE = re.compile(r"[a-z]+\.[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A place in the source where a finding is made."""

    place: str
    room: str
    code: str | None
    """None where the code is an argument; it is then a literal at the callers'."""
    facts: frozenset[str] | None
    """None where the facts come in a mapping."""


def made(modules: tuple[Module, ...]) -> Iterator[Made]:
    for each in modules:
        for node in ast.walk(each.tree):
            if not isinstance(node, ast.Call):
                continue
            if ast.unparse(node.func).rpartition(".")[2] == "finding":
                code = node.args[0] if node.args else None
                names = [keyword.arg for keyword in node.keywords]
                yield Made(
                    place=f"{each.name}:{node.lineno}",
                    room=each.room,
                    code=code.value
                    if isinstance(code, ast.Constant) and isinstance(code.value, str)
                    else None,
                    facts=None if None in names else frozenset(filter(None, names)),
                )


def literals(modules: tuple[Module, ...]) -> Iterator[tuple[str, str]]:
    """Yield the room and the text of every string literal that has the shape of a code."""
    for each in modules:
        for node in ast.walk(each.tree):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and CODE.fullmatch(text):
                yield each.room, text


def test_every_code_that_is_used_is_in_the_catalogue() -> None:
    missing = {
        f"{each.place}: {each.code}"
        for each in made(source())
        if each.code is not None and each.code not in catalogue()
    }
    assert not missing, "\n" + "\n".join(sorted(missing))


def test_every_code_in_the_catalogue_is_used() -> None:
    used = {text for _, text in literals(source())}
    unused = sorted(set(catalogue()) - used)
    assert not unused, "\n" + "\n".join(unused)


def test_a_room_speaks_for_itself() -> None:
    foreign = {
        f"{each.place}: {each.code}"
        for each in made(source())
        if each.code is not None and each.code.partition(".")[0] != each.room
    }
    assert not foreign, "\n" + "\n".join(sorted(foreign))


def test_a_code_that_is_handed_on_is_a_code_of_the_catalogue() -> None:
    # Where finding() gets its code as an argument, the literal stands elsewhere in that module.
    handing_on = {each.place.partition(":")[0] for each in made(source()) if each.code is None}
    modules = tuple(each for each in source() if each.name in handing_on)
    missing = {
        f"{room}: {text}"
        for room, text in literals(modules)
        if text.partition(".")[0] == room and text not in catalogue()
    }
    assert not missing, "\n" + "\n".join(sorted(missing))


def test_every_fact_that_a_sentence_tells_is_given_where_the_finding_is_made() -> None:
    untold = {
        f"{each.place}: {each.code} tells {{{name}}} in {language}"
        for each in made(source())
        if each.facts is not None
        for language, words in catalogue().get(each.code or "", {}).items()
        for name in set(FIELD.findall(words.says)) - each.facts - {"subject"}
    }
    assert not untold, "\n" + "\n".join(sorted(untold))


def test_what_these_tests_would_see() -> None:
    text = "finding('gate.a', 's', n=1)\nkernel.finding(code, 's', **facts)\nfinding()"
    literal, handed_on, empty = made((module("gate/x.py", text),))
    assert (literal.code, literal.room) == ("gate.a", "gate")
    assert literal.facts == frozenset({"n"})
    assert (handed_on.code, handed_on.facts) == (None, None)
    assert empty.code is None
    assert set(literals((module("gate/x.py", text),))) == {("gate", "gate.a")}
