"""The gate's own key: last, whole, asked once more, and written down before anybody has it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gate_returns import sent, signed
from gate_scene import honest, scene
from gate_world import check, gate_of, memory_in, papers_of
from journal_world import rows_of
from world import entries_of
from world_coins import DESCRIPTORS, bytes_of, key_expression, wallet_of
from world_people import NOW

from sekisho.chains.bitcoin.networks import Network
from sekisho.gate.cosigner import (
    Cosigner,
    cosign,
    cosigner_text,
    enough_others,
    new_cosigner,
    read_cosigner,
    sign_message,
    terms_for,
)
from sekisho.gate.flow import (
    GATE_RETURNED,
    GATE_SIGNED,
    Records,
    check_return,
    let_go,
)
from sekisho.gate.records import Mode, Papers, Returned
from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED
from sekisho.wallets.proof import wallet_keys
from sekisho.wallets.records import Level
from sekisho.wallets.signed_messages import MessageForm, is_signed_by

MAIN = Network.MAIN
KEY = new_cosigner(bytes_of("seed of alpha"), MAIN)
"""The tests' enforced wallet needs alpha, the gate here, and beta."""
OTHER_KEY = new_cosigner(bytes_of("seed of another gate"), MAIN)
ATTEMPT = honest(scene("enforced"))
GATE = gate_of(ATTEMPT.genesis, mode=Mode.ISOLATED)
ROWS = rows_of(entries_of(ATTEMPT.scene.world))
BY_HOLDERS = signed(ATTEMPT.psbt, by=["beta"])


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[JournalStore]:
    with memory_in(tmp_path, GATE) as opened:
        yield opened


def entry_id(number: int) -> str:
    return make_ulid(NOW, number.to_bytes(10, "big"))


def came_back(
    memory: JournalStore, returned: bytes = BY_HOLDERS, *, psbt: bytes = ATTEMPT.psbt
) -> tuple[Papers, Returned]:
    """Have the PSBT cleared, and judge what came back."""
    shown = papers_of(GATE, memory, ROWS, ATTEMPT.digest)
    check(psbt, GATE, memory, shown)
    found = check_return(
        psbt,
        returned,
        shown,
        gate=GATE,
        records=Records(memory=memory, journal=None),
        entry_id=entry_id(2),
        now=NOW,
    )
    return shown, found


def last_signed(
    memory: JournalStore,
    shown: Papers,
    found: Returned,
    *,
    key: Cosigner = KEY,
    now: datetime = NOW,
) -> Returned:
    return let_go(
        found,
        shown,
        key=key,
        gate=GATE,
        records=Records(memory=memory, journal=None),
        entry_id=entry_id(3),
        now=now,
        keep_seen=lambda _: None,
    )


def kinds(memory: JournalStore) -> list[str]:
    return [each.kind for each in memory.entries()][1:]


@pytest.mark.parametrize("version", [0, 2])
def test_with_the_gates_own_signature_it_is_whole(memory: JournalStore, version: int) -> None:
    psbt = honest(ATTEMPT.scene, version=version).psbt
    shown, found = came_back(memory, signed(psbt, by=["beta"]), psbt=psbt)
    assert not found.complete
    whole = last_signed(memory, shown, found)
    assert whole.complete
    assert whole.txid == ATTEMPT.scene.unsigned.txid
    assert [len(each) for each in whole.signers] == [3, 3]  # and the holder's recovery key
    assert kinds(memory) == [GATE_CLEARED, GATE_RETURNED, GATE_SIGNED]
    last = memory.last()
    assert last is not None
    assert last.body == {"pass_digest": ATTEMPT.digest, "txid": whole.txid}


def test_its_signature_follows_from_key_and_transaction(memory: JournalStore) -> None:
    shown, found = came_back(memory)
    whole = last_signed(memory, shown, found)
    again = let_go(
        found,
        shown,
        key=KEY,
        gate=GATE,
        records=Records(memory=memory, journal=None),
        entry_id=entry_id(4),
        now=NOW,
        keep_seen=lambda _: None,
    )
    assert again == whole
    was = sent("enforced")
    ours = cosign(was.returned(["beta"]), wallet=was.wallet, book=was.book, key=KEY)
    theirs = was.returned(["alpha", "beta"])
    assert ours is not None
    assert ours.transaction == theirs.transaction  # RFC 6979: another signer, the same bytes


def test_others_sign_first() -> None:
    was = sent("enforced_by_two")
    terms = terms_for(was.wallet, KEY)
    assert terms is not None
    for by, enough in (["beta"], False), (["gamma"], False), (["beta", "gamma"], True):
        found = was.returned(by)
        whole = cosign(found, wallet=was.wallet, book=was.book, key=KEY)
        assert enough_others(found, terms, wallet=was.wallet, book=was.book) is enough
        assert (whole is not None) is enough


