from base64 import b64encode
from dataclasses import replace

import pytest
from gate_bad_returns import (
    EVERYWHERE,
    HERE_AND_THERE,
    Bad,
)
from gate_other_transactions import OTHER_TRANSACTIONS, paying
from gate_psbts import with_pair, without
from gate_return_edits import Bytes, first_unsigned
from gate_returns import (
    FORMS,
    KINDS,
    MANY_KEYS,
    SIGNERS,
    TAPROOT,
    Sent,
    extracted,
    final,
    sent,
    signatures_in,
    signed,
    with_signatures,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from world_coins import DESCRIPTORS, book_of, wallet_of

from sekisho.chains.bitcoin.signatures import signatures_of
from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.gate.records import Returned
from sekisho.gate.returned import judge_return
from sekisho.kernel.catalogue import catalogue
from sekisho.kernel.finding import Refused

VERSIONS = (0, 2)
NOT_UNDERSTOOD = {"enforced", "enforced_by_two", "miniscript", "tr_miniscript"}
"""The watcher makes no claim about scripts that would have to be run."""


def accepted(was: Sent, returned: bytes) -> Returned:
    answer = was.judge(returned)
    assert isinstance(answer, Returned), answer
    return answer


# 1. What is in order -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_all_have_signed_is_complete(kind: str, version: int, form: str) -> None:
    was = sent(kind, version=version)
    answer = accepted(was, FORMS[form](was, signed(was.psbt)))
    assert answer.complete
    transaction = parse_transaction(answer.transaction, "answer")
    bare = tuple(replace(each, script_sig=b"", witness=()) for each in transaction.inputs)
    assert replace(transaction, inputs=bare) == was.unsigned
    assert answer.txid == transaction.txid
    if not any(each.script_sig for each in transaction.inputs):
        assert answer.txid == was.unsigned.txid
    assert all(answer.signers)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - NOT_UNDERSTOOD - {"tr_same_key_twice"}))
def test_the_watcher_finds_the_same_keys(kind: str) -> None:
    # Its digests and its reading of scripts are written apart from those that the gate uses.
    was = sent(kind)
    answer = accepted(was, extracted(was, signed(was.psbt, by=["alpha", "beta"])))
    spent = [was.coins.spent(each.outpoint) for each in was.unsigned.inputs]
    seen = signatures_of(parse_transaction(answer.transaction, "answer"), spent)
    assert all(each.is_signed for each in seen)
    theirs = [{key.public_key for key in each.keys if key.state == "valid"} for each in seen]
    assert [set(each) for each in answer.signers] == theirs


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SIGNERS)
@pytest.mark.parametrize("kind", MANY_KEYS)
def test_what_one_of_several_has_signed_waits_for_the_others(
    kind: str, name: str, version: int
) -> None:
    was = sent(kind, version=version)
    answer = accepted(was, signed(was.psbt, by=[name]))
    assert not answer.complete
    assert answer.transaction == b""
    assert answer.txid == was.unsigned.txid
    assert [len(each) for each in answer.signers] == [1, 1]


def test_each_signer_adds_to_what_the_one_before_returned() -> None:
    was = sent("wsh_sortedmulti")
    first = accepted(was, signed(was.psbt, by=["beta"]))
    second = accepted(was, signed(first.returned, by=["gamma"]))
    assert [len(each) for each in second.signers] == [2, 2]
    assert second.complete


@pytest.mark.parametrize("kind", ["miniscript", "tr_miniscript"])
def test_the_second_way_to_spend_stays_shut_until_its_time(kind: str) -> None:
    was = sent(kind)
    assert not accepted(was, signed(was.psbt, by=["beta"])).complete
    later = replace(
        was.unsigned, inputs=tuple(replace(each, sequence=52_560) for each in was.unsigned.inputs)
    )
    ripe = replace(was, unsigned=later, psbt=was.other(later))
    assert accepted(ripe, signed(ripe.psbt, by=["beta"])).complete


def test_signatures_for_a_leaf_do_not_pass_for_another() -> None:
    was = sent("tr_same_key_twice")
    psbt, by_beta = signed(was.psbt, by=["alpha", "beta"]), signed(was.psbt, by=["beta"])
    for index in (0, 1):
        [leaf] = {key[33:] for key in signatures_in(by_beta, index)}
        ours = signatures_in(psbt, index)
        psbt = with_signatures(psbt, index, {k: v for k, v in ours.items() if k[33:] == leaf})
    answer = accepted(was, psbt)
    assert [len(each) for each in answer.signers] == [2, 2]
    assert not answer.complete  # the descriptor offers the cheaper leaf, which does not hold


