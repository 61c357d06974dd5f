"""Evidence: the documents and signatures that someone who trusts nobody judges for themselves.

A journal entry grants nothing by being there. Whoever needs to know whether a pass is good takes
the raw documents out of the journal, in its order, and verifies them from a genesis digest pinned
on their own machine (`register.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json, canonical_bytes
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.documents import child_digest, pass_digest
from sekisho.passes.records import SignedApproval, SignedChild
from sekisho.wallets.proof import CHALLENGED, NONCE_BYTES

ROSTER_FILED = "roster.filed"
WALLET_FILED = "wallet.filed"
DOCUMENT_FILED = "document.filed"
PASS_ASKED = "pass.asked"
PASS_STATED = "pass.stated"
PASS_ISSUED = "pass.issued"
CHILD_ISSUED = "child.issued"
KINDS = frozenset(
    {
        ROSTER_FILED,
        WALLET_FILED,
        DOCUMENT_FILED,
        PASS_ASKED,
        PASS_STATED,
        CHILD_ISSUED,
        CHALLENGED,
    }
)
"""The kinds of entries from which `read_event` reads something."""
DOCUMENT_TAGS = {
    "roster": "roster",
    "wallet": "wallet",
    "policy": "policy",
    "key_register": "key-register",
    "allow_list": "allow-list",
    "vault": "vault",
    "plan": "plan",
    "order": "order",
    "wallet_proofs": "wallet-proofs",
}
"""What can be filed, and under which tag each is hashed."""
_SIGNATURE_MAX_BYTES = 512
_AUTHENTICATOR_DATA_MAX_BYTES = 4096
_CLIENT_DATA_MAX_BYTES = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A document was put into the journal. It is inert until a quorum signs its digest."""

    seq: int
    what: str
    """One of `DOCUMENT_TAGS`."""
    digest: str
    document: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A pass was put into the journal."""

    seq: int
    digest: str
    document: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Somebody's signed statement was put into the journal."""

    seq: int
    at: datetime
    signed: SignedApproval


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A child of a standing pass was put into the journal."""

    seq: int
    at: datetime
    digest: str
    signed: SignedChild


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A nonce was drawn, for the holders of a wallet's keys to sign."""

    seq: int
    core_digest: str
    nonce: bytes


Event = Filed | Asked | Said | Issued | Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a journal holds of power, in its order, all of it unverified."""

    events: tuple[Event, ...] = ()
    unreadable: tuple[Finding, ...] = ()
    """Entries that should have held evidence and did not: each is as if it were not there."""


def entry_unreadable(entry: Entry, error: BadInputError) -> Finding:
    """Return the finding for an entry that cannot be read, and is as if it were not there."""
    return finding("passes.entry_unreadable", error.where, seq=entry.seq, reason=error.reason)


def gather_evidence(entries: Iterable[Entry]) -> Evidence:
    """Return what the journal's entries hold of documents, passes, statements and children."""
    events: list[Event] = []
    unreadable: list[Finding] = []
    for entry in entries:
        try:
            event = read_event(entry)
        except BadInputError as error:
            unreadable.append(entry_unreadable(entry, error))
            continue
        if event is not None:
            events.append(event)
    return Evidence(events=tuple(events), unreadable=tuple(unreadable))


def read_event(entry: Entry) -> Event | None:
    """Return what an entry holds of power, or None; raises `BadInputError` if it is malformed."""
    where = f"journal entry {entry.seq}"
    match entry.kind:
        case "roster.filed":
            return _filed(entry, "roster", Fields(entry.body, where).document("roster"))
        case "wallet.filed":
            return _filed(entry, "wallet", Fields(entry.body, where).document("wallet"))
        case "document.filed":
            fields = Fields(entry.body, where)
            what = fields.choice("what", tuple(DOCUMENT_TAGS))
            return _filed(entry, what, fields.document("document"))
        case "pass.asked":
            document = canonical_bytes(Fields(entry.body, where).document("pass"))
            return Asked(seq=entry.seq, digest=pass_digest(document), document=document)
        case "pass.stated":
            return Said(
                seq=entry.seq, at=entry.at, signed=read_statement(Fields(entry.body, where))
            )
        case "child.issued":
            fields = Fields(entry.body, where)
            document = canonical_bytes(fields.document("child"))
            signed = SignedChild(document=document, signature=fields.hex("signature", size=64))
            return Issued(seq=entry.seq, at=entry.at, digest=child_digest(document), signed=signed)
        case "wallet.challenged":
            fields = Fields(entry.body, where)
            return Drawn(
                seq=entry.seq,
                core_digest=fields.hex("core_digest", size=32).hex(),
                nonce=fields.hex("nonce", size=NONCE_BYTES),
            )
        case _:
            return None


def statement_body(signed: SignedApproval, document: Json) -> dict[str, Json]:
    """Return the journal body that records a signed approval; `document` is what its bytes say."""
    return {
        "approval": document,
        "signature": signed.signature.hex(),
        "authenticator_data": signed.authenticator_data.hex(),
        "client_data": signed.client_data.hex(),
    }


def document_body(what: str, document: Json) -> tuple[str, dict[str, Json]]:
    """Return kind and body of the entry that files a document."""
    match what:
        case "roster":
            return ROSTER_FILED, {"roster": document}
        case "wallet":
            return WALLET_FILED, {"wallet": document}
        case _:
            return DOCUMENT_FILED, {"what": what, "document": document}


def filed_digest(what: str, document: bytes) -> str:
    """Return the digest by which a quorum knows the canonical bytes of a document."""
    return tagged_digest(DOCUMENT_TAGS[what], document).hex()


def _filed(entry: Entry, what: str, document: Json) -> Filed:
    data = canonical_bytes(document)
    return Filed(seq=entry.seq, what=what, digest=filed_digest(what, data), document=data)


def read_statement(fields: Fields) -> SignedApproval:
    """Return a signed statement as a journal entry or a file holds it; nothing is verified yet."""
    signed = SignedApproval(
        document=canonical_bytes(fields.document("approval")),
        signature=fields.hex("signature"),
        authenticator_data=fields.hex("authenticator_data", empty=True),
        client_data=fields.hex("client_data", empty=True),
    )
    fields.done()
    for name, data, most in (
        ("signature", signed.signature, _SIGNATURE_MAX_BYTES),
        ("authenticator_data", signed.authenticator_data, _AUTHENTICATOR_DATA_MAX_BYTES),
        ("client_data", signed.client_data, _CLIENT_DATA_MAX_BYTES),
    ):
        if len(data) > most:
            raise fields.fail(name, f"is longer than {most} bytes")
    return signed
