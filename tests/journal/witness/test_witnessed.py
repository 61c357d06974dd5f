from datetime import datetime, timedelta

import pytest
from journal_world import NOON, OTHER, SIGNER, chain, signed
from witness_world import AUDITOR, GATE, KEYS, LOG, WATCHER, cosigned, lines_of

from sekisho.journal.witness.cosignatures import WitnessKey, WitnessSigner
from sekisho.journal.witness.witnessed import CLOCK_AHEAD_MAX_SECONDS, Witnessed, witnessed
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused

BARE = signed(chain(5))
HOUR = 3600
ALIAS = WitnessSigner(name="second.example/witness", private_key=GATE.private_key)
LOG_AS_WITNESS = WitnessSigner(name="log.example/witness", private_key=SIGNER.private_key)


def seen(
    note: bytes,
    needed: int,
    *,
    witnesses: list[WitnessKey] | None = None,
    now: datetime = NOON,
    age_max_seconds: int = HOUR,
) -> Witnessed:
    return witnessed(
        note,
        LOG,
        KEYS if witnesses is None else witnesses,
        needed,
        now=now,
        age_max_seconds=age_max_seconds,
        where="shown",
    )


def why_not(note: bytes, needed: int, **more: object) -> list[str]:
    with pytest.raises(Refused) as refused:
        seen(note, needed, **more)  # type: ignore[arg-type]  # handed through
    assert {each.subject for each in refused.value.findings} == {"shown"}
    return [each.code.removeprefix("journal.") for each in refused.value.findings]


def test_enough_witnesses_lately() -> None:
    note = cosigned(cosigned(BARE, GATE, now=NOON - timedelta(minutes=5)), AUDITOR)
    for needed in (0, 1, 2):
        found = seen(note, needed)
        assert found.checkpoint.size == 5
        assert [each.witness.name for each in found.cosignatures] == [AUDITOR.name, GATE.name]
    assert found.cosignatures[needed - 1].at == NOON - timedelta(minutes=5)
    assert why_not(note, 3) == ["cosignatures_few"]


def test_nobody_is_asked_where_none_is_needed() -> None:
    assert seen(BARE, 0, witnesses=[]).cosignatures == ()
    assert why_not(BARE, 1, witnesses=[]) == ["cosignatures_few"]
    for needed, age in ((-1, HOUR), (1, -1)):
        with pytest.raises(ValueError, match="witnesses"):
            seen(BARE, needed, age_max_seconds=age)


def test_the_log_must_have_signed_it_however_many_cosigned() -> None:
    lines = b"".join(lines_of(cosigned(BARE, GATE, WATCHER, AUDITOR))[1:])
    text = BARE.rpartition(b"\n\n")[0] + b"\n\n"
    assert why_not(text + lines, 1) == ["note_unsigned"]
    assert why_not(signed(chain(5), signer=OTHER) + lines, 1) == ["note_unsigned"]
    with pytest.raises(BadInputError):
        seen(b"nothing", 0)


@pytest.mark.parametrize(
    ("age_seconds", "counts"),
    [
        (HOUR + 1, False),
        (HOUR, True),
        (0, True),
        (-CLOCK_AHEAD_MAX_SECONDS, True),
        (-CLOCK_AHEAD_MAX_SECONDS - 1, False),
        (-(10**9), False),
    ],
)
def test_a_cosignature_counts_for_a_time(age_seconds: int, counts: bool) -> None:  # noqa: FBT001 - a parameter
    note = cosigned(BARE, GATE, now=NOON - timedelta(seconds=age_seconds))
    if counts:
        assert len(seen(note, 1).cosignatures) == 1
    else:
        code = "cosignature_old" if age_seconds > 0 else "cosignature_ahead"
        assert why_not(note, 1) == ["cosignatures_few", code]


def test_no_age_is_too_large_to_be_compared() -> None:
    note = cosigned(BARE, GATE, now=datetime(1970, 1, 1, tzinfo=NOON.tzinfo))
    assert len(seen(note, 1, age_max_seconds=10**18).cosignatures) == 1


def test_a_fresh_one_counts_beside_a_stale_one() -> None:
    note = cosigned(cosigned(BARE, GATE, now=NOON - timedelta(days=1)), WATCHER)
    assert [each.witness for each in seen(note, 1).cosignatures] == [WATCHER.verifier]
    assert why_not(note, 2) == ["cosignatures_few", "cosignature_old"]


def test_a_witness_counts_once() -> None:
    note = cosigned(BARE, GATE)
    again = note + lines_of(cosigned(BARE, GATE, now=NOON - timedelta(seconds=1)))[1]
    for each in (note, again, note + lines_of(note)[1]):
        assert why_not(each, 2, witnesses=[GATE.verifier, GATE.verifier]) == ["cosignatures_few"]


def test_one_key_under_two_names_counts_once() -> None:
    both = [GATE.verifier, ALIAS.verifier]
    for note in (cosigned(BARE, GATE, ALIAS), cosigned(BARE, GATE), cosigned(BARE, ALIAS)):
        for listed in (both, both[::-1]):
            assert len(seen(note, 1, witnesses=listed).cosignatures) == 1
            assert why_not(note, 2, witnesses=listed) == ["cosignatures_few", "witness_twice"]


def test_the_log_is_no_witness_of_itself() -> None:
    note = cosigned(BARE, LOG_AS_WITNESS, GATE)
    listed = [LOG_AS_WITNESS.verifier, GATE.verifier]
    found = seen(note, 1, witnesses=listed)
    assert [each.witness for each in found.cosignatures] == [GATE.verifier]
    assert why_not(note, 2, witnesses=listed) == ["cosignatures_few", "witness_is_log"]


def test_strangers_do_not_count() -> None:
    note = cosigned(BARE, GATE, WATCHER, AUDITOR)
    assert why_not(note, 2, witnesses=[AUDITOR.verifier]) == ["cosignatures_few"]


def test_a_forged_line_condemns_the_note_though_enough_others_signed() -> None:
    lifted = lines_of(cosigned(signed(chain(4)), AUDITOR))[1]
    note = cosigned(BARE, GATE, WATCHER) + lifted
    assert why_not(note, 2) == ["note_signature_wrong"]
    assert why_not(note, 3) == ["note_signature_wrong", "cosignatures_few"]


def test_every_reason_is_told() -> None:
    note = cosigned(cosigned(BARE, GATE, now=NOON - timedelta(days=1)), LOG_AS_WITNESS)
    note = cosigned(note, WATCHER, now=NOON + timedelta(days=1))
    listed = [*KEYS, ALIAS.verifier, LOG_AS_WITNESS.verifier]
    assert sorted(why_not(note, 1, witnesses=listed)) == [
        "cosignature_ahead",
        "cosignature_old",
        "cosignatures_few",
        "witness_is_log",
        "witness_twice",
    ]


@pytest.mark.parametrize("at", range(len(cosigned(BARE, GATE, WATCHER))))
def test_no_bit_of_a_witnessed_note_can_be_changed(at: int) -> None:
    data = bytearray(cosigned(BARE, GATE, WATCHER))
    data[at] ^= 1
    with pytest.raises((Refused, BadInputError)):
        seen(bytes(data), 2)