@pytest.mark.parametrize("version", VERSIONS)
def test_a_signer_may_answer_in_the_other_version(version: int) -> None:
    was = sent("wsh_sortedmulti", version=version)
    other = sent("wsh_sortedmulti", version=2 - version)
    assert accepted(was, signed(other.psbt)).complete


def test_a_signer_may_leave_out_everything_but_signatures() -> None:
    was = sent("wsh_sortedmulti")
    psbt = signed(was.psbt)
    for place, begins in ((1, b"\x00"), (1, b"\x01"), (2, b"\x05"), (2, b"\x06"), (5, b"\x02")):
        psbt = without(psbt, place, begins)
    assert accepted(was, psbt).complete


def test_a_signer_may_add_what_is_proven_anyway() -> None:
    was = sent("tr")
    bare = without(without(was.psbt, 1, b"\x00"), 2, b"\x00")
    trusting = replace(was, psbt=bare)
    assert accepted(trusting, signed(was.psbt)).complete
    shown = sent("sh_wpkh")
    lacking = replace(shown, psbt=without(shown.psbt, 1, b"\x04"))
    assert accepted(lacking, signed(shown.psbt)).complete


def test_the_forms_that_a_file_may_have_are_one_answer() -> None:
    was = sent("wsh_sortedmulti")
    psbt = final(was, signed(was.psbt))
    wrapped = b"\n".join(b64encode(psbt)[at : at + 64] for at in range(0, len(psbt) * 2, 64))
    answers = [
        accepted(was, form) for form in (psbt, psbt.hex().encode(), wrapped, b"\n" + wrapped)
    ]
    assert {(each.returned, each.transaction) for each in answers} == {
        (psbt, answers[0].transaction)
    }


# 2. What is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OTHER_TRANSACTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_another_transaction_is_hostile_once_it_is_signed(kind: str, name: str) -> None:
    was = sent(kind)
    other = OTHER_TRANSACTIONS[name](was.unsigned)
    theirs = replace(was, unsigned=other, psbt=was.other(other))
    expected = {"return_transaction_differs", "return_hostile"}
    assert was.judge(theirs.psbt) == {"return_transaction_differs"}
    for form in FORMS.values():
        assert was.judge(form(theirs, signed(theirs.psbt))) == expected


@pytest.mark.parametrize("name", ["money goes elsewhere", "another sequence", "another locktime"])
def test_honest_signatures_do_not_cover_for_another_transaction(name: str) -> None:
    was = sent("wsh_sortedmulti")
    honest = parse_transaction(extracted(was, signed(was.psbt)), "honest")
    other = OTHER_TRANSACTIONS[name](honest).serialize()
    assert was.judge(other) == {"return_transaction_differs", "return_hostile"}


