"""What holds for every command there is: help, JSON, and a clear answer to a wrong call."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from sekisho.cli import app, run


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - typer's own types
    """Yield every command that does something, with the words that call it."""
    inner: dict[str, Any] = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, each in inner.items():
        yield from leaves(each, (*path, name))


COMMANDS = dict(leaves(typer.main.get_command(app)))
SERVES = {("up",)}
"""Says nothing to programs on its output: they ask it over HTTP."""


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_says_what_it_does_and_speaks_to_programs(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert (command.help or "").strip().endswith((".", "."))
    options = {option for each in command.params for option in each.opts}
    assert "--json" in options or path in SERVES
    assert all(each.help for each in command.params), "each option and argument is explained"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_call_with_an_option_that_is_none_is_one_json_document(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--no-such-option", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert "--no-such-option" in said["error"]
