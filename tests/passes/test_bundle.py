"""One file, verified with nothing but a pinned genesis and the checkpoint seen last.

The server that wrote it may be the attacker: it withholds, forks, relabels, and replays. It has
the journal's key where a test says so, and never a person's.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from bundle_world import (
    AGE_MAX_SECONDS,
    ALL_THREE,
    BOTH,
    TWO_OF_THREE,
    bundle_of,
    note_of,
    with_pass,
    witnessed_world,
    written,
)
from journal_world import OTHER, SIGNER, rows_of, signed
from witness_world import AUDITOR, GATE, WATCHER
from world import (
    World,
    at_genesis,
    digest_of,
    entries_of,
    record,
    register,
    under_policy,
    void,
)
from world_people import DAY, NOW, QUORUM_PEOPLE, roster
from world_policy import OPEN_POLICY
from world_power import HOT, agreed_by, in_force, proposal, roster_next, spoken, suspended, without

from sekisho.journal.exports import export_line
from sekisho.journal.notes import SignerKey
from sekisho.journal.witness.cosignatures import cosign
from sekisho.journal.witness.last_seen import LastSeen, seen_in
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.bundle import Opened, bundle_lines, open_bundle
from sekisho.passes.documents import pass_bytes
from sekisho.passes.policy.records import Witnesses
from sekisho.passes.records import Decision, Pass
from sekisho.passes.verify import standing_of, time_findings

WORLD, ASKED = with_pass(witnessed_world())
DATA = bundle_of(WORLD, ASKED)
SECOND = timedelta(seconds=1)
AGE_MAX = timedelta(seconds=AGE_MAX_SECONDS)


def opened(
    data: bytes = DATA,
    *,
    genesis: str = WORLD.genesis_digest,
    seen: LastSeen | None = None,
    fresh_at: object = None,
) -> Opened:
    return open_bundle(data, genesis_digest=genesis, seen=seen, now=fresh_at, where="file")  # type: ignore[arg-type]  # an instant or None


def refused(data: bytes, **given: object) -> set[str]:
    """Return the codes for which a bundle is not believed; fails if it is."""
    with pytest.raises(Refused) as caught:
        opened(data, **given)  # type: ignore[arg-type]  # as `opened`
    return {each.code for each in caught.value.findings}


def is_good(data: bytes, **given: object) -> bool:
    """Return whether a bundle opens and its pass is good: what `sekisho pass verify` answers."""
    try:
        found = opened(data, **given)  # type: ignore[arg-type]  # as `opened`
        return not standing_of(found.register, found.pass_digest).findings
    except (BadInputError, Refused):
        return False


# 1. What is good ---------------------------------------------------------------------------------


def test_a_bundle_needs_nothing_but_the_genesis() -> None:
    found = opened()
    assert found.pass_digest == digest_of(ASKED)
    assert standing_of(found.register, found.pass_digest).findings == ()
    assert {each.witness.name for each in found.cosignatures} == {GATE.name, WATCHER.name}
    assert found.seen.checkpoint.size == len(entries_of(WORLD))
    assert found.as_of_at == NOW


def test_whoever_holds_it_can_verify_every_other_pass_in_it() -> None:
    second, other = with_pass(WORLD, amount_sat=20_000)
    found = opened(bundle_of(second, ASKED))
    for asked in (ASKED, other):
        assert standing_of(found.register, digest_of(asked)).findings == ()


def test_it_is_the_same_years_later_and_too_old_for_a_gate() -> None:
    years = NOW + 2_000 * DAY
    found = opened()
    assert time_findings(standing_of(found.register, found.pass_digest), now=found.as_of_at) == []
    assert refused(DATA, fresh_at=years) == {"passes.roster_expired"}
    assert opened(fresh_at=NOW + AGE_MAX).as_of_at == NOW + AGE_MAX
    assert "journal.cosignatures_few" in refused(DATA, fresh_at=NOW + AGE_MAX + SECOND)


# 2. Any byte changed -----------------------------------------------------------------------------


def test_no_byte_can_be_changed() -> None:
    """Each byte once, one of its bits: in entries, hashes, names, signatures and newlines."""
    good = bytearray(DATA)
    for place in range(len(good)):
        before = good[place]
        good[place] = before ^ (1 << place * 5 % 8)
        assert not is_good(bytes(good)), place
        good[place] = before
    assert is_good(bytes(good))


def test_no_byte_can_be_put_in_or_taken_out() -> None:
    step = 7  # a prime: over the lines all columns come along
    for place in range(0, len(DATA), step):
        assert not is_good(DATA[:place] + DATA[place + 1 :]), place
        assert not is_good(DATA[:place] + b" " + DATA[place:]), place


@pytest.mark.parametrize(
    "changed",
    [
        b"",
        b"\n",
        b"{}\n",
        DATA[:-1],
        DATA + b"\n",
        DATA + b" ",
        b" " + DATA,
        b"\xef\xbb\xbf" + DATA,
        DATA.replace(b"\n", b"\r\n"),
        DATA + DATA,
        DATA.split(b"\n", 1)[1],
        DATA.split(b"\n", 1)[0] + b"\n",
        DATA.split(b"\n", 1)[0],
        DATA.replace(b'"format"', b'"Format"'),
        DATA.replace(b"bundle/v1", b"bundle/v2"),
        DATA.replace(b'{"checkpoint":"', b'{"checkpoint":"00', 1),
        b"\x00" * 1000,
        b"[" * 100_000 + b"\n",
    ],
)
def test_what_is_no_bundle(changed: bytes) -> None:
    assert not is_good(changed)


def test_two_lines_that_change_places() -> None:
    lines = DATA.splitlines(keepends=True)
    for place in range(1, len(lines) - 1):
        swapped = [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]
        assert not is_good(b"".join(swapped))


def test_a_line_that_is_left_out_or_stands_twice() -> None:
    lines = DATA.splitlines(keepends=True)
    for place in range(1, len(lines)):
        assert not is_good(b"".join([*lines[:place], *lines[place + 1 :]])), place
        assert not is_good(b"".join([*lines[:place], lines[place], *lines[place:]])), place


def test_a_bundle_that_is_relabelled_is_that_of_the_other_pass() -> None:
    second, other = with_pass(WORLD, amount_sat=20_000)
    voided = void(second, other)
    relabelled = bundle_of(voided, other).replace(
        digest_of(other).encode(), digest_of(ASKED).encode(), 1
    )
    found = opened(relabelled)
    assert found.pass_digest == digest_of(ASKED)  # and it says so
    assert not is_good(bundle_of(voided, other))


@pytest.mark.parametrize("digest", ["ab" * 32, "00" * 32])
def test_a_pass_that_is_not_in_it_is_no_answer(digest: str) -> None:
    data = DATA.replace(digest_of(ASKED).encode(), digest.encode(), 1)
    assert refused(data) == {"passes.not_in_checkpoint"}


# 3. What is withheld -----------------------------------------------------------------------------


def rotation(world: World) -> World:
    people = without(in_force(world).roster.people, "chiba")
    world, asked = proposal(world, roster_next(world, people=people))
    return spoken(world, asked, Decision.APPROVE, "baba", "doi", "endo")


WITHHELD: dict[str, Callable[[World], World]] = {
    "a void": lambda world: void(world, ASKED),
    "a suspension": lambda world: suspended(world, "chiba"),
    "a rotation": rotation,
}


@pytest.mark.parametrize("name", WITHHELD)
def test_what_ended_the_pass_cannot_be_left_out(name: str) -> None:
    """The checkpoint covers it, so the file is incomplete without it."""
    ended = WITHHELD[name](WORLD)
    full = bundle_of(ended, ASKED)
    assert not is_good(full)
    assert opened(full).pass_digest == digest_of(ASKED)
    entries = entries_of(ended)
    note = note_of(entries)
    for size in range(len(entries_of(WORLD)), len(entries)):
        cut = written(entries[:size], digest_of(ASKED), note)
        assert not is_good(cut)
    cut = written(entries[: len(entries_of(WORLD))], digest_of(ASKED), note)
    assert refused(cut) == {"passes.bundle_incomplete"}


@pytest.mark.parametrize("name", WITHHELD)
def test_an_older_checkpoint_is_refused_by_whoever_saw_a_later_one(name: str) -> None:
    """The server replays yesterday's file, in which the pass was good."""
    ended = WITHHELD[name](WORLD)
    seen = opened(bundle_of(ended, ASKED)).seen
    assert is_good(DATA)
    assert refused(DATA, seen=seen) == {"journal.checkpoint_lower"}


