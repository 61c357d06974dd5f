"""The parts that the documents of passes are made of, written and read back.

Reading is strict. An unknown field, an empty list of payments, an amount above the supply, an
address that does not belong to its script: each is refused with the place where it stands.
"""

from collections import Counter

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.transaction import parse_outpoint
from sekisho.kernel.canonical import Json
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import SUPPLY_MAX_SAT, Jpy, parse_whole
from sekisho.passes.records import (
    AnyInputs,
    ChangeAllowance,
    Claims,
    FeeRule,
    HeldBalance,
    ListedInputs,
    Payment,
    PriceQuote,
    TransactionRule,
)
from sekisho.wallets.documents import check_id
from sekisho.wallets.records import ChangeRule

INPUTS_MAX = 10_000
_UINT32_MAX = 0xFFFF_FFFF
_VERSION_MAX = 3
_FEERATE_MAX_SAT_PER_KVB = 100_000_000_000
_PRICE_MAX_JPY = 10**15


def read_id(fields: Fields, name: str) -> str:
    """Return an id of a person, terminal, credential or wallet."""
    return check_id(fields.text(name), fields.where(name))


def read_digest(fields: Fields, name: str, *, empty: bool = False) -> str:
    """Return a digest: 64 hex characters, or nothing where `empty` allows it."""
    return fields.hex(name, size=32, empty=empty).hex()


def payments_document(payments: tuple[Payment, ...]) -> Json:
    """Return payments as a document."""
    return [
        {
            "address": payment.address,
            "script": payment.script.hex(),
            "amount_sat": str(payment.amount_sat),
        }
        for payment in payments
    ]


def read_payments(fields: Fields, chain: str) -> tuple[Payment, ...]:
    """Return the payments of the field `payments`, whose scripts have the addresses they name."""
    payments = fields.each("payments", lambda each: _read_payment(each, chain))
    if sum(payment.amount_sat for payment in payments) > SUPPLY_MAX_SAT:
        raise fields.fail("payments", "together are more than all bitcoin that can exist")
    return payments


def inputs_document(inputs: ListedInputs | AnyInputs) -> Json:
    """Return an input rule as a document."""
    if isinstance(inputs, ListedInputs):
        return {"rule": "listed", "outpoints": [str(each) for each in inputs.outpoints]}
    return {"rule": "any_of_wallet", "inputs_max": inputs.inputs_max}


def change_document(change: ChangeAllowance) -> Json:
    """Return a change rule as a document."""
    return {"rule": change.rule.value, "outputs_max": change.outputs_max}


def transaction_document(rule: TransactionRule) -> Json:
    """Return the rule of a transaction's other fields as a document."""
    return {
        "versions": list(rule.versions),
        "locktime_min": rule.locktime_min,
        "locktime_max": rule.locktime_max,
        "sequence_min": rule.sequence_min,
        "sequence_max": rule.sequence_max,
    }


def fee_document(fee: FeeRule) -> Json:
    """Return a fee rule as a document."""
    return {
        "fee_max_sat": str(fee.fee_max_sat),
        "feerate_max_sat_per_kvb": fee.feerate_max_sat_per_kvb,
    }


def claims_document(claims: Claims) -> Json:
    """Return what a requester claims of the world as a document."""
    return {
        "prices": [
            {
                "source": each.source,
                "price_jpy": str(each.price_jpy),
                "quoted": format_instant(each.quoted_at),
            }
            for each in claims.prices
        ],
        "balances": [
            {"wallet_id": each.wallet_id, "amount_sat": str(each.amount_sat)}
            for each in claims.balances
        ],
    }


def read_claims(fields: Fields) -> Claims:
    """Return claims; raises `BadInputError` for a source or a wallet that stands twice.

    So are balances that are together more than all bitcoin: shares of them would be worth nothing.
    """
    claims = Claims(
        prices=fields.each("prices", _read_price, empty=True),
        balances=fields.each("balances", _read_balance, empty=True),
    )
    fields.done()
    _once(fields, "prices", [each.source for each in claims.prices])
    _once(fields, "balances", [each.wallet_id for each in claims.balances])
    if sum(each.amount_sat for each in claims.balances) > SUPPLY_MAX_SAT:
        raise fields.fail("balances", "together are more than all bitcoin that can exist")
    return claims


def _once(fields: Fields, name: str, names: list[str]) -> None:
    for each, count in Counter(names).items():
        if count > 1:
            raise fields.fail(name, f"names {each!r} twice")


def _read_price(fields: Fields) -> PriceQuote:
    price = PriceQuote(
        source=fields.text("source"),
        price_jpy=Jpy(parse_whole(fields.text("price_jpy"), fields.where("price_jpy"))),
        quoted_at=fields.instant("quoted"),
    )
    fields.done()
    if not 0 < price.price_jpy <= _PRICE_MAX_JPY:
        raise fields.fail("price_jpy", "is no price of a bitcoin")
    return price


def _read_balance(fields: Fields) -> HeldBalance:
    balance = HeldBalance(
        wallet_id=read_id(fields, "wallet_id"), amount_sat=fields.sat("amount_sat")
    )
    fields.done()
    return balance


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


def read_inputs(fields: Fields) -> ListedInputs | AnyInputs:
    """Return an input rule; raises `BadInputError` for a coin that is listed twice."""
    rule = fields.choice("rule", ("listed", "any_of_wallet"))
    inputs: ListedInputs | AnyInputs
    if rule == "listed":
        texts = fields.texts("outpoints")
        outpoints = tuple(parse_outpoint(text, fields.where("outpoints")) for text in texts)
        if len(set(outpoints)) != len(outpoints):
            raise fields.fail("outpoints", "lists a coin twice")
        inputs = ListedInputs(outpoints=outpoints)
    else:
        most = fields.integer("inputs_max", at_least=1, at_most=INPUTS_MAX)
        inputs = AnyInputs(inputs_max=most)
    fields.done()
    return inputs


def read_change(fields: Fields) -> ChangeAllowance:
    """Return a change rule; no change means no outputs, and the reverse."""
    change = ChangeAllowance(
        rule=ChangeRule(fields.choice("rule", tuple(ChangeRule))),
        outputs_max=fields.integer("outputs_max", at_least=0, at_most=100),
    )
    fields.done()
    if (change.rule is ChangeRule.NONE) != (change.outputs_max == 0):
        raise fields.fail("outputs_max", "does not go with the rule")
    return change


def read_transaction_rule(fields: Fields) -> TransactionRule:
    """Return the rule of a transaction's other fields."""
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


def read_fee(fields: Fields) -> FeeRule:
    """Return a fee rule."""
    fee = FeeRule(
        fee_max_sat=fields.sat("fee_max_sat"),
        feerate_max_sat_per_kvb=fields.integer(
            "feerate_max_sat_per_kvb", at_least=1, at_most=_FEERATE_MAX_SAT_PER_KVB
        ),
    )
    fields.done()
    return fee
