"""The gate's verification: every attack, with exactly the findings that it must cause."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from attacks import ALLOWED, ASKED, ATTACKS, BASE, WALLET, Case
from attacks_on_wallets import WALLET_ATTACKS
from world import (
    World,
    admin_pass,
    approve,
    ask,
    at_genesis,
    begin,
    digest_of,
    evidence_of,
    record,
    register,
    reject,
    trust_of,
    void,
)
from world_people import NOW, ONE_OF_EACH, PEOPLE, QUORUM_PEOPLE, roster

from sekisho.kernel.canonical import parse_json
from sekisho.kernel.catalogue import catalogue
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding
from sekisho.passes.evidence import ROSTER_FILED
from sekisho.passes.fold import establish_trust, fold
from sekisho.passes.records import Decision, Quorum, SubjectType
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.passes.verify import (
    standing_of,
    time_findings,
    wallet_in_force,
    wallets_in_force,
)
from sekisho.watch.credence import weigh

ALL = ATTACKS | WALLET_ATTACKS


def codes(findings: tuple[Finding, ...] | list[Finding]) -> list[str]:
    return sorted(each.code for each in findings)


def untrusted(world: World, *, now: datetime = NOW, genesis: str | None = None) -> list[str]:
    """Return the codes for which the world's genesis leads nowhere."""
    trust, findings = establish_trust(
        evidence_of(world), genesis_digest=genesis or world.genesis_digest, now=now
    )
    assert trust is None
    return codes(findings)


@pytest.mark.parametrize("name", ALL)
def test_every_attack_causes_exactly_its_findings(name: str) -> None:
    case: Case = ALL[name]()
    standing = standing_of(trust_of(case.world), digest_of(case.asked))
    assert codes(standing.findings) == sorted(case.findings)
    assert codes(standing.set_aside) == sorted(case.set_aside)
    assert standing.asked == case.asked


def test_every_code_that_the_attacks_cause_is_explained() -> None:
    caused = {code for make in ALL.values() for code in (*make().findings, *make().set_aside)}
    assert len(caused) > 15
    assert caused <= set(catalogue())


def test_who_counted_is_told_by_department() -> None:
    standing = standing_of(trust_of(ALLOWED), digest_of(ASKED))
    assert standing.counted == {
        "operations": ("baba",),
        "finance": ("endo",),
        "security": ("chiba",),
    }
    said_by = [(each.approval.approver, each.approval.decision) for each in standing.ballots]
    assert said_by == [
        ("aoki", Decision.ASK),
        ("baba", Decision.APPROVE),
        ("endo", Decision.APPROVE),
        ("chiba", Decision.APPROVE),
    ]


def test_findings_name_the_department_and_what_it_lacks() -> None:
    case = ATTACKS["security_is_missing"]()
    (found,) = standing_of(trust_of(case.world), digest_of(case.asked)).findings
    assert found.subject == "security"
    assert dict(found.facts) == {"approved": "0", "needed": "1"}


def test_a_pass_that_is_not_there_is_an_error_and_not_a_no() -> None:
    with pytest.raises(BadInputError, match="is not in the journal"):
        standing_of(trust_of(BASE), "ab" * 32)


# The genesis -------------------------------------------------------------------------------------


def test_a_genesis_needs_its_own_quorum() -> None:
    for by in (("baba", "chiba"), ("chiba", "endo"), ("baba", "endo"), ()):
        found = untrusted(at_genesis(roster(), adopted_by=by))
        assert set(found) == {"passes.genesis_not_adopted", "passes.quorum_missing"}
        assert found.count("passes.quorum_missing") == 3 - len(by)


def test_one_person_cannot_start_an_exchange() -> None:
    found = untrusted(at_genesis(roster(), adopted_by=("aoki",) * 3))
    assert found == ["passes.genesis_not_adopted", *["passes.quorum_missing"] * 3]


def test_the_quorum_of_admin_passes_adopts_the_genesis() -> None:
    two = Quorum(at_least=(("finance", 2), *ONE_OF_EACH.at_least[1:]))
    assert "passes.genesis_not_adopted" in untrusted(at_genesis(roster(quorum_admin=two)))
    trust_of(at_genesis(roster(quorum_admin=two), adopted_by=(*QUORUM_PEOPLE, "fujii")))
    trust_of(at_genesis(roster(quorum_transfer=two)))


def test_a_rejected_genesis_is_none() -> None:
    world = World(roster=roster(), drafts=begin().drafts[:1])
    adoption = admin_pass(world, SubjectType.ROSTER, "roster", new_digest=world.genesis_digest)
    found = untrusted(approve(reject(ask(world, adoption), adoption), adoption))
    assert found == ["passes.genesis_not_adopted", "passes.rejected"]


def test_a_genesis_that_was_adopted_stays_so() -> None:
    """Else one insider could take the whole exchange's roster away."""
    world = World(roster=roster(), drafts=begin().drafts[:1])
    adoption = admin_pass(world, SubjectType.ROSTER, "roster", new_digest=world.genesis_digest)
    trust_of(reject(void(begin(), adoption), adoption))


