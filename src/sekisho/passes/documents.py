"""Passes, children and approvals as documents: what is signed, and how it is read back."""

from functools import lru_cache

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.transaction import parse_outpoint
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.ed25519_keys import check_ed25519_key
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import format_instant
from sekisho.kernel.ulid import check_ulid
from sekisho.passes.parts import (
    INPUTS_MAX,
    change_document,
    claims_document,
    fee_document,
    inputs_document,
    payments_document,
    read_change,
    read_claims,
    read_digest,
    read_fee,
    read_id,
    read_inputs,
    read_payments,
    read_transaction_rule,
    transaction_document,
)
from sekisho.passes.records import (
    Admin,
    Approval,
    Automatic,
    Child,
    ChildLimits,
    Decision,
    DestinationRule,
    ListedInputs,
    Method,
    Pass,
    Replacement,
    SubjectType,
    Transfer,
)
from sekisho.wallets.documents import read_name

PASS_FORMAT = "sekisho/pass/v1"
CHILD_FORMAT = "sekisho/child/v1"
APPROVAL_FORMAT = "sekisho/approval/v1"
SEQUENCE_MAX = 2**53 - 1
_CHILDREN_MAX = 10**9
_CHILD_VALID_MAX_SECONDS = 24 * 3600


def pass_digest(document: bytes) -> str:
    """Return the digest that approvals of these canonical pass bytes bind: 64 hex characters."""
    return tagged_digest("pass", document).hex()


def child_digest(document: bytes) -> str:
    """Return the digest that the issuer of a child signs: 64 hex characters."""
    return tagged_digest("child", document).hex()


def approval_digest(document: bytes) -> bytes:
    """Return the 32 bytes that an approver signs."""
    return tagged_digest("approval", document)


def pass_bytes(asked: Pass) -> bytes:
    """Return the canonical bytes of a pass."""
    document: dict[str, Json] = {
        "format": PASS_FORMAT,
        "pass_id": asked.pass_id,
        "requester": asked.requester,
        "terminal_id": asked.terminal_id,
        "purpose": asked.purpose,
        "not_before": format_instant(asked.not_before_at),
        "expires": format_instant(asked.expires_at),
        "genesis_digest": asked.genesis_digest,
        "roster_digest": asked.roster_digest,
        "policy_digest": asked.policy_digest,
        "claims": claims_document(asked.claims),
    }
    match asked.action:
        case Transfer() as transfer:
            document |= {"kind": "transfer", "transfer": _transfer_document(transfer)}
        case Automatic() as automatic:
            document |= {"kind": "standing", "standing": _automatic_document(automatic)}
        case Admin() as admin:
            document |= {"kind": "admin", "admin": _admin_document(admin)}
    return canonical_bytes(document)


def read_pass(data: bytes, where: str) -> Pass:
    """Return the pass in canonical bytes; raises `BadInputError` at the field that is wrong."""
    fields = Fields(parse_canonical(data, where), where)
    fields.choice("format", (PASS_FORMAT,))
    action: Transfer | Automatic | Admin
    match fields.choice("kind", ("transfer", "standing", "admin")):
        case "transfer":
            action = _read_transfer(fields.fields("transfer"))
        case "standing":
            action = _read_automatic(fields.fields("standing"))
        case _:
            action = _read_admin(fields.fields("admin"))
    asked = Pass(
        pass_id=check_ulid(fields.text("pass_id"), fields.where("pass_id")),
        requester=read_id(fields, "requester"),
        terminal_id=read_id(fields, "terminal_id"),
        purpose=read_name(fields, "purpose"),
        not_before_at=fields.instant("not_before"),
        expires_at=fields.instant("expires"),
        genesis_digest=read_digest(fields, "genesis_digest"),
        roster_digest=read_digest(fields, "roster_digest"),
        policy_digest=read_digest(fields, "policy_digest", empty=True),
        action=action,
        claims=read_claims(fields.fields("claims")),
    )
    fields.done()
    if asked.expires_at <= asked.not_before_at:
        raise fields.fail("expires", "is not after not_before")
    return asked


