"""What Core asks of `sekisho-signer`, and what its operator has set."""

import re
import tomllib
from argparse import ArgumentError, ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Never

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.errors import BadInputError

_NETWORKS = {
    "main": Network.MAIN,
    "test": Network.TEST,
    "testnet4": Network.TESTNET4,
    "signet": Network.SIGNET,
    "regtest": Network.REGTEST,
}
"""By the names that Core gives its chains."""
_FINGERPRINT = re.compile(r"[0-9a-fA-F]{8}")
_ACCOUNT = re.compile(r"[0-9]{1,10}")
_KNOWN_SETTINGS = {"workspace", "gate", "delegate", "keeper"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of Core's, as `src/external_signer.cpp` puts it."""

    settings: str
    """The path of the settings."""
    command: str
    """`enumerate`, `getdescriptors`, `displayaddress` or `signtx`."""
    fingerprint: str
    """Of the master key, 8 hex characters; empty for `enumerate`."""
    chain: str
    """As Core names it; empty for `enumerate`."""
    account: str
    descriptor: str

    @property
    def network(self) -> Network:
        """Return the network that Core is on."""
        return _NETWORKS[self.chain]

    def for_delegate(self) -> list[str]:
        """Return the arguments with which Core would ask the delegate the same."""
        device = ["--fingerprint", self.fingerprint, "--chain", self.chain]
        match self.command:
            case "enumerate":
                return ["enumerate"]
            case "getdescriptors":
                return [*device, "getdescriptors", "--account", self.account]
            case "displayaddress":
                return [*device, "displayaddress", "--desc", self.descriptor]
            case _:
                return ["--stdin", *device]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator wrote down for the signer."""

    workspace: Path
    gate: Path
    delegate: tuple[str, ...]
    keeper: Path | None


class _Strict(ArgumentParser):
    """Says what is wrong to the caller instead of ending the process."""

    def error(self, message: str) -> Never:
        raise BadInputError("command line", message)


def read_question(arguments: Sequence[str], *, settings: str) -> Question:
    """Return what is asked; `settings` is the path that holds where `--config` names none.

    Raises `BadInputError` for whatever Core does not ask, and for what is left out.
    """
    parser = _Strict(prog="sekisho-signer", add_help=False, allow_abbrev=False)
    parser.exit_on_error = False
    for name in ("--config", "--fingerprint", "--chain", "--account", "--desc"):
        parser.add_argument(name, default="")
    parser.add_argument("--stdin", action="store_true")
    parser.add_argument("command", nargs="?")
    try:
        found = parser.parse_args(list(arguments))
    except ArgumentError as error:
        raise BadInputError("command line", str(error)) from error
    command = found.command
    if command is None:
        command = "signtx" if found.stdin else ""
    path = found.config or settings
    if not path:
        raise BadInputError("command line", "names no settings (--config FILE)")
    needed = {
        "enumerate": set(),
        "getdescriptors": {"fingerprint", "chain", "account"},
        "displayaddress": {"fingerprint", "chain", "desc"},
        "signtx": {"fingerprint", "chain"},
    }.get(command)
    if needed is None or found.stdin != (command == "signtx"):
        raise BadInputError("command line", f"{command[:40]!r} is nothing that Core asks")
    given = {name for name in ("fingerprint", "chain", "account", "desc") if getattr(found, name)}
    if given != needed:
        raise BadInputError("command line", f"{command} is asked with {sorted(needed)}")
    for name, fine in (
        ("fingerprint", _FINGERPRINT.fullmatch(found.fingerprint)),
        ("chain", found.chain in _NETWORKS),
        ("account", _ACCOUNT.fullmatch(found.account)),
    ):
        if name in needed and not fine:
            raise BadInputError(f"--{name}", f"cannot be {getattr(found, name)[:40]!r}")
    return Question(
        settings=path,
        command=command,
        fingerprint=found.fingerprint,
        chain=found.chain,
        account=found.account,
        descriptor=found.desc,
    )


def read_settings(path: Path) -> Settings:
    """Return the settings in a file; raises `BadInputError` naming the file and the key.

    Paths in it are absolute: a node starts its signer in whatever folder it is in itself.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(str(path), f"cannot be read: {error}") from error
    unknown = sorted(set(document) - _KNOWN_SETTINGS)
    if unknown:
        raise BadInputError(f"{path}: {unknown[0]}", "is not a known setting")
    delegate = document.get("delegate")
    if (
        not isinstance(delegate, list)
        or not delegate
        or not all(isinstance(each, str) and each for each in delegate)
    ):
        raise BadInputError(f"{path}: delegate", "is not a list: a program and its arguments")
    return Settings(
        workspace=_absolute(document, "workspace", path),
        gate=_absolute(document, "gate", path),
        delegate=tuple(delegate),
        keeper=_absolute(document, "keeper", path) if "keeper" in document else None,
    )


def _absolute(document: dict[str, object], key: str, path: Path) -> Path:
    value = document.get(key)
    if not isinstance(value, str) or not Path(value).is_absolute():
        raise BadInputError(f"{path}: {key}", "is not an absolute path")
    return Path(value)
