"""The documents that admin passes put in force: is it there, is it readable, what does it change?

A document is filed by anybody, and inert until a quorum signed its digest.
"""

from collections.abc import Callable, Mapping

from sekisho.kernel.canonical import parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.policy.documents import read_policy
from sekisho.passes.records import Admin, SubjectType
from sekisho.passes.register import (
    ALLOW_LIST_ID,
    KEY_REGISTER_ID,
    ORDER_ID,
    PLAN_ID,
    POLICY_ID,
    InForce,
    Register,
)
from sekisho.wallets.allow_list import read_allow_list
from sekisho.wallets.documents import read_wallet
from sekisho.wallets.key_register import read_key_register
from sekisho.wallets.order import Order, OrderKind, read_order
from sekisho.wallets.plan import read_plan
from sekisho.wallets.proof import check_proofs, core_digest
from sekisho.wallets.records import UNPROVEN
from sekisho.wallets.vault import read_vault


def put_in_force(register: Register, admin: Admin, now: InForce, *, asked_seq: int) -> None:
    """Let the document that an admin pass names take the place of the one before.

    `asked_seq` is the place in the journal at which that pass was asked for.
    """
    document = register.documents[admin.subject_type.value, admin.new_digest]
    match admin.subject_type:
        case SubjectType.WALLET:
            wallet = read_wallet(parse_canonical(document, "wallet"), "wallet")
            register.wallets[wallet.wallet_id] = wallet
        case SubjectType.POLICY:
            register.policy = read_policy(document, "policy")
        case SubjectType.ALLOW_LIST:
            listed = read_allow_list(document, "allow-list").destinations
            register.listed = {
                each.script.hex(): register.listed.get(each.script.hex(), now.since_at)
                for each in listed
            }
            for each in listed:
                register.known_addresses.add(each.address)
        case SubjectType.ORDER:
            _obey(register, read_order(document, "order"), asked_seq=asked_seq)
        case _:
            pass  # key register, vault and plan are read where they are used


def _obey(register: Register, order: Order, *, asked_seq: int) -> None:
    register.orders = order.number
    match order.kind:
        case OrderKind.FREEZE:
            register.frozen.add(order.wallet_id)
        case OrderKind.LIFT if order.wallet_id:
            register.frozen.discard(order.wallet_id)
        case OrderKind.LIFT:
            register.frozen.clear()
            # What came while people signed the lift they have not looked at.
            register.lifted_seq, register.lifted_order = asked_seq, order.number
        case OrderKind.RESTART:
            pass  # whoever grants leases reads it: `watch/granting.py`


def document_findings(register: Register, admin: Admin) -> list[Finding]:
    """Return why the document that would be put in force is none, or not the one named."""
    what = admin.subject_type.value
    document = register.documents.get((what, admin.new_digest))
    if document is None:
        return [finding("passes.document_missing", admin.new_digest, what=what)]
    try:
        named = _NAMED[admin.subject_type](document)
    except BadInputError as error:
        return [finding("passes.document_unreadable", error.where, what=what, reason=error.reason)]
    if named != admin.subject_id:
        return [finding("passes.subject_differs", admin.subject_id, expected=named)]
    if admin.subject_type is SubjectType.WALLET:
        return _proof_findings(register, document)
    if admin.subject_type is SubjectType.ORDER:
        number = read_order(document, "order").number
        if number != register.orders + 1:
            return [finding("passes.order_out_of_turn", str(number), after=register.orders)]
    return []


def is_freeze(register: Register, admin: Admin) -> bool:
    """Return whether one person's word is enough: it only ever says no."""
    document = register.documents.get((admin.subject_type.value, admin.new_digest))
    if admin.subject_type is not SubjectType.ORDER or document is None:
        return False
    try:
        return read_order(document, "order").kind is OrderKind.FREEZE
    except BadInputError:
        return False


def _proof_findings(register: Register, document: bytes) -> list[Finding]:
    """Return why a wallet's key holders have not proven what its registration says they have."""
    wallet = read_wallet(parse_canonical(document, "wallet"), "wallet")
    if wallet.proof == UNPROVEN:
        return []
    proofs = register.documents.get(("wallet_proofs", wallet.proof))
    if proofs is None:
        return [finding("passes.document_missing", wallet.proof, what="wallet_proofs")]
    try:
        return check_proofs(
            wallet,
            proofs,
            genesis_digest=register.genesis_digest,
            nonces=register.nonces.get(core_digest(wallet), frozenset()),
        )
    except BadInputError as error:
        return [
            finding(
                "passes.document_unreadable",
                error.where,
                what="wallet_proofs",
                reason=error.reason,
            )
        ]


def _wallet_id(document: bytes) -> str:
    return read_wallet(parse_canonical(document, "wallet"), "wallet").wallet_id


def _policy_id(document: bytes) -> str:
    read_policy(document, "policy")
    return POLICY_ID


def _allow_list_id(document: bytes) -> str:
    read_allow_list(document, "allow-list")
    return ALLOW_LIST_ID


def _key_register_id(document: bytes) -> str:
    read_key_register(document, "key register")
    return KEY_REGISTER_ID


def _plan_id(document: bytes) -> str:
    read_plan(document, "plan")
    return PLAN_ID


def _order_id(document: bytes) -> str:
    read_order(document, "order")
    return ORDER_ID


_NAMED: Mapping[SubjectType, Callable[[bytes], str]] = {
    SubjectType.WALLET: _wallet_id,
    SubjectType.POLICY: _policy_id,
    SubjectType.ALLOW_LIST: _allow_list_id,
    SubjectType.KEY_REGISTER: _key_register_id,
    SubjectType.VAULT: lambda document: read_vault(document, "vault").wallet_id,
    SubjectType.PLAN: _plan_id,
    SubjectType.ORDER: _order_id,
}
"""Each reads a document, or raises `BadInputError`, and says which subject it is."""