def child_bytes(child: Child) -> bytes:
    """Return the canonical bytes of a child of a standing pass."""
    return canonical_bytes(
        {
            "format": CHILD_FORMAT,
            "standing_digest": child.standing_digest,
            "number": child.number,
            "chain": child.chain,
            "anchor": str(child.anchor),
            "payments": payments_document(child.payments),
            "genesis_digest": child.genesis_digest,
            "issued": format_instant(child.issued_at),
            "claims": claims_document(child.claims),
        }
    )


def read_child(data: bytes, where: str) -> Child:
    """Return the child in canonical bytes; raises `BadInputError` at the field that is wrong."""
    fields = Fields(parse_canonical(data, where), where)
    fields.choice("format", (CHILD_FORMAT,))
    chain = fields.text("chain")
    network_of_caip2(chain, fields.where("chain"))
    child = Child(
        standing_digest=read_digest(fields, "standing_digest"),
        number=fields.integer("number", at_least=1, at_most=_CHILDREN_MAX),
        chain=chain,
        anchor=parse_outpoint(fields.text("anchor"), fields.where("anchor")),
        payments=read_payments(fields, chain),
        genesis_digest=read_digest(fields, "genesis_digest"),
        issued_at=fields.instant("issued"),
        claims=read_claims(fields.fields("claims")),
    )
    fields.done()
    return child


def approval_bytes(approval: Approval) -> bytes:
    """Return the canonical bytes of an approval."""
    return canonical_bytes(
        {
            "format": APPROVAL_FORMAT,
            "pass_digest": approval.pass_digest,
            "decision": approval.decision.value,
            "genesis_digest": approval.genesis_digest,
            "approver": approval.approver,
            "sequence": approval.sequence,
            "method": approval.method,
            "credential_id": approval.credential_id,
            "terminal_id": approval.terminal_id,
            "words": approval.words,
            "reason": approval.reason,
            "signed_at": format_instant(approval.signed_at),
        }
    )


@lru_cache(maxsize=256)
def read_approval(data: bytes, where: str) -> Approval:
    """Return the approval in canonical bytes; raises `BadInputError` at the wrong field.

    Each is read before it is written down, and when the journal is followed.
    """
    fields = Fields(parse_canonical(data, where), where)
    fields.choice("format", (APPROVAL_FORMAT,))
    approval = Approval(
        pass_digest=read_digest(fields, "pass_digest"),
        decision=Decision(fields.choice("decision", tuple(Decision))),
        genesis_digest=read_digest(fields, "genesis_digest"),
        approver=read_id(fields, "approver"),
        sequence=fields.integer("sequence", at_least=1, at_most=SEQUENCE_MAX),
        method=Method(fields.choice("method", tuple(Method))),
        credential_id=read_id(fields, "credential_id"),
        terminal_id=read_id(fields, "terminal_id"),
        words=fields.text("words", empty=True),
        reason=fields.text("reason", empty=True),
        signed_at=fields.instant("signed_at"),
    )
    fields.done()
    return approval


def _transfer_document(transfer: Transfer) -> Json:
    return {
        "chain": transfer.chain,
        "wallet_id": transfer.wallet_id,
        "wallet_digest": transfer.wallet_digest,
        "payments": payments_document(transfer.payments),
        "anchor": str(transfer.anchor),
        "inputs": inputs_document(transfer.inputs),
        "change": change_document(transfer.change),
        "transaction": transaction_document(transfer.transaction),
        "fee": fee_document(transfer.fee),
        "replacement": {
            "fee_bump": transfer.replacement.fee_bump,
            "replaces": transfer.replacement.replaces,
        },
    }


