"""The account of an answer: what each step saw, what says no, and what nobody looked at."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from duress_world import Told as Keeping
from duress_world import committed, marked
from gate_accounts import ALL, Account, answered, holds, names, numbers, said, shut
from gate_passes import PASSES, at
from gate_scene import HOT, LOOKALIKE, honest, scene
from gate_shut_world import ATTEMPT, GATE, ROWS
from gate_tampered_psbts import TAMPERED_PSBTS
from gate_tampered_transactions import TAMPERINGS, outputs
from gate_world import ask_gate, bundle_at, gate_of, lease_for, memory_in, papers_of
from journal_world import rows_of
from world import World, cleared, digest_of, entries_of, journal_in
from world_coins import DESCRIPTORS, STRANGER, address_at, payment, txout
from world_people import NOW

from sekisho.gate.account import State, account_of
from sekisho.gate.evidence_pass import of_policy
from sekisho.gate.gathered import Gathered
from sekisho.gate.records import Mode, Papers
from sekisho.gate.steps import number_of, steps
from sekisho.kernel.finding import finding
from sekisho.passes.duress import Holds
from sekisho.passes.lease import Extent, Memory
from sekisho.passes.records import AnyInputs, Replacement
from sekisho.passes.register import Register
from sekisho.passes.verify import standing_of


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    kept: list[Gathered] = []
    with journal_in(tmp_path_factory.mktemp("gathered"), ATTEMPT.scene.world) as journal:
        ask_gate(ATTEMPT, journal, onlooker=kept.append)
    return kept[0]


# Yes ---------------------------------------------------------------------------------------------


def test_a_yes_tells_what_every_step_saw(tmp_path: Path) -> None:
    account = holds(answered(honest(scene()), tmp_path))
    facts = {
        1: "The journal is beside it: the answer is written into both.",
        2: "Lease 1 for gate-1, signed by the granter's key that is pinned here "
        "(12a41592c8b7c17d...), granted at 2026-01-15 09:00:00 UTC.",
        5: "Good until 2026-01-15 09:10:00 UTC. Granted for 600 s; here at most 900 s are "
        "allowed.",
        8: "Orders read: 0. None that stands freezes cold-1.",
        9: "What leaves cold-1, counted with the last 24 hours: 0.50000000 BTC.",
        10: "No keeper holds it.",
        12: "Approved, of those needed: finance 1/1, operations 1/1, security 1/1. "
        "Nobody rejected or voided it.",
        13: "limits.pass.all: 0.50000000 BTC, at most 21,000,000.00000000 BTC.",
        14: "Good from 2026-01-15 09:00:00 UTC until 2026-01-16 09:00:00 UTC. "
        "It is 2026-01-15 09:00:00 UTC.",
        17: "Spent: 2 of the 2 coins that the pass lists.",
        18: "0.40000000 BTC to 1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P",
        19: "Fee 0.00020000 BTC, at most 0.00020000 BTC; 55.7 sat/vB on 359 vB, "
        "at most 200.0 sat/vB.",
        20: "Nothing was let through under this pass before. Clearances looked through: 0.",
    }
    for number, sentence in facts.items():
        assert sentence in said(account, number), said(account, number)
    assert "baba (operations) approved at desk-1" in said(account, 12)[0]
    assert said(account, 18)[-1].startswith(
        "0.29980000 BTC back to cold-1 1/0, derived here: bc1q"
    )
    assert len(said(account, 18)) == 4, "a payment that is made twice is told twice"


def test_every_kind_of_wallet_has_an_account(tmp_path: Path) -> None:
    for kind in DESCRIPTORS:
        (tmp_path / kind).mkdir()
        account = holds(answered(honest(scene(kind), version=2), tmp_path / kind))
        assert numbers(account, State.YES) == ALL, kind
        assert ("no_change" in names(account, 18)) == ("branch" in kind)


# No ----------------------------------------------------------------------------------------------

BEYOND_EARTH = "ab" * 32


@pytest.mark.parametrize("bad", PASSES, ids=lambda each: each.name)
def test_a_pass_that_allows_nothing(bad: Any, tmp_path: Path) -> None:  # noqa: ANN401 - a BadPass
    findings, account = answered(bad.make(scene()), tmp_path)
    holds((findings, account))
    steps = {step.step.number for step in account if step.findings}
    trusted = 3 not in steps
    assert steps == ({number_of(each.code) for each in findings} if trusted else {3})


@pytest.mark.parametrize("bad", TAMPERINGS, ids=lambda each: each.name)
def test_a_transaction_that_the_pass_does_not_allow(bad: Any, tmp_path: Path) -> None:  # noqa: ANN401 - a Tampering
    account = holds(answered(bad.attempt(), tmp_path))
    assert numbers(account, State.NO) <= {16, 17, 18, 19, 20}
    assert not numbers(account, State.NOT_LOOKED_AT)


@pytest.mark.parametrize("bad", TAMPERED_PSBTS, ids=lambda each: each.name)
def test_a_psbt_that_was_tampered_with(bad: Any, tmp_path: Path) -> None:  # noqa: ANN401 - a TamperedPSBT
    findings, account = answered(bad.attempt(), tmp_path)
    holds((findings, account))
    unread = {each.code for each in findings} & {"gate.psbt_unreadable", "gate.readers_disagree"}
    behind = {16, 17, 18, 19, 20} if unread else set()
    assert numbers(account, State.NOT_LOOKED_AT) == behind
    assert all(names(account, number) == ["not_looked_at"] for number in behind)


def test_a_lookalike_is_refused_late_and_by_one_step(tmp_path: Path) -> None:
    setting = scene()
    thief = replace(setting, unsigned=outputs(setting, {0: txout(LOOKALIKE, 40_000_000)}))
    account = holds(answered(honest(thief), tmp_path))
    assert numbers(account, State.NO) == {18}
    assert numbers(account, State.YES) == ALL - {18}
    (told,) = [each for each in account if each.step.number == 18]
    codes = ["gate.payment_not_allowed", "gate.lookalike", "gate.payment_missing"]
    assert [each.code for each in told.findings] == codes


def test_a_bundle_that_is_not_believed_stops_everything_behind_it(tmp_path: Path) -> None:
    with memory_in(tmp_path, GATE) as memory:
        lease = lease_for(GATE, memory)
    (tmp_path / "again").mkdir()
    whole = bundle_at(ROWS, ATTEMPT.digest)
    cut = whole[: whole[:-1].rindex(b"\n") + 1]
    account = holds(shut(tmp_path / "again", papers=Papers(bundle=cut, lease=lease, seen=None)))
    assert numbers(account, State.NO) == {3}
    assert numbers(account, State.YES) == {1, 2}
    for number in range(4, 21):
        assert said(account, number) == ["Not looked at: step 3 comes first."]


def test_a_genesis_that_nobody_adopted_is_no_fault_of_the_pass(tmp_path: Path) -> None:
    """Why it was not adopted is said in findings that the pass itself could have."""
    rows = rows_of(entries_of(ATTEMPT.scene.world))[:3]
    with memory_in(tmp_path, GATE) as memory:
        shown = papers_of(GATE, memory, rows, ATTEMPT.digest)
    (tmp_path / "again").mkdir()
    findings, account = shut(tmp_path / "again", papers=shown)
    holds((findings, account))
    assert {"passes.genesis_not_adopted", "passes.quorum_missing"} <= {e.code for e in findings}
    assert numbers(account, State.NO) == {3}


def test_nor_is_a_wallet_that_nobody_put_in_force(tmp_path: Path) -> None:
    setting = scene()
    findings, account = answered(at(setting, _without_quorum(setting.world)), tmp_path)
    holds((findings, account))
    assert {"passes.wallet_not_in_force", "passes.quorum_missing"} <= {e.code for e in findings}
    assert 12 not in numbers(account, State.NO)
    assert 13 in numbers(account, State.NO)
    assert said(account, 15) == ["Not looked at: step 13 comes first."]


def _without_quorum(world: World) -> World:
    """Return the world without the first approval of a wallet."""
    drafts = list(world.drafts)
    filed = next(place for place, each in enumerate(drafts) if each.kind == "wallet.filed")
    drafts.pop(filed + 3)  # the pass, who asked for it, and then who approved
    return replace(world, drafts=tuple(drafts))


SHUT: list[tuple[dict[str, Any], int]] = [
    ({"gate_id": "gate-2"}, 2),
    ({"granted_at": NOW + timedelta(minutes=2)}, 4),
    ({"expires_at": NOW}, 5),
    ({"memory": Memory(size=2, tip=BEYOND_EARTH)}, 6),
    ({"journal": Extent(size=len(ROWS), root=BEYOND_EARTH)}, 7),
]


@pytest.mark.parametrize(("lease", "number"), SHUT)
def test_a_lease_that_does_not_open_it(lease: dict[str, Any], number: int, tmp_path: Path) -> None:
    account = holds(shut(tmp_path, **lease))
    assert numbers(account, State.NO) == {number}
    behind = {4, 5, 6, 7} if number == 2 else set()
    assert numbers(account, State.NOT_LOOKED_AT) == behind


def test_a_gate_beside_no_journal_says_no_in_its_first_step(tmp_path: Path) -> None:
    beside = gate_of(ATTEMPT.genesis, mode=Mode.CO_LOCATED)
    assert numbers(holds(shut(tmp_path, gate=beside)), State.NO) == {1}


def test_a_clock_is_told_even_where_the_journal_is_not(tmp_path: Path) -> None:
    with memory_in(tmp_path, GATE) as memory:
        lease = lease_for(GATE, memory, lease={"granted_at": NOW + timedelta(hours=1)})
    (tmp_path / "again").mkdir()
    account = holds(shut(tmp_path / "again", papers=Papers(bundle=b"", lease=lease, seen=None)))
    assert numbers(account, State.NO) == {3, 4}


# On hold -----------------------------------------------------------------------------------------


def test_an_account_tells_no_more_of_a_hold_than_its_finding(tmp_path: Path) -> None:
    setting = committed()
    attempt = honest(setting)
    forced = marked(setting.world, forced=[("chiba", digest_of(setting.asked))])
    this = frozenset({attempt.digest})
    shown: list[Account] = []
    for name, world, keeping in (
        ("duress", forced, Keeping()),
        ("usual", marked(setting.world), Keeping(holds=Holds(on=True))),
        ("this pass", marked(setting.world), Keeping(holds=Holds(passes=this))),
    ):
        (tmp_path / name).mkdir()
        there = replace(attempt, scene=replace(setting, world=world), genesis=world.genesis_digest)
        shown.append(holds(answered(there, tmp_path / name, keeper=keeping.keeper())))
    assert shown[0] == shown[1] == shown[2]
    assert numbers(shown[0], State.NO) == {10}
    (held,) = [each for each in shown[0] if each.step.number == 10]
    assert held.findings == (finding("gate.on_hold", attempt.digest[:16]),)
    assert held.evidence == ()


def test_and_of_no_hold_it_says_the_same_with_and_without_a_keeper(tmp_path: Path) -> None:
    setting = committed()
    (tmp_path / "free").mkdir()
    free = replace(honest(setting), scene=replace(setting, world=marked(setting.world)))
    kept = holds(answered(free, tmp_path / "free", keeper=Keeping().keeper()))
    assert said(kept, 10) == ["No keeper holds it."]
    assert said(holds(answered(honest(scene()), tmp_path)), 10) == said(kept, 10)


# What is rare ------------------------------------------------------------------------------------


def test_a_pass_that_allows_a_higher_fee_and_was_used(tmp_path: Path) -> None:
    bump = scene(transfer={"replacement": Replacement(fee_bump=True, replaces="")})
    for lock, name in ((0, "same_again"), (1, "fee_bump")):
        before = replace(bump.unsigned, locktime=lock)
        (tmp_path / name).mkdir()
        used = at(bump, cleared(bump.world, bump.asked, before))
        account = holds(answered(used, tmp_path / name))
        assert names(account, 20) == [name]


def test_many_coins_and_many_payments_are_told_as_a_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_inputs = scene("wpkh", transfer={"inputs": AnyInputs(inputs_max=2)})
    assert names(holds(answered(honest(any_inputs), tmp_path)), 17)[0] == "inputs_any"
    monkeypatch.setattr("sekisho.gate.evidence_psbt.LINES_MAX", 1)
    (tmp_path / "many").mkdir()
    account = holds(answered(honest(scene("wpkh")), tmp_path / "many"))
    assert said(account, 16)[1:] == ["Further coins of the wallet: 1, together 0.30000000 BTC."]
    assert said(account, 18)[1] == "Further approved payments: 2, together 0.10000000 BTC."


def test_a_payment_to_a_wallet_of_ours_says_so(tmp_path: Path) -> None:
    home = address_at(HOT)
    paid = (payment(home, 40_000_000), *[payment(STRANGER, 5_000_000)] * 2)
    setting = scene(transfer={"payments": paid})
    moved = replace(setting, unsigned=outputs(setting, {0: txout(home, 40_000_000)}))
    account = holds(answered(honest(moved), tmp_path))
    assert names(account, 18) == ["payment_own", "payment", "payment", "change"]


def test_of_a_pass_without_a_policy_nothing_good_is_told(gathered: Gathered) -> None:
    opened = gathered.opened
    assert opened is not None
    standing = standing_of(opened.register, opened.pass_digest)
    with pytest.raises(RuntimeError):
        of_policy(standing, Register(genesis_digest=ATTEMPT.genesis))


# Every step --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [code for each in steps() for code in each.codes])
def test_every_step_can_say_no(code: str, gathered: Gathered) -> None:
    if code.endswith(".*") or number_of(code) > max(ALL):
        return
    account = account_of(gathered, [finding(code, "x")])
    assert numbers(account, State.NO) == {number_of(code)}
    assert numbers(account, State.YES) == ALL - {number_of(code)}


def test_a_code_that_no_step_has_is_told_all_the_same(gathered: Gathered) -> None:
    """The test of the table forbids it; an answer must not lose a reason if it happens."""
    unheard = finding("gate.of_next_year", "x")
    account = account_of(gathered, [unheard])
    assert [each.findings for each in account if each.findings] == [(unheard,)]
