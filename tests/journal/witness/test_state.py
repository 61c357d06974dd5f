import json
from base64 import b64encode
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_world import OTHER, SIGNER, chain, root_of, signed
from witness_world import GATE, LOG, cosigned, leaves_of, request

from sekisho.journal.checkpoints import Checkpoint, sign_checkpoint
from sekisho.journal.merkle import EMPTY_ROOT, consistency_proof, leaf_hash
from sekisho.journal.notes import SignerKey, VerifierKey, parse_vkey, sign_note
from sekisho.journal.proofs import InclusionProof, write_inclusion
from sekisho.journal.records import Entry
from sekisho.journal.witness.last_seen import ByEntries, ByProof, LastSeen, none_seen, seen_in
from sekisho.journal.witness.state import (
    Shown,
    add_checkpoint,
    parse_seen,
    parse_shown,
    seen_of,
    with_log,
    write_seen,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "journal" / "cosignatures.json").read_text()
)
OWN = GATE.verifier
STORY = chain(9)
FORK = chain(9, story="fork", after=STORY[:4])
NOTHING = (none_seen(LOG),)
ELSEWHERE = SignerKey(name="elsewhere.example/log", private_key=OTHER.private_key)
SEEN = (
    seen_in(signed(STORY[:5]), LOG, "a"),
    none_seen(ELSEWHERE.verifier),
    none_seen(VerifierKey(name="取引所.example/台帳", public_key=OTHER.verifier.public_key)),
)


def after(*shown: bytes, logs: tuple[LastSeen, ...] = NOTHING) -> tuple[LastSeen, ...]:
    for each in shown:
        logs = add_checkpoint(logs, parse_shown(each, "shown"), OWN, "shown")
    return logs


def why_not(shown: bytes, logs: tuple[LastSeen, ...]) -> list[str]:
    with pytest.raises(Refused) as refused:
        after(shown, logs=logs)
    return [each.code.removeprefix("journal.") for each in refused.value.findings]


def published() -> list[bytes]:
    return [case["request"].encode() for case in VECTORS["requests"]]


def test_published_requests_are_answered_as_their_test_says() -> None:
    """After the first one either may follow; what lost the race is then refused."""
    one, three, five = published()
    logs = (none_seen(parse_vkey(VECTORS["log"], "log")),)
    begun = after(one, logs=logs)
    assert [each.checkpoint.size for each in after(three, logs=begun)] == [3]
    grown = after(five, logs=begun)
    assert grown[0].checkpoint.root.hex().startswith("42bb57ad")
    assert why_not(three, grown) == ["checkpoint_lower"]
    assert why_not(five, logs) == ["proof_from_elsewhere"]
    hashes = b"KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    with pytest.raises(BadInputError, match="hashes"):
        after(one.replace(b"old 0\n", b"old 0\n" + hashes * 64), logs=logs)


def by_hand(old_size: int, size: int, root: bytes, *hashes: bytes) -> bytes:
    text = f"{LOG.name}\n{size}\n{b64encode(root).decode()}\n"
    lines = [f"old {old_size}", *(b64encode(each).decode() for each in hashes), "", ""]
    return "\n".join(lines).encode() + sign_note(text, [SIGNER])


LEAF = leaf_hash(b"leaf")


@pytest.mark.parametrize(
    ("known", "shown", "answer"),
    [
        (0, by_hand(0, 0, EMPTY_ROOT), 0),
        (0, by_hand(0, 0, LEAF), "not the root"),
        (0, by_hand(0, 0, bytes(32)), "not the root"),
        (0, by_hand(0, 0, EMPTY_ROOT, LEAF), "consistency_wrong"),
        (0, by_hand(0, 1, LEAF), 1),
        (0, by_hand(0, 1, LEAF, LEAF), "consistency_wrong"),
        (1, by_hand(0, 1, LEAF, LEAF), "proof_from_elsewhere"),
        (1, by_hand(0, 1, LEAF), "proof_from_elsewhere"),
        (1, by_hand(1, 1, LEAF), 1),
        (1, by_hand(1, 1, LEAF, LEAF), "consistency_wrong"),
        (1, by_hand(1, 1, bytes(32)), "two_histories"),
        (1, by_hand(1, 0, EMPTY_ROOT), "checkpoint_lower"),
        (1, by_hand(2, 1, LEAF), "proof_from_elsewhere"),
    ],
)
def test_the_smallest_trees(known: int, shown: bytes, answer: int | str) -> None:
    """The cases of FiloSottile/torchwood's `TestZeroSize`, and some more."""
    logs = after(by_hand(0, 1, LEAF)) if known else NOTHING
    if isinstance(answer, int):
        assert after(shown, logs=logs)[0].checkpoint.size == answer
    else:
        with pytest.raises((Refused, BadInputError), match=answer):
            after(shown, logs=logs)


