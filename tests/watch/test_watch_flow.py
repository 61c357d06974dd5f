import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import pytest
from dmm_world import asked_for
from gate_psbts import signed_transaction
from gate_scene import Scene, honest, scene
from gate_tampered_transactions import outputs
from watch_at_work import judge, signed, theft, watching
from watch_dying import judge_and_die
from watch_lookout import cheaper, coin, to, transfer_of
from world import World, approve, ask, begin, cleared, journal_in, record, register
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    funding,
    outpoint,
    spending,
    stranger,
    txout,
    wallet_of,
)
from world_people import NOW

from sekisho.chains.bitcoin.networks import Network
from sekisho.drills.dmm_2024 import facts
from sekisho.journal.records import Entry
from sekisho.journal.store import JournalStore, open_journal
from sekisho.kernel.errors import BadInputError
from sekisho.passes.records import AnyInputs, Replacement
from sekisho.wallets.documents import wallet_digest
from sekisho.watch.credence import former_id
from sekisho.watch.flow import (
    Watch,
    judge_parsed,
    judge_transaction,
    open_watch,
)
from sekisho.watch.recorded import verdict_document
from sekisho.watch.records import VerdictKind
from sekisho.watch.state import WATCH_JUDGED

SECOND = timedelta(seconds=1)


@pytest.fixture
def setting() -> Scene:
    usual = scene()
    return replace(usual, world=cleared(usual.world, usual.asked, usual.unsigned))


@pytest.fixture
def journal(setting: Scene, tmp_path: Path) -> Iterator[JournalStore]:
    with journal_in(tmp_path, setting.world) as opened:
        yield opened


def verdicts(journal: JournalStore) -> list[Entry]:
    return [each for each in journal.entries() if each.kind == WATCH_JUDGED]


# Recorded ----------------------------------------------------------------------------------------


def test_a_verdict_stands_in_the_journal_when_it_is_given(
    journal: JournalStore, setting: Scene, tmp_path: Path
) -> None:
    signed = signed_transaction(honest(setting).psbt)
    judged = judge_transaction(
        watching(journal, setting), signed.serialize(), where="node", now=NOW
    )
    assert judged is not None
    with open_journal(tmp_path / "journal.db") as elsewhere:
        assert elsewhere.last() == judged.entry
    assert (judged.entry.kind, judged.entry.actor, judged.entry.at) == (WATCH_JUDGED, "watch", NOW)
    assert judged.entry.body == verdict_document(judged.verdict)
    assert judged.entry.body == {
        "txid": signed.txid,
        "verdict": "matched",
        "pass_id": setting.asked.pass_id,
        "findings": [],
        "findings_total": 0,
        "left_sat": "50000000",
        "fee_sat": "20000",
        "wallet_ids": ["cold-1"],
    }


def test_a_fee_that_nobody_knows_is_written_as_nothing(
    journal: JournalStore, setting: Scene
) -> None:
    watch = open_watch(journal, [], genesis_digest=setting.world.genesis_digest, now=NOW)
    judged = judge(watch, signed_transaction(honest(setting).psbt))
    assert judged.entry.body["verdict"] == "undetermined"
    assert judged.entry.body["fee_sat"] == ""


def test_what_is_not_about_us_is_not_written_down(journal: JournalStore, setting: Scene) -> None:
    size = journal.size()
    strangers = spending([outpoint(setting.lent, 0)], [to(STRANGER, 1)])
    assert judge_parsed(watching(journal, setting), strangers, now=NOW) is None
    assert journal.size() == size


@pytest.mark.parametrize("raw", [b"", b"\x00" * 60, b"psbt\xff"])
def test_bytes_that_are_no_transaction_are_refused(
    raw: bytes, journal: JournalStore, setting: Scene
) -> None:
    size = journal.size()
    with pytest.raises(BadInputError):
        judge_transaction(watching(journal, setting), raw, where="node", now=NOW)
    assert journal.size() == size


