"""Passes and approvals as documents: what is signed, and how it is read back.

Reading is strict. An unknown field, an empty list of payments, an amount above the supply, an
address that does not belong to its script: each is refused with the place where it stands.
"""

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.transaction import parse_outpoint
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import SUPPLY_MAX_SAT
from sekisho.kernel.ulid import check_ulid
from sekisho.passes.records import (
    Admin,
    AnyInputs,
    Approval,
    ChangeAllowance,
    Decision,
    FeeRule,
    ListedInputs,
    Pass,
    Payment,
    Replacement,
    SubjectType,
    TransactionRule,
    Transfer,
)
from sekisho.wallets.documents import check_id
from sekisho.wallets.records import ChangeRule

PASS_FORMAT = "sekisho/pass/v1"
APPROVAL_FORMAT = "sekisho/approval/v1"
SEQUENCE_MAX = 2**53 - 1
_INPUTS_MAX = 10_000
_UINT32_MAX = 0xFFFF_FFFF
_VERSION_MAX = 3
_FEERATE_MAX_SAT_PER_KVB = 100_000_000_000


def pass_digest(document: bytes) -> str:
    """Return the digest that approvals of these canonical pass bytes bind: 64 hex characters."""
    return tagged_digest("pass", document).hex()


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
    }
    match asked.action:
        case Transfer() as transfer:
            document |= {"kind": "transfer", "transfer": _transfer_document(transfer)}
        case Admin() as admin:
            document |= {"kind": "admin", "admin": _admin_document(admin)}
    return canonical_bytes(document)


def read_pass(data: bytes, where: str) -> Pass:
    """Return the pass in canonical bytes; raises `BadInputError` at the field that is wrong."""
    fields = Fields(parse_canonical(data, where), where)
    fields.choice("format", (PASS_FORMAT,))
    kind = fields.choice("kind", ("transfer", "admin"))
    action = (
        _read_transfer(fields.fields("transfer"))
        if kind == "transfer"
        else _read_admin(fields.fields("admin"))
    )
    asked = Pass(
        pass_id=check_ulid(fields.text("pass_id"), fields.where("pass_id")),
        requester=_id(fields, "requester"),
        terminal_id=_id(fields, "terminal_id"),
        purpose=fields.text("purpose"),
        not_before_at=fields.instant("not_before"),
        expires_at=fields.instant("expires"),
        genesis_digest=_digest(fields, "genesis_digest"),
        roster_digest=_digest(fields, "roster_digest"),
        policy_digest=_digest(fields, "policy_digest", empty=True),
        action=action,
    )
    fields.done()
    if asked.expires_at <= asked.not_before_at:
        raise fields.fail("expires", "is not after not_before")
    return asked


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


def read_approval(data: bytes, where: str) -> Approval:
    """Return the approval in canonical bytes; raises `BadInputError` at the wrong field."""
    fields = Fields(parse_canonical(data, where), where)
    fields.choice("format", (APPROVAL_FORMAT,))
    approval = Approval(
        pass_digest=_digest(fields, "pass_digest"),
        decision=Decision(fields.choice("decision", tuple(Decision))),
        genesis_digest=_digest(fields, "genesis_digest"),
        approver=_id(fields, "approver"),
        sequence=fields.integer("sequence", at_least=1, at_most=SEQUENCE_MAX),
        method=fields.choice("method", ("ed25519-key-file",)),
        credential_id=_id(fields, "credential_id"),
        terminal_id=_id(fields, "terminal_id"),
        words=fields.text("words", empty=True),
        reason=fields.text("reason", empty=True),
        signed_at=fields.instant("signed_at"),
    )
    fields.done()
    return approval


def _transfer_document(transfer: Transfer) -> Json:
    inputs: Json = (
        {"rule": "listed", "outpoints": [str(each) for each in transfer.inputs.outpoints]}
        if isinstance(transfer.inputs, ListedInputs)
        else {"rule": "any_of_wallet", "inputs_max": transfer.inputs.inputs_max}
    )
    return {
        "chain": transfer.chain,
        "wallet_id": transfer.wallet_id,
        "wallet_digest": transfer.wallet_digest,
        "payments": [
            {
                "address": payment.address,
                "script": payment.script.hex(),
                "amount_sat": str(payment.amount_sat),
            }
            for payment in transfer.payments
        ],
        "anchor": str(transfer.anchor),
        "inputs": inputs,
        "change": {
            "rule": transfer.change.rule.value,
            "outputs_max": transfer.change.outputs_max,
        },
        "transaction": {
            "versions": list(transfer.transaction.versions),
            "locktime_min": transfer.transaction.locktime_min,
            "locktime_max": transfer.transaction.locktime_max,
            "sequence_min": transfer.transaction.sequence_min,
            "sequence_max": transfer.transaction.sequence_max,
        },
        "fee": {
            "fee_max_sat": str(transfer.fee.fee_max_sat),
            "feerate_max_sat_per_kvb": transfer.fee.feerate_max_sat_per_kvb,
        },
        "replacement": {
            "fee_bump": transfer.replacement.fee_bump,
            "replaces": transfer.replacement.replaces,
        },
    }