def test_a_log_that_grows() -> None:
    logs = after(
        signed(STORY[:2]), request(STORY[:5], 2), request(STORY[:5], 5), signed(STORY[:5])
    )
    assert logs == (seen_in(signed(STORY[:5]), LOG, "a"),)
    assert why_not(signed(STORY), logs) == ["proof_needed"]
    assert why_not(request(STORY, 4), logs) == ["proof_from_elsewhere"]
    assert after(request(STORY, 5), logs=logs)[0].checkpoint.size == 9


def test_a_log_that_was_cut_forked_or_shows_what_it_showed_before() -> None:
    logs = after(signed(STORY[:7]))
    assert why_not(signed(STORY[:6]), logs) == ["checkpoint_lower"]
    assert why_not(request(STORY[:6], 5), logs) == ["checkpoint_lower"]
    assert why_not(signed(FORK[:7]), logs) == ["two_histories"]
    assert why_not(request(FORK[:7], 7), logs) == ["two_histories"]
    assert why_not(request(FORK, 7), logs) == ["consistency_wrong"]
    assert why_not(request(FORK, 4), logs) == ["proof_from_elsewhere"]


def test_the_entries_in_the_place_of_a_proof() -> None:
    logs = after(signed(STORY[:5]))
    shown = Shown(note=signed(STORY), proof=None)
    entries = ByEntries(leaf_hashes=leaves_of(STORY))
    grown = add_checkpoint(logs, shown, OWN, "shown", entries=entries)
    assert grown[0].checkpoint.size == 9
    forked = Shown(note=signed(FORK), proof=ByProof(old_size=5, hashes=()))
    with pytest.raises(Refused, match="two_histories"):
        add_checkpoint(logs, forked, OWN, "shown", entries=ByEntries(leaf_hashes=leaves_of(FORK)))


def test_a_log_that_nobody_added_and_one_with_another_key() -> None:
    foreign = sign_checkpoint(size=9, root=root_of(STORY), signer=ELSEWHERE)
    assert why_not(foreign, NOTHING) == ["log_unknown"]
    assert why_not(signed(STORY, signer=OTHER), NOTHING) == ["note_unsigned"]
    altered = signed(STORY).replace(b"\n9\n", b"\n8\n")
    assert why_not(altered, NOTHING) == ["note_signature_wrong"]


def test_logs_do_not_get_into_each_other_s_way() -> None:
    foreign = sign_checkpoint(size=9, root=root_of(FORK), signer=ELSEWHERE)
    logs = with_log(after(signed(STORY[:5])), ELSEWHERE.verifier, OWN)
    logs = after(foreign, request(STORY, 5), logs=logs)
    assert [each.checkpoint.root for each in logs] == [root_of(STORY), root_of(FORK)]
    assert seen_of(logs, parse_shown(foreign, "a"), "a") == logs[1]


def test_a_log_is_added_once() -> None:
    """Also under another key: what was seen of it must not be forgotten."""
    logs = after(signed(STORY[:5]))
    for key in (LOG, OTHER.verifier):
        with pytest.raises(Refused, match="log_known"):
            with_log(logs, key, OWN)


def test_a_witness_does_not_witness_itself() -> None:
    own_log = SignerKey(name="own.example/log", private_key=GATE.private_key).verifier
    with pytest.raises(Refused, match="witness_is_log"):
        with_log((), own_log, OWN)


def test_a_witness_that_lost_its_memory_notices_what_it_said() -> None:
    """An old copy of its folder was put back, and somebody shows what it cosigned since."""
    old_copy = after(signed(STORY[:5]))
    since = request(STORY, 5) + cosigned(signed(STORY), GATE).splitlines(keepends=True)[-1]
    assert why_not(since, old_copy) == ["witness_forgot"]
    again = cosigned(signed(STORY[:5]), GATE)
    assert after(again, logs=old_copy) == old_copy


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        b"old 3\n",
        b"old 03\n\n" + signed(STORY),
        request(STORY, 3).replace(b"old", b"OLD"),
        sign_note("no checkpoint\n", [SIGNER]),
        b"old 3\n\n" + sign_note("no checkpoint\n", [SIGNER]),
        write_inclusion(
            InclusionProof(index=0, hashes=(), checkpoint=signed(STORY[:1]), extra=b"{}")
        ),
    ],
)
def test_what_shows_no_checkpoint(data: bytes) -> None:
    with pytest.raises(BadInputError):
        after(data)


