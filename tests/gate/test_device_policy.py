"""The policy of a device: what is a way around its attestations, and what it shows of itself."""

import json
from hashlib import sha256
from typing import Any

import pytest
from attest_world import (
    ADDRESS,
    BTC,
    attested,
    attester_for,
    device_for,
    edited,
    policy_of,
)
from coldcard import started_again
from gate_returns import sent
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.gate.device_policy import (
    PERIOD_MAX_MINUTES,
    device_policy_findings,
    read_device_policy,
)
from sekisho.kernel.errors import BadInputError

WAS = sent("wsh_sortedmulti")
ATTEST = {"mode": "ATTEST"}
OTHER_ADDRESS = "tb1qetnxp3hgajcnvdzg5u6u7jg0av9e3gv2848fq7"


def opened(data: bytes) -> list[tuple[str, str]]:
    """Return where the policy is open: the subject and the setting of each finding."""
    found = device_policy_findings(read_device_policy(data, "policy"), address=ADDRESS)
    assert all(each.code == "gate.device_policy_open" for each in found)
    return [(each.subject, dict(each.facts)["setting"]) for each in found]


def test_the_policy_that_we_write_is_closed_and_says_its_caps() -> None:
    read = read_device_policy(policy_of(), "policy")
    assert opened(policy_of()) == []
    assert (read.caps.amount_max_sat, read.caps.period_max_sat) == (10 * BTC, 20 * BTC)
    assert read.caps.period_minutes == 60


def test_the_hash_is_that_of_what_the_device_keeps() -> None:
    """In its own order, without what is empty; spelled here by hand."""
    kept = (
        '{"must_log": true, "share_xpubs": ["m/0h"], "notes": "a test", "period": 60, "rules": '
        '[{"per_period": 2000000000, "max_amount": 1000000000, "whitelist": ["ADDRESS"], '
        '"wallet": "cold", "whitelist_opts": {"mode": "ATTEST"}}]}'
    ).replace("ADDRESS", ADDRESS)
    read = read_device_policy(policy_of(), "policy")
    assert read.device_hash == sha256(kept.encode()).hexdigest()


def test_the_hash_knows_the_users_that_must_confirm() -> None:
    """Without `min_users` the device writes down that all of them must."""
    two = read_device_policy(edited({}, {"users": ["ann", "bob"]}), "policy")
    said = read_device_policy(edited({}, {"users": ["ann", "bob"], "min_users": 2}), "policy")
    one = read_device_policy(edited({}, {"users": ["ann", "bob"], "min_users": 1}), "policy")
    assert two.device_hash == said.device_hash != one.device_hash
    assert opened(edited({}, {"users": ["ann"], "local_conf": True})) == []


