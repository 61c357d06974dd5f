"""Asking and approving by hand, into a real journal, and what strangers who write there can do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from attacks import BASE, COIN, WALLET
from world import digest_of, filed, journal_in, record, said, statement, transfer_pass
from world_coins import STRANGER, payment
from world_people import NOW, key_of, roster

from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore
from sekisho.kernel.canonical import Json, canonical_bytes
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.documents import SEQUENCE_MAX, approval_digest, pass_digest, read_approval
from sekisho.passes.evidence import (
    PASS_ASKED,
    PASS_ISSUED,
    PASS_STATED,
    WALLET_FILED,
    Said,
    gather_evidence,
)
from sekisho.passes.flow import (
    Desk,
    Signer,
    ask,
    desk_of_pass,
    file_document,
    open_desk,
    record_statements,
    state,
)
from sekisho.passes.hearing import REPEATS_MAX
from sekisho.passes.records import Approval, Decision, Pass, SignedApproval
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.passes.sign import sign_approval
from sekisho.passes.verify import Standing, standing_of
from sekisho.wallets.documents import wallet_digest, wallet_document

ASKED = transfer_pass(BASE, WALLET, [payment(STRANGER, 10_000_000)], COIN)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalStore]:
    with journal_in(tmp_path, BASE) as store:
        yield store


def desk(journal: JournalStore) -> Desk:
    return open_desk(journal, genesis_digest=BASE.genesis_digest)


def signer(who: str) -> Signer:
    return Signer(
        public_key=key_of(who).public_key().public_bytes_raw(),
        sign=lambda approval: sign_approval(approval, key_of(who)),
        take_sequence=lambda least: least,
    )


def asking(journal: JournalStore, asked: Pass = ASKED, *, by: str = "aoki") -> Standing:
    return ask(desk(journal), asked, signer=signer(by), now=NOW)


def saying(
    journal: JournalStore,
    who: str,
    decision: Decision,
    asked: Pass = ASKED,
    *,
    now: datetime = NOW,
    terminal_id: str = "desk-1",
    reason: str = "",
) -> Standing:
    return state(
        desk(journal),
        digest_of(asked),
        decision,
        signer=signer(who),
        terminal_id=terminal_id,
        now=now,
        reason=reason,
    )


def standing_in(journal: JournalStore, digest: str) -> Standing:
    return standing_of(desk(journal).register, digest)


def find_pass(journal: JournalStore, name: str) -> str:
    return desk_of_pass(journal, name, genesis_digest=BASE.genesis_digest)[1]


def statements(journal: JournalStore) -> list[Approval]:
    events = gather_evidence(journal.entries()).events
    return [
        read_approval(each.signed.document, "approval")
        for each in events
        if isinstance(each, Said)
    ]


def test_a_quorum_allows_a_pass_and_it_is_issued_once(journal: JournalStore) -> None:
    assert len(asking(journal).findings) == 3
    assert len(saying(journal, "baba", Decision.APPROVE).findings) == 2
    assert len(saying(journal, "chiba", Decision.APPROVE).findings) == 1
    kinds = [entry.kind for entry in journal.entries()]
    assert PASS_ISSUED not in kinds
    assert saying(journal, "endo", Decision.APPROVE).findings == ()
    saying(journal, "fujii", Decision.APPROVE)
    issues = [entry for entry in journal.entries() if entry.kind == PASS_ISSUED]
    assert [entry.body for entry in issues] == [{"pass_digest": digest_of(ASKED)}]


def test_a_rejected_pass_is_not_issued(journal: JournalStore) -> None:
    asking(journal)
    saying(journal, "doi", Decision.REJECT, reason="unknown payee")
    for who in ("baba", "chiba", "endo"):
        saying(journal, who, Decision.APPROVE)
    (found,) = standing_in(journal, digest_of(ASKED)).findings
    assert (found.code, found.subject) == ("passes.rejected", "doi")
    assert PASS_ISSUED not in {entry.kind for entry in journal.entries()}


def test_numbers_go_on_from_what_the_journal_holds(journal: JournalStore) -> None:
    before = {said.approver: said.sequence for said in statements(journal)}
    asking(journal)
    saying(journal, "baba", Decision.APPROVE)
    saying(journal, "baba", Decision.VOID, reason="a mistake")
    new = [(said.approver, said.sequence) for said in statements(journal)][-3:]
    assert new == [
        ("aoki", before["aoki"] + 1),
        ("baba", before["baba"] + 1),
        ("baba", before["baba"] + 2),
    ]


def test_a_forged_statement_uses_up_nobodys_numbers(tmp_path: Path) -> None:
    """Whoever can write the journal must not be able to silence those who would say no."""
    last = statement(
        BASE, "doi", Decision.APPROVE, ASKED, sequence=SEQUENCE_MAX, key=key_of("mallory")
    )
    with journal_in(tmp_path, said(BASE, last)) as journal:
        asking(journal)
        standing = saying(journal, "doi", Decision.REJECT, reason="unknown payee")
        assert "passes.rejected" in {each.code for each in standing.findings}


@pytest.mark.parametrize(
    ("who", "decision", "changes", "code"),
    [
        ("aoki", Decision.APPROVE, {}, "passes.approved_by_requester"),
        ("chiba", Decision.APPROVE, {"terminal_id": "desk-9"}, "passes.terminal_unknown"),
        ("chiba", Decision.APPROVE, {"now": ASKED.expires_at}, "passes.approval_late"),
    ],
)
def test_what_would_not_count_is_refused_and_not_recorded(
    journal: JournalStore, who: str, decision: Decision, changes: dict[str, object], code: str
) -> None:
    asking(journal)
    before = journal.size()
    with pytest.raises(Refused) as refused:
        saying(journal, who, decision, **changes)  # type: ignore[arg-type]  # each of its type
    assert [each.code for each in refused.value.findings] == [code]
    assert journal.size() == before


def test_a_no_is_recorded_even_late_and_from_an_unnamed_terminal(journal: JournalStore) -> None:
    asking(journal)
    late = ASKED.expires_at + timedelta(days=1)
    standing = saying(
        journal, "doi", Decision.VOID, now=late, terminal_id="desk-9", reason="leaked"
    )
    assert "passes.voided" in {each.code for each in standing.findings}


def test_a_reason_that_could_not_be_read_back_is_not_signed(journal: JournalStore) -> None:
    asking(journal)
    before = journal.size()
    with pytest.raises(BadInputError, match=r"approval\.reason"):
        saying(journal, "doi", Decision.REJECT, reason="two\nlines")
    assert journal.size() == before


def together(journal: JournalStore, *said: SignedApproval) -> list[str]:
    """Return each statement's answer, all recorded with one wait for the disk."""
    answers = record_statements(desk(journal), said, now=NOW)
    return [
        "recorded"
        if isinstance(each, Standing)
        else each.where
        if isinstance(each, BadInputError)
        else each.findings[0].code
        for each in answers
    ]