def test_what_others_have_not_signed_is_given_back_as_it_is(
    memory: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where they are counted wrongly, nothing leaves that is not whole."""
    shown, found = came_back(memory)
    monkeypatch.setattr("sekisho.gate.flow.enough_others", lambda *_, **__: True)
    monkeypatch.setattr("sekisho.gate.flow.cosign", lambda *_, **__: None)
    assert last_signed(memory, shown, found) is found
    assert GATE_SIGNED not in kinds(memory)
    monkeypatch.setattr("sekisho.gate.flow.enough_others", lambda *_, **__: False)
    monkeypatch.setattr("sekisho.gate.flow.check_psbt", pytest.fail)
    assert last_signed(memory, shown, found) is found


def test_nothing_is_cleared_that_would_leave_by_the_way_around_the_gate(
    memory: JournalStore,
) -> None:
    unsigned = ATTEMPT.scene.unsigned
    first, second = unsigned.inputs
    for number, sequence, opens in ((1, 52_560, True), (2, 52_559, False)):
        open_to_all = replace(unsigned, inputs=(first, replace(second, sequence=sequence)))
        psbt = honest(replace(ATTEMPT.scene, unsigned=open_to_all)).psbt
        shown = papers_of(GATE, memory, ROWS, ATTEMPT.digest)
        with pytest.raises(Refused) as caught:
            check(psbt, GATE, memory, shown, number=number)
        codes = [each.code for each in caught.value.findings]
        assert ("gate.opens_recovery" in codes) is opens
        assert "gate.sequence_not_allowed" in codes  # the pass itself leaves no room for it


@pytest.mark.parametrize(
    ("later", "code"),
    [
        (timedelta(minutes=11), "gate.lease_expired"),
        (timedelta(minutes=-5), "gate.clock_behind"),
    ],
)
def test_the_gate_is_asked_once_more_before_its_key_is_used(
    memory: JournalStore, later: timedelta, code: str
) -> None:
    shown, found = came_back(memory)
    with pytest.raises(Refused) as caught:
        last_signed(memory, shown, found, now=NOW + later)
    assert code in [each.code for each in caught.value.findings]
    assert kinds(memory) == [GATE_CLEARED, GATE_RETURNED, GATE_REFUSED]


def test_without_papers_that_hold_now_nothing_is_signed(memory: JournalStore) -> None:
    shown, found = came_back(memory)
    with pytest.raises(Refused) as caught:
        last_signed(memory, replace(shown, lease=b""), found)
    assert [each.code for each in caught.value.findings] == ["gate.lease_missing"]
    assert GATE_SIGNED not in kinds(memory)


def test_what_cannot_be_written_down_is_not_handed_out(
    memory: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, found = came_back(memory)
    append = JournalStore.append

    def full(store: JournalStore, draft: Draft) -> Any:  # noqa: ANN401 - as the store returns it
        if draft.kind == GATE_SIGNED:
            raise OSError("no space left on device")
        return append(store, draft)

    monkeypatch.setattr(JournalStore, "append", full)
    with pytest.raises(OSError, match="no space"):
        last_signed(memory, shown, found)
    assert GATE_SIGNED not in kinds(memory)


def test_another_gates_key_signs_nothing(memory: JournalStore) -> None:
    shown, found = came_back(memory)
    assert last_signed(memory, shown, found, key=OTHER_KEY) is found
    assert kinds(memory) == [GATE_CLEARED, GATE_RETURNED]


def test_what_is_whole_already_needs_no_signature(memory: JournalStore) -> None:
    shown, found = came_back(memory, signed(ATTEMPT.psbt, by=["alpha", "beta"]))
    assert last_signed(memory, shown, found) is found
    assert GATE_SIGNED not in kinds(memory)


def test_a_hostile_return_never_reaches_the_key(memory: JournalStore) -> None:
    other = replace(
        ATTEMPT.scene.unsigned, outputs=tuple(reversed(ATTEMPT.scene.unsigned.outputs))
    )
    hostile = honest(replace(ATTEMPT.scene, unsigned=other)).psbt
    with pytest.raises(Refused) as caught:
        came_back(memory, signed(hostile, by=["beta"]))
    assert "gate.return_hostile" in [each.code for each in caught.value.findings]


def test_the_same_script_registered_as_advisory_gets_no_signature() -> None:
    enforced = wallet_of(DESCRIPTORS["enforced"])
    assert terms_for(enforced, KEY) is not None
    assert terms_for(replace(enforced, level=Level.ADVISORY), KEY) is None
    assert terms_for(enforced, OTHER_KEY) is None


# The key -----------------------------------------------------------------------------------------


def test_the_key_is_bip_48s_as_another_library_derives_it() -> None:
    assert KEY.expression == key_expression("alpha")
    testing = new_cosigner(bytes_of("seed of alpha"), Network.REGTEST)
    assert testing.expression.startswith(KEY.expression[:9] + "/48h/1h/0h/2h]tpub")


@pytest.mark.parametrize("network", Network)
def test_a_key_is_read_back_and_never_shown(network: Network) -> None:
    key = new_cosigner(bytes_of("seed of alpha"), network)
    text = cosigner_text(key)
    assert read_cosigner(text, "cosigner.key") == key
    secret = text.partition("]")[2].strip()
    assert secret[1:4] == "prv"
    assert secret not in repr(key)
    assert key.account.key.hex() not in repr(key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        key_expression("alpha"),
        cosigner_text(KEY).replace("48h", "84h"),
        cosigner_text(KEY)[:-3] + "aa\n",
        cosigner_text(KEY).partition("]")[2],
        cosigner_text(KEY) * 2,
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadInputError, match=r"cosigner\.key") as caught:
        read_cosigner(text, "cosigner.key")
    assert "prv" not in str(caught.value)


def test_a_seed_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        new_cosigner(bytes(16), MAIN)


def test_the_gate_proves_that_it_has_its_key() -> None:
    gates, holders = wallet_keys(wallet_of(DESCRIPTORS["enforced"]))
    message = "Sekisho key of nobody"
    signature = sign_message(KEY, gates, message, MAIN)
    assert is_signed_by(gates.public_key, message, signature, MessageForm.COMPACT, MAIN)
    assert not is_signed_by(holders.public_key, message, signature, MessageForm.COMPACT, MAIN)
    for key, named in ((KEY, holders), (OTHER_KEY, gates)):
        with pytest.raises(BadInputError, match="not this gate's"):
            sign_message(key, named, message, MAIN)
