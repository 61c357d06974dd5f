"""A hold under duress is an ordinary hold to everybody but the keeper."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from duress_world import Told, committed, marked, opening_of, openings, public
from gate_psbts import psbt_of
from gate_scene import Scene, honest, scene
from gate_world import ask_gate
from world import World, approve, ask, digest_of, journal_in, reject
from world_people import NOW

from sekisho.gate.records import Cleared
from sekisho.journal.records import Entry
from sekisho.kernel.catalogue import says, what_to_do
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.duress import Holds, Keeper, joined
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED
from sekisho.passes.roster import roster_bytes

Shown = tuple[Cleared | tuple[Finding, ...], tuple[Entry, ...]]


def shown(folder: Path, world: World, told: Told | None, *, psbt: bytes = b"") -> Shown:
    """Return the gate's answer to the honest PSBT, and the journal afterwards."""
    folder.mkdir()
    setting = committed()
    journal = journal_in(folder, world)
    answer: Cleared | tuple[Finding, ...]
    try:
        attempt = honest(setting)
        attempt = replace(attempt, psbt=psbt or attempt.psbt, genesis=world.genesis_digest)
        answer = ask_gate(attempt, journal, keeper=None if told is None else told.keeper())
    except Refused as refused:
        answer = refused.findings
    entries = tuple(journal.entries())
    journal.close()
    return answer, entries


@pytest.fixture(scope="module")
def setting() -> Scene:
    return committed()


@pytest.fixture(scope="module")
def free(setting: Scene) -> World:
    return marked(setting.world)


@pytest.fixture(scope="module")
def forced(setting: Scene) -> World:
    """Chiba, of security, approved with somebody behind their chair."""
    return marked(setting.world, forced=[("chiba", digest_of(setting.asked))])


ON_HOLD = (finding("gate.on_hold", digest_of(committed().asked)[:16]),)


def test_what_was_said_freely_is_cleared(tmp_path: Path, free: World) -> None:
    told = Told()
    answer, entries = shown(tmp_path / "gate", free, told)
    assert isinstance(answer, Cleared)
    assert entries[-1].kind == GATE_CLEARED
    assert not told.reports


def test_without_a_keeper_everything_is_held_while_the_roster_has_commitments(
    tmp_path: Path, free: World, forced: World
) -> None:
    """To leave the keeper out must not open the gate. The answer is that of any other hold."""
    _, ordinary = shown(tmp_path / "keeper", free, Told(holds=Holds(on=True)))
    for name, world in (("free", free), ("forced", forced)):
        answer, entries = shown(tmp_path / name, world, None)
        assert answer == ON_HOLD
        assert entries[-1].kind == GATE_REFUSED
        assert entries[-1].body == ordinary[-1].body


def test_without_commitments_no_keeper_is_needed(tmp_path: Path) -> None:
    setting = scene()
    journal = journal_in(tmp_path, setting.world)
    cleared = ask_gate(honest(setting), journal)
    journal.close()
    assert cleared.pass_digest == digest_of(setting.asked)


def test_an_approval_under_duress_is_held_and_the_keeper_knows_whose(
    tmp_path: Path, forced: World
) -> None:
    told = Told()
    answer, entries = shown(tmp_path / "gate", forced, told)
    assert answer == ON_HOLD
    assert entries[-1].kind == GATE_REFUSED
    assert told.forced() == {"chiba"}


def test_an_observer_cannot_tell_it_from_an_ordinary_hold(
    tmp_path: Path, free: World, forced: World
) -> None:
    """Everything public, before and after: the same but for signatures and marks."""
    ordinary, duress = Told(holds=Holds(on=True)), Told()
    usual_answer, usual = shown(tmp_path / "usual", free, ordinary)
    answer, entries = shown(tmp_path / "duress", forced, duress)
    assert answer == usual_answer == ON_HOLD
    assert public(entries) == public(usual)
    assert [each.entry_id for each in entries] == [each.entry_id for each in usual]
    assert entries[-1].body == usual[-1].body
    # The roster was the same all along, and as much was done out of sight.
    assert roster_bytes(forced.roster) == roster_bytes(free.roster)
    assert len(duress.reports) == len(ordinary.reports) == 1
    assert duress.forced() == {"chiba"} != ordinary.forced()


def test_the_comparison_sees_what_differs(setting: Scene, free: World) -> None:
    """The observer of the test above is not blind: one more rejection, one more entry."""
    other = marked(reject(setting.world, setting.asked))
    assert len(public_of(other)) != len(public_of(free))
    assert public_of(free) == public_of(marked(setting.world))


def public_of(world: World) -> list[tuple[str, str]]:
    return [(each.kind, json.dumps(each.body, sort_keys=True)) for each in world.drafts]


def test_the_word_is_nowhere_in_what_was_written_or_is_said(tmp_path: Path, forced: World) -> None:
    answer, entries = shown(tmp_path / "gate", forced, Told())
    assert isinstance(answer, tuple)
    written = [json.dumps(each.body) for each in entries]
    spoken = [says(each, language) for each in answer for language in ("en", "ja")]
    advice = [what_to_do("gate.on_hold", language) for language in ("en", "ja")]
    for text in (*written, *spoken, *advice):
        for word in ("duress", "coerc", "under threat", "脅", "強要", "強迫"):
            assert word not in text.lower()


