"""Whoever watches grants leases, and stops when something is wrong."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from gate_scene import honest, scene
from gate_world import extent_of, gate_of
from journal_world import rows_of
from world import World, entries_of, record
from world_people import DAY, NOW, QUORUM_PEOPLE, key_of
from world_power import adopted

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.lease import (
    Lease,
    LeaseRequest,
    Memory,
    read_request,
    request_bytes,
    sign_request,
)
from sekisho.passes.policy.records import Leases
from sekisho.passes.records import SubjectType
from sekisho.wallets.order import Order, OrderKind, order_bytes
from sekisho.watch.beat import Beat, KnownWatcher, Sight, sign_beat
from sekisho.watch.granting import Enrolled, Outlook, grant, outlook_of, watcher_findings

ATTEMPT = honest(scene())
WORLD = ATTEMPT.scene.world
GATE = gate_of(ATTEMPT.genesis)
HASHES = tuple(f"{number:02x}" * 32 for number in range(1, 8))
REQUEST = LeaseRequest(genesis_digest=ATTEMPT.genesis, gate_id="gate-1", first=1, hashes=HASHES)
OWN = key_of("gate-1")
ENROLLED = Enrolled(
    gate_id="gate-1", public_key=OWN.public_key().public_bytes_raw(), isolated=False
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


def granted(
    request: LeaseRequest,
    last: Lease | None,
    outlook: Outlook,
    *,
    now: datetime = NOW,
    enrolled: Enrolled | None = ENROLLED,
) -> Lease:
    return grant(sign_request(request, OWN), enrolled, last, outlook, now=now)


def refused(
    request: LeaseRequest, last: Lease | None, outlook: Outlook, *, now: datetime = NOW
) -> list[str]:
    try:
        granted(request, last, outlook, now=now)
    except Refused as no:
        return [each.code for each in no.findings]
    return []


LAST = granted(replace(REQUEST, hashes=HASHES[:4]), None, looked_at(WORLD), now=NOW)


def test_a_lease_says_how_far_the_gates_memory_and_the_journal_go() -> None:
    outlook = looked_at(WORLD)
    assert (
        Lease(
            genesis_digest=ATTEMPT.genesis,
            gate_id="gate-1",
            number=1,
            memory=Memory(size=4, tip=HASHES[3]),
            journal=extent_of(rows_of(entries_of(WORLD))),
            granted_at=NOW,
            expires_at=NOW + timedelta(seconds=900),
        )
        == LAST
    )
    later = NOW + timedelta(minutes=5)
    following = granted(REQUEST, LAST, outlook, now=later)
    assert (following.number, following.memory) == (2, Memory(size=7, tip=HASHES[6]))
    assert following.expires_at == later + timedelta(seconds=900)


def test_an_isolated_gate_gets_a_longer_one() -> None:
    alone = replace(ENROLLED, isolated=True)
    lease = granted(REQUEST, None, looked_at(WORLD), enrolled=alone)
    assert lease.expires_at == NOW + DAY


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
    "verdict",
    ["matched", "replacement", "deposit", "poisoning", "undetermined", "double_spent"],
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
    going_on = granted(shorter, LAST, looked_at(let_go))
    assert (going_on.number, going_on.memory) == (2, memory)
    much_shorter = replace(REQUEST, hashes=HASHES[:2])
    assert refused(much_shorter, LAST, looked_at(let_go)) == ["watch.gate_forgot"]
    grown = granted(replace(REQUEST, hashes=HASHES[:6]), going_on, looked_at(let_go))
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
    written = sign_request(REQUEST, OWN)
    assert read_request(request_bytes(written), "request") == written


def test_only_the_gate_itself_asks_and_only_one_that_people_enrolled() -> None:
    """Whoever carries a request could else put back what a restored gate has forgotten."""
    outlook = looked_at(WORLD)
    forged = sign_request(REQUEST, key_of("somebody"))
    changed = replace(sign_request(REQUEST, OWN), request=replace(REQUEST, hashes=HASHES[:1]))
    for signed, enrolled in ((forged, ENROLLED), (changed, ENROLLED)):
        with pytest.raises(Refused) as caught:
            grant(signed, enrolled, None, outlook, now=NOW)
        assert [each.code for each in caught.value.findings] == ["watch.gate_unknown"]
    with pytest.raises(Refused, match=r"watch\.gate_unknown"):
        granted(REQUEST, None, outlook, enrolled=None)


@pytest.mark.parametrize("hashes", [["x"], [], ["AB" * 32], ["ab" * 31]])
def test_hashes_that_are_none_are_not_read(hashes: list[str]) -> None:
    good = parse_json(request_bytes(sign_request(REQUEST, OWN)), "request")
    assert isinstance(good, dict)
    body = good["request"]
    assert isinstance(body, dict)
    with pytest.raises(BadInputError):
        read_request(canonical_bytes({**good, "request": {**body, "hashes": [*hashes]}}), "r")


def test_a_journal_that_was_put_back_gets_no_gate_a_lease() -> None:
    """With it the alarm would be gone, or the freeze, or an order would be good again."""
    last = granted(REQUEST, None, looked_at(judged(WORLD, "matched")))
    assert refused(REQUEST, last, looked_at(WORLD)) == ["watch.journal_forgot"]
    other = record(WORLD, "note.written", {})
    assert refused(REQUEST, last, looked_at(other)) == ["watch.journal_forgot"]
    grown = record(judged(WORLD, "matched"), "note.written", {})
    assert refused(REQUEST, last, looked_at(grown)) == []


def test_what_came_while_people_signed_a_lift_is_not_lifted() -> None:
    """The server keeps the last approval back, until the theft's alarm is written."""
    order = Order(
        number=1,
        kind=OrderKind.LIFT,
        wallet_id="",
        gate_id="",
        memory_size=0,
        memory_tip="",
    )
    lifted = adopted(WORLD, SubjectType.ORDER, "order", order_bytes(order), by=QUORUM_PEOPLE)
    *before, last = lifted.drafts
    alarmed = judged(replace(lifted, drafts=tuple(before)), "unmatched")
    late = replace(alarmed, drafts=(*alarmed.drafts, last))
    assert refused(REQUEST, None, looked_at(late)) == ["watch.alarm_stands"]


