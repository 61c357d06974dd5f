"""Addresses that strangers brought into our history, made to look like others that we use.

The watcher names them (`poisoning`). Nobody may ask to pay one: somebody copied it from the
history, as they were meant to. No stranger can thereby block an address that we use: one of ours,
or one that a quorum ever put on the allow-list or paid, before the strangers came or after. They
are counted by address, so ten thousand of one cost what one costs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.records import Payment
from sekisho.passes.register import Register
from sekisho.wallets.resemble import resemblance

_WATCH_JUDGED, _POISONING = "watch.judged", "poisoning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisoned:
    """One address, and what it was made to look like."""

    address: str
    resembles: str
    first_seq: int
    """The journal entry that named it first."""
    count: int


class Poisonings:
    """What the watcher said of strangers' addresses. A fold over the journal."""

    def __init__(self) -> None:
        self._by_address: dict[str, Poisoned] = {}

    def hear(self, entry: Entry) -> None:
        """Take in one entry. It is not signed: what does not hold by itself is left out."""
        if entry.kind != _WATCH_JUDGED or entry.body.get("verdict") != _POISONING:
            return
        listed = entry.body.get("findings")
        for each in listed if isinstance(listed, list) else ():
            try:
                fields = Fields(each, f"journal entry {entry.seq}")
                address = fields.text("subject")
                resembles = fields.fields("facts").text("resembles")
            except BadInputError:
                continue
            before = self._by_address.get(address)
            if before is not None:
                self._by_address[address] = replace(before, count=before.count + 1)
            elif resemblance(address, resembles).alarming:
                self._by_address[address] = Poisoned(
                    address=address, resembles=resembles, first_seq=entry.seq, count=1
                )

    def findings(self, register: Register, payments: Iterable[Payment]) -> list[Finding]:
        """Return a finding for each payment that nobody may ask for."""
        found: list[Finding] = []
        for payment in payments:
            each = self._by_address.get(payment.address)
            if each is None or _is_in_use(register, payment):
                continue
            found.append(
                finding(
                    "passes.destination_poisoned",
                    each.address,
                    resembles=each.resembles,
                    entry=each.first_seq,
                    count=each.count,
                )
            )
        return found


def _is_in_use(register: Register, payment: Payment) -> bool:
    """Return whether a quorum ever listed or paid it, or it is ours."""
    return (
        payment.address in register.known_addresses
        or register.book().own(payment.script) is not None
    )
