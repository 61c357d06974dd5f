import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gate_passes import PASSES, SECOND, BadPass
from gate_scene import CHANGE_SAT, Attempt, Scene, honest, scene
from gate_tampered_psbts import HARMLESS, TAMPERED_PSBTS, Edit, TamperedPSBT
from gate_tampered_transactions import TAMPERINGS, Tampering, change, codes, outputs
from gate_world import ask_gate
from world import World, cleared, entries_of, journal_in, record
from world_coins import DESCRIPTORS, txout
from world_people import NOW

from sekisho.gate.records import Cleared
from sekisho.journal.records import Entry
from sekisho.journal.store import JournalStore, open_journal
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED
from sekisho.passes.records import FeeRule, Replacement

OpenJournal = Callable[[World], JournalStore]

TEMPLATES: dict[bytes, Path] = {}
"""A closed journal for each world that was asked for before: copying is cheaper than writing."""


@pytest.fixture
def open_world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenJournal]:
    opened: list[JournalStore] = []

    def open_world(world: World) -> JournalStore:
        tip = entries_of(world)[-1].hash
        if tip not in TEMPLATES:
            TEMPLATES[tip] = tmp_path_factory.mktemp("template")
            journal_in(TEMPLATES[tip], world).close()
        path = tmp_path / f"journal-{len(opened)}.db"
        shutil.copy(TEMPLATES[tip] / "journal.db", path)
        opened.append(open_journal(path))
        return opened[-1]

    yield open_world
    for each in opened:
        each.close()


def ulid(number: int) -> str:
    return make_ulid(NOW, number.to_bytes(10, "big"))


def shown(attempt: Attempt, journal: JournalStore, number: int = 1) -> Cleared:
    """Return what the gate answers, or raise its refusal."""
    return ask_gate(attempt, journal, number)


def refused(attempt: Attempt, journal: JournalStore, number: int = 1) -> list[str]:
    """Return the codes of the refusal, having seen that it stands in the journal, and alone."""
    size = journal.size()
    with pytest.raises(Refused) as caught:
        shown(attempt, journal, number)
    found = sorted(each.code for each in caught.value.findings)
    last = journal.last()
    assert last is not None
    assert (last.entry_id, last.kind, last.actor) == (ulid(number), GATE_REFUSED, "gate-1")
    assert last.body["pass_digest"] == attempt.digest
    assert last.body["findings"] == [each.as_json() for each in caught.value.findings]
    assert journal.size() == size + 1
    return found


def kept(journal: JournalStore, kind: str) -> list[Entry]:
    return [each for each in journal.entries() if each.kind == kind]


# The honest population ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_what_was_asked_for_is_cleared(kind: str, version: int, open_world: OpenJournal) -> None:
    attempt = honest(scene(kind), version=version)
    journal = open_world(attempt.scene.world)
    answer = shown(attempt, journal)
    assert answer.psbt == attempt.psbt
    assert answer.txid == attempt.scene.unsigned.txid
    [entry] = kept(journal, GATE_CLEARED)
    assert entry == journal.last()
    assert entry.body == {
        "pass_digest": attempt.digest,
        "txid": attempt.scene.unsigned.txid,
        "transaction_digest": answer.transaction_digest,
    }


@pytest.mark.parametrize("harmless", HARMLESS, ids=lambda each: each[0])
def test_what_is_harmless_is_no_reason_to_refuse(
    harmless: tuple[str, str, int, Edit], open_world: OpenJournal
) -> None:
    _, kind, version, edit = harmless
    setting = scene(kind)
    if version == 2 and kind == "wpkh":  # requires a height
        setting = replace(setting, unsigned=replace(setting.unsigned, locktime=100))
    before = honest(scene(kind), version=version)
    attempt = replace(before, psbt=edit(before.psbt, before.scene))
    assert attempt.psbt != before.psbt
    assert shown(attempt, open_world(before.scene.world)).txid == setting.unsigned.txid


def test_the_order_of_outputs_is_nobodys_business(open_world: OpenJournal) -> None:
    setting = scene()
    turned = replace(setting.unsigned, outputs=setting.unsigned.outputs[::-1])
    attempt = honest(replace(setting, unsigned=turned))
    assert shown(attempt, open_world(setting.world)).txid == turned.txid


def test_less_fee_than_allowed_and_all_of_it_as_change_is_fine(open_world: OpenJournal) -> None:
    setting = scene()
    thrifty = outputs(setting, {3: change(setting, CHANGE_SAT + 19_999)})
    attempt = honest(replace(setting, unsigned=thrifty))
    assert shown(attempt, open_world(setting.world)).txid == thrifty.txid


# Tampering ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.name)
def test_another_transaction_is_refused(
    tampering: Tampering, version: int, open_world: OpenJournal
) -> None:
    attempt = tampering.attempt(version)
    found = refused(attempt, open_world(attempt.scene.world))
    assert found == codes("gate", tampering.gate)


