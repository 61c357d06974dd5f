"""The containment plan: what happens when the watcher says that something is wrong.

Decided in quiet, signed by a quorum, carried out in minutes by whoever is awake. Strangers can
make poisoning and a stale view look like anything, so on those nobody is frozen and nothing moves.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sekisho.kernel.canonical import canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.money import Sat
from sekisho.wallets.documents import check_id, read_ids

FORMAT = "sekisho/plan/v1"
_PAGED_MIN = 2
"""One person sleeps, or is the one who did it."""


class Occasion(StrEnum):
    """The verdicts of the watcher for which something is planned, in the watcher's words."""

    UNMATCHED = "unmatched"
    DEVIATING = "deviating"
    REUSED = "reused"
    EXPIRED = "expired"
    UNDETERMINED = "undetermined"
    POISONING = "poisoning"
    DOUBLE_SPENT = "double_spent"


ALARMS = (Occasion.UNMATCHED, Occasion.DEVIATING, Occasion.REUSED, Occasion.EXPIRED)
"""A plan has a step for each of them."""
MAY_FREEZE = frozenset(ALARMS)
MAY_RESCUE = frozenset({Occasion.UNMATCHED, Occasion.DEVIATING, Occasion.REUSED})
"""A transaction of an expired pass was approved once: people look before coins move."""


class Freeze(StrEnum):
    """What the gate stops signing for until a quorum lifts it; evacuation stays possible."""

    NOTHING = "nothing"
    WALLET = "wallet"
    """The wallet whose coins moved, and any that shares a key with it."""
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens on one kind of verdict."""

    occasion: Occasion
    page: tuple[str, ...]
    """Who is called at once, by id; all of them."""
    freeze: Freeze
    rescue_fee_max_sat: Sat
    """Up to which fee coins may be brought to the vault without asking; 0: not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A step for each kind of verdict that matters."""

    vault: str
    """The wallet to which coins are rescued; empty where no step rescues any."""
    steps: tuple[Step, ...]


def plan_bytes(plan: Plan) -> bytes:
    """Return the canonical bytes of a plan."""
    return canonical_bytes(
        {
            "format": FORMAT,
            "vault": plan.vault,
            "steps": [
                {
                    "occasion": step.occasion.value,
                    "page": list(step.page),
                    "freeze": step.freeze.value,
                    "rescue_fee_max_sat": str(step.rescue_fee_max_sat),
                }
                for step in plan.steps
            ],
        }
    )


def plan_digest(document: bytes) -> str:
    """Return the digest of canonical plan bytes: 64 hex characters."""
    return tagged_digest("plan", document).hex()


def read_plan(document: bytes, where: str) -> Plan:
    """Return the plan in canonical bytes; raises `BadInputError` at the wrong field.

    Refused are also a verdict that has two steps, an alarm that has none, a freeze or a rescue on
    a verdict that a stranger could bring about, and a rescue without a vault.
    """
    fields = Fields(parse_canonical(document, where), where)
    fields.choice("format", (FORMAT,))
    plan = Plan(vault=fields.text("vault", empty=True), steps=fields.each("steps", _read_step))
    fields.done()
    if plan.vault:
        check_id(plan.vault, fields.where("vault"))
    occasions = [step.occasion for step in plan.steps]
    if len(set(occasions)) != len(occasions):
        raise fields.fail("steps", "plans one verdict twice")
    missing = [each.value for each in ALARMS if each not in occasions]
    if missing:
        raise fields.fail("steps", f"plans nothing for {', '.join(missing)}")
    if not plan.vault and any(step.rescue_fee_max_sat for step in plan.steps):
        raise fields.fail("vault", "is empty, and a step rescues coins")
    return plan


def check_plan(
    plan: Plan, *, people_on_roster: Collection[str], vaults: Collection[str]
) -> list[Finding]:
    """Return what in a plan nobody could carry out: people who left, a vault not in force."""
    found = []
    for step in plan.steps:
        present = [person for person in step.page if person in people_on_roster]
        found += [
            finding("wallets.plan_person_unknown", person, occasion=step.occasion.value)
            for person in step.page
            if person not in people_on_roster
        ]
        if len(present) < _PAGED_MIN:
            found.append(
                finding("wallets.plan_pages_too_few", step.occasion.value, people=len(present))
            )
    if plan.vault and plan.vault not in vaults:
        found.append(finding("wallets.plan_vault_unknown", plan.vault))
    return found


def _read_step(fields: Fields) -> Step:
    step = Step(
        occasion=Occasion(fields.choice("occasion", tuple(Occasion))),
        page=read_ids(fields, "page"),
        freeze=Freeze(fields.choice("freeze", tuple(Freeze))),
        rescue_fee_max_sat=fields.sat("rescue_fee_max_sat"),
    )
    fields.done()
    if step.freeze is not Freeze.NOTHING and step.occasion not in MAY_FREEZE:
        raise fields.fail("freeze", f"{step.occasion.value} must not freeze anything")
    if step.rescue_fee_max_sat and step.occasion not in MAY_RESCUE:
        raise fields.fail("rescue_fee_max_sat", f"{step.occasion.value} must not move coins")
    return step
