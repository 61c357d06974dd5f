"""What a check says when something is not as it should be."""

from collections.abc import Sequence
from dataclasses import dataclass

from sekisho.kernel.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: a stable code, whom or what it concerns, and the facts.

    The words a person reads come from the catalogue (`kernel/catalogue.py`), in their language.
    """

    code: str
    """`<room>.<what>`: kept for ever, never reused, listed in docs/findings.md."""
    subject: str
    """The party, file, address, pass or transaction that the finding is about."""
    facts: tuple[tuple[str, str], ...] = ()
    """Named values, in the order given; names carry their unit (`amount_sat`)."""

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.facts)
        return f"{self.code}: {self.subject}" + (f" ({facts})" if facts else "")

    def as_json(self) -> dict[str, Json]:
        """Return the finding as a document: code, subject, facts."""
        return {"code": self.code, "subject": self.subject, "facts": dict(self.facts)}


FINDINGS_MAX = 200
TEXT_MAX = 600


def bounded_findings(findings: Sequence[Finding]) -> dict[str, Json]:
    """Return findings as they are recorded: the first of them, shortened, and how many there are.

    Whoever writes a transaction with a hundred thousand outputs decides how many findings there
    are and how long their subjects, but must not thereby keep an answer out of the journal.
    """
    return {
        "findings": [_shortened(each).as_json() for each in findings[:FINDINGS_MAX]],
        "findings_total": len(findings),
    }


def _shortened(found: Finding) -> Finding:
    facts = tuple((name, _cut(value)) for name, value in found.facts)
    return Finding(code=found.code, subject=_cut(found.subject), facts=facts)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"


def finding(code: str, subject: str, **facts: str | int) -> Finding:
    """Return a finding; integers among `facts` are written out."""
    pairs = tuple((name, str(value)) for name, value in facts.items())
    return Finding(code=code, subject=subject, facts=pairs)


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """A gate will not let this through; `findings` says why, and is never empty."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        if not findings:
            raise RuntimeError("a refusal without a reason")
        super().__init__("; ".join(str(each) for each in findings))
        self.findings = tuple(findings)
