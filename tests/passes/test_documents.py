"""Passes and approvals as documents: one spelling, and the place of whatever is wrong."""

from dataclasses import replace
from datetime import timedelta

import pytest
from document_paths import changed
from hypothesis import given
from hypothesis import strategies as st
from world import admin_pass, begin, digest_of, statement, transfer_pass
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    funding,
    outpoint,
    payment,
    stranger,
    wallet_of,
)
from world_people import NOW

from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat
from sekisho.kernel.names import name_findings, normal_name
from sekisho.passes.documents import (
    SEQUENCE_MAX,
    approval_bytes,
    approval_digest,
    pass_bytes,
    pass_digest,
    read_approval,
    read_pass,
)
from sekisho.passes.records import (
    AnyInputs,
    Approval,
    ChangeAllowance,
    Decision,
    FeeRule,
    ListedInputs,
    Pass,
    Payment,
    Replacement,
    SubjectType,
    TransactionRule,
)
from sekisho.wallets.records import ChangeRule

WORLD = begin()
WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
COIN = outpoint(funding(WALLET, 10**8), 0)
OTHER_COIN = outpoint(funding(WALLET, 10**8, salt="other"), 0)
PAYMENT = payment(STRANGER, 10_000_000)
TRANSFER = transfer_pass(WORLD, WALLET, [PAYMENT], COIN)
ADMIN = admin_pass(WORLD, SubjectType.WALLET, "cold-1", new_digest="ab" * 32)
APPROVAL = read_approval(statement(WORLD, "chiba", Decision.APPROVE, TRANSFER).document, "a")
OP_RETURN = Payment(address="", script=bytes.fromhex("6a0464617461"), amount_sat=Sat(0))
TESTNET = wallet_of(DESCRIPTORS["fixed_wpkh"], network=Network.TEST)


def document_of(asked: Pass) -> Json:
    return parse_json(pass_bytes(asked), "pass")


ids = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
instants = st.integers(0, 10**9).map(lambda seconds: NOW + timedelta(seconds=seconds))
lines = st.text(min_size=1, max_size=30).filter(str.isprintable)
purposes = st.text(alphabet="abz 09あん漢字ーアｱ・、（）é", min_size=1, max_size=30).map(
    normal_name
)
uint32 = st.integers(0, 2**32 - 1)
outpoints = st.builds(OutPoint, txid=digests, vout=uint32)
payments = st.builds(
    lambda number, amount_sat: payment(stranger(number), amount_sat),
    st.integers(0, 20),
    st.integers(1, 10**13),
)


@st.composite
def passes(draw: st.DrawFn) -> Pass:
    anchor = draw(outpoints)
    listed = draw(st.lists(outpoints, max_size=4, unique=True).filter(lambda x: anchor not in x))
    inputs = ListedInputs(outpoints=(*listed, anchor)), AnyInputs(inputs_max=7)
    rule = draw(st.sampled_from(ChangeRule))
    asked = transfer_pass(
        WORLD,
        WALLET,
        [*draw(st.lists(payments, min_size=1, max_size=5)), OP_RETURN],
        anchor,
        transfer={
            "inputs": inputs[draw(st.integers(0, 1))],
            "change": ChangeAllowance(
                rule=rule, outputs_max=0 if rule is ChangeRule.NONE else draw(st.integers(1, 100))
            ),
            "transaction": TransactionRule(
                versions=tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))),
                locktime_min=draw(uint32),
                locktime_max=draw(uint32),
                sequence_min=draw(uint32),
                sequence_max=draw(uint32),
            ),
            "fee": FeeRule(
                fee_max_sat=Sat(draw(st.integers(0, SUPPLY_MAX_SAT))),
                feerate_max_sat_per_kvb=draw(st.integers(1, 10**11)),
            ),
            "replacement": Replacement(
                fee_bump=draw(st.booleans()), replaces=draw(st.sampled_from(["", ADMIN.pass_id]))
            ),
        },
    )
    starts = draw(instants)
    return replace(
        asked,
        action=draw(st.sampled_from([asked.action, ADMIN.action])),
        requester=draw(ids),
        terminal_id=draw(ids),
        purpose=draw(purposes.filter(lambda text: not name_findings(text, "purpose"))),
        not_before_at=starts,
        expires_at=starts + timedelta(seconds=draw(st.integers(1, 10**6))),
        genesis_digest=draw(digests),
        roster_digest=draw(digests),
        policy_digest=draw(st.sampled_from(["", "cd" * 32])),
    )


@given(passes())
def test_a_pass_is_read_back_as_it_was_written(asked: Pass) -> None:
    document = pass_bytes(asked)
    assert read_pass(document, "pass") == asked
    assert pass_bytes(read_pass(document, "pass")) == document
    assert pass_digest(document) == tagged_digest("pass", document).hex()


approvals = st.builds(
    replace,
    st.just(APPROVAL),
    approver=ids,
    terminal_id=ids,
    sequence=st.integers(1, SEQUENCE_MAX),
    decision=st.sampled_from(Decision),
    signed_at=instants,
    reason=st.just("") | lines,
    words=lines,
)


@given(approvals)
def test_an_approval_is_read_back_as_it_was_written(approval: Approval) -> None:
    document = approval_bytes(approval)
    assert read_approval(document, "approval") == approval
    assert approval_digest(document) == tagged_digest("approval", document)


def test_paying_the_same_twice_is_two_payments_and_another_pass() -> None:
    twice = transfer_pass(WORLD, WALLET, [PAYMENT, PAYMENT], COIN)
    read = read_pass(pass_bytes(twice), "pass")
    assert read.action == twice.action
    assert digest_of(twice) != digest_of(TRANSFER)
    swapped = [payment(stranger(1), 5), PAYMENT]
    one = transfer_pass(WORLD, WALLET, swapped, COIN, pass_id=TRANSFER.pass_id)
    other = transfer_pass(WORLD, WALLET, swapped[::-1], COIN, pass_id=TRANSFER.pass_id)
    assert digest_of(one) != digest_of(other)


@pytest.mark.parametrize("document", [document_of(TRANSFER), document_of(ADMIN)])
def test_every_field_is_bound_by_the_digest(document: Json) -> None:
    """Change anything that can be changed to something else that can be read: another digest."""
    seen = {pass_digest(canonical_bytes(document))}
    texts = {
        "requester": "baba",
        "purpose": "x",
        "terminal_id": "desk-2",
        "policy_digest": "ab" * 32,
    }
    for name, value in texts.items():
        data = canonical_bytes(changed(document, [name], value))
        read_pass(data, "pass")
        seen.add(pass_digest(data))
    assert len(seen) == 1 + len(texts)
