"""The drill's people and the policy: what if somebody had signed in a lesser way?"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from journal_world import SIGNER

from sekisho.drills.dmm_2024 import cast, facts
from sekisho.drills.dmm_2024.flow import enrol, replay
from sekisho.drills.dmm_2024.records import Outcome, Variant
from sekisho.drills.dmm_2024.stage import Stage, request, set_up, signer_of
from sekisho.drills.dmm_2024.timeline import ASKED_AT, GATE_AT, STEP
from sekisho.journal.store import JournalStore, create_journal
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.kernel.words import digest_words
from sekisho.passes.assertion import PRESENT, verify_statement
from sekisho.passes.evidence import PASS_ISSUED, Said, read_event
from sekisho.passes.flow import open_desk, state
from sekisho.passes.records import CredentialKind, Decision, SignedApproval
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.passes.verify import Standing

HELD_SAT = Sat(470_300_000_000)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalStore]:
    with create_journal(tmp_path / "journal.sqlite") as store:
        yield store


def asked(stage: Stage) -> Standing:
    return request(stage, facts.outflow(), HELD_SAT)


def approved_by(stage: Stage, actors: list[cast.Actor], words: str) -> Standing:
    """Have these people approve; whoever does so on an own machine enters `words`."""
    standing = asked(stage)
    compared = words or " ".join(digest_words(bytes.fromhex(standing.digest), "ja"))
    for index, actor in enumerate(actors, start=1):
        standing = state(
            stage.desk,
            standing.digest,
            Decision.APPROVE,
            signer=signer_of(actor),
            terminal_id=actor.terminal_id,
            now=ASKED_AT + index * STEP,
            words=compared.strip() if actor.device is None else "",
        )
    return standing


def codes(standing: Standing) -> list[str]:
    return [each.code for each in standing.findings]


def denied(standing: Standing) -> list[str]:
    return [each.rule for each in standing.outcomes if each.answer == "denied"]


def with_roles(journal: JournalStore, *roles: cast.Role) -> Stage:
    actors = cast.gather_cast(roles)
    founding = roster_bytes(cast.roster(actors, journal_key=""))
    return set_up(open_desk(journal, genesis_digest=roster_digest(founding)), actors, founding)


def test_as_it_is_played_the_policy_allows_it_after_an_hour(journal: JournalStore) -> None:
    stage = enrol(journal, journal_key="")
    standing = approved_by(stage, list(stage.actors[1:]), words="")
    assert codes(standing) == []
    assert denied(standing) == []
    assert standing.held_until_at is not None
    assert (GATE_AT - standing.held_until_at).total_seconds() == 300


def test_with_passkeys_alone_the_policy_says_no(journal: JournalStore) -> None:
    """All three departments approve, and nobody read it where the server cannot lie."""
    requester, *approvers = cast.CAST
    stage = with_roles(journal, requester, *(replace(each, passkey=True) for each in approvers))
    standing = approved_by(stage, list(stage.actors[1:]), words="")
    assert {name: len(people) for name, people in standing.counted.items()} == {
        "finance": 1,
        "operations": 1,
        "security": 1,
    }
    assert denied(standing) == ["own_machine"]
    assert codes(standing) == ["passes.own_machine_missing"]


def test_an_own_machine_without_the_words_is_not_enough(journal: JournalStore) -> None:
    stage = enrol(journal, journal_key="")
    standing = approved_by(stage, list(stage.actors[1:]), words=" ")
    assert denied(standing) == ["own_machine"]
    assert codes(standing) == ["passes.own_machine_missing"]


def test_without_the_officer_at_all_the_department_is_missing_too(journal: JournalStore) -> None:
    stage = enrol(journal, journal_key="")
    passkeys = [actor for actor in stage.actors[1:] if actor.device is not None]
    standing = approved_by(stage, passkeys, words="")
    assert denied(standing) == ["quorum", "own_machine"]
    assert "passes.quorum_missing" in codes(standing)


def test_the_words_of_another_pass_are_refused(journal: JournalStore) -> None:
    stage = enrol(journal, journal_key="")
    with pytest.raises(Refused) as refused:
        approved_by(stage, list(stage.actors[1:]), " ".join(digest_words(bytes(32), "en")))
    assert [each.code for each in refused.value.findings] == ["passes.words_differ"]


def test_a_passkey_that_did_not_verify_its_user_is_refused(journal: JournalStore) -> None:
    stage = enrol(journal, journal_key="")
    lead = stage.actors[1]
    assert lead.device is not None
    lead.device.flags = PRESENT
    before = journal.size()
    with pytest.raises(Refused) as refused:
        approved_by(stage, [lead], words="")
    assert [each.code for each in refused.value.findings] == ["passes.signature_invalid"]
    said = [event for event in statements(journal) if event.seq > before]
    assert len(said) == 1, "only the request was recorded"


def statements(journal: JournalStore) -> list[Said]:
    events = (read_event(entry) for entry in journal.entries())
    return [event for event in events if isinstance(event, Said)]


def test_every_assertion_holds_for_its_own_statement_and_for_no_other(
    journal: JournalStore,
) -> None:
    stage = enrol(journal, journal_key="")
    standing = approved_by(stage, list(stage.actors[1:]), words="")
    signed = {event.seq: event.signed for event in statements(journal)}
    passkeys = [
        ballot
        for ballot in standing.ballots
        if ballot.credential is not None and ballot.credential.kind is CredentialKind.WEBAUTHN
    ]
    assert len(passkeys) == 3
    for ballot in passkeys:
        credential, statement = ballot.credential, signed[ballot.seq]
        assert credential is not None
        assert credential.attested

        def held(signed: SignedApproval, origin: str = cast.CONSOLE_ORIGIN) -> bool:
            return verify_statement(signed, credential, console_origin=origin) is not None  # noqa: B023 - asked within this turn alone

        assert held(statement)
        assert not held(statement, "https://console.drill.example.net")
        for other in passkeys:
            if other.seq != ballot.seq:
                assert not held(replace(statement, document=signed[other.seq].document))
                assert not held(signed[other.seq])


def played_on(journal: JournalStore) -> Outcome:
    with TemporaryDirectory() as folder, create_journal(Path(folder) / "gate.sqlite") as memory:
        return replay(journal, Variant.PASS, memory=memory, signer=SIGNER)


def test_the_pass_is_issued_when_its_time_lock_ends_and_not_before(journal: JournalStore) -> None:
    played = played_on(journal)
    assert played.standing is not None
    issued = [entry.at for entry in journal.entries() if entry.kind == PASS_ISSUED]
    assert issued == [played.standing.held_until_at]
    assert issued[0] in {moment.at for moment in played.moments}


def test_a_replay_under_the_same_journal_key_gives_the_same_digests(tmp_path: Path) -> None:
    found = []
    for name in ("first", "second"):
        with create_journal(tmp_path / name) as store:
            played = played_on(store)
        assert played.standing is not None
        found.append((played.genesis_digest, played.standing.digest, played.incident.incident_id))
    assert found[0] == found[1]