def test_whoever_saw_nothing_is_protected_by_freshness() -> None:
    """Witnesses cosign only the largest history they saw, so the old file grows too old."""
    assert is_good(DATA, fresh_at=NOW)
    assert not is_good(DATA, fresh_at=NOW + AGE_MAX + SECOND)


def test_an_entry_swapped_for_another_with_everything_computed_again() -> None:
    """With the journal's key, and witnesses that saw nothing before: a fork is found out."""
    forked = record(WORLD, "note.made", {"text": "another history"})
    honest = record(WORLD, "note.made", {"text": "the history"})
    seen = opened(bundle_of(honest, ASKED)).seen
    assert refused(bundle_of(forked, ASKED), seen=seen) == {"journal.two_histories"}
    longer = record(forked, "note.made", {"text": "and on"})
    assert refused(bundle_of(longer, ASKED), seen=seen) == {"journal.two_histories"}
    on_top = record(honest, "note.made", {"text": "and on"})
    assert (
        opened(bundle_of(on_top, ASKED), seen=seen).seen.checkpoint.size
        == seen.checkpoint.size + 1
    )


def test_what_is_seen_is_kept_and_is_what_was_shown() -> None:
    found = opened(seen=None)
    again = opened(seen=found.seen)
    assert again.seen == found.seen
    assert (
        found.seen.checkpoint.root
        == seen_in(signed(entries_of(WORLD)), SIGNER.verifier, "it").checkpoint.root
    )


