from itertools import product

import pytest
from journal_world import OTHER, SIGNER, chain, kept, root_of, signed
from witness_world import GATE, LOG, cosigned, leaves_of, lines_of

from sekisho.journal.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from sekisho.journal.merkle import consistency_proof
from sekisho.journal.notes import SignerKey
from sekisho.journal.records import Entry
from sekisho.journal.witness.last_seen import (
    ByEntries,
    ByProof,
    Evidence,
    advance,
    differences,
    none_seen,
    seen_in,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused

STORY = chain(12)
FORK = chain(12, story="fork", after=STORY[:5])


def at(entries: tuple[Entry, ...]) -> Checkpoint:
    return kept(entries)["a"]


def entries(history: tuple[Entry, ...]) -> ByEntries:
    return ByEntries(leaf_hashes=leaves_of(history))


def proof(history: tuple[Entry, ...], old_size: int) -> ByProof:
    return ByProof(
        old_size=old_size, hashes=consistency_proof(leaves_of(history), min(old_size, 12))
    )


def codes(seen: tuple[Entry, ...], shown: tuple[Entry, ...], evidence: Evidence) -> list[str]:
    found = differences(at(seen), at(shown), evidence, "shown")
    assert all(each.subject == "shown" for each in found)
    return [each.code.removeprefix("journal.") for each in found]


@pytest.mark.parametrize(("old", "new"), [*product(range(13), range(13))])
def test_an_honest_log_at_every_two_sizes(old: int, new: int) -> None:
    seen, shown = STORY[:old], STORY[:new]
    expected = ["checkpoint_lower"] if new < old else []
    assert codes(seen, shown, entries(shown)) == expected
    assert codes(seen, shown, proof(shown, min(old, new))) == expected


@pytest.mark.parametrize(("old", "new"), [*product(range(6, 13), range(6, 13))])
def test_a_forked_log_at_every_two_sizes(old: int, new: int) -> None:
    """The log has two stories, tells the first to us, and the second with its own true proofs."""
    seen, shown = STORY[:old], FORK[:new]
    for evidence in (entries(shown), proof(shown, min(old, new))):
        if new < old:
            assert codes(seen, shown, evidence) == ["checkpoint_lower"]
        elif new == old or isinstance(evidence, ByEntries):
            assert codes(seen, shown, evidence) == ["two_histories"]
        else:
            assert codes(seen, shown, evidence) == ["consistency_wrong"]


def test_a_log_that_forks_after_what_was_seen_cannot_be_told_from_one_that_grew() -> None:
    """Honest limit: two who saw the same beginning must compare, or have it cosigned."""
    assert codes(STORY[:5], FORK, entries(FORK)) == []
    assert codes(STORY[:5], STORY, entries(STORY)) == []


def test_entries_of_the_story_that_was_seen_under_the_checkpoint_of_another() -> None:
    for shown, given in ((FORK, STORY), (STORY, FORK), (STORY, STORY[:11]), (STORY, ())):
        assert codes(STORY[:7], shown, entries(given)) == ["entries_differ"]
    assert codes(STORY[:7], STORY[:8], entries(STORY)) == ["entries_differ"]
    assert codes(STORY[:7], STORY[:7], entries(STORY)) == ["entries_differ"]
    assert codes((), STORY, entries(STORY[:-1])) == ["entries_differ"]


def test_a_checkpoint_that_lies_about_its_size() -> None:
    """Room for entries yet to be chosen: the root is true, the number of entries is not."""
    lies = Checkpoint(origin=LOG.name, size=9, root=root_of(STORY[:7]))
    found = differences(at(STORY[:5]), lies, entries(STORY[:7]), "shown")
    assert [each.code for each in found] == ["journal.entries_differ"]


def test_a_proof_from_another_size_than_what_was_seen() -> None:
    for old_size in (0, 6, 8, 12):
        evidence = proof(STORY, old_size)
        assert codes(STORY[:7], STORY, evidence) == ["proof_from_elsewhere"]
    true = proof(STORY, 7)
    relabelled = ByProof(old_size=7, hashes=proof(STORY, 6).hashes)
    assert codes(STORY[:7], STORY, true) == []
    assert codes(STORY[:7], STORY, relabelled) == ["consistency_wrong"]
    for hashes in ((), true.hashes[:-1], true.hashes[::-1], (*true.hashes, bytes(32))):
        assert codes(STORY[:7], STORY, ByProof(old_size=7, hashes=hashes)) == ["consistency_wrong"]


def test_another_log_that_grew_honestly() -> None:
    shown = Checkpoint(origin="elsewhere.example/log", size=12, root=root_of(STORY))
    found = differences(at(STORY[:7]), shown, entries(STORY), "shown")
    assert [each.code for each in found] == ["journal.checkpoint_foreign"]


def test_what_was_seen_is_the_log_s_own_word_and_no_more() -> None:
    note = cosigned(signed(STORY[:7]), GATE)
    seen = seen_in(note, LOG, "shown")
    assert seen.note == signed(STORY[:7])
    assert open_checkpoint(seen.note, LOG, "kept") == seen.checkpoint == at(STORY[:7])


def test_the_first_is_believed_and_every_later_one_must_follow() -> None:
    first = advance(none_seen(LOG), signed(STORY[:7]), LOG, proof(STORY[:7], 0), "first")
    assert first.checkpoint.size == 7
    later = advance(first, signed(STORY), LOG, proof(STORY, 7), "later")
    assert later.checkpoint == at(STORY)
    assert advance(later, signed(STORY), LOG, entries(STORY), "again") == later
    for note, evidence in (
        (signed(STORY[:7]), entries(STORY[:7])),
        (signed(FORK), entries(FORK)),
        (signed(chain(13, story="x", after=FORK)), entries(chain(13, story="x", after=FORK))),
    ):
        with pytest.raises(Refused, match=r"checkpoint_lower|two_histories"):
            advance(later, note, LOG, evidence, "shown")


def test_nothing_is_believed_that_the_log_did_not_sign() -> None:
    first = none_seen(LOG)
    with pytest.raises(Refused, match="note_unsigned"):
        advance(first, signed(STORY, signer=OTHER), LOG, entries(STORY), "shown")
    altered = signed(STORY[:7]).replace(b"\n7\n", b"\n8\n")
    with pytest.raises(Refused, match="note_signature_wrong"):
        advance(first, altered, LOG, entries(STORY[:8]), "shown")
    cosignature_alone = signed(STORY).rpartition(b"\n\n")[0] + b"\n\n"
    cosignature_alone += lines_of(cosigned(signed(STORY), GATE))[1]
    with pytest.raises(Refused, match="note_unsigned"):
        advance(first, cosignature_alone, LOG, entries(STORY), "shown")
    with pytest.raises(BadInputError):
        advance(first, b"", LOG, entries(STORY), "shown")


def test_a_log_whose_key_was_replaced_goes_on_with_the_same_history() -> None:
    seen = seen_in(signed(STORY[:7]), LOG, "seen")
    new = signed(STORY, signer=OTHER)
    assert advance(seen, new, OTHER.verifier, proof(STORY, 7), "new").log == OTHER.verifier
    forked = signed(FORK, signer=OTHER)
    with pytest.raises(Refused, match="two_histories"):
        advance(seen, forked, OTHER.verifier, entries(FORK), "new")
    renamed = SignerKey(name="elsewhere.example/log", private_key=SIGNER.private_key)
    elsewhere = sign_checkpoint(size=12, root=root_of(STORY), signer=renamed)
    with pytest.raises(Refused, match="checkpoint_foreign"):
        advance(seen, elsewhere, renamed.verifier, entries(STORY), "new")
