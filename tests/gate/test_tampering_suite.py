"""Every kind of the tampering suite, on every script type to which it applies."""

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from btclib_wallet.descriptors import miniscript_solver
from btclib_wallet.psbt.psbt import Psbt, extract_tx, finalize

from bench.tampered.families import FAMILIES
from bench.tampered.judging import Family, Kind
from bench.tampered.kinds_altered import ALTERED
from bench.tampered.page import PAGE, refused_as, told
from bench.tampered.population import answers, applicable, population
from bench.tampered.purses import SCRIPT_TYPES
from bench.tampered.returns import HOSTILE, Return, honest_return, judged_return
from bench.tampered.scenes import Attempt, Batch, Form, draw_scene, open_batch
from bench.tampered.signing import in_form, signed

KINDS = [(family, each) for family in FAMILIES for each in family.kinds]
SCENES = 15
TRIES = 40
"""So many scenes of one script type are drawn before a kind is held not to apply to it."""


def seeded(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - the same scenes in each run, not secrets


@cache
def batch() -> Batch:
    return open_batch(seeded("tampering"))


@pytest.mark.parametrize(("family", "kind"), KINDS, ids=lambda each: getattr(each, "name", ""))
def test_what_was_tampered_with_is_refused_for_the_right_reason(
    family: Family[Any], kind: Kind[Any]
) -> None:
    random = seeded(kind.name)
    shown = 0
    for script_type in SCRIPT_TYPES:
        scene = applicable(random, batch(), kind, [script_type], tries=TRIES)
        if scene is not None:
            honest = family.honest(scene)
            attempt = kind.tamper(honest, random)
            assert attempt != honest, script_type
            codes = family.judge(attempt)
            assert kind.is_refused_rightly(codes), (script_type, codes)
            shown += 1
    assert shown


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.title)
@pytest.mark.parametrize("script_type", SCRIPT_TYPES)
def test_what_is_honest_is_let_through(script_type: str, family: Family[Any]) -> None:
    random = seeded(script_type)
    for _ in range(SCENES):
        scene = draw_scene(random, batch(), script_type)
        assert family.judge(family.honest(scene)) == ()


@pytest.mark.parametrize("script_type", SCRIPT_TYPES)
def test_what_is_honest_is_as_large_once_signed_as_its_pass_says(script_type: str) -> None:
    # Signed by one library, finished and verified by another.
    random = seeded(script_type)
    for _ in range(5):
        scene = draw_scene(random, batch(), script_type)
        signatures = signed(scene.plan, scene.purse.roots[: scene.purse.signers])
        psbt = in_form(Form.FILED, scene.plan, signatures, psbt_version=0)
        final = finalize(Psbt.parse(psbt), solver=miniscript_solver)
        transaction = extract_tx(final, max_fee_rate=None)
        count = scene.purse.signers * len(scene.plan.coins)
        assert 0 <= scene.vsize() - transaction.vsize <= 3 * count
        assert in_form(Form.EXTRACTED, scene.plan, signatures, psbt_version=0) == (
            transaction.serialize(include_witness=True)
        )


def test_there_are_many_kinds_each_with_a_name_of_its_own() -> None:
    names = [kind.name for _, kind in KINDS]
    assert len(names) == len(set(names)) >= 250
    assert all(kind.codes for _, kind in KINDS)


def test_the_page_tells_every_kind_and_what_refuses_it() -> None:
    rows = PAGE.read_text(encoding="utf-8").splitlines()
    told_of = {tuple(row.split(" | ")[:2]) for row in rows if row.startswith("| ")}
    for _, kind in KINDS:
        row = (f"| {told(kind.what)}", refused_as(sorted(kind.codes), sorted(kind.must)))
        assert row in told_of, "stale: make bench ONLY=tampering; python -m bench.tampered.page"


def test_a_gate_that_let_everything_through_would_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing_found(_: Attempt) -> tuple[str, ...]:
        return ()

    blind = Family(
        title="blind",
        honest=FAMILIES[0].honest,
        judge=nothing_found,
        parts={"some": FAMILIES[0].kinds[:2]},
    )
    monkeypatch.setattr("bench.tampered.population.FAMILIES", (blind,))
    tally = answers(6, seed=1)
    assert sum(tally.accepted.values()) == tally.shown.total() == 6
    assert tally.honest_refused.total() == 0


def test_a_gate_that_let_nothing_through_would_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def always_no(_: Attempt) -> tuple[str, ...]:
        return ("gate.no",)

    deaf = Family(
        title="deaf",
        honest=FAMILIES[0].honest,
        judge=always_no,
        parts={"some": FAMILIES[0].kinds[:2]},
    )
    monkeypatch.setattr("bench.tampered.population.FAMILIES", (deaf,))
    tally = answers(6, seed=1)
    assert tally.honest_refused.total() == tally.other_reason.total() == 6
    assert not tally.accepted


def test_a_gate_that_calls_nothing_hostile_would_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_calm(attempt: Return) -> tuple[str, ...]:
        return tuple(each for each in judged_return(attempt) if each != HOSTILE)

    calm = Family(title="calm", honest=honest_return, judge=too_calm, parts={"some": ALTERED[:3]})
    monkeypatch.setattr("bench.tampered.population.FAMILIES", (calm,))
    tally = answers(6, seed=1)
    assert tally.refused.total() == tally.other_reason.total() == 6


def test_what_was_counted_before_a_run_was_cut_off_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.tampered.population.COUNTED", tmp_path)
    assert population(2, seed=3) == answers(2, seed=3 * 1_000_003)
    [written] = tmp_path.rglob("*.json")
    written.write_text('{"shown": {"from the file": 2}}', encoding="utf-8")
    assert population(2, seed=3).shown == {"from the file": 2}


def test_the_same_seed_draws_the_same_scenes() -> None:
    def psbts() -> list[bytes]:
        random = seeded("again")
        opened = open_batch(random)
        return [draw_scene(random, opened, script_type).psbt for script_type in SCRIPT_TYPES]

    assert psbts() == psbts()