def test_a_checkpoint_for_more_entries_than_there_are() -> None:
    more = record(WORLD, "note.made", {"text": "one more"})
    data = written(entries_of(WORLD), digest_of(ASKED), note_of(entries_of(more)))
    assert refused(data) == {"passes.bundle_incomplete"}


def test_more_entries_than_the_checkpoint_covers() -> None:
    """Perhaps forged by whoever carried the file: nobody signed for them."""
    more = record(WORLD, "note.made", {"text": "one more"})
    data = written(entries_of(more), digest_of(ASKED), note_of(entries_of(WORLD)))
    assert refused(data) == {"passes.bundle_incomplete"}


def test_entries_of_the_right_number_that_are_not_those() -> None:
    other = record(WORLD, "note.made", {"text": "another"})
    same = record(WORLD, "note.made", {"text": "one more"})
    data = written(entries_of(other), digest_of(ASKED), note_of(entries_of(same)))
    assert refused(data) <= {"journal.entries_differ", "journal.two_histories"}


# 4. Who signed the checkpoint --------------------------------------------------------------------


def test_the_journals_key_is_the_one_that_the_roster_names() -> None:
    entries = entries_of(WORLD)
    forged = note_of(entries, signer=OTHER, by=())
    assert "journal.note_unsigned" in refused(written(entries, digest_of(ASKED), forged))
    with pytest.raises((BadInputError, Refused)):
        opened(written(entries, digest_of(ASKED), b"no note"))


def test_a_roster_without_a_journal_key_has_no_bundle() -> None:
    world = register(under_policy(at_genesis(roster(journal_key="")), OPEN_POLICY), HOT)
    world, asked = with_pass(world)
    data = bundle_of(world, asked, by=())
    assert refused(data, genesis=world.genesis_digest) == {"passes.journal_key_missing"}


def test_the_journals_key_can_be_rotated_by_a_quorum() -> None:
    new = SignerKey(name=SIGNER.name, private_key=OTHER.private_key)
    seen = opened().seen
    world, asked = proposal(WORLD, roster_next(WORLD, journal_key=str(new.verifier)))
    world = spoken(world, asked, Decision.APPROVE, *QUORUM_PEOPLE)
    assert in_force(world).roster.version == 2
    data = bundle_of(world, ASKED, signer=new)
    assert is_good(data, seen=seen)
    # And the old key signs nothing from there on, nor does the new one before.
    assert "journal.note_unsigned" in refused(bundle_of(world, ASKED))
    assert "journal.note_unsigned" in refused(bundle_of(WORLD, ASKED, signer=new))


