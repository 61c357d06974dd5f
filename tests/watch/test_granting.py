"""Whoever watches grants leases, and stops when something is wrong."""

from dataclasses import replace
from datetime import timedelta

import pytest
from gate_scene import honest, scene
from gate_world import gate_of
from world import World, entries_of, record
from world_people import DAY, NOW, QUORUM_PEOPLE
from world_power import adopted

from sekisho.kernel.canonical import Json
from sekisho.kernel.finding import Refused
from sekisho.passes.lease import Lease, LeaseRequest, Memory, read_request, request_bytes
from sekisho.passes.policy.records import Leases
from sekisho.passes.records import SubjectType
from sekisho.wallets.order import Order, OrderKind, order_bytes
from sekisho.watch.granting import Outlook, grant, outlook_of

ATTEMPT = honest(scene())
WORLD = ATTEMPT.scene.world
GATE = gate_of(ATTEMPT.genesis)
HASHES = tuple(f"{number:02x}" * 32 for number in range(1, 8))
REQUEST = LeaseRequest(
    genesis_digest=ATTEMPT.genesis, gate_id="gate-1", isolated=False, first=1, hashes=HASHES
)


def looked_at(world: World) -> Outlook:
    return outlook_of(entries_of(world), b"", genesis_digest=world.genesis_digest, now=NOW)


def judged(world: World, verdict: str, txid: str = "ab" * 32) -> World:
    body: dict[str, Json] = {"txid": txid, "verdict": verdict, "pass_id": "", "findings": []}
    return record(world, "watch.judged", body)


def ordered(world: World, kind: OrderKind, *by: str, memory: Memory | None = None) -> World:
    """Return the world after an order, which is the first one."""
    order = Order(
        number=1,
        kind=kind,
        wallet_id="",
        gate_id="" if memory is None else "gate-1",
        memory_size=0 if memory is None else memory.size,
        memory_tip="" if memory is None else memory.tip,
    )
    return adopted(world, SubjectType.ORDER, "order", order_bytes(order), by=by)


def refused(
    request: LeaseRequest, last: Lease | None, outlook: Outlook, **given: object
) -> list[str]:
    now = given.get("now", NOW)
    try:
        grant(request, last, outlook, now=now)  # type: ignore[arg-type]  # a moment
    except Refused as no:
        return [each.code for each in no.findings]
    return []


LAST = grant(replace(REQUEST, hashes=HASHES[:4]), None, looked_at(WORLD), now=NOW)


def test_a_lease_says_how_far_the_gates_memory_and_the_journal_go() -> None:
    outlook = looked_at(WORLD)
    assert (
        Lease(
            genesis_digest=ATTEMPT.genesis,
            gate_id="gate-1",
            number=1,
            memory=Memory(size=4, tip=HASHES[3]),
            journal_size=len(WORLD.drafts),
            granted_at=NOW,
            expires_at=NOW + timedelta(seconds=900),
        )
        == LAST
    )
    later = NOW + timedelta(minutes=5)
    following = grant(REQUEST, LAST, outlook, now=later)
    assert (following.number, following.memory) == (2, Memory(size=7, tip=HASHES[6]))
    assert following.expires_at == later + timedelta(seconds=900)


def test_an_isolated_gate_gets_a_longer_one() -> None:
    alone = replace(REQUEST, isolated=True)
    assert grant(alone, None, looked_at(WORLD), now=NOW).expires_at == NOW + DAY


@pytest.mark.parametrize("verdict", ["unmatched", "deviating", "reused", "expired"])
def test_while_an_alarm_stands_nothing_is_granted_to_anybody(verdict: str) -> None:
    alarmed = judged(WORLD, verdict)
    assert refused(REQUEST, None, looked_at(alarmed)) == ["watch.alarm_stands"]
    for by in ((), ("baba", "chiba")):
        tried = ordered(alarmed, OrderKind.LIFT, *by)
        assert refused(REQUEST, None, looked_at(tried)) == ["watch.alarm_stands"]
    lifted = ordered(alarmed, OrderKind.LIFT, *QUORUM_PEOPLE)
    assert refused(REQUEST, None, looked_at(lifted)) == []
    again = judged(lifted, verdict, txid="cd" * 32)
    assert refused(REQUEST, None, looked_at(again)) == ["watch.alarm_stands"]


@pytest.mark.parametrize(
    "verdict", ["matched", "replacement", "deposit", "poisoning", "undetermined"]
)
def test_strangers_stop_no_gate(verdict: str) -> None:
    """Whoever sends dust, or a transaction that nobody can judge, must not shut the exchange."""
    assert refused(REQUEST, None, looked_at(judged(WORLD, verdict))) == []


def test_a_gate_that_has_forgotten_gets_none() -> None:
    shorter = replace(REQUEST, hashes=HASHES[:3])
    other = replace(REQUEST, hashes=(*HASHES[:3], "ff" * 32, *HASHES[4:]))
    beyond = replace(REQUEST, first=5, hashes=HASHES[4:])
    for request in (shorter, other, beyond):
        assert refused(request, LAST, looked_at(WORLD)) == ["watch.gate_forgot"]
    assert refused(replace(REQUEST, first=4, hashes=HASHES[3:]), LAST, looked_at(WORLD)) == []


def test_a_quorum_lets_it_go_on_once() -> None:
    """The order is older than the next lease: a second restored backup needs a second order."""
    shorter = replace(REQUEST, hashes=HASHES[:3])
    memory = Memory(size=3, tip=HASHES[2])
    assert refused(shorter, LAST, looked_at(WORLD)) == ["watch.gate_forgot"]
    alone = ordered(WORLD, OrderKind.RESTART, "baba", memory=memory)
    assert refused(shorter, LAST, looked_at(alone)) == ["watch.gate_forgot"]
    let_go = ordered(WORLD, OrderKind.RESTART, *QUORUM_PEOPLE, memory=memory)
    granted = grant(shorter, LAST, looked_at(let_go), now=NOW)
    assert (granted.number, granted.memory) == (2, memory)
    much_shorter = replace(REQUEST, hashes=HASHES[:2])
    assert refused(much_shorter, LAST, looked_at(let_go)) == ["watch.gate_forgot"]
    grown = grant(replace(REQUEST, hashes=HASHES[:6]), granted, looked_at(let_go), now=NOW)
    assert refused(shorter, grown, looked_at(let_go)) == ["watch.gate_forgot"]


def test_of_another_installation_or_without_a_policy_there_is_none() -> None:
    outlook = looked_at(WORLD)
    foreign = replace(REQUEST, genesis_digest="ab" * 32)
    assert refused(foreign, None, outlook) == ["watch.other_installation"]
    assert refused(REQUEST, None, replace(outlook, rule=None)) == ["watch.no_policy_in_force"]
    expired = outlook_of(
        entries_of(WORLD), b"", genesis_digest=WORLD.genesis_digest, now=NOW + 400 * DAY
    )
    assert expired.rule is None
    assert outlook.rule == Leases(age_max_seconds=900, isolated_age_max_seconds=86_400)


def test_a_granter_whose_clock_was_set_back_grants_nothing() -> None:
    early = NOW - timedelta(seconds=1)
    assert refused(REQUEST, LAST, looked_at(WORLD), now=early) == ["watch.granter_clock_behind"]


def test_a_request_is_read_as_it_was_written() -> None:
    assert read_request(request_bytes(REQUEST), "request") == REQUEST
