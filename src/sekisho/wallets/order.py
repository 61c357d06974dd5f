"""An order to the gates: freeze, lift, or let one go on that has forgotten something.

Orders are numbered and chained: each names the one before, as every document does that is put in
force. One person freezes, at once; a quorum lifts, and lets a gate go on. Under a freeze coins
still go to the vault.
"""

from dataclasses import dataclass
from enum import StrEnum

from sekisho.kernel.canonical import canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.fields import Fields
from sekisho.wallets.documents import check_id

FORMAT = "sekisho/order/v1"
NUMBER_MAX = 1_000_000
_MEMORY_MAX = 10**9


class OrderKind(StrEnum):
    """What is ordered."""

    FREEZE = "freeze"
    LIFT = "lift"
    """Ends the freeze of a wallet; of everything, every freeze and every alarm up to here. While
    an alarm stands, gates get no lease."""
    RESTART = "restart"
    """Lets a gate go on from the memory that it has, though it had more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order."""

    number: int
    """One more than that of the order before; the first is 1."""
    kind: OrderKind
    wallet_id: str
    """Which wallet is frozen or lifted; empty for all of them, and for a restart."""
    gate_id: str
    """Which gate goes on; empty but for a restart."""
    memory_size: int
    """How many answers that gate remembers; 0 but for a restart."""
    memory_tip: str
    """The hash of the last of them, 64 hex characters; empty but for a restart."""


def order_bytes(order: Order) -> bytes:
    """Return the canonical bytes of an order."""
    return canonical_bytes(
        {
            "format": FORMAT,
            "number": order.number,
            "kind": order.kind.value,
            "wallet": order.wallet_id,
            "gate": order.gate_id,
            "memory_size": order.memory_size,
            "memory_tip": order.memory_tip,
        }
    )


def order_digest(document: bytes) -> str:
    """Return the digest of canonical order bytes: 64 hex characters."""
    return tagged_digest("order", document).hex()


def read_order(document: bytes, where: str) -> Order:
    """Return the order in canonical bytes; raises `BadInputError` at the wrong field."""
    fields = Fields(parse_canonical(document, where), where)
    fields.choice("format", (FORMAT,))
    order = Order(
        number=fields.integer("number", at_least=1, at_most=NUMBER_MAX),
        kind=OrderKind(fields.choice("kind", tuple(OrderKind))),
        wallet_id=fields.text("wallet", empty=True),
        gate_id=fields.text("gate", empty=True),
        memory_size=fields.integer("memory_size", at_least=0, at_most=_MEMORY_MAX),
        memory_tip=fields.hex("memory_tip", size=32, empty=True).hex(),
    )
    fields.done()
    if order.wallet_id:
        check_id(order.wallet_id, fields.where("wallet"))
    if order.kind is OrderKind.RESTART:
        check_id(order.gate_id, fields.where("gate"))
        if order.wallet_id or not order.memory_size or not order.memory_tip:
            raise fields.fail("memory_size", "a restart names one gate and its memory")
    elif order.gate_id or order.memory_size or order.memory_tip:
        raise fields.fail("gate", "only a restart names a gate and its memory")
    return order
