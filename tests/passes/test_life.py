"""The life of a pass: what each fact does to it, and what none can do."""

from datetime import datetime, timedelta

import pytest
from attacks import ALLOWED, ASKED, AT_HAND, COIN, OTHER
from world import (
    World,
    approve,
    ask,
    cleared,
    digest_of,
    entries_of,
    issued,
    record,
    reject,
    trust_of,
    void,
)
from world_coins import STRANGER, spending, txout
from world_people import NOW

from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.passes.evidence import PASS_ISSUED
from sekisho.passes.life import (
    GATE_CLEARED,
    AnchorFate,
    Clearance,
    PassState,
    clearances,
    issued_digest,
    state_of_pass,
)
from sekisho.passes.records import Pass
from sekisho.passes.verify import standing_of

SPEND = spending([COIN], [txout(STRANGER, 10_000_000)])
ISSUED = issued(ALLOWED, ASKED)
SIGNED = cleared(ISSUED, ASKED, SPEND)
LATER = ASKED.expires_at


def state(
    world: World,
    asked: Pass = ASKED,
    *,
    anchor: AnchorFate = AnchorFate.UNSPENT,
    now: datetime = NOW,
) -> PassState:
    entries = entries_of(world)
    return state_of_pass(
        standing_of(trust_of(world), digest_of(asked)),
        issued=digest_of(asked) in {issued_digest(each) for each in entries},
        cleared=clearances(entries),
        anchor=anchor,
        now=now,
    )


def test_a_good_life() -> None:
    assert state(AT_HAND) is PassState.ASKED
    assert state(ALLOWED) is PassState.APPROVED
    assert state(ISSUED) is PassState.ISSUED
    assert state(SIGNED) is PassState.SIGNED_LIVE
    assert state(SIGNED, anchor=AnchorFate.SPENT_AS_ALLOWED) is PassState.SETTLED


@pytest.mark.parametrize("world", [AT_HAND, ALLOWED, ISSUED])
def test_before_signing_people_and_time_end_it(world: World) -> None:
    assert state(reject(world, ASKED)) is PassState.REJECTED
    assert state(void(world, ASKED)) is PassState.VOIDED
    assert state(void(reject(world, ASKED), ASKED, by="fujii")) is PassState.VOIDED
    assert state(world, now=LATER) is PassState.EXPIRED
    assert state(world, now=LATER - timedelta(seconds=1)) is not PassState.EXPIRED
    for fate in (AnchorFate.SPENT_AS_ALLOWED, AnchorFate.SPENT_OTHERWISE):
        assert state(world, anchor=fate) is PassState.DEAD


@pytest.mark.parametrize(
    "world",
    [SIGNED, reject(SIGNED, ASKED), void(SIGNED, ASKED), void(reject(SIGNED, ASKED), ASKED)],
)
@pytest.mark.parametrize("now", [NOW, LATER, LATER + timedelta(days=900)])
def test_after_signing_only_the_chain_ends_it(world: World, now: datetime) -> None:
    standing = standing_of(trust_of(world), digest_of(ASKED))
    for fate, expected in (
        (AnchorFate.UNSPENT, PassState.SIGNED_LIVE),
        (AnchorFate.SPENT_AS_ALLOWED, PassState.SETTLED),
        (AnchorFate.SPENT_OTHERWISE, PassState.DEAD),
    ):
        found = state_of_pass(
            standing,
            issued=True,
            cleared=clearances(entries_of(world)),
            anchor=fate,
            now=now,
        )
        assert found is expected


def test_issuing_grants_nothing() -> None:
    assert state(issued(AT_HAND, ASKED)) is PassState.ASKED
    assert state(reject(ISSUED, ASKED)) is PassState.REJECTED


def test_what_happened_to_another_pass_does_not_matter() -> None:
    world = approve(ask(ALLOWED, OTHER), OTHER)
    for elsewhere in (issued(world, OTHER), cleared(world, OTHER, SPEND), void(world, OTHER)):
        assert state(elsewhere) is PassState.APPROVED
    assert state(cleared(world, ASKED, SPEND), OTHER) is PassState.APPROVED


def test_a_clearance_is_read_as_it_was_recorded() -> None:
    (found,) = clearances(entries_of(SIGNED))
    assert found == Clearance(
        pass_digest=digest_of(ASKED),
        txid=SPEND.txid,
        transaction_digest=found.transaction_digest,
        cleared_at=NOW,
        seq=len(SIGNED.drafts),
    )


BODY: dict[str, Json] = {
    "pass_digest": digest_of(ASKED),
    "txid": SPEND.txid,
    "transaction_digest": "ab" * 32,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"pass_digest": ""},
        {"pass_digest": digest_of(ASKED).upper()},
        {"pass_digest": None},
        {"txid": "x"},
        {"transaction_digest": "ab"},
        {"txid": [SPEND.txid]},
    ],
)
def test_a_gate_that_cannot_read_its_memory_stops(changes: dict[str, Json]) -> None:
    world = record(ALLOWED, GATE_CLEARED, BODY | changes)
    with pytest.raises(BadInputError) as refused:
        clearances(entries_of(world))
    assert refused.value.where == f"journal entry {len(world.drafts)}.{next(iter(changes))}"
    for name in BODY:
        left = {each: value for each, value in BODY.items() if each != name}
        with pytest.raises(BadInputError, match=name):
            clearances(entries_of(record(ALLOWED, GATE_CLEARED, left)))


def test_an_unreadable_issue_issues_nothing() -> None:
    world = record(record(ALLOWED, PASS_ISSUED, {}), PASS_ISSUED, {"pass_digest": "x"})
    assert {issued_digest(each) for each in entries_of(world)} == {""}
    assert issued_digest(entries_of(issued(world, ASKED))[-1]) == digest_of(ASKED)
