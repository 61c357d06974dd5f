"""Every rule of a pack, asked about one case. All of them answer, also when one has said no."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from sekisho.passes.policy import amounts, conditions, people
from sekisho.passes.policy.case import Answer, Case, Outcome
from sekisho.passes.policy.outcomes import failed
from sekisho.passes.policy.records import Policy
from sekisho.passes.policy.weigh import Weighed, weigh

Rule = Callable[[Policy, Weighed], Outcome | tuple[Outcome, ...]]

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        conditions.EFFECTIVE: conditions.effective,
        conditions.LIFE: conditions.life,
        people.QUORUM: people.quorum,
        people.OWN_MACHINE: people.own_machine,
        amounts.LIMITS: amounts.limits,
        amounts.TIME_LOCK: amounts.time_lock,
        conditions.ALLOW_LIST: conditions.allow_list,
        people.FIRST_TIME: people.first_time,
        people.BUSINESS_HOURS: people.business_hours,
        amounts.COLD_SHARE: amounts.cold_share,
        conditions.LOOK_ALIKE: conditions.look_alike,
        conditions.FEES: conditions.fees,
        conditions.PRICE: conditions.price,
        conditions.WALLET_PROOF: conditions.wallet_proof,
    }
)
"""In the order in which people read them."""
_WEIGHING = "weighing"


def evaluate(policy: Policy, case: Case) -> tuple[Outcome, ...]:
    """Return what every rule says. Never raises: what cannot be judged is denied."""
    try:
        seen = weigh(policy, case)
    except Exception as error:  # noqa: BLE001 - an error in a rule means no, whatever it is
        return (failed(_WEIGHING, error),)
    found: list[Outcome] = []
    for name, rule in RULES.items():
        found += _answers(name, rule, policy, seen)
    return tuple(found)


def denials(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return those that say no. Of no outcomes at all, ask `is_allowed`."""
    return tuple(each for each in outcomes if each.answer is Answer.DENIED)


def is_allowed(outcomes: Iterable[Outcome]) -> bool:
    """Return whether rules were asked at all, and none said no."""
    asked = tuple(outcomes)
    return bool(asked) and not denials(asked)


def hold_seconds(outcomes: Iterable[Outcome]) -> int:
    """Return how long after `judged_at` the pass must wait: the longest that a rule asks for."""
    return max((each.hold_seconds for each in outcomes), default=0)


def _answers(name: str, rule: Rule, policy: Policy, seen: Weighed) -> tuple[Outcome, ...]:
    try:
        answer = rule(policy, seen)
    except Exception as error:  # noqa: BLE001 - an error in a rule means no, whatever it is
        return (failed(name, error),)
    outcomes = (answer,) if isinstance(answer, Outcome) else answer
    return outcomes or (failed(name, ValueError("an empty answer")),)
