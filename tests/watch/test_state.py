from dataclasses import replace
from datetime import timedelta

from gate_scene import HOT, LOOKALIKE, USUAL, scene
from gate_tampered_transactions import change
from watch_lookout import coin, lookout, to
from world import approve, ask, cleared, digest_of, entries_of, record, register, trust_of, void
from world_coins import STRANGER, address_at, book_of, spending
from world_people import NOW

from sekisho.kernel.digest import tagged_digest
from sekisho.passes.life import GATE_CLEARED
from sekisho.passes.records import Admin
from sekisho.watch.credence import FORMER
from sekisho.watch.records import VerdictKind
from sekisho.watch.state import (
    OF_STRANGERS,
    VIEW_AGE_MAX_SECONDS,
    WATCH_JUDGED,
    by_anchor,
    fold_state,
    watched_wallets,
)


def test_a_pass_is_watched_as_it_was_approved() -> None:
    setting = scene()
    [touched] = lookout(setting.world, [setting.wallet]).state.passes
    assert touched.transfer == setting.asked.action
    assert (touched.pass_id, touched.allowed) == (setting.asked.pass_id, True)
    assert touched.not_before_at == NOW  # of the last approval: later than the pass says
    assert setting.asked.not_before_at < NOW
    assert touched.expires_at == setting.asked.expires_at
    assert (touched.cleared, touched.seen_txids) == ((), ())


def test_a_pass_that_nobody_allowed_is_watched_too() -> None:
    setting = scene()
    for world in (
        ask(setting.registered, setting.asked),
        approve(ask(setting.registered, setting.asked), setting.asked, by=["baba"]),
        void(setting.world, setting.asked),
    ):
        [touched] = lookout(world, [setting.wallet]).state.passes
        assert not touched.allowed


def test_passes_that_put_something_in_force_move_no_coins() -> None:
    setting = scene()
    assert lookout(setting.registered, [setting.wallet]).state.passes == ()


def test_what_the_gate_cleared_and_when() -> None:
    setting = scene()
    later = NOW + timedelta(hours=1)
    world = cleared(setting.world, setting.asked, setting.unsigned)
    world = cleared(world, setting.asked, setting.unsigned, at=later)
    [touched] = lookout(world, [setting.wallet]).state.passes
    digest = tagged_digest("unsigned-transaction", setting.unsigned.serialize()).hex()
    assert touched.cleared == ((NOW, digest), (later, digest))


def test_a_clearance_that_nobody_can_read_only_makes_a_verdict_more_severe() -> None:
    setting = scene()
    world = record(setting.world, GATE_CLEARED, {"pass_digest": "?"})
    named = {"pass_digest": digest_of(setting.asked), "txid": "ab" * 32}
    world = record(world, GATE_CLEARED, {**named})
    world = record(world, GATE_CLEARED, {**named, "transaction_digest": "?"})
    world = record(world, WATCH_JUDGED, {"verdict": VerdictKind.MATCHED.value})
    world = record(world, WATCH_JUDGED, {"verdict": []})
    [touched] = lookout(world, [setting.wallet]).state.passes
    assert (touched.cleared, touched.seen_txids) == ((), ())


def test_what_was_judged_to_keep_to_a_pass_is_remembered() -> None:
    setting = scene()
    world = setting.world
    for number, verdict in enumerate(VerdictKind):
        body = {
            "verdict": verdict.value,
            "pass_id": setting.asked.pass_id,
            "txid": f"{number:064x}",
        }
        world = record(world, WATCH_JUDGED, {**body})
    [touched] = lookout(world, [setting.wallet]).state.passes
    kept = [VerdictKind.MATCHED, VerdictKind.REPLACEMENT]
    places = [list(VerdictKind).index(each) for each in kept]
    assert touched.seen_txids == tuple(f"{place:064x}" for place in places)


def test_the_view_is_as_old_as_its_reading() -> None:
    state = lookout(scene().world, [scene().wallet], now=NOW).state
    assert (state.view_at, state.view_age_max_seconds) == (NOW, VIEW_AGE_MAX_SECONDS)


def test_passes_are_found_by_their_anchor() -> None:
    setting = scene()
    state = lookout(setting.world, [setting.wallet]).state
    assert state.by_anchor == {coin(setting, 0): state.passes}
    [touched] = state.passes
    twin = replace(touched, pass_id="other")
    assert by_anchor([touched, twin]) == {coin(setting, 0): (touched, twin)}


# Known addresses ---------------------------------------------------------------------------------


def test_every_address_that_was_approved_is_known() -> None:
    setting = scene()
    state = lookout(setting.world, [setting.wallet]).state
    assert state.known_addresses == {USUAL, STRANGER}


def test_an_address_is_not_known_because_somebody_asked() -> None:
    setting = scene()
    state = lookout(ask(setting.registered, setting.asked), [setting.wallet]).state
    assert state.known_addresses == frozenset()


def test_every_address_that_our_wallets_paid_is_known_but_for_alarms() -> None:
    setting = scene()
    paid = spending([coin(setting, 2)], [to(LOOKALIKE, 39_000_000), change(setting, 5)])
    seen = [setting.funded, paid]
    state = lookout(setting.registered, [setting.wallet], seen).state
    assert state.known_addresses == {LOOKALIKE}
    for verdict in VerdictKind:
        body = {"verdict": verdict.value, "pass_id": "", "txid": paid.txid}
        world = record(setting.registered, WATCH_JUDGED, {**body})
        state = lookout(world, [setting.wallet], seen).state
        harmless = {VerdictKind.MATCHED, VerdictKind.REPLACEMENT, *OF_STRANGERS}
        assert (LOOKALIKE in state.known_addresses) == (verdict in harmless)


def test_an_address_of_a_stranger_who_paid_us_is_not_known() -> None:
    setting = scene()
    state = lookout(setting.registered, [setting.wallet], setting.coins.previous).state
    assert address_at(setting.wallet) not in state.known_addresses
    assert state.known_addresses == frozenset()


# Wallets -----------------------------------------------------------------------------------------


def test_wallets_in_force_are_watched_and_no_others() -> None:
    setting = scene()
    entries = entries_of(setting.world)
    genesis = setting.world.genesis_digest
    assert watched_wallets(entries, genesis_digest=genesis, now=NOW) == (setting.wallet, HOT)
    assert watched_wallets(entries, genesis_digest="ab" * 32, now=NOW) == ()
    forked = register(setting.world, replace(HOT, gap_limit=9))
    [registration] = [
        each.asked
        for each in trust_of(setting.world).passes.values()
        if isinstance(each.asked.action, Admin) and each.asked.action.subject_id == HOT.wallet_id
    ]
    voided = void(setting.world, registration)
    for world in (forked, voided):
        watched = watched_wallets(entries_of(world), genesis_digest=genesis, now=NOW)
        ids = [each.wallet_id for each in watched if not each.wallet_id.startswith(FORMER)]
        assert ids == [setting.wallet.wallet_id, HOT.wallet_id]


def test_under_another_genesis_no_pass_is_believed() -> None:
    setting = scene()
    holdings = lookout(setting.world, [setting.wallet]).holdings
    state = fold_state(entries_of(setting.world), holdings, genesis_digest="ab" * 32, now=NOW)
    assert not any(each.allowed for each in state.passes)
    assert state.book == book_of(setting.wallet)
