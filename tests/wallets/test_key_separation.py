"""What a threshold is worth: keys that are apart on paper and together in the world."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wallet_keys import NOW, registered
from world_coins import DESCRIPTORS, MULTIPATH, bip32_root, fixed_key, key_expression, wallet_of

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.finding import Finding
from sekisho.wallets.descriptors import can_spend
from sekisho.wallets.key_register import Backup, Ceremony, KeyRegister, RegisteredKey
from sekisho.wallets.key_separation import check_key_register
from sekisho.wallets.proof import wallet_keys
from sekisho.wallets.records import Tier, Wallet

WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
ALL = [f"{role}-{number}" for role in ("holder", "keeper") for number in range(1, 9)]
Entries = tuple[RegisteredKey, ...]


def found(
    entries: Entries, *wallets: Wallet, people: list[str] | None = None
) -> list[tuple[str, dict[str, str]]]:
    roster = ALL if people is None else people
    findings: list[Finding] = check_key_register(
        KeyRegister(keys=entries), wallets or [WALLET], roster, now=NOW
    )
    return [(each.code.removeprefix("wallets."), dict(each.facts)) for each in findings]


def codes(entries: Entries, *wallets: Wallet, people: list[str] | None = None) -> list[str]:
    return [code for code, _ in found(entries, *wallets, people=people)]


ONE, TWO, THREE = registered(WALLET)
NAMES = [key.name for key in wallet_keys(WALLET)]


def test_keys_that_are_apart_are_fine() -> None:
    assert found((ONE, TWO, THREE)) == []


def test_two_of_three_with_one_person_is_the_whole_wallet() -> None:
    together = (ONE, replace(TWO, holder="holder-1"), THREE)
    assert found(together) == [
        ("threshold_with_one_person", {"at": "holder-1", "keys": f"{NAMES[0]}, {NAMES[1]}"})
    ]


def test_two_of_three_at_one_site_are_the_whole_wallet() -> None:
    assert found((ONE, TWO, replace(THREE, site="site-2"))) == [
        ("threshold_at_one_site", {"at": "site-2", "keys": f"{NAMES[1]}, {NAMES[2]}"})
    ]


def of_more(threshold: int, *names: str) -> Wallet:
    keys = ",".join(f"{key_expression(name)}{MULTIPATH}" for name in names)
    return wallet_of(f"wsh(sortedmulti({threshold},{keys}))")


def test_two_of_a_threshold_of_three_are_still_not_to_be_together() -> None:
    wallet = of_more(3, "alpha", "beta", "gamma")
    one, two, three = registered(wallet)
    assert codes((one, replace(two, site=one.site), three), wallet) == ["keys_at_one_site"]
    assert codes((one, replace(two, holder=one.holder), three), wallet) == ["keys_with_one_person"]
    all_of_them = (one, replace(two, site=one.site), replace(three, site=one.site))
    assert codes(all_of_them, wallet) == ["threshold_at_one_site"]


def with_backup(entry: RegisteredKey, *backups: Backup) -> RegisteredKey:
    return replace(entry, backups=backups)


def by_backup_at_anothers_site() -> Entries:
    return (ONE, with_backup(TWO, Backup(site="site-1", reached_by=("keeper-2",))), THREE)


def by_backups_at_one_bank() -> Entries:
    return (
        with_backup(ONE, Backup(site="bank-9", reached_by=("keeper-1",))),
        with_backup(TWO, Backup(site="bank-9", reached_by=("keeper-2",))),
        THREE,
    )


def by_holder_who_reaches_anothers_backup() -> Entries:
    backup = Backup(site="bank-2", reached_by=("keeper-2", "holder-1"))
    return (ONE, with_backup(TWO, backup), THREE)


def by_keeper_of_two_backups() -> Entries:
    return (ONE, with_backup(TWO, Backup(site="bank-2", reached_by=("keeper-1",))), THREE)


def by_second_backup() -> Entries:
    second = Backup(site="bank-7", reached_by=("keeper-1",))
    return (ONE, with_backup(TWO, *TWO.backups, second), THREE)


BY_BACKUPS: list[tuple[Callable[[], Entries], str, str]] = [
    (by_backup_at_anothers_site, "threshold_at_one_site", "site-1"),
    (by_backups_at_one_bank, "threshold_at_one_site", "bank-9"),
    (by_holder_who_reaches_anothers_backup, "threshold_with_one_person", "holder-1"),
    (by_keeper_of_two_backups, "threshold_with_one_person", "keeper-1"),
    (by_second_backup, "threshold_with_one_person", "keeper-1"),
]


@pytest.mark.parametrize(("kept", "code", "at"), BY_BACKUPS)
def test_a_backup_is_the_key(kept: Callable[[], Entries], code: str, at: str) -> None:
    assert found(kept()) == [(code, {"at": at, "keys": f"{NAMES[0]}, {NAMES[1]}"})]


def test_a_backup_beside_its_key_is_none() -> None:
    beside = with_backup(ONE, Backup(site="site-1", reached_by=("keeper-1",)))
    assert found((beside, TWO, THREE)) == [
        ("backup_beside_key", {"key": NAMES[0], "site": "site-1"})
    ]


def test_keys_on_one_device() -> None:
    assert codes((ONE, replace(TWO, vendor=ONE.vendor, device=ONE.device), THREE)) == [
        "keys_on_one_device"
    ]
    assert codes((ONE, replace(TWO, device=ONE.device), THREE)) == []  # another maker's number


def test_a_key_that_nobody_registered_is_found_however_the_thief_is_called() -> None:
    assert found((ONE, TWO)) == [("key_not_registered", {"key": NAMES[2]})]
    thiefs = of_more(2, "thief", "beta", "gamma")
    assert codes((ONE, TWO, THREE), thiefs) == ["key_not_registered"]


def test_who_left_leaves_their_keys_behind() -> None:
    people = [each for each in ALL if each != "holder-2"]
    assert found((ONE, TWO, THREE), people=people) == [
        ("key_holder_departed", {"key": NAMES[1], "person": "holder-2"})
    ]
    people = [each for each in ALL if each != "keeper-3"]
    assert found((ONE, TWO, THREE), people=people) == [
        ("key_reached_by_departed", {"key": NAMES[2], "person": "keeper-3"})
    ]
    # Rotated: the wallet in force has another key in its place, and the register may keep the old.
    rotated = of_more(2, "alpha", "delta", "gamma")
    delta = replace(registered(rotated)[1], holder="holder-4", backups=())
    assert codes((ONE, TWO, THREE, delta), rotated, people=people[:1] + ALL) == []


DATES: list[tuple[RegisteredKey, list[str]]] = [
    (replace(ONE, rotation_due_at=NOW), ["key_rotation_overdue"]),
    (replace(ONE, rotation_due_at=NOW + timedelta(seconds=1)), []),
    (replace(ONE, ceremonies=()), ["key_ceremony_missing"]),
    (
        replace(ONE, ceremonies=(Ceremony(held_at=NOW + timedelta(days=1), place="Tokyo"),)),
        ["key_ceremony_missing"],
    ),
    (replace(ONE, ceremonies=(Ceremony(held_at=NOW, place="Tokyo"),)), []),
    (replace(ONE, last_checked_at=NOW + timedelta(days=1)), ["key_checked_in_future"]),
]


@pytest.mark.parametrize(("kept", "expected"), DATES)
def test_dates_are_kept(kept: RegisteredKey, expected: list[str]) -> None:
    assert codes((kept, TWO, THREE)) == expected


def test_one_holder_with_two_paths_of_one_key_spends_alone() -> None:
    # 2 of 3 on paper: the first two are derived from one xpub, which no script shows.
    alpha = key_expression("alpha")
    wallet = wallet_of(f"wsh(multi(2,{alpha}/0/*,{alpha}/1/*,{key_expression('beta')}/0/*))")
    one, two = registered(wallet)
    assert codes((one, two), wallet) == ["one_key_spends"]


def test_two_keys_of_one_seed_are_found_by_what_they_say() -> None:
    other_account = key_expression("alpha", "m/48h/0h/1h/2h")
    keys = ",".join(
        f"{each}{MULTIPATH}"
        for each in (key_expression("alpha"), other_account, key_expression("gamma"))
    )
    wallet = wallet_of(f"wsh(sortedmulti(2,{keys}))")
    seed = bip32_root("alpha").my_fingerprint.hex()
    assert found(registered(wallet), wallet) == [
        ("keys_of_one_seed", {"fingerprint": seed, "keys": "2"})
    ]
    fixed = wallet_of(f"wsh(multi(1,{fixed_key('alpha')},{fixed_key('beta')}))", tier=Tier.HOT)
    assert set(codes(registered(fixed), fixed)) == {"one_key_spends"}


def test_a_hot_wallet_of_one_key_is_what_it_says() -> None:
    hot, cold = (wallet_of(DESCRIPTORS["wpkh"], tier=tier) for tier in (Tier.HOT, Tier.COLD))
    assert codes(registered(hot), hot) == []
    assert codes(registered(cold), cold) == ["one_key_spends"]


def test_a_way_that_opens_in_a_year_is_not_open() -> None:
    wallet = wallet_of(DESCRIPTORS["miniscript"])  # alpha at once, or beta after 52,560 blocks
    alpha, beta = wallet_keys(wallet)
    assert found(registered(wallet), wallet) == [("one_key_spends", {"key": alpha.name})]
    assert not can_spend(wallet.descriptor, Network.MAIN, {beta.point})


def test_what_needs_a_secret_besides_keys_cannot_be_judged() -> None:
    wallet = wallet_of(
        f"wsh(and_v(v:multi(2,{fixed_key('alpha')},{fixed_key('beta')}),sha256({'11' * 32})))"
    )
    assert codes(registered(wallet), wallet) == ["threshold_unknown"]


def test_every_wallet_is_judged() -> None:
    other = replace(of_more(2, "delta", "thief"), wallet_id="cold-2")
    four, five = registered(other, 4)
    close = replace(five, site=four.site)
    subjects = check_key_register(
        KeyRegister(keys=(ONE, TWO, THREE, four, close)), [WALLET, other], ALL, now=NOW
    )
    assert [(each.code, each.subject) for each in subjects] == [
        ("wallets.threshold_at_one_site", "cold-2")
    ]


@given(
    sites=st.lists(st.sampled_from("abc"), min_size=3, max_size=3),
    backups=st.lists(st.sampled_from("abcdef"), min_size=3, max_size=3),
    threshold=st.integers(2, 3),
)
def test_a_site_is_severe_exactly_if_the_threshold_lies_there(
    sites: list[str], backups: list[str], threshold: int
) -> None:
    wallet = of_more(threshold, "alpha", "beta", "gamma")
    entries = tuple(
        replace(
            each, site=site, backups=(Backup(site=backup, reached_by=each.backups[0].reached_by),)
        )
        for each, site, backup in zip(registered(wallet), sites, backups, strict=True)
    )
    told = {facts["at"]: code for code, facts in found(entries, wallet) if "at" in facts}
    for site in "abcdef":
        there = sum(site in pair for pair in zip(sites, backups, strict=True))
        expected = None
        if there >= 2:
            expected = "threshold_at_one_site" if there >= threshold else "keys_at_one_site"
        assert told.get(site) == expected