def test_of_statements_recorded_together_each_gets_its_own_answer(journal: JournalStore) -> None:
    """A stranger's statement keeps nobody else's out."""
    asking(journal)
    forged = statement(BASE, "doi", Decision.APPROVE, ASKED, key=key_of("mallory"))
    unread = SignedApproval(document=b"{}", signature=bytes(64))
    elsewhere = statement(BASE, "baba", Decision.APPROVE, "ab" * 32)
    own = statement(BASE, "aoki", Decision.APPROVE, ASKED, sequence=90)
    good = [statement(BASE, who, Decision.APPROVE, ASKED) for who in ("baba", "chiba", "endo")]
    before = journal.size()
    said = together(journal, forged, good[0], unread, good[1], elsewhere, own, good[2])
    assert said == [
        "passes.signature_invalid",
        "recorded",
        "approval.format",
        "recorded",
        f"pass {'ab' * 8}",
        "passes.approved_by_requester",
        "recorded",
    ]
    assert standing_in(journal, digest_of(ASKED)).findings == ()
    assert [each.kind for each in journal.entries()][before:] == [PASS_STATED] * 3 + [PASS_ISSUED]


def test_two_statements_under_one_number_recorded_together_do_not_both_count(
    journal: JournalStore,
) -> None:
    asking(journal)
    first = statement(BASE, "baba", Decision.APPROVE, ASKED, sequence=90)
    second = statement(BASE, "baba", Decision.APPROVE, ASKED, sequence=90, terminal_id="desk-2")
    assert together(journal, first, second) == ["recorded", "passes.sequence_reused"]


def test_the_same_words_under_another_signature_keep_no_other_statement_out(
    journal: JournalStore,
) -> None:
    """The id of an entry follows from the words: whoever signs them again is in nobody's way."""
    asking(journal)
    baba, chiba = (statement(BASE, who, Decision.APPROVE, ASKED) for who in ("baba", "chiba"))
    assert together(journal, baba) == ["recorded"]
    forged = replace(baba, signature=bytes(64))
    assert together(journal, forged, chiba) == ["passes.signature_invalid", "recorded"]
    later = NOW + timedelta(minutes=1)
    size = journal.size()
    again = record_statements(desk(journal), [baba, chiba], now=later)
    assert all(isinstance(each, Standing) for each in again), "handed in again: nothing new"
    assert journal.size() == size
    assert len(standing_in(journal, digest_of(ASKED)).ballots) == 3


def test_a_place_that_somebody_took_in_the_journal_stops_one_statement_only(
    journal: JournalStore,
) -> None:
    asking(journal)
    baba, chiba = (statement(BASE, who, Decision.APPROVE, ASKED) for who in ("baba", "chiba"))
    taken = make_ulid(NOW, approval_digest(baba.document)[:10])
    journal.append(Draft(entry_id=taken, at=NOW, kind="x.y", actor="x", body={}))
    assert together(journal, baba, chiba) == ["journal.id_conflict", "recorded"]