def test_a_verdict_that_is_no_word_is_no_alarm() -> None:
    odd: dict[str, Json] = {"txid": "ab" * 32, "verdict": ["unmatched"]}
    assert refused(REQUEST, None, looked_at(record(WORLD, "watch.judged", odd))) == []


# The granter's own watcher -----------------------------------------------------------------------

QUESTION = bytes(range(32))
SEEN = Sight(
    proven_at=NOW,
    view_at=NOW,
    blind=False,
    owed=0,
    tip_hash="11" * 32,
    tip_height=900_000,
    journal=extent_of(rows_of(entries_of(WORLD))),
)


def unsure(
    *,
    key: str = "osaka",
    question: bytes = QUESTION,
    genesis: str = ATTEMPT.genesis,
    **sight: Any,  # noqa: ANN401 - the fields of Sight
) -> list[str]:
    """Return what the granter has against the word of its watcher."""
    said = Beat(
        genesis_digest=genesis,
        watcher_id="osaka",
        number=7,
        question=question,
        at=NOW,
        sight=replace(SEEN, **sight),
    )
    known = KnownWatcher(
        watcher_id="osaka", public_key=key_of("osaka").public_key().public_bytes_raw()
    )
    signed, entries = sign_beat(said, key_of(key)), entries_of(judged(WORLD, "matched"))
    found = watcher_findings(known, signed, QUESTION, entries, genesis_digest=ATTEMPT.genesis)
    return [each.code.removeprefix("watch.") for each in found]


def test_a_watcher_that_sees_everything_stops_nothing() -> None:
    assert unsure() == []


def test_without_its_word_given_just_then_there_is_no_lease() -> None:
    known = KnownWatcher(watcher_id="osaka", public_key=bytes(32))
    [found] = watcher_findings(known, None, QUESTION, (), genesis_digest=ATTEMPT.genesis)
    assert found.code == "watch.watcher_silent"
    for said in (
        unsure(key="mallory"),
        unsure(question=bytes(32)),
        unsure(question=b""),
        unsure(genesis="cd" * 32),
    ):
        assert said == ["watcher_silent"]
    outlook = replace(looked_at(WORLD), alarms=(found,))
    assert refused(REQUEST, None, outlook) == ["watch.watcher_silent"]


def test_one_that_does_not_see_everything_stops_every_gate() -> None:
    old = NOW - timedelta(seconds=61)
    for sight in ({"blind": True}, {"owed": 1}, {"proven_at": old}, {"view_at": old}):
        assert unsure(**sight) == ["watcher_blind"]
    assert unsure(proven_at=NOW - timedelta(seconds=60)) == []


def test_one_that_reads_another_journal_stops_every_gate() -> None:
    other = extent_of(rows_of(entries_of(judged(WORLD, "unmatched"))))
    longer = extent_of(rows_of(entries_of(judged(judged(WORLD, "matched"), "matched", "cd" * 32))))
    for journal in (other, longer):
        assert unsure(journal=journal) == ["watcher_of_another_journal"]