@pytest.mark.parametrize(
    ("name", "make", "codes"), EVERYWHERE, ids=[name for name, _, _ in EVERYWHERE]
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused_whatever_the_script(
    kind: str, name: str, make: Bytes, codes: str
) -> None:
    was = sent(kind)
    assert was.judge(make(was)) == set(codes.split()), name


@pytest.mark.parametrize("bad", HERE_AND_THERE, ids=lambda bad: f"{bad.kind}: {bad.name}")
def test_what_is_refused_of_some_scripts(bad: Bad) -> None:
    was = sent(bad.kind, version=bad.version)
    assert was.judge(bad.make(was)) == set(bad.codes.split())


@pytest.mark.parametrize("sighash", [0x02, 0x03, 0x81, 0x82, 0x83])
@pytest.mark.parametrize("kind", KINDS)
def test_no_other_sighash_comes_through_in_any_form(kind: str, sighash: int) -> None:
    was = sent(kind)
    for form in FORMS.values():
        answer = was.judge(form(was, signed(was.psbt, sighash=sighash)))
        assert isinstance(answer, set)
        assert answer >= {"return_sighash_not_all", "return_hostile"}


def test_single_without_an_output_beside_it_signs_nothing_by_taproot() -> None:
    was = sent("tr", coins=4)
    psbt = signed(was.psbt)
    [(place, signature)] = signatures_in(psbt, 3).items()
    returned = with_signatures(psbt, 3, {place: signature + b"\x03"})
    expected = {"return_sighash_not_all", "return_signature_invalid", "return_hostile"}
    assert was.judge(returned) == expected


@pytest.mark.parametrize("kind", TAPROOT)
def test_taproot_may_say_all_in_full(kind: str) -> None:
    was = sent(kind)
    assert accepted(was, signed(was.psbt, sighash=0x01)).complete


def test_every_reason_comes_at_once_and_names_the_transaction() -> None:
    was = sent("wsh_sortedmulti")
    returned = with_pair(first_unsigned(was), 2, b"\x03", b"\x02\0\0\0")
    with pytest.raises(Refused) as caught:
        judge_return(was.cleared, returned, wallet=was.wallet, book=was.book)
    codes = [each.code for each in caught.value.findings]
    assert codes == ["gate.return_field_changed", "gate.return_unsigned", "gate.return_hostile"]
    assert caught.value.findings[-1].subject == was.unsigned.txid
    assert set(codes) <= set(catalogue())


def test_signatures_that_hide_in_a_field_that_nobody_reads_are_hostile() -> None:
    """Nobody can say that what is not read is no signature over something else."""
    was = sent("wsh_sortedmulti")
    hidden = with_pair(was.psbt, 2, b"\xfc\x06hidden\x00", bytes(72))
    assert was.judge(hidden) == {"return_field_changed", "return_unsigned", "return_hostile"}


def test_another_book_than_it_was_cleared_with_judges_nothing() -> None:
    was = sent("wsh_sortedmulti")
    other = wallet_of(DESCRIPTORS["wpkh"], wallet_id="hot-1")
    for answer in (
        replace(was, book=book_of(other)).judge(signed(was.psbt)),
        replace(was, wallet=other).judge(signed(was.psbt)),
    ):
        assert answer == {"input_not_ours", "return_hostile"}


def test_coins_that_the_shown_psbt_does_not_prove_are_not_believed() -> None:
    """Somebody stripped it, or put another previous transaction there, after it was cleared."""
    was = sent("wsh_sortedmulti")
    stripped = without(without(was.psbt, 1, b"\x00"), 1, b"\x01")
    answer = replace(was, psbt=stripped).judge(signed(was.psbt))
    assert answer == {"previous_missing", "return_hostile"}


@pytest.mark.parametrize("wrong", ["unreadable", "another transaction"])
def test_what_could_not_have_been_cleared_stops_the_gate(wrong: str) -> None:
    was = sent("wsh_sortedmulti")
    psbts = {
        "unreadable": was.psbt[:-1],
        "another transaction": was.other(paying(0, 1)(was.unsigned)),
    }
    cleared = replace(was.cleared, psbt=psbts[wrong])
    with pytest.raises(RuntimeError, match="what was cleared"):
        judge_return(cleared, signed(was.psbt), wallet=was.wallet, book=was.book)


# 3. Small changes --------------------------------------------------------------------------------


@settings(max_examples=300)
@given(
    kind=st.sampled_from(["wsh_sortedmulti", "sh_wpkh", "pkh", "tr_leaves"]),
    form=st.sampled_from(["partial", "final", "transaction"]),
    version=st.sampled_from(VERSIONS),
    at=st.integers(0, 2**16),
    flip=st.integers(1, 255),
)
def test_a_flipped_byte_is_refused_or_means_the_same(
    kind: str, form: str, version: int, at: int, flip: int
) -> None:
    was = sent(kind, version=version)
    returned = bytearray(FORMS[form](was, signed(was.psbt)))
    returned[at % len(returned)] ^= flip
    answer = was.judge(bytes(returned))
    if isinstance(answer, Returned):
        transaction = parse_transaction(answer.transaction, "answer")
        assert transaction.outputs == was.unsigned.outputs
        spent = [was.coins.spent(each.outpoint) for each in transaction.inputs]
        assert all(each.is_signed for each in signatures_of(transaction, spent))
        bare = tuple(replace(each, script_sig=b"", witness=()) for each in transaction.inputs)
        assert replace(transaction, inputs=bare) == was.unsigned
    elif not answer <= {"return_unsigned"}:
        assert "return_hostile" in answer
