"""Was a checkpoint seen by enough others, and lately? The one question of whoever relies on it.

Against a log whose key is in the wrong hands nothing else helps: it can sign any history, but it
cannot make witnesses forget theirs. And since witnesses cosign only what is the largest history
that they saw, a recent cosignature also says that nothing newer was withheld from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sekisho.journal.checkpoints import Checkpoint, open_checkpoint
from sekisho.journal.notes import VerifierKey, parse_note
from sekisho.journal.witness.cosignatures import Cosignature, WitnessKey, cosignatures
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.kernel.instants import format_instant

CLOCK_AHEAD_MAX_SECONDS = 60
"""A witness's clock may be ahead of ours by so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """A checkpoint that enough witnesses cosigned."""

    checkpoint: Checkpoint
    cosignatures: tuple[Cosignature, ...]
    """Those that count, the newest first. `cosignatures[needed - 1].at` is a time that no fewer
    than `needed` witnesses put behind us: a clock that shows less is wrong."""


def witnessed(
    data: bytes,
    log: VerifierKey,
    witnesses: Sequence[WitnessKey],
    needed: int,
    *,
    now: datetime,
    age_max_seconds: int,
    where: str,
) -> Witnessed:
    """Return the checkpoint in `data`, signed by `log` and cosigned by `needed` of `witnesses`.

    A cosignature counts if it is neither older than `age_max_seconds` nor ahead of `now`. A public
    key counts once, under however many names it is listed, and the log's own never. With `needed`
    0 nobody is asked, and nothing is known of the age.

    Raises `BadInputError` at `where` for what is no checkpoint, and `Refused` with every reason:
    not signed by the log, a signature in a witness's name that does not verify, or too few that
    count, with why each of the others does not. Raises `ValueError` for a negative number.
    """
    if needed < 0 or age_max_seconds < 0:
        raise ValueError(f"{needed} witnesses within {age_max_seconds} seconds")
    # 1. The log's own signature, and that it speaks for this log.
    checkpoint = open_checkpoint(data, log, where)
    # 2. Who may count: not the log itself.
    others = [each for each in witnesses if each.public_key != log.public_key]
    # 3. Who cosigned. A forged line condemns the note, whoever else signed it.
    found, wrong = cosignatures(parse_note(data, where), others, where)
    # 4. When. What is too old may have been overtaken since; what is ahead was never so.
    counting: dict[bytes, Cosignature] = {}
    not_counting = _listed_wrongly(witnesses, log, where)
    for each in sorted(found, key=lambda each: each.at, reverse=True):
        age_seconds = (now - each.at) // timedelta(seconds=1)
        if -CLOCK_AHEAD_MAX_SECONDS <= age_seconds <= age_max_seconds:
            # A key that is listed under two names has one voice.
            counting.setdefault(each.witness.public_key, each)
        else:
            not_counting.append(_out_of_time(each, age_seconds, age_max_seconds, where))
    # 5. How many.
    few = [
        finding("journal.cosignatures_few", where, cosignatures=len(counting), needed=needed)
    ] * (len(counting) < needed)
    if wrong or few:
        raise Refused([*wrong, *few, *not_counting])
    return Witnessed(checkpoint=checkpoint, cosignatures=tuple(counting.values()))


def _listed_wrongly(
    witnesses: Sequence[WitnessKey], log: VerifierKey, where: str
) -> list[Finding]:
    """Return who among the witnesses is no other than the log, or than one listed before."""
    findings: list[Finding] = []
    names: dict[bytes, str] = {}
    for each in dict.fromkeys(witnesses):
        other = names.setdefault(each.public_key, each.name)
        if each.public_key == log.public_key:
            findings.append(finding("journal.witness_is_log", where, witness=each.name))
        elif other != each.name:
            findings.append(
                finding("journal.witness_twice", where, witness=each.name, other=other)
            )
    return findings


def _out_of_time(
    cosignature: Cosignature, age_seconds: int, age_max_seconds: int, where: str
) -> Finding:
    name, at = cosignature.witness.name, format_instant(cosignature.at)
    if age_seconds < 0:
        return finding("journal.cosignature_ahead", where, witness=name, cosigned_at=at)
    return finding(
        "journal.cosignature_old",
        where,
        witness=name,
        cosigned_at=at,
        age_max_seconds=age_max_seconds,
    )