def test_a_watcher_killed_after_its_verdict_has_given_it(tmp_path: Path) -> None:
    world, asked = asked_for()
    journal_in(tmp_path, world).close()
    path = tmp_path / "journal.db"
    spawned = get_context("spawn")
    told: SimpleQueue[str] = spawned.SimpleQueue()
    raw, seen = facts.outflow().serialize(), [facts.funding().serialize()]
    watcher = spawned.Process(
        target=judge_and_die, args=(path, world.genesis_digest, seen, raw, told)
    )
    watcher.start()
    watcher.join(60)
    assert watcher.exitcode == -signal.SIGKILL
    with open_journal(path) as journal:
        [entry] = verdicts(journal)
        assert entry.hash.hex() == told.get()
        assert (entry.body["verdict"], entry.body["pass_id"]) == ("deviating", asked.pass_id)
        size = journal.size()
        watch = open_watch(
            journal, [facts.funding()], genesis_digest=world.genesis_digest, now=NOW
        )
        judged = judge_transaction(watch, raw, where="block", now=NOW + 9 * SECOND)
        assert judged is not None
        assert judged.entry == entry
        assert journal.size() == size


# Once --------------------------------------------------------------------------------------------


def test_seen_twice_is_written_once(journal: JournalStore, setting: Scene) -> None:
    watch = watching(journal, setting)
    for transaction in (signed(setting), theft(setting), setting.funded):
        first = judge(watch, transaction)
        again = judge(watch, transaction, now=NOW + 9 * SECOND)
        assert again.entry == first.entry
        assert again.verdict == first.verdict
    assert len(verdicts(journal)) == 3


def test_nothing_is_written_twice_by_a_watcher_that_starts_again(
    journal: JournalStore, setting: Scene
) -> None:
    everything = (setting.funded, signed(setting), theft(setting))
    watch = watching(journal, setting)
    first = [judge(watch, each).entry for each in everything]
    later = watching(journal, setting, setting.unsigned, theft(setting), now=NOW + 99 * SECOND)
    again = [judge(later, each, now=NOW + 100 * SECOND).entry for each in everything]
    assert again == first
    assert len(verdicts(journal)) == 3


def test_a_view_that_grows_older_is_one_verdict(journal: JournalStore, setting: Scene) -> None:
    watch = watching(journal, setting)
    for age in (61, 62, 3_600):
        judged = judge(watch, theft(setting), now=NOW + age * SECOND)
        assert judged.verdict.kind is VerdictKind.UNDETERMINED
    [entry] = verdicts(journal)
    assert entry.at == NOW + 61 * SECOND


def test_two_watchers_of_one_journal_write_one_verdict(
    journal: JournalStore, setting: Scene, tmp_path: Path
) -> None:
    with closing(open_journal(tmp_path / "journal.db")) as beside:
        first, second = watching(journal, setting), watching(beside, setting)
        ours = judge(first, theft(setting))
        theirs = judge(second, theft(setting), now=NOW + SECOND)
    assert ours.entry == theirs.entry
    assert ours.verdict == theirs.verdict
    assert len(verdicts(journal)) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("note.made", {"text": "nothing to see here"}),
        (WATCH_JUDGED, {"txid": "", "verdict": "deposit", "pass_id": "", "findings": []}),
    ],
)
def test_nobody_silences_an_alarm_by_taking_its_id(
    kind: str, body: dict[str, object], setting: Scene, tmp_path: Path
) -> None:
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    elsewhere.mkdir()
    here.mkdir()
    with journal_in(elsewhere, setting.world) as foretold:
        taken = judge(watching(foretold, setting), theft(setting)).entry.entry_id
    squatter = record(setting.world, kind, {**body}).drafts[-1]  # type: ignore[dict-item]  # is Json
    with journal_in(here, setting.world) as journal:
        journal.append(replace(squatter, entry_id=taken))
        for watch in (watching(journal, setting), watching(journal, setting)):
            judged = judge(watch, theft(setting))
            assert judged.entry.entry_id != taken
            assert judged.entry.body["verdict"] == "unmatched"
        assert journal.last() == judged.entry


