"""What a kind of tampering is, and the judgements that must refuse it.

A family is a judgement with the kinds that it must refuse: of a PSBT before signing, of what comes
back from a signer, of what a gate is shown beside the PSBT.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from bench.tampered.scenes import Attempt, Scene
from sekisho.gate.clear import clear
from sekisho.kernel.finding import Refused

Codes = tuple[str, ...]
"""Of findings; empty if nothing was found, and so if the attempt was let through."""
NO_ANSWER = "no answer at all"
"""In place of a finding: what was shown is not even looked at, and nobody gets a yes."""

A = TypeVar("A")
"""What a family judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[A]):
    """One way in which one thing is changed."""

    name: str
    what: str
    """In plain words, for the page: what is changed."""
    codes: frozenset[str]
    """Each is a right reason to refuse; at least one of them must be given."""
    must: frozenset[str] = frozenset()
    """Each of these must be given as well."""
    tamper: Callable[[A, Random], A]
    """Return the honest attempt with one thing changed."""
    applies: Callable[[Scene], bool] = lambda _: True

    def is_refused_rightly(self, codes: Codes) -> bool:
        """Return whether a refusal says what it must."""
        return bool(self.codes & set(codes)) and self.must <= set(codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(Generic[A]):
    """A judgement, and what it must refuse."""

    title: str
    honest: Callable[[Scene], A]
    judge: Callable[[A], Codes]
    parts: Mapping[str, tuple[Kind[A], ...]]
    """The kinds, by what they change."""
    is_for_peers: bool = False
    """Whether the libraries that know of no pass are shown the same PSBTs."""

    @property
    def kinds(self) -> tuple[Kind[A], ...]:
        return tuple(each for kinds in self.parts.values() for each in kinds)


def kind(
    name: str,
    what: str,
    codes: str,
    tamper: Callable[[Scene, Random], Attempt],
    *,
    applies: Callable[[Scene], bool] = lambda _: True,
) -> Kind[Attempt]:
    """Return a kind of what is shown before signing; a code without a room is the gate's."""
    return Kind(
        name=name,
        what=what,
        codes=full(codes),
        tamper=lambda attempt, random: tamper(attempt.scene, random),
        applies=applies,
    )


def full(codes: str) -> frozenset[str]:
    """Return codes in full: one without a room is the gate's."""
    return frozenset(each if "." in each else f"gate.{each}" for each in codes.split())


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
        return codes_of(refused)
    return ()


def codes_of(refused: Refused) -> Codes:
    return tuple(each.code for each in refused.findings)