@pytest.mark.parametrize("by", [(), (GATE,), (AUDITOR,), (GATE, GATE)])
def test_too_few_witnesses(by: tuple[object, ...]) -> None:
    data = bundle_of(WORLD, ASKED, by=by)  # type: ignore[arg-type]  # witnesses
    assert refused(data) == {"journal.cosignatures_few"}
    assert refused(data, fresh_at=NOW) == {"journal.cosignatures_few"}


def test_more_witnesses_than_needed_do_no_harm() -> None:
    assert is_good(bundle_of(WORLD, ASKED, by=ALL_THREE))


def test_a_cosignature_of_another_note_is_a_forgery() -> None:
    """It names a witness and does not verify: that condemns the file, whoever else signed."""
    entries = entries_of(WORLD)
    other = note_of(entries[:-1], by=(GATE,))
    line = other.rpartition(b"\n\n")[2].splitlines(keepends=True)[-1]
    note = note_of(entries, by=(WATCHER, AUDITOR)) + line
    assert refused(written(entries, digest_of(ASKED), note)) == {"journal.note_signature_wrong"}


def test_a_cosignature_from_the_future_or_long_ago_is_not_fresh() -> None:
    for at in (NOW + DAY, NOW - DAY):
        data = bundle_of(WORLD, ASKED, at=at)
        assert "journal.cosignatures_few" in refused(data, fresh_at=NOW)
    mixed = note_of(entries_of(WORLD), by=(GATE,), at=NOW - DAY)
    mixed = cosign(mixed, SIGNER.verifier, WATCHER, now=NOW)
    data = written(entries_of(WORLD), digest_of(ASKED), mixed)
    assert "journal.cosignatures_few" in refused(data, fresh_at=NOW)


def test_a_policy_that_half_of_the_witnesses_could_satisfy_is_no_protection() -> None:
    policy = replace(
        TWO_OF_THREE, witnesses=Witnesses(needed=1, checkpoint_age_max_seconds=AGE_MAX_SECONDS)
    )
    world, asked = with_pass(witnessed_world(policy))
    data = bundle_of(world, asked, by=BOTH)
    assert refused(data, genesis=world.genesis_digest) == {"passes.witnesses_too_few"}


# 5. Which genesis, and which people --------------------------------------------------------------


def test_another_genesis_leads_nowhere() -> None:
    assert refused(DATA, genesis="ab" * 32) == {"passes.genesis_missing"}
    theirs, asked = with_pass(witnessed_world(TWO_OF_THREE, str(OTHER.verifier)))
    data = bundle_of(theirs, asked, signer=OTHER)
    assert is_good(data, genesis=theirs.genesis_digest)
    assert refused(data) == {"passes.genesis_missing"}


def test_a_genesis_that_was_not_adopted_leads_nowhere() -> None:
    entries = entries_of(WORLD)[:3]
    data = written(entries, digest_of(ASKED), note_of(entries))
    assert "passes.genesis_not_adopted" in refused(data)


def test_an_empty_journal_holds_nothing() -> None:
    data = b"".join(bundle_lines(digest_of(ASKED), signed(()), []))
    assert refused(data) == {"passes.genesis_missing"}


def test_a_pass_that_is_not_allowed_opens_and_is_not_good() -> None:
    bare = record(WORLD, "pass.asked", {"pass": parse_json(pass_bytes(other_pass()), "pass")})
    data = bundle_of(bare, other_pass())
    found = opened(data)
    codes = {each.code for each in standing_of(found.register, found.pass_digest).findings}
    assert {"passes.not_asked", "passes.quorum_missing"} <= codes


def other_pass() -> Pass:
    return replace(ASKED, purpose="something else")


def test_the_line_of_an_entry_is_what_an_export_writes() -> None:
    assert DATA.splitlines(keepends=True)[1:] == [*map(export_line, rows_of(entries_of(WORLD)))]


def test_a_huge_bundle_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.passes.bundle.BUNDLE_MAX_BYTES", len(DATA) - 1)
    with pytest.raises(BadInputError, match="is larger than"):
        opened()


def test_agreed_by_and_bundled_again_is_the_same_file() -> None:
    world = agreed_by(witnessed_world(), ASKED)
    assert bundle_of(world, ASKED) == DATA