def _read_transfer(fields: Fields) -> Transfer:
    chain = fields.text("chain")
    network_of_caip2(chain, fields.where("chain"))
    transfer = Transfer(
        chain=chain,
        wallet_id=read_id(fields, "wallet_id"),
        wallet_digest=read_digest(fields, "wallet_digest"),
        payments=read_payments(fields, chain),
        anchor=parse_outpoint(fields.text("anchor"), fields.where("anchor")),
        inputs=read_inputs(fields.fields("inputs")),
        change=read_change(fields.fields("change")),
        transaction=read_transaction_rule(fields.fields("transaction")),
        fee=read_fee(fields.fields("fee")),
        replacement=_read_replacement(fields.fields("replacement")),
    )
    fields.done()
    inputs = transfer.inputs
    if isinstance(inputs, ListedInputs) and transfer.anchor not in inputs.outpoints:
        raise fields.fail("anchor", "is not one of the listed inputs")
    return transfer


def _read_replacement(fields: Fields) -> Replacement:
    replacement = Replacement(
        fee_bump=fields.boolean("fee_bump"), replaces=fields.text("replaces", empty=True)
    )
    fields.done()
    if replacement.replaces:
        check_ulid(replacement.replaces, fields.where("replaces"))
    return replacement


def _automatic_document(automatic: Automatic) -> Json:
    limits = automatic.limits
    return {
        "chain": automatic.chain,
        "wallet_id": automatic.wallet_id,
        "wallet_digest": automatic.wallet_digest,
        "issuer_key": automatic.issuer_key.hex(),
        "destinations": automatic.destinations.value,
        "limits": {
            "child_max_sat": str(limits.child_max_sat),
            "hour_max_sat": str(limits.hour_max_sat),
            "day_max_sat": str(limits.day_max_sat),
            "children_max": limits.children_max,
            "child_valid_seconds": limits.child_valid_seconds,
        },
        "inputs_max": automatic.inputs_max,
        "change": change_document(automatic.change),
        "transaction": transaction_document(automatic.transaction),
        "fee": fee_document(automatic.fee),
        "fee_bump": automatic.fee_bump,
    }


def _read_automatic(fields: Fields) -> Automatic:
    chain = fields.text("chain")
    network_of_caip2(chain, fields.where("chain"))
    automatic = Automatic(
        chain=chain,
        wallet_id=read_id(fields, "wallet_id"),
        wallet_digest=read_digest(fields, "wallet_digest"),
        issuer_key=check_ed25519_key(
            fields.hex("issuer_key", size=32), fields.where("issuer_key")
        ),
        destinations=DestinationRule(fields.choice("destinations", tuple(DestinationRule))),
        limits=_read_limits(fields.fields("limits")),
        inputs_max=fields.integer("inputs_max", at_least=1, at_most=INPUTS_MAX),
        change=read_change(fields.fields("change")),
        transaction=read_transaction_rule(fields.fields("transaction")),
        fee=read_fee(fields.fields("fee")),
        fee_bump=fields.boolean("fee_bump"),
    )
    fields.done()
    return automatic


def _read_limits(fields: Fields) -> ChildLimits:
    limits = ChildLimits(
        child_max_sat=fields.sat("child_max_sat"),
        hour_max_sat=fields.sat("hour_max_sat"),
        day_max_sat=fields.sat("day_max_sat"),
        children_max=fields.integer("children_max", at_least=1, at_most=_CHILDREN_MAX),
        child_valid_seconds=fields.integer(
            "child_valid_seconds", at_least=1, at_most=_CHILD_VALID_MAX_SECONDS
        ),
    )
    fields.done()
    if not 0 < limits.child_max_sat <= limits.hour_max_sat <= limits.day_max_sat:
        raise fields.fail("child_max_sat", "is nothing, or the limits do not grow with the time")
    return limits


def _admin_document(admin: Admin) -> Json:
    return {
        "subject_type": admin.subject_type.value,
        "subject_id": admin.subject_id,
        "previous_digest": admin.previous_digest,
        "new_digest": admin.new_digest,
    }


def _read_admin(fields: Fields) -> Admin:
    admin = Admin(
        subject_type=SubjectType(fields.choice("subject_type", tuple(SubjectType))),
        subject_id=read_id(fields, "subject_id"),
        previous_digest=read_digest(fields, "previous_digest", empty=True),
        new_digest=read_digest(fields, "new_digest"),
    )
    fields.done()
    return admin
