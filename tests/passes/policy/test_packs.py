"""The packs that come with Sekisho, and the tables of cases beside them."""

import tomllib
from dataclasses import replace

import pytest
from policy_world import ordinary, pack, trials

from sekisho.kernel.errors import BadInputError
from sekisho.passes.policy.packs import CASES, shipped_pack, shipped_packs
from sekisho.passes.policy.records import ColdShare, Off
from sekisho.passes.policy.trials import read_trials, try_all, untried

PACKS = shipped_packs()
ALL_TRIALS = [
    pytest.param(policy_id, trial, id=f"{policy_id}: {trial.name}")
    for policy_id in PACKS
    for trial in trials(policy_id)
]


@pytest.mark.parametrize(("policy_id", "trial"), ALL_TRIALS)
def test_a_pack_says_what_its_own_table_expects(policy_id: str, trial: object) -> None:
    (tried,) = (
        each for each in try_all(pack(policy_id), trials(policy_id)) if each.trial == trial
    )
    assert (tried.denied, tried.as_expected) == (tried.trial.denied, True)


@pytest.mark.parametrize("policy_id", PACKS)
def test_every_rule_of_a_pack_has_a_case_in_which_it_says_no(policy_id: str) -> None:
    assert untried(pack(policy_id), try_all(pack(policy_id), trials(policy_id))) == ()


@pytest.mark.parametrize("policy_id", PACKS)
def test_a_pack_names_itself_and_its_dates(policy_id: str) -> None:
    policy = pack(policy_id)
    assert policy.policy_id == policy_id
    assert policy.effective_from_at <= ordinary(policy_id).asked_at
    assert any(ord(each) > 0x3000 for each in policy.title_ja)


@pytest.mark.parametrize(("policy_id", "most_bps"), [("jp-psa", 500), ("hk-sfc", 200)])
def test_the_share_that_may_be_hot_is_that_of_the_law(policy_id: str, most_bps: int) -> None:
    rule = pack(policy_id).cold_share
    assert isinstance(rule, ColdShare)
    assert rule.not_cold_max_bps == most_bps


def test_a_pack_that_is_not_shipped_is_said_so() -> None:
    with pytest.raises(BadInputError, match="not one of"):
        shipped_pack("../strict")


def test_a_case_that_expects_something_else_is_told_apart() -> None:
    wrong = replace(trials("strict")[0], denied=("fees",))
    late = replace(trials("strict")[0], hold_seconds=1)
    for tried in try_all(pack("strict"), (wrong, late)):
        assert not tried.as_expected


def test_a_rule_without_a_case_is_reported() -> None:
    tried = try_all(pack("strict"), trials("strict")[:1])
    missing = untried(pack("strict"), tried)
    assert {"fees", "quorum", "effective", "time_lock", "allow_list"} <= set(missing)
    assert {"limits.pass.wallet (automatic)", "limits.pass.all (people)"} <= set(missing)
    without_fees = replace(pack("strict"), fees=Off(reason="test"))
    assert "fees" not in untried(without_fees, tried)


BROKEN = [
    ('denied = ["effective"]', 'denied = ["efective"]', "is not a rule"),
    ('name = "at night', 'nam = "at night', "nam"),
    ('wallet = "hot-1"', 'wallet = "hot-2"', "is not one of the table's wallets"),
    ('wallet_id = "hot-1"', 'wallet_id = "cold-1"', "names a wallet twice"),
    ('unclaimed = ["hot-1"]', 'unclaimed = ["hot-3"]', "is not one of the table's wallets"),
    ("fee_max = {", "fee_maxx = {", "fee_max"),
    ('fee_max = { btc = "0.1" }', 'fee_maxx = { btc = "0.1" }', "fee_maxx"),
    ('amount = { btc = "50" }', "amount = { btc = 50 }", "btc"),
    ('amount = { btc = "50" }', 'amounts = { btc = "50" }', "amount"),
    ('amount = { btc = "50" }', "amount = { share_bps = 50 }", "amount"),
    ("pays = [{", "pays = [1, {", "is not a table"),
    ("before = []", "before = 1", "is not a list"),
    ("given = {}", "given = 1", "is not a table"),
    ('asked = "2020-04-30T03:00:00Z"', 'asked = "0001-01-01T00:00:00Z"', "asked"),
    ("life_seconds = 86400", "life_second = 86400", "life_second"),
    ("life_seconds = 86400", "life_seconds = 0", "life_seconds"),
    ("claimed_times = 1700", "claimed_times = 0", "claimed_times"),
    ("standing = true", "standing = 1", "standing"),
    ("hold_seconds = 1800", 'hold_seconds = "1800"', "hold_seconds"),
    (
        'name = "one department is missing"',
        'name = "the requester does not count as an approver"',
        "two of one name",
    ),
]


@pytest.mark.parametrize(("old", "new", "why"), BROKEN)
def test_a_mistake_in_a_table_is_refused(old: str, new: str, why: str) -> None:
    text = shipped_pack("jp-psa")[1].decode()
    assert old in text
    with pytest.raises(BadInputError, match=why):
        read_trials(text.replace(old, new, 1).encode(), CASES)


def test_a_table_that_is_too_large_is_refused() -> None:
    with pytest.raises(BadInputError, match="larger"):
        read_trials(b"#" * 2**20, CASES)


@pytest.mark.parametrize("policy_id", PACKS)
def test_both_files_are_plain_toml(policy_id: str) -> None:
    for data in shipped_pack(policy_id):
        assert tomllib.loads(data.decode())["format"].startswith("sekisho/policy")
