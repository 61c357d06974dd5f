"""Some rounds of the fault harness on real nodes; and that what is missed would be noticed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.faulted import oracle
from bench.faulted.chain import Moved
from bench.faulted.deeds import DEEDS
from bench.faulted.journal import JournalReader, Noted
from bench.faulted.page import PAGE, PLAYED
from bench.faulted.plan import ACTIONS, FAULTS, LASTING, NAMES, PARTED, Round, Step, draw
from bench.faulted.stage import Absence, Claim, Taken
from bench.faults import play

SEED = 5
ROUNDS = 4
MANY = 300
THEFT, PAID, DEPOSIT = "aa" * 32, "bb" * 32, "cc" * 32


@pytest.mark.bitcoind
@pytest.mark.xdist_group("bitcoind")
@pytest.mark.enable_socket  # the nodes' RPC and their messages, on this machine
def test_after_rounds_of_faults_everything_is_judged_once_and_no_more_is_claimed() -> None:
    tally = play([draw(SEED, each) for each in range(ROUNDS)], seed=SEED)
    assert tally.wrong == []
    assert tally.rounds == ROUNDS
    assert tally.outflows
    assert tally.claims


@pytest.mark.bitcoind
@pytest.mark.xdist_group("bitcoind")
@pytest.mark.enable_socket  # the nodes' RPC and their messages, on this machine
def test_a_watcher_that_does_not_list_after_a_loss_is_caught() -> None:
    spoiled = (
        "from sekisho.watch.feed import Feed; due = Feed._listing_due; "
        "Feed._doubt = lambda *_: []; "
        "Feed._listing_due = lambda self, now: due(self, now) if self._doubt_ms >= 0 else []"
    )
    lost = Step(name="messages dropped", much=1, topic="rawtx")
    rounds = [Round(number=0, nodes=1, steps=(lost, Step(name="theft")))]
    tally = play(rounds, spoiled=spoiled)
    assert len(tally.outflows) == 1
    assert {each.split()[2] for each in tally.wrong} >= {"missed:", "claimed:"}


def test_the_seed_says_what_is_played() -> None:
    assert [draw(SEED, each) for each in range(20)] == [draw(SEED, each) for each in range(20)]
    assert draw(SEED, 0) != draw(SEED + 1, 0)


def test_everything_is_drawn_in_its_turn_and_what_lasts_is_ended() -> None:
    rounds = [draw(SEED, each) for each in range(MANY)]
    played = [step.name for each in rounds for step in each.steps]
    assert set(played) == {*ACTIONS, *FAULTS, PARTED, *LASTING.values()} == set(DEEDS)
    for each in rounds:
        names = [step.name for step in each.steps]
        for begin, end in LASTING.items():
            assert names.count(begin) == names.count(end)
            assert begin not in names or names.index(begin) < names.index(end)
    assert {each.nodes for each in rounds} == {1, 2}


def test_the_page_tells_every_fault() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert set(PLAYED) == set(NAMES)
    for name, what in PLAYED.items():
        assert f"| {name} | {what} |" in text, "stale: python -m bench.faulted.page"


# The oracle --------------------------------------------------------------------------------------


def journal(*told: tuple[str, dict[str, Any]]) -> JournalReader:
    """Return a journal that holds these entries, of which the number is the hash too."""
    found = JournalReader(Path("/dev/null"))
    found.entries = [
        Noted(seq=seq, kind=kind, hash=str(seq), body=body)
        for seq, (kind, body) in enumerate(told, 1)
    ]
    return found


def judged(txid: str, verdict: str) -> tuple[str, dict[str, Any]]:
    return "watch.judged", {"txid": txid, "verdict": verdict, "findings": []}


def opened(txid: str) -> tuple[str, dict[str, Any]]:
    return "incident.opened", {"txid": txid}


def between(kind: str, begins: str, ends: str = "", *codes: str) -> tuple[str, dict[str, Any]]:
    day = "2026-11-22T"
    until = {"to": f"{day}{ends}Z"} if ends else {}
    findings = [{"code": each} for each in codes]
    return kind, {"from": f"{day}{begins}Z", **until, "findings": findings}


MOVED = [
    Moved(txid=THEFT, spends_ours=True, mined=False),
    Moved(txid=PAID, spends_ours=True, mined=True),
    Moved(txid=DEPOSIT, spends_ours=False, mined=True),
]
RIGHT = [judged(THEFT, "unmatched"), judged(PAID, "matched"), judged(DEPOSIT, "deposit")]


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (RIGHT, []),
        (RIGHT[1:], ["missed"]),
        ([*RIGHT[:2]], ["missed"]),
        ([judged(THEFT, "matched"), *RIGHT[1:]], ["wrong"]),
        ([judged(THEFT, "undetermined"), *RIGHT[1:]], ["wrong"]),
        ([RIGHT[0], judged(PAID, "unmatched"), RIGHT[2]], ["wrong"]),
        ([*RIGHT, RIGHT[0]], ["twice"]),
        ([*RIGHT, judged(PAID, oracle.DOUBLE_SPENT)], []),
        ([judged(PAID, "undetermined"), *RIGHT], []),
        ([*RIGHT, judged(PAID, "undetermined")], ["wrong", "twice"]),
        ([judged(PAID, "undetermined"), judged(PAID, "undetermined"), *RIGHT], ["twice"]),
    ],
)
def test_a_verdict_is_missed_or_wrong_or_given_twice(
    told: list[tuple[str, dict[str, Any]]], wrong: list[str]
) -> None:
    found = oracle.verdicts(MOVED, journal(*told), cleared={PAID})
    assert [each.partition(":")[0] for each in found] == wrong


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ([opened(THEFT)], 0),
        ([], 1),
        ([opened(THEFT), opened(THEFT)], 1),
        ([opened(THEFT), opened(PAID)], 1),
        ([opened(THEFT), judged(PAID, oracle.DOUBLE_SPENT), opened(PAID)], 0),
        ([opened(THEFT), judged(PAID, oracle.DOUBLE_SPENT)], 1),
    ],
)
def test_each_alarm_opens_one_incident_and_nothing_else_does(
    told: list[tuple[str, dict[str, Any]]], wrong: int
) -> None:
    assert len(oracle.incidents(journal(*RIGHT, *told))) == wrong


@pytest.mark.parametrize(
    ("claim", "wrong"),
    [
        (Claim(at=11.0, proven=101, now=105, entries=1), 0),
        (Claim(at=11.0, proven=101, now=105, entries=0), 1),
        (Claim(at=11.0, proven=100, now=105, entries=0), 0),  # of before it was there
        (Claim(at=9.0, proven=101, now=105, entries=0), 0),  # made before, by another clock
        (Claim(at=20.0, proven=101, now=105, entries=0), 0),  # made when the node had been ended
    ],
)
def test_nothing_is_claimed_that_is_judged_later(claim: Claim, wrong: int) -> None:
    taken = {THEFT: Taken(at=10.0, second=100, until=20.0)}
    assert len(oracle.claims([claim], taken, MOVED, journal(RIGHT[0]))) == wrong
    never = oracle.claims([replace(claim, entries=9)], taken, MOVED, journal())
    assert bool(never) is (claim.at == 11.0 and claim.proven > 100)


def test_a_claim_of_what_is_to_come_is_forgiven_for_a_moment() -> None:
    """The clock was put back, and the watcher has not looked at it since."""
    made = [Claim(at=at / 10, proven=500, now=100, entries=0) for at in range(20)]
    assert oracle.ahead(made) == []
    assert oracle.claims(made, {THEFT: Taken(at=0.0, second=99)}, MOVED, journal()) == []
    assert oracle.ahead([*made, Claim(at=2.0, proven=95, now=100, entries=0), *made]) == []
    assert len(oracle.ahead([*made, replace(made[0], at=2.1)])) == 1


COVERED, BLIND, SEEING = oracle.COVERED, oracle.BLIND, oracle.SEEING


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ([between(SEEING, "10:00:00", "10:00:05"), between(COVERED, "10:00:05", "11:00:00")], 0),
        ([between(COVERED, "10:00:00", "10:30:00"), between(BLIND, "10:30:00"),
          between(SEEING, "10:30:00", "10:31:00")], 0),
        ([between(COVERED, "10:00:00", "10:30:00"), between(SEEING, "10:31:00", "10:32:00")], 1),
        ([between(COVERED, "10:00:00", "10:30:00"), between(SEEING, "10:29:00", "10:32:00")], 1),
        ([between(COVERED, "10:00:00", "10:30:00"), between(BLIND, "10:29:00")], 1),
        ([between(SEEING, "10:00:00", "09:00:00")], 1),
        ([between(COVERED, "10:00:00", "10:30:00"),
          between(BLIND, "10:30:00", "", oracle.CLOCK_BACK),
          between(SEEING, "09:30:00", "09:30:05")], 0),
        ([between(COVERED, "10:00:00", "10:30:00"), between(BLIND, "10:30:00"),
          between(SEEING, "09:30:00", "09:30:05")], 1),
    ],
)  # fmt: skip
def test_intervals_adjoin_but_for_a_clock_that_was_put_back(
    told: list[tuple[str, dict[str, Any]]], wrong: int
) -> None:
    assert len(oracle.intervals(journal(*told))) == wrong


def test_where_no_watcher_was_nothing_is_covered_and_a_gap_is_recorded() -> None:
    since = 1_795_341_600  # 10:00:00
    gone = [Absence(since=since, until=since + 60, entries=1)]
    gap, early = between(SEEING, "10:00:00", "10:01:05"), between(COVERED, "09:00:00", "10:00:30")
    late = between(SEEING, "10:00:30", "10:01:05")
    back = between(BLIND, "10:01:05", "", oracle.CLOCK_BACK)
    assert oracle.absences(gone, journal(RIGHT[0], gap)) == []
    assert oracle.absences(gone, journal(RIGHT[0], back, late)) == [], "by another clock"
    assert oracle.absences(gone, journal(RIGHT[0], gap, back, early)) == [], "by another clock"
    assert len(oracle.absences(gone, journal(RIGHT[0], early, gap))) == 1
    assert len(oracle.absences(gone, journal(RIGHT[0], late))) == 1


def lived(txid: str, state: str) -> tuple[str, dict[str, Any]]:
    return "watch.lives", {"changes": [{"txid": txid, "state": state}]}


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ([lived(THEFT, "seen"), lived(PAID, "confirmed")], 0),
        ([lived(THEFT, "seen"), lived(PAID, "confirmed"), lived(PAID, "settled")], 0),
        ([lived(THEFT, "seen"), lived(PAID, "seen")], 1),
        ([lived(THEFT, "gone"), lived(PAID, "confirmed")], 1),
        ([lived(PAID, "confirmed")], 1),
        ([lived(THEFT, "seen"), lived(PAID, "confirmed"), lived("dd" * 32, "confirmed")], 1),
        ([lived(THEFT, "seen"), lived(PAID, "confirmed"), lived("dd" * 32, "displaced")], 0),
    ],
)
def test_what_lives_is_in_the_chain_or_a_mempool(
    told: list[tuple[str, dict[str, Any]]], wrong: int
) -> None:
    assert len(oracle.lives(MOVED, journal(*told))) == wrong
