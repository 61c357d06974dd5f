"""What a drill found out, as one JSON document."""

from collections.abc import Sequence
from pathlib import Path

from sekisho.drills.dmm_2024.approvals import approvals_of
from sekisho.drills.dmm_2024.records import NAME, Outcome
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.instants import format_instant
from sekisho.passes.shown import outcomes_json
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
        "approvals": [
            {
                "person": each.person,
                "department": each.department,
                "method": each.method.value,
                "terminal": each.terminal,
                "words_compared": each.words_compared,
                "signed_at": format_instant(each.at),
            }
            for each in approvals_of(standing)
            if not each.asked
        ],
        "policy": _policy_json(outcome),
        "gate": _gate_json(outcome),
        "watch": _watch_json(outcome),
        "loss": loss,
        "incident": {
            "id": incident.incident_id,
            "recognised_at": format_instant(incident.recognised_at),
            "recognised_by": incident.recognised_by,
        },
        "journal": {"entries": outcome.journal_size},
        "bundle": _bundle_json(outcome, files),
        "files": [str(path) for path in files],
    }


def _gate_json(outcome: Outcome) -> dict[str, Json]:
    """Return why the gate was open at all, and what it said."""
    lease = outcome.lease
    return {
        "verdict": outcome.gate_verdict,
        "findings": findings_json(outcome.gate_findings),
        "honest_verdict": outcome.honest_verdict,
        "mode": outcome.gate.mode.value,
        "level": outcome.level.value,
        "wallets": list(outcome.incident.wallet_ids),
        "bundle_bytes": len(outcome.bundle),
        "lease": {
            "number": lease.number,
            "granter_key": outcome.gate.granter_key.hex(),
            "granted": format_instant(lease.granted_at),
            "expires": format_instant(lease.expires_at),
            "journal_entries": lease.journal.size,
        },
    }


def _policy_json(outcome: Outcome) -> dict[str, Json]:
    """Return the policy in force, and what each of its rules says; of no pass, none was asked."""
    standing = outcome.standing
    outcomes = () if standing is None else standing.outcomes
    held_until_at = None if standing is None else standing.held_until_at
    return {
        "id": outcome.policy.policy_id,
        "version": outcome.policy.version,
        "digest": outcome.policy_digest,
        "outcomes": outcomes_json(outcomes)["rules"],
        "held_until_at": None if held_until_at is None else format_instant(held_until_at),
    }


def _bundle_json(outcome: Outcome, files: Sequence[Path]) -> dict[str, Json] | None:
    """Return where the pass's bundle is and what verifies it; None where none was kept."""
    bundles = [str(path) for path in files if path.suffix == ".bundle"]
    if not bundles:
        return None
    genesis = outcome.genesis_digest
    return {
        "file": bundles[0],
        "genesis_digest": genesis,
        "verify": ["sekisho", "pass", "verify", bundles[0], "--genesis", genesis],
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
