"""The account of what a signer returned: whose signatures they are, and over what."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from gate_accounts import Account, names, numbers, said
from gate_other_transactions import OTHER_TRANSACTIONS
from gate_return_edits import by_a_stranger, first_unsigned, on_first
from gate_returns import Sent, sent, signed

from sekisho.gate.account import State, account_of_return
from sekisho.gate.evidence_return import of_unchanged
from sekisho.gate.records import Returned
from sekisho.gate.returned import judge_return
from sekisho.kernel.finding import Finding, Refused, finding


def came_back(was: Sent, back: bytes) -> Account:
    """Return the account of what a signer returned."""
    try:
        answer: Returned | Sequence[Finding] = judge_return(
            was.cleared, back, wallet=was.wallet, book=was.book
        )
    except Refused as refused:
        answer = refused.findings
    account = account_of_return(was.psbt, was.wallet, answer)
    findings = () if isinstance(answer, Returned) else answer
    assert Counter(found for each in account for found in each.findings) == Counter(findings)
    return account


WAS = sent("wsh_sortedmulti")
OTHER = next(iter(OTHER_TRANSACTIONS.values()))


def test_what_came_back_in_order_is_told_key_by_key() -> None:
    account = came_back(WAS, signed(WAS.psbt, by=["alpha", "beta"]))
    assert numbers(account, State.YES) == {21, 22, 23}
    assert said(account, 21)[0].startswith("Version, locktime, inputs (2) and outputs (3) are")
    assert said(account, 22)[0].startswith("Input 0: signed by 2 of the wallet's 3 keys: ")
    assert names(account, 22) == ["signed", "signed", "signatures", "complete"]
    assert WAS.unsigned.txid in said(account, 22)[-1]
    assert names(account, 24) == ["not_asked_again"]
    assert numbers(account, State.NOT_LOOKED_AT) == {24, 25}
    assert names(account, 25) == ["own_key_not_needed"]


def test_what_lacks_signatures_says_so() -> None:
    account = came_back(WAS, signed(WAS.psbt, by=["alpha"]))
    assert names(account, 22)[-1] == "incomplete"


@pytest.mark.parametrize(
    ("back", "no", "unseen"),
    [
        (lambda w: signed(w.other(OTHER(w.unsigned))), {21, 23}, {22, 24, 25}),
        (lambda _: b"nothing", {21, 23}, {22, 24, 25}),
        (lambda w: w.psbt, {22}, {24, 25}),
        (first_unsigned, {22}, {24, 25}),
        (on_first(by_a_stranger), {22, 23}, {24, 25}),
    ],
)
def test_what_came_back_otherwise(back: Any, no: set[int], unseen: set[int]) -> None:  # noqa: ANN401 - an edit
    account = came_back(WAS, back(WAS))
    assert numbers(account, State.NO) == no
    assert numbers(account, State.NOT_LOOKED_AT) == unseen
    assert names(account, 24) == ["not_looked_at"]


def test_where_the_gates_own_key_is_needed_it_is_told_who_signs_next() -> None:
    enforced = sent("enforced_by_two")
    first = signed(enforced.psbt, by=["beta"])
    assert names(came_back(enforced, first), 25) == ["own_key_later"]
    whole = enforced.returned(["alpha", "beta", "gamma"])
    for signed_last, seen in (False, "own_key_there"), (True, "own_key_signed"):
        account = account_of_return(
            enforced.psbt, enforced.wallet, whole, asked_again=True, signed_last=signed_last
        )
        assert names(account, 25) == [seen]
        yes = numbers(account, State.YES)
        assert 24 in yes
        assert (25 in yes) is signed_last, "whole without us: somebody else has the key"


def test_a_changed_field_leaves_the_signatures_as_they_are() -> None:
    changed = [finding("gate.return_field_changed", "global", field="x")]
    hostile = finding("gate.return_hostile", "x", pass_id="y")
    account = account_of_return(WAS.psbt, WAS.wallet, [*changed, hostile])
    assert numbers(account, State.YES) == {22}
    assert names(account, 22) == ["signatures"]


@pytest.mark.parametrize(
    ("code", "number"),
    [("gate.not_cleared", 21), ("journal.forked", 3), ("gate.input_not_ours", 16)],
)
def test_what_was_never_cleared_is_not_looked_at(code: str, number: int) -> None:
    wallet = WAS.wallet if number == 16 else None
    account = account_of_return(WAS.psbt, wallet, [finding(code, "x")])
    assert numbers(account, State.NO) == {number}
    assert numbers(account, State.NOT_LOOKED_AT) == {21, 22, 23, 24, 25} - {number}
    assert said(account, 22) == [f"Not looked at: step {number} comes first."]


def test_an_account_of_what_nobody_cleared_is_none() -> None:
    with pytest.raises(RuntimeError):
        of_unchanged(b"psbt\xff")
