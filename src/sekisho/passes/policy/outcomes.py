"""How a rule says what it found: always the rule, what it answers to, and what it looked at."""

from sekisho.kernel.finding import Finding, finding
from sekisho.passes.policy.case import Answer, Outcome
from sekisho.passes.policy.records import Off

Inputs = tuple[tuple[str, str], ...]


def allowed(rule: str, reference: str, inputs: Inputs, *, hold_seconds: int = 0) -> Outcome:
    """Return a rule's yes."""
    return Outcome(
        rule=rule,
        reference=reference,
        inputs=inputs,
        answer=Answer.ALLOWED,
        finding=None,
        hold_seconds=hold_seconds,
    )


def denied(rule: str, reference: str, inputs: Inputs, why: Finding) -> Outcome:
    """Return a rule's no."""
    return Outcome(
        rule=rule, reference=reference, inputs=inputs, answer=Answer.DENIED, finding=why
    )


def judged(rule: str, reference: str, inputs: Inputs, why: Finding | None) -> Outcome:
    """Return yes if there is nothing to be found, else no."""
    if why is None:
        return allowed(rule, reference, inputs)
    return denied(rule, reference, inputs, why)


def off(rule: str, why: Off) -> Outcome:
    """Return that the pack does not use the rule, with its reason."""
    return passed_over(rule, "", why.reason)


def passed_over(rule: str, reference: str, reason: str) -> Outcome:
    """Return that the rule has nothing to say of this case."""
    return Outcome(
        rule=rule,
        reference=reference,
        inputs=(("why not", reason),),
        answer=Answer.NOT_APPLICABLE,
        finding=None,
    )


def failed(rule: str, error: Exception) -> Outcome:
    """Return the no of a rule that could not be judged."""
    what = type(error).__name__
    return denied(rule, "", (("error", what),), finding("passes.rule_failed", rule, error=what))
