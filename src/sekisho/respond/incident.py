"""Opening an incident: what a verdict means in coins, in yen, and in keys."""

from collections.abc import Sequence
from datetime import datetime

from sekisho.chains.bitcoin.signatures import InputSignatures
from sekisho.kernel.canonical import Json
from sekisho.kernel.finding import bounded_findings
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import SAT_PER_BTC, Jpy, Sat, value_floor_jpy
from sekisho.respond.records import Incident, Signatures, Valuation


def valued_at(
    amount_sat: Sat, fee_sat: Sat, *, price_jpy: Jpy, source: str, at: datetime
) -> Valuation:
    """Return the valuation of a loss at a price for one bitcoin, each part rounded down."""
    return Valuation(
        amount_jpy=value_floor_jpy(amount_sat, price_jpy=price_jpy),
        fee_jpy=value_floor_jpy(fee_sat, price_jpy=price_jpy),
        price_jpy=price_jpy,
        price_source=source,
        price_at=at,
    )


def valued_as(
    amount_sat: Sat, fee_sat: Sat, *, amount_jpy: Jpy, source: str, at: datetime
) -> Valuation:
    """Return a valuation that was published as a whole; the price is derived, rounded down.

    Raises `ValueError` for a loss of nothing, which no published value can be about.
    """
    if amount_sat <= 0:
        raise ValueError("nothing was lost, so no price follows from its value")
    price_jpy = Jpy(amount_jpy * SAT_PER_BTC // amount_sat)
    return Valuation(
        amount_jpy=amount_jpy,
        fee_jpy=value_floor_jpy(fee_sat, price_jpy=price_jpy),
        price_jpy=price_jpy,
        price_source=source,
        price_at=at,
    )


def summarise_signatures(inputs: Sequence[InputSignatures]) -> Signatures:
    """Return who signed, over all inputs: only a key that is valid on every one of them counts."""
    positions = [{key.position for key in each.keys if key.state == "valid"} for each in inputs]
    shapes = {(each.threshold, len(each.keys)) for each in inputs}
    threshold, keys = shapes.pop() if len(shapes) == 1 else (0, 0)
    return Signatures(
        inputs=len(inputs),
        understood=bool(inputs) and all(each.understood for each in inputs),
        threshold=threshold,
        keys=keys,
        signed_positions=tuple(sorted(set.intersection(*positions))) if positions else (),
        invalid=sum(key.state == "invalid" for each in inputs for key in each.keys),
    )


def incident_document(incident: Incident) -> dict[str, Json]:
    """Return an incident as a document; amounts are decimal strings."""
    loss = incident.loss
    return {
        "incident_id": incident.incident_id,
        "txid": incident.txid,
        "verdict": incident.verdict,
        "pass_id": incident.pass_id,
        "wallet_ids": list(incident.wallet_ids),
        "recognised_at": format_instant(incident.recognised_at),
        "recognised_by": incident.recognised_by,
        **bounded_findings(incident.findings),
        "signatures": signatures_document(incident.signatures),
        "loss": {
            "amount_sat": str(loss.amount_sat),
            "fee_sat": "" if loss.fee_sat is None else str(loss.fee_sat),
            "valuations": [valuation_document(each) for each in loss.valuations],
        },
    }


def signatures_document(signatures: Signatures) -> dict[str, Json]:
    """Return who signed, as a document."""
    return {
        "inputs": signatures.inputs,
        "understood": signatures.understood,
        "threshold": signatures.threshold,
        "keys": signatures.keys,
        "signed_positions": list(signatures.signed_positions),
        "invalid": signatures.invalid,
    }


def valuation_document(valuation: Valuation) -> dict[str, Json]:
    """Return a valuation as a document."""
    return {
        "amount_jpy": str(valuation.amount_jpy),
        "fee_jpy": str(valuation.fee_jpy),
        "price_jpy": str(valuation.price_jpy),
        "price_source": valuation.price_source,
        "price_at": format_instant(valuation.price_at),
    }