def test_on_the_same_day_another_pass_is_held_as_well(tmp_path: Path, setting: Scene) -> None:
    """Two passes, one of them approved freely: that only one is held would tell which."""
    other = replace(setting.asked, pass_id=make_ulid(NOW, b"another on"))
    world = approve(ask(setting.world, other), other)
    world = marked(world, forced=[("chiba", digest_of(other))])
    told = Told()
    answer, _ = shown(tmp_path / "gate", world, told)
    assert answer == ON_HOLD
    assert told.forced() == {"chiba"}


def test_a_registration_under_duress_holds_what_rests_on_it(
    tmp_path: Path, setting: Scene
) -> None:
    """Somebody is forced to put a wallet in force; the transfers from it are approved freely."""
    admin = next(
        digest
        for digest in (draft_pass(draft.body) for draft in setting.registered.drafts)
        if digest
    )
    told = Told()
    answer, _ = shown(tmp_path / "gate", marked(setting.world, forced=[("endo", admin)]), told)
    assert answer == ON_HOLD
    assert told.forced() == {"endo"}


def draft_pass(body: object) -> str:
    approval = body.get("approval") if isinstance(body, dict) else None
    if isinstance(approval, dict) and approval["approver"] == "endo":
        return str(approval["pass_digest"])
    return ""


def test_once_settled_others_go_on_and_this_one_never(
    tmp_path: Path, setting: Scene, forced: World
) -> None:
    told = Told()
    shown(tmp_path / "first", forced, told)
    statements = told.reports[0]["statements"]
    assert isinstance(statements, list)
    ids = frozenset(str(each["statement_id"]) for each in statements if isinstance(each, dict))
    settled = Told(holds=Holds(settled=ids))
    assert shown(tmp_path / "again", forced, settled)[0] == ON_HOLD
    other = replace(setting.asked, pass_id=make_ulid(NOW, b"another on"))
    world = approve(ask(setting.world, other), other)
    world = marked(world, forced=[("chiba", digest_of(other))])
    answer, _ = shown(tmp_path / "held", world, told := Told())
    held = told.reports[0]["statements"]
    assert answer == ON_HOLD
    assert isinstance(held, list)
    ids = frozenset(str(each["statement_id"]) for each in held if isinstance(each, dict))
    answer, _ = shown(tmp_path / "go on", world, Told(holds=Holds(settled=ids)))
    assert isinstance(answer, Cleared)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: None,
        lambda each: replace(each, salt=bytes(32)),
        lambda each: replace(each, mark_key=bytes(32)),
    ],
    ids=["missing", "another salt", "another mark key"],
)
def test_a_keeper_who_cannot_tell_holds(
    tmp_path: Path, free: World, spoil: Callable[[object], object]
) -> None:
    """Whoever takes an opening out of the keeper's folder opens nothing by it."""
    others = [each for each in openings().by_key.values() if each != opening_of("chiba")]
    spoiled = spoil(opening_of("chiba"))
    kept = joined([*others, *([spoiled] if spoiled else [])], "test")  # type: ignore[list-item]  # an opening
    told = Told(held=kept)
    answer, _ = shown(tmp_path / "gate", free, told)
    assert answer == ON_HOLD
    assert told.forced() == set()


def test_a_forged_statement_raises_no_alarm(tmp_path: Path, setting: Scene, free: World) -> None:
    """Whoever can write to the journal and has no key must not be able to stop the exchange."""
    stolen = marked(setting.world, forced=[("chiba", digest_of(setting.asked))])
    forged = tuple(
        replace(draft, body={**draft.body, "signature": "00" * 64})
        if draft.body != usual.body
        else draft
        for draft, usual in zip(stolen.drafts, free.drafts, strict=True)
    )
    extra = [
        replace(draft, entry_id=make_ulid(NOW, number.to_bytes(10, "big")))
        for number, draft in enumerate(forged)
        if draft not in free.drafts
    ]
    assert extra
    told = Told()
    answer, _ = shown(tmp_path / "gate", replace(free, drafts=(*free.drafts, *extra)), told)
    assert isinstance(answer, Cleared)
    assert not told.reports


def test_every_other_reason_is_still_given(tmp_path: Path, setting: Scene, forced: World) -> None:
    """What is wrong beside it is said as ever, and the same beside an ordinary hold."""
    *paid, change = setting.unsigned.outputs
    thief = psbt_of(replace(setting.unsigned, outputs=(*paid, paid[0])), setting.coins)
    assert change not in paid
    answers = []
    for name, world, told in (
        ("duress", forced, Told()),
        ("usual", marked(setting.world), Told(holds=Holds(on=True))),
    ):
        answer, entries = shown(tmp_path / name, world, told, psbt=thief)
        assert isinstance(answer, tuple)
        answers.append((answer, entries[-1].body))
    assert answers[0] == answers[1]
    assert len(answers[0][0]) > 1
    assert answers[0][0][-1] == ON_HOLD[0]


def test_what_cannot_be_reported_is_not_answered(tmp_path: Path, forced: World) -> None:
    """A full disk must not turn a hold into a clearance."""

    class FullDisk(Told):
        def keeper(self) -> Keeper:
            def fail(_: object) -> None:
                raise OSError("no space left")

            return replace(super().keeper(), report=fail)

    with pytest.raises(OSError, match="no space left"):
        shown(tmp_path / "gate", forced, FullDisk())