OPEN: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "no log needed": ({"must_log": None}, {}, [("policy", "must_log")]),
    "no log at all": ({"never_log": True}, {}, [("policy", "must_log")]),
    "warnings ignored": ({"warnings_ok": True}, {}, [("policy", "warnings_ok")]),
    "messages signed": ({"msg_paths": ["any"]}, {}, [("policy", "msg_paths")]),
    "one path of messages": ({"msg_paths": ["m/84h/0h/0h/*"]}, {}, [("policy", "msg_paths")]),
    "a secret kept": ({"set_sl": "x" * 16, "allow_sl": 1}, {}, [("policy", "set_sl, allow_sl")]),
    "a secret shown": ({"allow_sl": 1}, {}, [("policy", "set_sl, allow_sl")]),
    "a way out at the start": ({"boot_to_hsm": "123456"}, {}, [("policy", "boot_to_hsm")]),
    "no rule": ({"rules": []}, {}, [("policy", "rules")]),
    "no period": (
        {"period": None},
        {},
        [("rule 1", "period")],
    ),
    "addresses instead": (
        {},
        {"whitelist_opts": None},
        [("rule 1", "whitelist_opts.mode")],
    ),
    "addresses, in words": (
        {},
        {"whitelist_opts": {"mode": "BASIC"}},
        [("rule 1", "whitelist_opts.mode")],
    ),
    "outputs without value": (
        {},
        {"whitelist_opts": {"mode": "ATTEST", "allow_zeroval_outs": True}},
        [("rule 1", "whitelist_opts.allow_zeroval_outs")],
    ),
    "no whitelist": ({}, {"whitelist": None}, [("rule 1", "whitelist")]),
    "an empty whitelist": ({}, {"whitelist": []}, [("rule 1", "whitelist")]),
    "another key": ({}, {"whitelist": [OTHER_ADDRESS]}, [("rule 1", "whitelist")]),
    "another key beside": ({}, {"whitelist": [ADDRESS, OTHER_ADDRESS]}, [("rule 1", "whitelist")]),
    "any wallet": ({}, {"wallet": None}, [("rule 1", "wallet")]),
    "no cap": ({}, {"max_amount": None}, [("rule 1", "max_amount")]),
    "a cap of nothing": ({}, {"max_amount": 0}, [("rule 1", "max_amount")]),
    "no cap of a period": ({}, {"per_period": None}, [("rule 1", "per_period")]),
    "a period of nothing": ({}, {"per_period": 0}, [("rule 1", "per_period")]),
    "all of it": (
        {"warnings_ok": True, "must_log": False, "msg_paths": ["any"], "rules": [{}]},
        {},
        [
            ("policy", "must_log"),
            ("policy", "warnings_ok"),
            ("policy", "msg_paths"),
            ("rule 1", "whitelist_opts.mode"),
            ("rule 1", "whitelist"),
            ("rule 1", "wallet"),
            ("rule 1", "max_amount"),
            ("rule 1", "per_period"),
        ],
    ),
}


@pytest.mark.parametrize("how", OPEN)
def test_each_way_around_is_found_and_all_at_once(how: str) -> None:
    change, rule, expected = OPEN[how]
    assert opened(edited(change, rule)) == expected


def test_a_second_rule_is_an_alternative_to_the_first() -> None:
    """Two of the same kind allow twice as much; one without anything allows everything."""
    (rule,) = json.loads(policy_of())["rules"]
    assert opened(edited({"rules": [rule, rule]})) == [("policy", "rules")]
    assert opened(edited({"rules": [rule, {"wallet": "cold"}]})) == [
        ("policy", "rules"),
        ("rule 2", "whitelist_opts.mode"),
        ("rule 2", "whitelist"),
        ("rule 2", "max_amount"),
        ("rule 2", "per_period"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"boot_to_hsm": "nope"},
        {"share_xpubs": ["any"], "share_addrs": ["p2sh", "m/84h/0h/0h/0/*"]},
        {"share_xpubs": None},
        {"priv_over_ux": True},
        {"notes": None},
        {"period": PERIOD_MAX_MINUTES},
    ],
)
def test_what_lets_nothing_be_signed_may_be_set_as_one_likes(change: dict[str, Any]) -> None:
    assert opened(edited(change)) == []


UNREAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "an unknown setting": ({"hurry": True}, {}, "policy"),
    "an unknown setting of a rule": ({}, {"min_pct_self_transfer": 5}, "rules[0]"),
    "an unknown option": ({}, {"whitelist_opts": {"mode": "ATTEST", "x": 1}}, "whitelist_opts"),
    "a switch in words": ({"warnings_ok": "false"}, {}, "warnings_ok"),
    "a switch as a number": ({"must_log": 1}, {}, "must_log"),
    "a mode that is none": ({}, {"whitelist_opts": {"mode": "attest"}}, "mode"),
    "a cap in a string": ({}, {"max_amount": "5"}, "max_amount"),
    "a cap below nothing": ({}, {"max_amount": -1}, "max_amount"),
    "a cap above all there is": ({}, {"per_period": 21 * 10**14 + 1}, "per_period"),
    "a period too long": ({"period": PERIOD_MAX_MINUTES + 1}, {}, "period"),
    "more users than there are": ({}, {"users": ["ann"], "min_users": 2}, "min_users"),
    "a path in the old spelling": ({"share_xpubs": ["m/84'/0'"]}, {}, "share_xpubs"),
    "notes that the device spells otherwise": ({"notes": "é"}, {}, "notes"),
    "long notes": ({"notes": "x" * 81}, {}, "notes"),
    "a long name": ({}, {"wallet": "x" * 21}, "wallet"),
    "rules that are none": ({"rules": {}}, {}, "rules"),
    "a rule that is none": ({"rules": ["any"]}, {}, "rules[0]"),
}


