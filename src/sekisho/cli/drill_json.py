"""What a drill found out, as one JSON document."""

from collections.abc import Sequence
from pathlib import Path

from sekisho.drills.dmm_2024.records import NAME, Outcome
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.instants import format_instant
from sekisho.respond.incident import signatures_document
from sekisho.respond.records import Valuation


def outcome_json(outcome: Outcome, files: Sequence[Path]) -> dict[str, object]:
    """Return the drill's document. Amounts are JSON numbers: all of them are below 2**53."""
    incident, standing = outcome.incident, outcome.standing
    loss: dict[str, object] = {
        "amount_sat": int(incident.loss.amount_sat),
        "fee_sat": int(outcome.fee_sat),
        **_valued(incident.loss.valuations[0]),
        "beside": [_valued(each) for each in incident.loss.valuations[1:]],
    }
    return {
        "drill": NAME,
        "variant": outcome.variant.value,
        "txid": outcome.outflow.txid,
        "pass": None
        if standing is None
        else {
            "pass_id": standing.asked.pass_id,
            "digest": standing.digest,
            "words": {"en": list(outcome.words_en), "ja": list(outcome.words_ja)},
            "counted": {name: list(people) for name, people in standing.counted.items()},
        },
        "gate": {
            "verdict": outcome.gate_verdict,
            "findings": findings_json(outcome.gate_findings),
            "honest_verdict": outcome.honest_verdict,
        },
        "watch": _watch_json(outcome),
        "loss": loss,
        "incident": {
            "id": incident.incident_id,
            "recognised_at": format_instant(incident.recognised_at),
            "recognised_by": incident.recognised_by,
        },
        "journal": {"entries": outcome.journal_size},
        "files": [str(path) for path in files],
    }


def _watch_json(outcome: Outcome) -> dict[str, object]:
    return {
        "verdict": outcome.verdict.kind.value,
        "pass_id": outcome.verdict.pass_id,
        "findings": findings_json(outcome.verdict.findings),
        "latency_ms": round(outcome.latency_ms, 3),
        "signatures": signatures_document(outcome.incident.signatures),
        "lookalike": {
            "paid": outcome.resemblance.address,
            "usual": outcome.resemblance.resembles,
            "prefix_characters": outcome.resemblance.prefix_characters,
            "suffix_characters": outcome.resemblance.suffix_characters,
            "bits": f"{outcome.resemblance.bits:.1f}",
        },
    }


def _valued(valuation: Valuation) -> dict[str, Json]:
    return {
        "jpy": int(valuation.amount_jpy),
        "fee_jpy": int(valuation.fee_jpy),
        "price_jpy": int(valuation.price_jpy),
        "price_source": valuation.price_source,
        "price_at": format_instant(valuation.price_at),
    }
