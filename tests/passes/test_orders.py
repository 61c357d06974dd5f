"""Freeze, lift, go on: orders in their turn, obeyed by the gate, and read alike by the watcher."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from gate_scene import HOT as OTHER
from gate_scene import Attempt, honest, scene
from gate_world import ask_gate, gate_of
from world import (
    World,
    digest_of,
    evidence_of,
    journal_in,
    register,
    transfer_pass,
    under_policy,
)
from world_coins import DESCRIPTORS, STRANGER, address_at, payment, stranger, wallet_of
from world_people import DAY, NOW, QUORUM_PEOPLE
from world_policy import OPEN_POLICY
from world_power import (
    COINS,
    HOT,
    adopted,
    agreed_by,
    bound,
    child,
    in_force,
    issue,
    name_of,
    powers,
    standing_pass,
)

from sekisho.gate.evidence_gate import of_freezes, of_place
from sekisho.gate.records import Gate, Mode
from sekisho.gate.shut import freeze_findings, place_findings
from sekisho.gate.steps import Evidence
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.passes.leave import Leave, leave_of
from sekisho.passes.policy.records import Isolated
from sekisho.passes.records import Pass, SubjectType
from sekisho.passes.verify import standing_of
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.order import Order, OrderKind, order_bytes, order_digest, read_order
from sekisho.wallets.vault import Vault, vault_bytes
from sekisho.watch.credence import Credence, weigh

BASE = register(powers(), HOT)
NOBODY: tuple[str, ...] = ()
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
SMALL, LEAST = Sat(2_500), Sat(5_000)
ISOLATED = Isolated(least_sat=LEAST, reference="none")


def order(number: int, kind: OrderKind, wallet_id: str = "") -> Order:
    restart = kind is OrderKind.RESTART
    return Order(
        number=number,
        kind=kind,
        wallet_id=wallet_id,
        gate_id="gate-1" if restart else "",
        memory_size=7 if restart else 0,
        memory_tip="ab" * 32 if restart else "",
    )


def given(world: World, what: Order, *by: str) -> World:
    """Return the world after aoki gave an order, with the approval of `by`."""
    return adopted(world, SubjectType.ORDER, "order", order_bytes(what), by=by)


def believed(world: World) -> Credence:
    """Return what the watcher believes, which is what the gate's register says."""
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    assert credence.frozen == in_force(world).frozen
    return credence


def test_one_person_freezes_and_a_quorum_lifts() -> None:
    frozen = given(BASE, order(1, OrderKind.FREEZE, "hot-1"))
    assert in_force(frozen).frozen == {"hot-1"}
    lift = order(2, OrderKind.LIFT, "hot-1")
    for by in (NOBODY, ("baba",), ("baba", "chiba")):
        assert in_force(given(frozen, lift, *by)).frozen == {"hot-1"}
    lifted = given(frozen, lift, *QUORUM_PEOPLE)
    assert in_force(lifted).frozen == set()
    for each in (frozen, lifted):
        believed(each)
    assert believed(lifted).lifted == 0, "one wallet's lift ends no alarm"


def test_of_everything_a_lift_ends_every_freeze_and_every_alarm() -> None:
    world = given(BASE, order(1, OrderKind.FREEZE, "hot-1"))
    world = given(world, order(2, OrderKind.FREEZE))
    assert believed(world).frozen == {"", "hot-1"}
    one = given(world, order(3, OrderKind.LIFT, "hot-1"), *QUORUM_PEOPLE)
    assert believed(one).frozen == {""}
    everything = given(world, order(3, OrderKind.LIFT), *QUORUM_PEOPLE)
    assert believed(everything).frozen == set()
    asked_place = len(world.drafts) + 2  # after the document
    assert believed(everything).lifted == asked_place, "what came since, nobody had seen"


@pytest.mark.parametrize("number", [1, 3, 7])
def test_orders_follow_each_other(number: int) -> None:
    """One that was kept back does not come in force later."""
    world = given(BASE, order(1, OrderKind.FREEZE, "hot-1"))
    after = given(world, order(number, OrderKind.LIFT, "hot-1"), *QUORUM_PEOPLE)
    assert believed(after).frozen == {"hot-1"}
    assert in_force(after).orders == 1


def test_an_order_names_the_one_before() -> None:
    world = given(BASE, order(1, OrderKind.FREEZE, "hot-1"))
    late = adopted(
        world,
        SubjectType.ORDER,
        "order",
        order_bytes(order(2, OrderKind.LIFT, "hot-1")),
        by=QUORUM_PEOPLE,
        previous="",
    )
    assert believed(late).frozen == {"hot-1"}


