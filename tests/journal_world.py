"""A journal that tests share: entries without a database, and a log key that is always the same.

Nothing here is random: the same arguments give the same bytes.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sekisho.journal.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from sekisho.journal.entries import seal
from sekisho.journal.merkle import Frontier, leaf_hash
from sekisho.journal.notes import SignerKey
from sekisho.journal.records import GENESIS, Draft, Entry, Row
from sekisho.kernel.canonical import Json
from sekisho.kernel.ulid import make_ulid

NOON = datetime(2024, 5, 31, 12, tzinfo=UTC)
SIGNER = SignerKey(
    name="exchange.example/journal", private_key=Ed25519PrivateKey.from_private_bytes(b"k" * 32)
)
OTHER = SignerKey(
    name="exchange.example/journal", private_key=Ed25519PrivateKey.from_private_bytes(b"o" * 32)
)


def a_draft(number: int, *, story: str = "", body: dict[str, Json] | None = None) -> Draft:
    """Return the draft with this number; another story gives another draft."""
    tells: dict[str, Json] = {"number": number, "pass": "p" * 26, "amount_sat": "450290000000"}
    return Draft(
        entry_id=make_ulid(NOON, f"{story:.2}{number:08}".encode().rjust(10)),
        at=NOON + timedelta(seconds=number),
        kind="passes.asked",
        actor="山田 / operations",
        body=tells | {"story": story} if body is None else body,
    )


def chain(count: int, *, story: str = "", after: tuple[Entry, ...] = ()) -> tuple[Entry, ...]:
    """Return a history of `count` entries, of which the first ones are `after`."""
    entries = list(after)
    for number in range(len(after) + 1, count + 1):
        tip = entries[-1].hash if entries else GENESIS
        entries.append(seal(a_draft(number, story=story), seq=number, prev_hash=tip))
    return tuple(entries)


def a_row(entry: Entry) -> Row:
    """Return the row that an entry is stored as."""
    return Row(entry.seq, entry.entry_id, entry.hash, entry.document)


def rows_of(entries: tuple[Entry, ...]) -> list[Row]:
    """Return the rows that entries are stored as."""
    return [a_row(entry) for entry in entries]


def root_of(entries: tuple[Entry, ...]) -> bytes:
    """Return the Merkle root over the entries."""
    return Frontier(leaf_hash(entry.hash) for entry in entries).root()


def signed(entries: tuple[Entry, ...], *, signer: SignerKey = SIGNER) -> bytes:
    """Return a checkpoint note of these entries."""
    return sign_checkpoint(size=len(entries), root=root_of(entries), signer=signer)


def kept(*histories: tuple[Entry, ...]) -> dict[str, Checkpoint]:
    """Return verified checkpoints of these histories, named a, b, c ..."""
    return {
        name: open_checkpoint(signed(entries), SIGNER.verifier, name)
        for name, entries in zip("abcdefgh", histories, strict=False)
    }


def key_files(folder: Path, signer: SignerKey = SIGNER) -> tuple[Path, Path]:
    """Write the private key and the verifier key of a signer; return where."""
    key, vkey = folder / "journal.key", folder / "journal.vkey"
    key.write_bytes(
        signer.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    vkey.write_text(f"{signer.verifier}\n")
    return key, vkey
