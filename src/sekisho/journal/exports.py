"""A journal as a file of lines: one entry a line, with its hash, for an auditor's own tools.

Each line is `{"entry":<the stored document>,"hash":"<64 hex>"}`: JSON for any reader, and the very
bytes that were hashed for this one.
"""

import re
from collections.abc import Iterable, Iterator

from sekisho.journal.entries import FRAME
from sekisho.journal.records import ENTRY_MAX_BYTES, Row

LINE_MAX_BYTES = ENTRY_MAX_BYTES + 128
_LINE = re.compile(rb'\{"entry":(.*),"hash":"([0-9a-f]{64})"\}\n', re.DOTALL)


def export_line(row: Row) -> bytes:
    """Return the line that stands for a stored row."""
    return b'{"entry":%b,"hash":"%b"}\n' % (row.document, row.hash.hex().encode())


def export_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    """Yield the row that each line stands for, in the order of the lines.

    Never raises: a line that is no entry becomes a row whose document is none either, at the place
    after the line before it, and the audit says so.
    """
    seq = 0
    for line in lines:
        found = _LINE.fullmatch(line)
        frame = FRAME.fullmatch(found[1]) if found else None
        if found is None or frame is None:
            seq += 1
            yield Row(seq=seq, entry_id="", hash=b"", document=line)
        else:
            seq = int(frame[3])
            hash_ = bytes.fromhex(found[2].decode())
            yield Row(seq=seq, entry_id=frame[1].decode(), hash=hash_, document=found[1])