def test_who_repeats_themselves_without_end_is_told_that_nobody_hears(
    journal: JournalStore,
) -> None:
    asking(journal)
    again = [
        statement(BASE, "baba", Decision.APPROVE, ASKED, sequence=90 + number)
        for number in range(REPEATS_MAX + 1)
    ]
    assert together(journal, *again) == ["recorded"] * REPEATS_MAX + ["passes.not_heard"]


def test_a_key_of_nobody_signs_nothing(journal: JournalStore) -> None:
    asking(journal)
    before = journal.size()
    with pytest.raises(BadInputError, match="belongs to nobody on the roster"):
        saying(journal, "mallory", Decision.APPROVE)
    assert journal.size() == before


def test_a_pass_that_is_not_there_or_cannot_be_read(tmp_path: Path) -> None:
    with journal_in(tmp_path, record(BASE, PASS_ASKED, {"pass": {"kind": "x"}})) as journal:
        with pytest.raises(BadInputError, match="is not in the journal"):
            saying(journal, "chiba", Decision.APPROVE)
        with pytest.raises(BadInputError, match="is not in the journal"):
            standing_in(journal, "ab" * 32)


def test_nobody_says_anything_of_a_pass_that_cannot_be_read(tmp_path: Path) -> None:
    odd: Json = {"kind": "x", "genesis_digest": BASE.genesis_digest}
    digest = pass_digest(canonical_bytes(odd))
    with journal_in(tmp_path, record(BASE, PASS_ASKED, {"pass": odd})) as journal:
        with pytest.raises(BadInputError, match="is not in the journal"):
            state(
                desk(journal),
                digest,
                Decision.REJECT,
                signer=signer("doi"),
                terminal_id="desk-1",
                now=NOW,
            )
        assert journal.size() == len(BASE.drafts) + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "two\nlines"},
        {"expires_at": ASKED.expires_at + timedelta(milliseconds=1)},
        {"expires_at": ASKED.not_before_at},
    ],
)
def test_a_pass_that_would_be_read_as_another_is_not_filed(
    journal: JournalStore, changes: dict[str, object]
) -> None:
    before = journal.size()
    with pytest.raises(BadInputError):
        asking(journal, replace(ASKED, **changes))  # type: ignore[arg-type]  # each of its type
    assert journal.size() == before


def test_a_pass_is_found_by_its_id_or_the_beginning_of_its_digest(journal: JournalStore) -> None:
    asking(journal)
    digest = digest_of(ASKED)
    for name in (ASKED.pass_id, digest, digest[:8], digest[:8].upper()):
        assert find_pass(journal, name) == digest
    for name in ("", digest[:7], digest[:8] + "x", "\x1b[2J", ASKED.pass_id[:-1]):
        with pytest.raises(BadInputError, match="means no pass"):
            find_pass(journal, name)


def test_two_passes_under_one_id_are_told_apart_by_digest_only(tmp_path: Path) -> None:
    """Somebody files another pass under the id of ours: the id then means neither."""
    forged = transfer_pass(BASE, WALLET, [payment(STRANGER, 1)], COIN, pass_id=ASKED.pass_id)
    with journal_in(tmp_path, filed(filed(BASE, ASKED), forged)) as journal:
        with pytest.raises(BadInputError, match="means several passes"):
            find_pass(journal, ASKED.pass_id)
        assert find_pass(journal, digest_of(ASKED)[:8]) == digest_of(ASKED)


def test_filing_again_changes_nothing(journal: JournalStore) -> None:
    other = roster(exchange="Another Exchange")
    for number in range(2):
        at = NOW + timedelta(hours=number)
        document = canonical_bytes(wallet_document(WALLET))
        digest = file_document(journal, "wallet", document, actor="aoki", now=at)
        assert digest == wallet_digest(WALLET)
        digest = file_document(journal, "roster", roster_bytes(other), actor="aoki", now=at)
        assert digest == roster_digest(roster_bytes(other))
    assert journal.size() == len(BASE.drafts) + 2


def test_something_else_under_the_id_of_a_document_is_told_of(journal: JournalStore) -> None:
    """Else a wallet would seem to be filed that is not there."""
    beginning = datetime.fromtimestamp(0, NOW.tzinfo)
    taken = make_ulid(beginning, bytes.fromhex(wallet_digest(WALLET))[:10])
    journal.append(Draft(entry_id=taken, at=NOW, kind=WALLET_FILED, actor="x", body={}))
    document = canonical_bytes(wallet_document(WALLET))
    with pytest.raises(Refused) as refused:
        file_document(journal, "wallet", document, actor="aoki", now=NOW)
    assert [each.code for each in refused.value.findings] == ["journal.id_conflict"]
