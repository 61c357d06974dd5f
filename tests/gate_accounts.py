"""Answers of a gate with the account of each, and what holds of every account.

findings, account = answered(honest(scene()), folder)     # a gate beside the journal
account = holds(shut(folder, expires_at=NOW))             # one alone, with another lease
"""

from collections import Counter
from pathlib import Path
from typing import Any

from gate_scene import Attempt
from gate_shut_world import ATTEMPT, GATE, ROWS
from gate_world import ask_gate, check, memory_in, papers_of
from world import journal_in
from world_people import NOW

from sekisho.gate.account import State, Told, account_of
from sekisho.gate.gathered import Gathered
from sekisho.gate.records import Gate, Papers
from sekisho.gate.steps import Evidence
from sekisho.kernel.finding import Finding, Refused

Account = tuple[Told, ...]
Answer = tuple[tuple[Finding, ...], Account]
ALL = set(range(1, 21))


def numbers(account: Account, state: State) -> set[int]:
    return {each.step.number for each in account if each.state is state}


def said(account: Account, number: int) -> list[str]:
    """Return what a step tells in English."""
    return [
        one.says("en") for each in account if each.step.number == number for one in each.evidence
    ]


def names(account: Account, number: int) -> list[str]:
    """Return which sentences a step tells."""
    return [one.name for one in _evidence(account, number)]


def _evidence(account: Account, number: int) -> tuple[Evidence, ...]:
    (told,) = [each for each in account if each.step.number == number]
    return told.evidence


def answered(attempt: Attempt, folder: Path, *, keeper: Any = None) -> Answer:  # noqa: ANN401 - see Told
    """Return the findings of a gate beside the journal, and the account of its answer."""
    gathered: list[Gathered] = []
    findings: tuple[Finding, ...] = ()
    with journal_in(folder, attempt.scene.world) as journal:
        try:
            ask_gate(attempt, journal, keeper=keeper, onlooker=gathered.append)
        except Refused as refused:
            findings = refused.findings
    return findings, account_of(gathered[0], findings)


def shut(
    folder: Path,
    *,
    gate: Gate = GATE,
    psbt: bytes = ATTEMPT.psbt,
    papers: Papers | None = None,
    now: Any = NOW,  # noqa: ANN401 - a moment
    **lease: Any,  # noqa: ANN401 - the fields of Lease, each of its type
) -> Answer:
    """Return the same of a gate without a journal, with fields of its lease replaced."""
    gathered: list[Gathered] = []
    findings: tuple[Finding, ...] = ()
    with memory_in(folder, gate) as memory:
        shown = papers or papers_of(gate, memory, ROWS, ATTEMPT.digest, lease=lease)
        try:
            check(psbt, gate, memory, shown, now=now, onlooker=gathered.append)
        except Refused as refused:
            findings = refused.findings
    return findings, account_of(gathered[0], findings)


def holds(answer: Answer) -> Account:
    """Hold what is so of every account, and return it."""
    findings, account = answer
    assert [each.step.number for each in account] == sorted(ALL)
    told = Counter(found for each in account for found in each.findings)
    assert told == Counter(findings), "every finding, by one step"
    for each in account:
        assert (each.state is State.NO) == bool(each.findings)
        assert bool(each.evidence) == (each.state is not State.NO)
        assert all(one.says(language) for one in each.evidence for language in ("en", "ja"))
    if not findings:
        assert numbers(account, State.YES) == ALL
    return account