@pytest.mark.parametrize("how", UNREAD)
def test_what_cannot_be_judged_is_not_read(how: str) -> None:
    change, rule, where = UNREAD[how]
    if "rules" in change:
        data = json.dumps({**json.loads(policy_of()), **change}).encode()
    else:
        data = edited(change, rule)
    with pytest.raises(BadInputError) as caught:
        read_device_policy(data, "policy")
    assert where in caught.value.where


def test_nothing_is_set_twice_or_to_nothing() -> None:
    twice = policy_of().replace(b'"must_log": true', b'"must_log": true, "must_log": false')
    for data in (twice, b"[]", b"", edited({"warnings_ok": False}).replace(b"false", b"null")):
        with pytest.raises(BadInputError):
            read_device_policy(data, "policy")


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "must_log": st.booleans(),
        "never_log": st.booleans(),
        "warnings_ok": st.booleans(),
        "msg_paths": st.sampled_from([[], ["any"]]),
        "boot_to_hsm": st.sampled_from(["1", "123456"]),
        "period": st.integers(0, 100),
    },
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "max_amount": st.sampled_from([0, 1, BTC, 3 * BTC]),
        "per_period": st.sampled_from([0, 1, BTC, 3 * BTC]),
        "whitelist": st.sampled_from([[], [ADDRESS], [ADDRESS, OTHER_ADDRESS]]),
        "whitelist_opts": st.sampled_from(
            [
                {},
                {"mode": "BASIC"},
                {"mode": "ATTEST"},
                {"mode": "ATTEST", "allow_zeroval_outs": True},
            ]
        ),
        "wallet": st.sampled_from(["", "1", "cold"]),
    },
)


@settings(max_examples=300, deadline=None)
@given(
    change=SETTINGS,
    rules=st.lists(RULES, min_size=1, max_size=2),
    usual=st.sampled_from([0, 1, 1]),
)
def test_under_a_policy_without_findings_nothing_is_signed_without_us(
    change: dict[str, Any], rules: list[dict[str, Any]], usual: int
) -> None:
    """Also when the device was started again, which forgets whatever is 0."""
    document = json.loads(policy_of())
    if usual:
        change, rules = {**document, **change}, [{**document["rules"][0], **rules[0]}]
    data = json.dumps({**change, "rules": rules}).encode()
    if opened(data):
        return
    caps = read_device_policy(data, "policy").caps
    for policy in (data, started_again(data)):
        device = device_for(WAS.wallet, policy)
        assert device.asked(WAS.psbt)
        most_sat = min(caps.amount_max_sat, caps.period_max_sat)
        if most_sat >= 90_000_000:
            made = attested(WAS, attester_for(data))
            assert (device.asked(made.psbt) == "") == (rules[0].get("wallet") == "cold")


def test_a_cap_of_nothing_is_no_cap_once_the_device_was_started_again() -> None:
    """Which is why 0 is a finding: what the device keeps has no cap."""
    nothing = edited({}, {"max_amount": 0, "per_period": 0})
    made = attested(WAS)
    assert device_for(WAS.wallet, nothing).asked(made.psbt) == "amount exceeded"
    assert device_for(WAS.wallet, started_again(nothing)).asked(made.psbt) == ""