@pytest.mark.parametrize("tampered", TAMPERED_PSBTS, ids=lambda each: each.name)
def test_a_psbt_that_is_not_in_order_is_refused(
    tampered: TamperedPSBT, open_world: OpenJournal
) -> None:
    attempt = tampered.attempt()
    assert attempt.psbt != honest(attempt.scene, version=tampered.version).psbt
    assert refused(attempt, open_world(attempt.scene.world)) == codes("gate", tampered.gate)


@pytest.mark.parametrize("bad", PASSES, ids=lambda each: each.name)
def test_a_pass_that_does_not_hold_clears_nothing(bad: BadPass, open_world: OpenJournal) -> None:
    attempt = bad.make(scene())
    assert refused(attempt, open_world(attempt.scene.world)) == codes("gate", bad.gate)


def test_the_last_second_of_a_pass_and_its_first_are_in_time(open_world: OpenJournal) -> None:
    attempt = honest(scene())
    asked = attempt.scene.asked
    for now in (NOW, asked.expires_at - SECOND):  # it was signed at NOW
        answer = shown(replace(attempt, now=now), open_world(attempt.scene.world))
        assert answer.psbt == attempt.psbt


def test_there_are_more_than_forty_kinds_of_tampering() -> None:
    names = [each.name for each in TAMPERINGS]
    names += [each.name for each in TAMPERED_PSBTS]
    names += [each.name for each in PASSES]
    assert len(set(names)) == len(names) > 100


# Used once ---------------------------------------------------------------------------------------


def without_fee(before: Scene) -> Attempt:
    """Return another transaction that the same pass allows as well."""
    other = outputs(before, {3: change(before, CHANGE_SAT + 20_000)})
    return honest(replace(before, unsigned=other))


def test_asking_again_about_the_same_transaction_gives_the_same_answer(
    open_world: OpenJournal,
) -> None:
    first, again = honest(scene()), honest(scene(), version=2)
    journal = open_world(first.scene.world)
    later = replace(again, now=NOW.replace(hour=10))
    answers = [shown(each, journal) for each in (first, first, again, later)]
    assert {each.transaction_digest for each in answers} == {answers[0].transaction_digest}
    assert [each.at for each in kept(journal, GATE_CLEARED)] == [NOW]
    assert kept(journal, GATE_REFUSED) == []


def test_a_used_pass_clears_no_other_transaction(open_world: OpenJournal) -> None:
    first = honest(scene())
    journal = open_world(first.scene.world)
    shown(first, journal)
    assert refused(without_fee(scene()), journal) == ["gate.pass_used"]
    assert shown(first, journal).psbt == first.psbt


def test_a_pass_that_allows_a_higher_fee_clears_one_and_nothing_else(
    open_world: OpenJournal,
) -> None:
    setting = scene(
        transfer={
            "replacement": Replacement(fee_bump=True, replaces=""),
            "fee": FeeRule(fee_max_sat=Sat(40_000), feerate_max_sat_per_kvb=200_000),
        }
    )
    bumped = outputs(setting, {3: change(setting, CHANGE_SAT - 20_000)})
    to_another = outputs(setting, {0: txout("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", 40_000_000)})
    journal = open_world(setting.world)
    attempts = [honest(setting), honest(replace(setting, unsigned=bumped)), honest(setting)]
    assert [shown(each, journal).txid for each in attempts] == [
        setting.unsigned.txid,
        bumped.txid,
        setting.unsigned.txid,
    ]
    assert [each.body["txid"] for each in kept(journal, GATE_CLEARED)] == [
        setting.unsigned.txid,
        bumped.txid,
    ]
    refusal = refused(honest(replace(setting, unsigned=to_another)), journal, 2)
    assert refusal == ["gate.payment_missing", "gate.payment_not_allowed"]


def test_an_answer_that_was_lost_is_given_again(open_world: OpenJournal) -> None:
    # The gate died between writing down its answer and giving it.
    setting = scene()
    journal = open_world(cleared(setting.world, setting.asked, setting.unsigned))
    answer = shown(replace(honest(setting), now=NOW.replace(hour=11)), journal)
    assert answer.txid == setting.unsigned.txid
    assert len(kept(journal, GATE_CLEARED)) == 2


def test_after_a_clearance_in_another_name_the_first_one_still_stands(
    open_world: OpenJournal,
) -> None:
    """Somebody appends that the gate cleared ours; the entry in the pass's own place counts."""
    setting = scene()
    journal = open_world(setting.world)
    shown(without_fee(setting), journal)
    false = cleared(setting.world, setting.asked, setting.unsigned).drafts[-1]
    journal.append(false)
    assert "gate.pass_used" in refused(honest(setting), journal, 2)


def test_who_takes_the_place_of_a_clearance_makes_no_second_one_possible(
    open_world: OpenJournal,
) -> None:
    setting = scene()
    elsewhere = open_world(setting.world)
    shown(honest(setting), elsewhere)
    [place] = kept(elsewhere, GATE_CLEARED)
    journal = open_world(setting.world)
    squatter = record(setting.world, "note.made", {"text": "nothing"}).drafts[-1]
    journal.append(replace(squatter, entry_id=place.entry_id))
    assert refused(honest(setting), journal) == ["journal.id_conflict"]
