"""The life of a pass: what each fact does to it, and what none can do."""

from datetime import datetime, timedelta

import pytest
from attacks import ALLOWED, ASKED, AT_HAND, BASE, COIN, OTHER, WALLET
from gate_psbts import Coins, psbt_of
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
from world_coins import STRANGER, funding, script_at, spending, txout
from world_people import NOW

from sekisho.chains.bitcoin.transaction import OutPoint, TxOut
from sekisho.gate.clear import clear
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import Sat
from sekisho.passes.evidence import PASS_ISSUED
from sekisho.passes.life import (
    GATE_CLEARED,
    AnchorFate,
    Clearance,
    PassState,
    clearances,
    issued_digest,
    state_by_journal,
    state_of_pass,
)
from sekisho.passes.records import Pass
from sekisho.passes.spendings import (
    WATCH_SETTLED,
    Spending,
    Spendings,
    read_spending,
    spending_body,
)
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
    assert state(world, anchor=AnchorFate.SPENT_OTHERWISE) is PassState.DEAD


@pytest.mark.parametrize("world", [AT_HAND, ISSUED, SIGNED])
def test_what_was_done_as_allowed_is_settled_whoever_signed_it(world: World) -> None:
    """Also where the gate was not asked: nobody must take it for what can be asked for again."""
    done = AnchorFate.SPENT_AS_ALLOWED
    for ended in (world, reject(world, ASKED), void(world, ASKED)):
        assert state(ended, anchor=done) is PassState.SETTLED
        assert state(ended, anchor=done, now=LATER) is PassState.SETTLED


def test_what_ended_a_pass_before_anything_was_signed_stays_the_reason() -> None:
    gone = AnchorFate.SPENT_OTHERWISE
    assert state(reject(ISSUED, ASKED), anchor=gone) is PassState.REJECTED
    assert state(void(ISSUED, ASKED), anchor=gone) is PassState.VOIDED
    assert state(ISSUED, anchor=gone, now=LATER) is PassState.EXPIRED
    assert state(SIGNED, anchor=gone, now=LATER) is PassState.DEAD


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


# By what the watcher wrote down ------------------------------------------------------------------

BOTH = issued(approve(ask(ISSUED, OTHER), OTHER), OTHER)
"""Two passes on one anchor."""
BOTH_SIGNED = cleared(cleared(BOTH, ASKED, SPEND), OTHER, SPEND)
SPENT = Spending(txid=SPEND.txid, block_hash="ab" * 32, confirmations=6, anchors=(COIN,))


def judged(world: World, verdict: str, asked: Pass | None = ASKED, *, txid: str = "") -> World:
    body: dict[str, Json] = {
        "txid": txid or SPEND.txid,
        "verdict": verdict,
        "pass_id": "" if asked is None else asked.pass_id,
        "findings": [],
    }
    return record(world, "watch.judged", body)


def spent(world: World, **changes: Json) -> World:
    return record(world, WATCH_SETTLED, {**spending_body(SPENT), **changes})


def seen(world: World, asked: Pass = ASKED) -> PassState:
    """Return the state by the journal alone."""
    entries = entries_of(world)
    return state_by_journal(
        standing_of(trust_of(world), digest_of(asked)),
        issued=True,
        cleared=clearances(entries),
        spendings=Spendings(entries),
        now=NOW,
    )


def test_a_spending_is_read_as_it_was_written() -> None:
    assert read_spending(entries_of(spent(BASE))[-1]) == SPENT


@pytest.mark.parametrize("verdict", ["matched", "replacement"])
def test_what_kept_to_the_pass_settles_it(verdict: str) -> None:
    assert seen(spent(judged(SIGNED, verdict))) is PassState.SETTLED
    assert seen(judged(spent(SIGNED), verdict)) is PassState.SETTLED
    assert seen(judged(SIGNED, verdict)) is PassState.SIGNED_LIVE, "not at depth yet"