def test_a_freeze_by_nobody_of_the_roster_is_none() -> None:
    world = adopted(
        BASE, SubjectType.ORDER, "order", order_bytes(order(1, OrderKind.FREEZE)), by=NOBODY
    )
    assert believed(world).frozen == {""}
    stranger = replace(BASE, drafts=(*BASE.drafts, *world.drafts[len(BASE.drafts) : -1]))
    assert believed(stranger).frozen == set(), "asked for, and nobody signed"


def test_a_gate_goes_on_by_a_quorum_alone() -> None:
    restart = order(1, OrderKind.RESTART)
    assert believed(given(BASE, restart, "baba")).restarts == {}
    world = given(BASE, restart, *QUORUM_PEOPLE)
    place, found = believed(world).restarts["gate-1"]
    assert (place, found) == (len(world.drafts), restart)


# The gate ----------------------------------------------------------------------------------------


def refused(attempt: Attempt, world: World, folder: object) -> list[str]:
    with journal_in(folder, world) as journal:  # type: ignore[arg-type]  # pytest's own path
        try:
            ask_gate(replace(attempt, scene=replace(attempt.scene, world=world)), journal)
        except Refused as no:
            return [each.code for each in no.findings]
    return []


@pytest.mark.parametrize(
    ("wallet_id", "codes"),
    [("", ["gate.frozen"]), ("cold-1", ["gate.frozen"]), (OTHER.wallet_id, [])],
)
def test_the_gate_obeys(wallet_id: str, codes: list[str], tmp_path: object) -> None:
    attempt = honest(scene())
    world = given(attempt.scene.world, order(1, OrderKind.FREEZE, wallet_id))
    assert refused(attempt, world, tmp_path) == codes


def test_under_a_freeze_coins_still_go_to_the_vault() -> None:
    safe = wallet_of(DESCRIPTORS["wsh_sortedmulti"], wallet_id="vault-1")
    stated = Vault(
        wallet_id="vault-1",
        wallet_digest=wallet_digest(safe),
        keys=("k",),
        sites=("s",),
        people=("p",),
        vendors=("v",),
    )
    world = register(BASE, safe)
    vaulted = adopted(world, SubjectType.VAULT, "vault-1", vault_bytes(stated))
    frozen = given(vaulted, order(1, OrderKind.FREEZE))
    plain = given(world, order(1, OrderKind.FREEZE))
    home, away = address_at(safe), address_at(HOT, 3)
    for where, payments, codes in (
        (frozen, [payment(home, 1_000)], []),
        (frozen, [payment(home, 1_000), payment(away, 1_000)], ["gate.frozen"]),
        (frozen, [], ["gate.frozen"]),
        (plain, [payment(home, 1_000)], ["gate.frozen"]),
    ):
        asked = transfer_pass(bound(where), HOT, payments, COINS[0])
        found = freeze_findings(asked.action, in_force(where))  # type: ignore[arg-type]  # a transfer
        assert [each.code for each in found] == codes
    asked = transfer_pass(bound(frozen), HOT, [payment(home, 1_000)], COINS[0])
    approved = agreed_by(frozen, asked)
    assert standing_of(in_force(approved), digest_of(asked)).findings == ()
    assert told(of_freezes(leave_in(approved, asked), in_force(approved))) == ["to_vault"]


def leave_in(world: World, asked: Pass) -> Leave:
    leave = leave_of(in_force(world), digest_of(asked), now=NOW)
    assert leave is not None
    return leave


def told(sentences: list[Evidence]) -> list[str]:
    return [each.name for each in sentences]


@pytest.mark.parametrize("mode", Mode)
def test_from_a_size_on_only_a_gate_without_a_network_is_asked(mode: Mode) -> None:
    """A wallet's day counts together: who splits the amount gets no further."""
    policy = replace(OPEN_POLICY, version=2, isolated=ISOLATED)
    base = register(under_policy(powers(), policy), HOT)
    gate = gate_of(base.genesis_digest, mode=mode)
    beyond = ["gate.not_isolated"] if mode is Mode.CO_LOCATED else []
    first = transfer_pass(bound(base), HOT, [payment(stranger(1), 2_500)], COINS[0])
    world = agreed_by(base, first)
    again = transfer_pass(bound(world), HOT, [payment(stranger(2), 2_500)], COINS[1])
    large = transfer_pass(bound(base), HOT, [payment(stranger(3), 5_000)], COINS[2])
    for where, asked, codes in (
        (world, first, []),
        (agreed_by(world, again), again, beyond),
        (agreed_by(base, large), large, beyond),
    ):
        assert placed(where, digest_of(asked), gate) == codes
    here = [] if mode is Mode.CO_LOCATED else ["isolated"]
    place = told(of_place(gate, leave_in(world, first), in_force(world), now=NOW))
    assert place == ["leaving", "isolated_from", *here]
    whole = agreed_by(world, again)
    assert placed(whole, digest_of(again), gate, now=NOW + DAY) == []