# The state follows -------------------------------------------------------------------------------


def test_what_took_the_place_of_another_does_not_change_what_was_said_of_it(
    tmp_path: Path,
) -> None:
    setting = scene(transfer={"replacement": Replacement(fee_bump=True, replaces="")})
    world = cleared(setting.world, setting.asked, setting.unsigned)
    instead = signed(setting, cheaper(setting))
    with journal_in(tmp_path, world) as journal:
        watch = watching(journal, setting)
        kinds = [
            judge(watch, each).verdict.kind
            for each in (instead, signed(setting), instead, signed(setting))
        ]
        assert kinds == [VerdictKind.MATCHED, VerdictKind.REPLACEMENT] * 2
        assert len(verdicts(journal)) == 2
        again = watching(journal, setting, cheaper(setting), setting.unsigned)
        assert judge(again, instead).verdict.kind is VerdictKind.MATCHED
        assert len(verdicts(journal)) == 2


def test_a_coin_that_was_seen_to_come_is_proven_when_it_goes(
    journal: JournalStore, setting: Scene
) -> None:
    watch = open_watch(journal, [], genesis_digest=setting.world.genesis_digest, now=NOW)
    assert judge(watch, setting.funded).verdict.kind is VerdictKind.DEPOSIT
    assert judge(watch, signed(setting)).verdict.kind is VerdictKind.MATCHED
    back = outpoint(setting.unsigned, 3)
    unproven = judge(watch, spending([back], [to(stranger(9), 1)])).verdict
    assert (unproven.kind, unproven.fee_sat) == (VerdictKind.UNMATCHED, 29_979_999)


def test_the_gap_moves_with_what_is_used(journal: JournalStore, setting: Scene) -> None:
    gap = setting.wallet.gap_limit
    watch = watching(journal, setting)
    beyond = funding(setting.wallet, 5, index=2 * gap, salt="beyond")
    assert judge_parsed(watch, beyond, now=NOW) is None
    judge(watch, funding(setting.wallet, 5, index=gap + 2, salt="in the first gap"))
    assert judge(watch, beyond).verdict.kind is VerdictKind.DEPOSIT


def test_a_used_pass_pays_no_second_time(journal: JournalStore, setting: Scene) -> None:
    watch = watching(journal, setting)
    assert judge(watch, signed(setting)).verdict.kind is VerdictKind.MATCHED
    again = spending([coin(setting, 2)], setting.unsigned.outputs[1:3])
    paid_again = replace(again, outputs=(*again.outputs, setting.unsigned.outputs[0]))
    assert judge(watch, paid_again).verdict.kind is VerdictKind.REUSED


def test_a_theft_does_not_teach_the_watcher_its_payee(
    journal: JournalStore, setting: Scene
) -> None:
    watch = watching(journal, setting)
    thief = "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P"
    first = outputs(setting, {0: txout(thief, 40_000_000)})
    second = spending([coin(setting, 2)], [txout(thief, 39_000_000)])
    for transaction in (first, second):
        found = {each.code for each in judge(watch, transaction).verdict.findings}
        assert "watch.lookalike" in found


# Opening -----------------------------------------------------------------------------------------


def opened(world: World, folder: Path) -> Watch:
    with journal_in(folder, world) as journal:
        return open_watch(journal, [], genesis_digest=world.genesis_digest, now=NOW)


def test_an_outflow_after_the_roster_expired_is_an_alarm_and_no_error(tmp_path: Path) -> None:
    world, _ = asked_for()
    at = world.roster.expires_at
    with journal_in(tmp_path, world) as journal:
        watch = open_watch(journal, [facts.funding()], genesis_digest=world.genesis_digest, now=at)
        judged = judge(watch, facts.outflow(), now=at)
        assert judged.verdict.kind is VerdictKind.UNMATCHED
        assert judged.verdict.wallet_ids == ("storage-1",)
        assert {each.code for each in judged.verdict.findings} >= {
            "watch.pass_not_allowed",
            "watch.no_pass",
        }