def _read_transfer(fields: Fields) -> Transfer:
    chain = fields.text("chain")
    network_of_caip2(chain, fields.where("chain"))
    payments = fields.each("payments", lambda each: _read_payment(each, chain))
    if sum(payment.amount_sat for payment in payments) > SUPPLY_MAX_SAT:
        raise fields.fail("payments", "together are more than all bitcoin that can exist")
    transfer = Transfer(
        chain=chain,
        wallet_id=_id(fields, "wallet_id"),
        wallet_digest=_digest(fields, "wallet_digest"),
        payments=payments,
        anchor=parse_outpoint(fields.text("anchor"), fields.where("anchor")),
        inputs=_read_inputs(fields.fields("inputs")),
        change=_read_change(fields.fields("change")),
        transaction=_read_transaction_rule(fields.fields("transaction")),
        fee=_read_fee(fields.fields("fee")),
        replacement=_read_replacement(fields.fields("replacement")),
    )
    fields.done()
    inputs = transfer.inputs
    if isinstance(inputs, ListedInputs) and transfer.anchor not in inputs.outpoints:
        raise fields.fail("anchor", "is not one of the listed inputs")
    return transfer


def _read_payment(fields: Fields, chain: str) -> Payment:
    payment = Payment(
        address=fields.text("address", empty=True),
        script=fields.hex("script"),
        amount_sat=fields.sat("amount_sat"),
    )
    fields.done()
    network = network_of_caip2(chain, fields.where("address"))
    if (address_of(payment.script, network) or "") != payment.address:
        raise fields.fail("address", "is not the address of the script")
    if payment.amount_sat == 0 and payment.address:
        raise fields.fail("amount_sat", "pays nothing")
    return payment


def _read_inputs(fields: Fields) -> ListedInputs | AnyInputs:
    rule = fields.choice("rule", ("listed", "any_of_wallet"))
    inputs: ListedInputs | AnyInputs
    if rule == "listed":
        texts = fields.texts("outpoints")
        outpoints = tuple(parse_outpoint(text, fields.where("outpoints")) for text in texts)
        if len(set(outpoints)) != len(outpoints):
            raise fields.fail("outpoints", "lists a coin twice")
        inputs = ListedInputs(outpoints=outpoints)
    else:
        most = fields.integer("inputs_max", at_least=1, at_most=_INPUTS_MAX)
        inputs = AnyInputs(inputs_max=most)
    fields.done()
    return inputs


def _read_change(fields: Fields) -> ChangeAllowance:
    change = ChangeAllowance(
        rule=ChangeRule(fields.choice("rule", tuple(ChangeRule))),
        outputs_max=fields.integer("outputs_max", at_least=0, at_most=100),
    )
    fields.done()
    if (change.rule is ChangeRule.NONE) != (change.outputs_max == 0):
        raise fields.fail("outputs_max", "does not go with the rule")
    return change


def _read_transaction_rule(fields: Fields) -> TransactionRule:
    versions = fields.document("versions")
    if not isinstance(versions, list) or not 1 <= len(versions) <= _VERSION_MAX:
        raise fields.fail("versions", "is not a list of versions")
    read = tuple(
        Fields({"version": each}, fields.where("versions")).integer(
            "version", at_least=1, at_most=_VERSION_MAX
        )
        for each in versions
    )
    rule = TransactionRule(
        versions=read,
        locktime_min=fields.integer("locktime_min", at_least=0, at_most=_UINT32_MAX),
        locktime_max=fields.integer("locktime_max", at_least=0, at_most=_UINT32_MAX),
        sequence_min=fields.integer("sequence_min", at_least=0, at_most=_UINT32_MAX),
        sequence_max=fields.integer("sequence_max", at_least=0, at_most=_UINT32_MAX),
    )
    fields.done()
    return rule


def _read_fee(fields: Fields) -> FeeRule:
    fee = FeeRule(
        fee_max_sat=fields.sat("fee_max_sat"),
        feerate_max_sat_per_kvb=fields.integer(
            "feerate_max_sat_per_kvb", at_least=1, at_most=_FEERATE_MAX_SAT_PER_KVB
        ),
    )
    fields.done()
    return fee


def _read_replacement(fields: Fields) -> Replacement:
    replacement = Replacement(
        fee_bump=fields.boolean("fee_bump"), replaces=fields.text("replaces", empty=True)
    )
    fields.done()
    if replacement.replaces:
        check_ulid(replacement.replaces, fields.where("replaces"))
    return replacement


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
        subject_id=_id(fields, "subject_id"),
        previous_digest=_digest(fields, "previous_digest", empty=True),
        new_digest=_digest(fields, "new_digest"),
    )
    fields.done()
    return admin


def _id(fields: Fields, name: str) -> str:
    return check_id(fields.text(name), fields.where(name))


def _digest(fields: Fields, name: str, *, empty: bool = False) -> str:
    return fields.hex(name, size=32, empty=empty).hex()
