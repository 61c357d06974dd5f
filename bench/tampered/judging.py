"""What a kind of tampering is, and the judgements that must refuse it.

A family is a judgement with the kinds that it must refuse; another judgement (of what comes back
from a signer, say) is one more family, with an honest attempt and a judge of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bench.tampered.scenes import Attempt, Scene
from sekisho.gate.clear import clear
from sekisho.kernel.finding import Refused

Codes = tuple[str, ...]
"""Of findings; empty if nothing was found, and so if the attempt was let through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way in which one thing is changed."""

    name: str
    what: str
    """In plain words, for the page: what is changed."""
    codes: frozenset[str]
    """Each is a right reason to refuse; at least one of them must be given."""
    tamper: Callable[[Scene, Random], Attempt]
    applies: Callable[[Scene], bool] = lambda _: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A judgement, and what it must refuse."""

    title: str
    honest: Callable[[Scene], Attempt]
    judge: Callable[[Attempt], Codes]
    kinds: tuple[Kind, ...]


def kind(
    name: str,
    what: str,
    codes: str,
    tamper: Callable[[Scene, Random], Attempt],
    *,
    applies: Callable[[Scene], bool] = lambda _: True,
) -> Kind:
    """Return a kind; a code without a room is the gate's."""
    full = frozenset(each if "." in each else f"gate.{each}" for each in codes.split())
    return Kind(name=name, what=what, codes=full, tamper=tamper, applies=applies)


def judged(attempt: Attempt) -> Codes:
    """Return the codes of the gate's refusal before signing; empty if it clears the attempt."""
    office = attempt.scene.batch.office
    try:
        clear(
            attempt.psbt,
            pass_digest=attempt.digest,
            register=office.register,
            book=office.book,
            used=attempt.used,
            now=attempt.now,
        )
    except Refused as refused:
        return tuple(each.code for each in refused.findings)
    return ()