@pytest.mark.parametrize(
    ("verdict", "named"),
    [("deviating", ASKED), ("unmatched", None), ("reused", OTHER)],
)
def test_whatever_else_spends_the_anchor_kills_it(verdict: str, named: Pass | None) -> None:
    world = spent(judged(SIGNED, verdict, named))
    assert seen(world) is PassState.DEAD
    assert seen(judged(world, "matched")) is PassState.SETTLED, "an alarm was taken back"


@pytest.mark.parametrize(
    "verdict", ["undetermined", "expired", "deposit", "poisoning", "nonsense"]
)
def test_what_nobody_could_judge_is_not_taken_for_another_payment(verdict: str) -> None:
    assert seen(spent(SIGNED)) is PassState.SIGNED_LIVE
    assert seen(spent(judged(SIGNED, verdict))) is PassState.SIGNED_LIVE


def test_of_two_passes_on_one_anchor_one_is_settled_and_the_other_dead() -> None:
    world = spent(judged(BOTH_SIGNED, "replacement", OTHER))
    assert (seen(world, OTHER), seen(world, ASKED)) == (PassState.SETTLED, PassState.DEAD)
    unsigned = spent(judged(BOTH, "matched", OTHER))
    assert (seen(unsigned, OTHER), seen(unsigned, ASKED)) == (PassState.SETTLED, PassState.DEAD)


def test_another_anchor_or_another_transaction_says_nothing() -> None:
    elsewhere = str(OutPoint(txid=COIN.txid, vout=COIN.vout + 1))
    assert seen(spent(judged(SIGNED, "matched"), anchors=[elsewhere])) is PassState.SIGNED_LIVE
    world = spent(judged(SIGNED, "matched", txid="cd" * 32))
    assert seen(world) is PassState.SIGNED_LIVE


def test_after_a_reorganisation_what_was_seen_last_counts() -> None:
    world = judged(judged(SIGNED, "matched"), "unmatched", None, txid="cd" * 32)
    for last, expected in ((SPEND.txid, PassState.SETTLED), ("cd" * 32, PassState.DEAD)):
        first = "cd" * 32 if last == SPEND.txid else SPEND.txid
        assert seen(spent(spent(world, txid=first), txid=last)) is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"confirmations": 5},
        {"confirmations": "6"},
        {"confirmations": True},
        {"anchors": []},
        {"anchors": "x"},
        {"anchors": [""]},
        {"anchors": [str(COIN), 1]},
        {"txid": "x"},
        {"block_hash": ""},
        {"more": ""},
    ],
)
def test_an_entry_that_cannot_be_read_says_nothing(changes: dict[str, Json]) -> None:
    world = spent(judged(SIGNED, "matched"), **changes)
    with pytest.raises(BadInputError):
        read_spending(entries_of(world)[-1])
    assert seen(world) is PassState.SIGNED_LIVE
    assert seen(spent(world)) is PassState.SETTLED


@pytest.mark.parametrize("body", [{}, {"verdict": "matched"}, {"verdict": []}])
def test_a_verdict_that_cannot_be_read_says_nothing(body: dict[str, Json]) -> None:
    assert seen(spent(record(SIGNED, "watch.judged", body))) is PassState.SIGNED_LIVE


@pytest.mark.parametrize("verdict", ["matched", "unmatched"])
def test_the_gate_asks_signatures_and_not_what_is_said_of_the_anchor(verdict: str) -> None:
    change = TxOut(amount_sat=Sat(89_990_000), script=script_at(WALLET, branch=1))
    unsigned = spending([COIN], [txout(STRANGER, 10_000_000), change])
    forged = spent(judged(ISSUED, verdict))
    assert seen(forged) in {PassState.SETTLED, PassState.DEAD}
    trust = trust_of(forged)
    answer = clear(
        psbt_of(unsigned, Coins(previous=(funding(WALLET, 10**8),), wallets=(WALLET,))),
        pass_digest=digest_of(ASKED),
        register=trust,
        book=trust.book(),
        used=clearances(entries_of(forged)),
        now=NOW,
    )
    assert answer.txid == unsigned.txid