def test_a_genesis_that_was_never_filed_or_is_another() -> None:
    assert untrusted(World(roster=roster())) == ["passes.genesis_missing"]
    other = roster(exchange="Another Exchange")
    pinned = roster_digest(roster_bytes(other))
    assert untrusted(begin(), genesis=pinned) == ["passes.genesis_missing"]
    both = record(begin(), ROSTER_FILED, {"roster": parse_json(roster_bytes(other), "roster")})
    assert "passes.genesis_not_adopted" in untrusted(both, genesis=pinned)


def test_what_a_quorum_adopts_must_be_what_is_pinned() -> None:
    """Our people adopt another roster, or a wallet named roster: neither is the genesis."""
    filed_only = World(roster=roster(), drafts=begin().drafts[:1])
    for subject_type, digest in (
        (SubjectType.ROSTER, "ab" * 32),
        (SubjectType.WALLET, begin().genesis_digest),
    ):
        asked = admin_pass(filed_only, subject_type, "roster", new_digest=digest)
        world = register(approve(ask(filed_only, asked), asked), WALLET)
        assert "passes.genesis_not_adopted" in untrusted(world)
        credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
        assert credence.watched == {}


def test_the_thiefs_own_exchange_is_not_ours() -> None:
    """Everything about it is in order, but it is not what is pinned."""
    theirs = at_genesis(roster(people=(*PEOPLE[:5], replace(PEOPLE[5], name="Mallory"))))
    trust_of(theirs)
    mixed = replace(begin(), drafts=(*begin().drafts, *theirs.drafts))
    assert trust_of(mixed).roster == begin().roster
    assert untrusted(theirs, genesis=begin().genesis_digest) == ["passes.genesis_missing"]


def test_a_roster_ends() -> None:
    ends = begin().roster.expires_at
    assert untrusted(BASE, now=ends) == ["passes.roster_expired"]
    assert establish_trust(
        evidence_of(BASE),
        genesis_digest=BASE.genesis_digest,
        now=ends - timedelta(seconds=1),
    )[0]


def test_a_later_roster_is_no_genesis() -> None:
    later = roster(version=2, previous_digest="ab" * 32)
    assert untrusted(at_genesis(later)) == [
        "passes.genesis_not_adopted",
        "passes.genesis_not_first",
    ]


def test_a_roster_that_cannot_be_read_is_none() -> None:
    broken = roster(people=(*PEOPLE, PEOPLE[0]))
    assert untrusted(at_genesis(broken)) == ["passes.roster_unreadable"]


def test_a_candidate_shows_its_own_adoption_before_it_is_complete() -> None:
    world = at_genesis(roster(), adopted_by=("baba",))
    candidate = fold(evidence_of(world), genesis_digest=world.genesis_digest)
    (digest,) = candidate.passes
    standing = standing_of(candidate, digest)
    assert codes(standing.findings) == ["passes.quorum_missing"] * 2


# Wallets and time --------------------------------------------------------------------------------


def test_wallets_in_force_are_those_that_quorums_put_there() -> None:
    assert wallets_in_force(trust_of(BASE)) == (WALLET,)
    assert wallets_in_force(trust_of(begin())) == ()
    assert wallet_in_force(trust_of(BASE), WALLET.wallet_id) == (WALLET, [])
    for name, make in WALLET_ATTACKS.items():
        case = make()
        in_force = {each.wallet_id for each in wallets_in_force(trust_of(case.world))}
        lacks = "passes.wallet_not_in_force" in case.findings
        assert (case.asked.action.wallet_id in in_force) != lacks, name  # type: ignore[union-attr]  # the cases are transfers


def test_a_pass_holds_from_its_first_second_and_no_longer_at_its_end() -> None:
    second = timedelta(seconds=1)
    asked = standing_of(trust_of(ALLOWED), digest_of(ASKED))
    for too_early_at in (ASKED.not_before_at - second, NOW - second):  # it was signed at NOW
        assert codes(time_findings(asked, now=too_early_at)) == ["passes.not_yet_valid"]
    assert time_findings(asked, now=NOW) == []
    assert time_findings(asked, now=ASKED.expires_at - second) == []
    assert codes(time_findings(asked, now=ASKED.expires_at)) == ["passes.expired"]


def test_unreadable_statements_are_told_of() -> None:
    case = ATTACKS["a_statement_that_nobody_can_read_is_as_if_it_were_not_there"]()
    (found,) = trust_of(case.world).unreadable
    assert (found.code, found.subject) == ("passes.approval_unreadable", "approval.reason")


def test_entries_that_hold_no_evidence_are_told_of() -> None:
    case = WALLET_ATTACKS["entries_that_hold_no_evidence_break_nothing_else"]()
    evidence = evidence_of(case.world)
    assert {each.code for each in evidence.unreadable} == {"passes.entry_unreadable"}
    assert len(evidence.unreadable) > 20
    assert evidence.events[: len(evidence_of(ALLOWED).events)] == evidence_of(ALLOWED).events