def test_what_the_gate_cleared_is_an_alarm_too_when_the_roster_has_expired(
    journal: JournalStore, setting: Scene
) -> None:
    at = setting.world.roster.expires_at
    watch = watching(journal, setting, now=at)
    assert judge(watch, setting.unsigned, now=at).verdict.kind is VerdictKind.UNMATCHED


def test_a_coin_of_a_wallet_that_another_took_the_place_of_is_watched(
    setting: Scene, tmp_path: Path
) -> None:
    before = setting.wallet
    moved = replace(before, descriptor=wallet_of(DESCRIPTORS["tr"]).descriptor)
    world = register(setting.world, moved, previous_digest=wallet_digest(before))
    theirs = funding(moved, 7_000_000, salt="under the other descriptor")
    with journal_in(tmp_path, world) as journal:
        watch = watching(journal, replace(setting, world=world), theirs)
        outflows = (theft(setting), spending([outpoint(theirs, 0)], [to(stranger(9), 6_000_000)]))
        judged = [judge(watch, each).verdict for each in outflows]
        assert [each.kind for each in judged] == [VerdictKind.UNMATCHED] * 2
        (old,), (new,) = (each.wallet_ids for each in judged)
        assert (old, new) == (former_id(before), before.wallet_id)


def test_no_pass_of_the_wallet_in_force_allows_a_coin_of_the_former_one(
    setting: Scene, tmp_path: Path
) -> None:
    former = wallet_of(DESCRIPTORS["tr"])
    world = register(
        register(begin(), former), setting.wallet, previous_digest=wallet_digest(former)
    )
    theirs = funding(former, 7_000_000)
    asked = replace(setting.asked, genesis_digest=world.genesis_digest)
    action = replace(transfer_of(asked), inputs=AnyInputs(inputs_max=9))
    asked = replace(asked, action=action)
    world = approve(ask(world, asked), asked)
    mixed = replace(
        setting.unsigned,
        inputs=(*setting.unsigned.inputs, *spending([outpoint(theirs, 0)], []).inputs),
    )
    with journal_in(tmp_path, world) as journal:
        watch = watching(journal, replace(setting, world=world), theirs)
        verdict = judge(watch, mixed).verdict
    assert verdict.kind is VerdictKind.DEVIATING
    assert "watch.foreign_input" in {each.code for each in verdict.findings}


def test_a_wallet_that_was_first_registered_on_another_chain_closes_no_eye(tmp_path: Path) -> None:
    """The watcher opens, and the coins of both are looked for."""
    before = wallet_of(DESCRIPTORS["fixed_wpkh"], network=Network.TEST)
    after = wallet_of(DESCRIPTORS["wpkh"])
    world = register(register(begin(), before), after, previous_digest=wallet_digest(before))
    paid = [funding(each, 5_000_000) for each in (before, after)]
    with journal_in(tmp_path, world) as journal:
        watch = open_watch(journal, paid, genesis_digest=world.genesis_digest, now=NOW)
        assert watch.network is Network.MAIN
        for each in paid:
            outflow = spending([outpoint(each, 0)], [to(stranger(9), 4_000_000)])
            assert judge(watch, outflow).verdict.kind is VerdictKind.UNMATCHED


def test_a_watcher_with_nothing_to_watch_does_not_open(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no wallet is in force"):
        opened(begin(), tmp_path)


def test_wallets_of_two_chains_need_two_watchers(tmp_path: Path) -> None:
    elsewhere = wallet_of(DESCRIPTORS["fixed_wpkh"], wallet_id="test", network=Network.TEST)
    world = register(register(begin(), wallet_of(DESCRIPTORS["wpkh"])), elsewhere)
    with pytest.raises(BadInputError, match="a watcher each"):
        opened(world, tmp_path)
