"""watch.json: how far a workspace's watcher has come, and how it stands. Replaced whole.

It may be deleted: what the journal says is enough to go on from.
"""

from pathlib import Path

from sekisho.edges.keys import replace_file
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.fields import Fields
from sekisho.watch.coverage import Coverage, coverage_document, read_coverage

NAME = "watch.json"
_MAX_BYTES = 1024 * 1024


def write_watch_file(root: Path, coverage: Coverage, status: dict[str, Json]) -> None:
    """Put how far the watcher has come in place of what was there before, durably."""
    document: dict[str, Json] = {"coverage": coverage_document(coverage), "status": status}
    path = root / NAME
    try:
        replace_file(path, canonical_bytes(document))
    except OSError as error:
        raise WorldError(f"{path}: cannot be written: {error.strerror}") from error


def read_watch_file(root: Path) -> tuple[Coverage, dict[str, Json]] | None:
    """Return how far the watcher has come, and its status; None if the file is not there.

    Raises `BadInputError` for one that is damaged.
    """
    path = root / NAME
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorldError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise BadInputError(str(path), f"is larger than {_MAX_BYTES} bytes")
    fields = Fields(parse_canonical(data, str(path)), str(path))
    coverage = read_coverage(fields.fields("coverage"))
    status = fields.document("status")
    fields.done()
    if not isinstance(status, dict):
        raise BadInputError(str(path), "its status is no object")
    return coverage, status
