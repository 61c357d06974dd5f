"""A heartbeat: what a watcher says of itself, signed, in answer to a question.

A clock can be wrong, and what was said once can be said again by anybody. So whoever wants to know
whether a watcher is alive asks, with bytes that nobody could have known before. A beat that holds
them was made afterwards. One exchange does it for both: each message holds a question, and the
beat that answers the question that was heard last (docs/adr/0025).
"""

import hmac
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sekisho.kernel.canonical import INTEGER_MAX, Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.ed25519_keys import check_ed25519_key
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import format_instant
from sekisho.passes.lease import Extent, extent_document, read_extent
from sekisho.passes.parts import read_digest, read_id

FORMAT = "sekisho/beat/v1"
EXCHANGE_FORMAT = "sekisho/beat-exchange/v1"
MESSAGE_MAX_BYTES = 4096
QUESTION_BYTES = 32
_MOMENT_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownWatcher:
    """A watcher as the people beside another one, or beside a granter, put it down."""

    watcher_id: str
    public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How a watcher stands."""

    proven_at: datetime
    """Up to here everything is proven to have been seen."""
    view_at: datetime
    """How far its view of the journal goes."""
    blind: bool
    owed: int
    """Verdicts that are not durable yet."""
    tip_hash: str
    """Of the newest block that it searched, 64 hex characters."""
    tip_height: int
    journal: Extent
    """What it has seen of the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What a watcher says."""

    genesis_digest: str
    watcher_id: str
    number: int
    """Each beat of a watcher has a higher one than the one before, also after a crash."""
    question: bytes
    """What it was asked with; empty if nobody asked."""
    at: datetime
    """By its own clock; nothing rests on it."""
    sight: Sight


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBeat:
    """A beat and the watcher's signature (Ed25519) over the tagged digest of its bytes."""

    beat: Beat
    signature: bytes

    def is_by(self, public_key: bytes) -> bool:
        """Return whether the watcher with this key signed it."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(
                self.signature, _digest(self.beat)
            )
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One half of an exchange."""

    question: bytes
    """To be answered with the next beat."""
    signed: SignedBeat | None
    """None from whoever only asks."""


class Questions:
    """Questions that nobody can foresee, and that say by themselves when they were put.

    None need be kept, so nobody can make us forget one by asking for many.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def put(self, now_ms: int) -> bytes:
        """Return the question of this moment."""
        moment = now_ms.to_bytes(_MOMENT_BYTES, "big")
        return moment + self._mark(moment)

    def moment_of(self, question: bytes) -> int | None:
        """Return when a question was put; None if it is not ours."""
        moment, mark = question[:_MOMENT_BYTES], question[_MOMENT_BYTES:]
        if not hmac.compare_digest(mark, self._mark(moment)):
            return None
        return int.from_bytes(moment, "big")

    def _mark(self, moment: bytes) -> bytes:
        return hmac.digest(self._secret, moment, "sha256")[: QUESTION_BYTES - _MOMENT_BYTES]


def sign_beat(beat: Beat, key: Ed25519PrivateKey) -> SignedBeat:
    """Return the beat with the watcher's signature."""
    return SignedBeat(beat=beat, signature=key.sign(_digest(beat)))


def signed_beat_document(signed: SignedBeat) -> dict[str, Json]:
    """Return a signed beat as a document: whoever has the key can verify it again."""
    return {"beat": _document(signed.beat), "signature": signed.signature.hex()}


def message_bytes(message: Message) -> bytes:
    """Return a message as it is carried."""
    signed = message.signed
    return canonical_bytes(
        {
            "format": EXCHANGE_FORMAT,
            "question": message.question.hex(),
            "said": None if signed is None else signed_beat_document(signed),
        }
    )


def read_message(data: bytes, where: str) -> Message:
    """Return the message in `data`, not verified; raises `BadInputError` at the wrong field."""
    if len(data) > MESSAGE_MAX_BYTES:
        raise BadInputError(where, f"is larger than {MESSAGE_MAX_BYTES} bytes")
    fields = Fields(parse_canonical(data, where), where)
    fields.choice("format", (EXCHANGE_FORMAT,))
    said = fields.document("said")
    message = Message(
        question=fields.hex("question", size=QUESTION_BYTES),
        signed=None if said is None else read_signed_beat(said, fields.where("said")),
    )
    fields.done()
    return message


def read_signed_beat(document: Json, where: str) -> SignedBeat:
    """Return the beat in a document, not verified; raises `BadInputError` at the wrong field."""
    fields = Fields(document, where)
    signed = SignedBeat(
        beat=_read(fields.fields("beat")), signature=fields.hex("signature", size=64)
    )
    fields.done()
    return signed


def known_watcher_bytes(known: KnownWatcher) -> bytes:
    """Return what another watcher's people, or a granter's, put a watcher down with."""
    return canonical_bytes({"watcher": known.watcher_id, "public_key": known.public_key.hex()})


def read_known_watcher(fields: Fields) -> KnownWatcher:
    """Return the watcher in a document; raises `BadInputError` naming the field."""
    known = KnownWatcher(
        watcher_id=read_id(fields, "watcher"),
        public_key=check_ed25519_key(
            fields.hex("public_key", size=32), fields.where("public_key")
        ),
    )
    fields.done()
    return known


def _document(beat: Beat) -> Json:
    seen = beat.sight
    return {
        "format": FORMAT,
        "genesis_digest": beat.genesis_digest,
        "watcher": beat.watcher_id,
        "number": beat.number,
        "question": beat.question.hex(),
        "at": format_instant(beat.at),
        "proven_at": format_instant(seen.proven_at),
        "view_at": format_instant(seen.view_at),
        "blind": seen.blind,
        "owed": seen.owed,
        "tip": {"hash": seen.tip_hash, "height": seen.tip_height},
        "journal": extent_document(seen.journal),
    }


def _read(fields: Fields) -> Beat:
    fields.choice("format", (FORMAT,))
    beat = Beat(
        genesis_digest=read_digest(fields, "genesis_digest"),
        watcher_id=read_id(fields, "watcher"),
        number=fields.integer("number", at_least=1, at_most=INTEGER_MAX),
        question=fields.hex("question", size=QUESTION_BYTES, empty=True),
        at=fields.instant("at"),
        sight=_read_sight(fields),
    )
    fields.done()
    return beat


def _read_sight(fields: Fields) -> Sight:
    tip = fields.fields("tip")
    sight = Sight(
        proven_at=fields.instant("proven_at"),
        view_at=fields.instant("view_at"),
        blind=fields.boolean("blind"),
        owed=fields.integer("owed", at_least=0, at_most=INTEGER_MAX),
        tip_hash=read_digest(tip, "hash"),
        tip_height=tip.integer("height", at_least=0, at_most=INTEGER_MAX),
        journal=read_extent(fields.fields("journal")),
    )
    tip.done()
    return sight


def _digest(beat: Beat) -> bytes:
    return tagged_digest("beat", canonical_bytes(_document(beat)))