def test_what_was_seen_is_written_and_read_back() -> None:
    for logs in ((), NOTHING, SEEN):
        assert parse_seen(write_seen(logs), "seen") == logs


@pytest.mark.parametrize("at", range(len(write_seen(SEEN[:2]))))
def test_damage_to_what_was_seen_does_not_go_unnoticed(at: int) -> None:
    data = bytearray(write_seen(SEEN[:2]))
    data[at] ^= 1
    with pytest.raises(BadInputError):
        parse_seen(bytes(data), "seen")


@pytest.mark.parametrize(
    "document",
    [
        {"format": "sekisho/last-seen/v1"},
        {"format": "sekisho/last-seen/v2", "logs": []},
        {"format": "sekisho/last-seen/v1", "logs": [], "more": 1},
        {"format": "sekisho/last-seen/v1", "logs": [{"note": "", "vkey": "nobody"}]},
        {"format": "sekisho/last-seen/v1", "logs": [{"note": 1, "vkey": str(LOG)}]},
        {"format": "sekisho/last-seen/v1", "logs": [{"note": "no note", "vkey": str(LOG)}]},
        {"format": "sekisho/last-seen/v1", "logs": [{"note": "", "vkey": str(LOG)}] * 2},
        {
            "format": "sekisho/last-seen/v1",
            "logs": [{"note": signed(STORY, signer=OTHER).decode(), "vkey": str(LOG)}],
        },
        {
            "format": "sekisho/last-seen/v1",
            "logs": [{"note": cosigned(signed(STORY), GATE).decode(), "vkey": str(LOG)}],
        },
    ],
)
def test_what_nobody_wrote(document: dict[str, object]) -> None:
    data = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(BadInputError):
        parse_seen(data, "seen")


def test_a_log_that_could_not_be_read_back_is_not_kept() -> None:
    unprintable = VerifierKey(name="log\x7f", public_key=LOG.public_key)
    with pytest.raises(BadInputError):
        write_seen((none_seen(unprintable),))


HISTORIES = [
    STORY,
    FORK,
    chain(9, story="b", after=STORY[:7]),
    chain(9, story="c", after=FORK[:6]),
]


@st.composite
def attempts(draw: st.DrawFn) -> tuple[tuple[Entry, ...], bytes, ByEntries | None]:
    """A history that whoever holds the log's key signs, and any evidence that they may bring."""
    told, proven = draw(st.sampled_from(HISTORIES)), draw(st.sampled_from(HISTORIES))
    size, old_size = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    history = told[:size]
    leaves = leaves_of(proven[: draw(st.integers(0, 9))])
    kind = draw(st.sampled_from(["none", "proof", "entries"]))
    if kind == "entries":
        return history, signed(history), ByEntries(leaf_hashes=leaves)
    if kind == "none":
        return history, signed(history), None
    hashes = consistency_proof(leaves, min(old_size, len(leaves)))
    lines = [f"old {old_size}", *(b64encode(each).decode() for each in hashes), "", ""]
    return history, "\n".join(lines).encode() + signed(history), None


@settings(max_examples=300, deadline=None)
@given(st.lists(attempts(), max_size=12))
def test_two_checkpoints_that_an_honest_witness_cosigned_are_always_consistent(
    shown: list[tuple[tuple[Entry, ...], bytes, ByEntries | None]],
) -> None:
    logs: tuple[LastSeen, ...] = NOTHING
    cosigned_histories: list[tuple[Entry, ...]] = []
    for history, data, entries in shown:
        try:
            logs = add_checkpoint(logs, parse_shown(data, "a"), OWN, "a", entries=entries)
        except Refused:
            continue
        cosigned_histories.append(history)
        assert logs[0].checkpoint == Checkpoint(
            origin=LOG.name, size=len(history), root=root_of(history)
        )
    for older, newer in pairwise(cosigned_histories):
        assert newer[: len(older)] == older
