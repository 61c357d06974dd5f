"""The journal's file, read without a line of the project's own code."""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Noted:
    """An entry of the journal, as it stands in its file."""

    seq: int
    kind: str
    hash: str
    body: dict[str, Any]


class JournalReader:
    """The journal's file, read by itself."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.entries: list[Noted] = []

    def size(self) -> int:
        """Return how many entries there are now."""
        ((size,),) = self._file.execute("SELECT coalesce(max(seq), 0) FROM journal")
        return int(size)

    def read_on(self) -> None:
        """Read what was added."""
        query = "SELECT seq, hash, document FROM journal WHERE seq > ? ORDER BY seq"
        for seq, digest, document in self._file.execute(query, (len(self.entries),)):
            said = json.loads(document)
            noted = Noted(seq=seq, kind=said["kind"], hash=digest.hex(), body=said["body"])
            self.entries.append(noted)

    def of(self, *kinds: str) -> list[Noted]:
        """Return the entries of some kinds."""
        return [each for each in self.entries if each.kind in kinds]
