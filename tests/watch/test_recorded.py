from dataclasses import replace

import pytest
from world_people import NOW

from sekisho.journal.entries import seal
from sekisho.journal.records import GENESIS, Draft, Entry
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import finding
from sekisho.kernel.money import Sat
from sekisho.watch.recorded import recorded_verdict, verdict_document
from sekisho.watch.records import Verdict, VerdictKind

VERDICT = Verdict(
    kind=VerdictKind.DEVIATING,
    txid="ab" * 32,
    pass_id="01HZ",
    findings=(finding("watch.no_pass", "bc1q", amount_sat=7),),
    left_sat=Sat(7),
    fee_sat=Sat(2),
    wallet_ids=("cold-1", "hot-1"),
)


def entry(body: dict[str, Json]) -> Entry:
    draft = Draft(entry_id="0" * 26, at=NOW, kind="watch.judged", actor="watch", body=body)
    return seal(draft, seq=1, prev_hash=GENESIS)


@pytest.mark.parametrize("fee_sat", [VERDICT.fee_sat, None])
def test_a_verdict_is_read_back_as_it_was_given(fee_sat: Sat | None) -> None:
    verdict = replace(VERDICT, fee_sat=fee_sat)
    assert recorded_verdict(entry(verdict_document(verdict))) == verdict


@pytest.mark.parametrize("name", ["txid", "verdict", "left_sat", "findings", "wallet_ids"])
def test_an_entry_without_one_of_it_holds_no_verdict(name: str) -> None:
    document = {key: each for key, each in verdict_document(VERDICT).items() if key != name}
    with pytest.raises(BadInputError):
        recorded_verdict(entry(document))


def test_facts_out_of_form_are_none() -> None:
    found: Json = [{"code": "watch.no_pass", "subject": "bc1q", "facts": []}]
    document = {**verdict_document(VERDICT), "findings": found}
    assert recorded_verdict(entry(document)).findings == (finding("watch.no_pass", "bc1q"),)
