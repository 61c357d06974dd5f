"""Files of scripts that are watched as a wallet's: read at the start, and on as they grow."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sekisho.edges.script_files import Packed, ScriptFile, declared_count
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Finding
from sekisho.watch import troubles
from sekisho.watch.listed import Listed

Add = Callable[[str, Packed], object]
"""Has more scripts watched as a wallet's."""

BATCH = 65_536
"""About so many scripts are taken in one turn: some tens of milliseconds."""
PATIENCE_MS = 10_000
"""How long somebody may take to write what he has begun."""
LOOK_BACK_MS = 10_000
"""How often the last blocks are searched again because more is listed."""


@dataclass(slots=True)
class Source:
    """A wallet's file, and what is wrong with it."""

    wallet_id: str
    file: ScriptFile
    wrong: list[Finding] = field(default_factory=list)
    said: list[Finding] = field(default_factory=list)
    moved_ms: int = 0
    """When its end was last not in the middle of something."""


class Lists:
    """The files that `--scripts` names: WALLET_ID=FILE, for each.

    Making it raises `BadInputError` for an option that names no wallet in force, or no file.
    """

    def __init__(self, options: Sequence[str], wallet_ids: Collection[str]) -> None:
        self._sources = [_source(each, wallet_ids) for each in options]
        self._looked_ms = 0
        self._look_back = False

    def load(self, listed: Listed, show: Callable[[int, int], None] | None) -> list[Finding]:
        """Watch all that the files list by now; return why some of it is not.

        `show` is told how many were read, and how many the files say they have.
        """
        expected, done = sum(_expected(each.file.path) for each in self._sources), 0
        listed.sieve.expect_scripts(expected)
        for each in self._sources:
            while (packed := _more(each)) is not None:
                listed.add(each.wallet_id, packed)
                done += packed[1].size
                if show is not None:
                    show(done, max(expected, done))
            if not each.wrong and each.file.left:
                each.wrong = [troubles.scripts_unfinished(str(each.file.path))]
        return self._news()

    def follow(self, add: Add, now_ms: int) -> list[Finding]:
        """Hand on what was appended since, a turn's worth; return what went wrong since."""
        for each in self._sources:
            packed = _more(each)
            if packed is not None:
                add(each.wallet_id, packed)
                self._look_back = True
            if packed is not None or not each.file.left or not each.moved_ms:
                each.moved_ms = now_ms
            if not each.wrong and now_ms - each.moved_ms >= PATIENCE_MS:
                each.wrong = [troubles.scripts_unfinished(str(each.file.path))]
        return self._news()

    def is_look_back_due(self, now_ms: int) -> bool:
        """Return whether what was searched is to be searched again for what was appended."""
        if not self._look_back or now_ms - self._looked_ms < LOOK_BACK_MS:
            return False
        self._looked_ms, self._look_back = now_ms, False
        return True

    def close(self) -> None:
        """Let go of the files."""
        for each in self._sources:
            each.file.close()

    def why(self) -> list[Finding]:
        """Return why not all that is listed is watched."""
        return [found for each in self._sources for found in each.wrong]

    def _news(self) -> list[Finding]:
        found = [one for each in self._sources for one in each.wrong if one not in each.said]
        for each in self._sources:
            each.said = each.wrong
        return found


def _more(source: Source) -> Packed | None:
    """Read on in a file, a turn's worth; note what is wrong with it."""
    parts: list[Packed] = []
    source.wrong = []
    try:
        if source.file.begins_anew():
            source.wrong.append(troubles.scripts_replaced(str(source.file.path)))
        while sum(sizes.size for _, sizes in parts) < BATCH:
            packed = source.file.more()
            if packed is None:
                break
            parts.append(packed)
    except (BadInputError, WorldError) as error:
        source.wrong.append(troubles.scripts_unreadable(str(source.file.path), str(error)))
    if not parts:
        return None
    return np.concatenate([data for data, _ in parts]), np.concatenate([each for _, each in parts])


def _expected(path: Path) -> int:
    try:
        return declared_count(path)
    except WorldError:
        return 0  # it is said when it is read


def _source(option: str, wallet_ids: Collection[str]) -> Source:
    wallet_id, _, name = option.partition("=")
    if not name:
        raise BadInputError("--scripts", f"{option[:100]!r} is not WALLET_ID=FILE")
    if wallet_id not in wallet_ids:
        raise BadInputError("--scripts", f"no wallet {wallet_id[:100]!r} is in force")
    return Source(wallet_id=wallet_id, file=ScriptFile(Path(name)))