def placed(world: World, digest: str, gate: Gate, *, now: datetime = NOW) -> list[str]:
    register_ = in_force(world)
    leave = leave_of(register_, digest, now=now)
    assert leave is not None
    return [each.code for each in place_findings(leave, register_, gate, now=now)]


@pytest.mark.parametrize(
    ("late", "amount_sat", "coin", "both"),
    [
        (DAY - SECOND, SMALL - 1, 1, (False, False)),
        (DAY - SECOND, SMALL, 1, (True, True)),
        (DAY, SMALL - 1, 1, (False, False)),
        (DAY, SMALL, 1, (True, False)),
        (9 * DAY, SMALL, 1, (True, False)),
        (9 * DAY, SMALL, 0, (False, False)),
        (9 * DAY, LEAST - 1, 0, (False, False)),
        (9 * DAY, LEAST, 0, (True, True)),
    ],
)
def test_a_pass_counts_once_beside_what_was_committed_within_a_day(
    late: timedelta, amount_sat: int, coin: int, both: tuple[bool, bool]
) -> None:
    """However long ago it was committed itself; of two that spend one coin the larger counts."""
    base = under_policy(powers(), replace(OPEN_POLICY, version=2, isolated=ISOLATED))
    base = register(base, HOT)
    valid: dict[str, Any] = {"expires_at": NOW + 30 * DAY}
    first = transfer_pass(bound(base), HOT, [payment(stranger(1), SMALL)], COINS[0], **valid)
    world = agreed_by(base, first)
    paid = [payment(stranger(2), amount_sat)]
    newer = transfer_pass(bound(world), HOT, paid, COINS[coin], **valid)
    world = agreed_by(world, newer, at=NOW + late)
    assert len(in_force(world).history) == 2
    gate = gate_of(base.genesis_digest)
    for each, too_much in zip((first, newer), both, strict=True):
        codes = ["gate.not_isolated"] if too_much else []
        assert placed(world, digest_of(each), gate, now=NOW + late) == codes


@pytest.mark.parametrize(("older_sat", "codes"), [(SMALL - 1, []), (SMALL, ["gate.not_isolated"])])
def test_children_that_share_a_coin_count_together_and_once(
    older_sat: int, codes: list[str]
) -> None:
    """One transaction pays both, whenever each was issued."""
    policy = replace(OPEN_POLICY, version=2, isolated=ISOLATED)
    base = register(under_policy(powers(), policy), HOT)
    standing = standing_pass(base)
    world = agreed_by(base, standing)
    later = NOW + 2 * HOUR
    for number, amount_sat, at in ((1, older_sat, NOW), (2, SMALL, later)):
        paid = payment(STRANGER, amount_sat)
        last = child(world, standing, number, paid, anchor=COINS[7], issued_at=at)
        world = issue(world, last)
    assert len(in_force(world).history) == 2
    gate = gate_of(base.genesis_digest)
    for now in (later, NOW + DAY - SECOND, NOW + DAY, later + DAY):
        assert placed(world, name_of(last), gate, now=now) == codes


# The document ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OrderKind)
def test_an_order_is_read_as_it_was_written(kind: OrderKind) -> None:
    what = order(1, kind)
    assert read_order(order_bytes(what), "order") == what
    assert len(order_digest(order_bytes(what))) == 64


@pytest.mark.parametrize(
    "wrong",
    [
        replace(order(1, OrderKind.FREEZE), number=0),
        replace(order(1, OrderKind.FREEZE), wallet_id="Not An Id"),
        replace(order(1, OrderKind.FREEZE), gate_id="gate-1"),
        replace(order(1, OrderKind.LIFT), memory_size=1),
        replace(order(1, OrderKind.LIFT), memory_tip="ab" * 32),
        replace(order(1, OrderKind.RESTART), gate_id=""),
        replace(order(1, OrderKind.RESTART), wallet_id="hot-1"),
        replace(order(1, OrderKind.RESTART), memory_size=0),
        replace(order(1, OrderKind.RESTART), memory_tip=""),
    ],
)
def test_an_order_that_says_too_much_or_too_little_is_none(wrong: Order) -> None:
    with pytest.raises(BadInputError):
        read_order(order_bytes(wrong), "order")
