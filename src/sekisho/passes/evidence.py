"""Evidence: the documents and signatures that someone who trusts nobody judges for themselves.

A journal entry grants nothing by being there. Whoever needs to know whether a pass is good takes
the raw documents out of the journal (or out of a file that an enemy may have written) and verifies
them from a genesis digest pinned on their own machine.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json, canonical_bytes
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.documents import pass_digest
from sekisho.passes.records import SignedApproval
from sekisho.passes.roster import roster_digest
from sekisho.wallets.documents import read_wallet, wallet_digest
from sekisho.wallets.records import Wallet

ROSTER_FILED = "roster.filed"
WALLET_FILED = "wallet.filed"
PASS_ASKED = "pass.asked"
PASS_STATED = "pass.stated"
PASS_ISSUED = "pass.issued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Documents by their digests, and every signed approval, all unverified."""

    rosters: Mapping[str, bytes] = field(default_factory=dict)
    wallets: Mapping[str, Wallet] = field(default_factory=dict)
    passes: Mapping[str, bytes] = field(default_factory=dict)
    approvals: tuple[SignedApproval, ...] = ()
    unreadable: tuple[Finding, ...] = ()
    """Entries that should have held evidence and did not: each is as if it were not there."""


def gather_evidence(entries: Iterable[Entry]) -> Evidence:
    """Return what the journal's entries hold of rosters, wallets, passes and approvals."""
    rosters: dict[str, bytes] = {}
    wallets: dict[str, Wallet] = {}
    passes: dict[str, bytes] = {}
    approvals: list[SignedApproval] = []
    unreadable: list[Finding] = []
    for entry in entries:
        where = f"journal entry {entry.seq}"
        try:
            match entry.kind:
                case "roster.filed":
                    document = _document(entry, "roster", where)
                    rosters[roster_digest(document)] = document
                case "wallet.filed":
                    body = Fields(entry.body, where)
                    wallet = read_wallet(body.document("wallet"), f"{where}.wallet")
                    wallets[wallet_digest(wallet)] = wallet
                case "pass.asked":
                    document = _document(entry, "pass", where)
                    passes[pass_digest(document)] = document
                case "pass.stated":
                    approvals.append(_signed(entry, where))
                case _:
                    pass
        except BadInputError as error:
            unreadable.append(
                finding("passes.entry_unreadable", error.where, seq=entry.seq, reason=error.reason)
            )
    return Evidence(
        rosters=rosters,
        wallets=wallets,
        passes=passes,
        approvals=tuple(dict.fromkeys(approvals)),
        unreadable=tuple(unreadable),
    )


def statement_body(signed: SignedApproval, document: Json) -> dict[str, Json]:
    """Return the journal body that records a signed approval; `document` is what its bytes say."""
    return {"approval": document, "signature": signed.signature.hex()}


def _document(entry: Entry, name: str, where: str) -> bytes:
    return canonical_bytes(Fields(entry.body, where).document(name))


def _signed(entry: Entry, where: str) -> SignedApproval:
    fields = Fields(entry.body, where)
    return SignedApproval(
        document=canonical_bytes(fields.document("approval")),
        signature=fields.hex("signature", size=64),
    )
