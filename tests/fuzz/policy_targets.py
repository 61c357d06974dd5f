"""What of policies reads foreign bytes: packs and their cases in TOML, and filed policies."""

from fuzz.hunt import Target

from sekisho.passes.policy.documents import policy_document, read_pack, read_policy
from sekisho.passes.policy.evaluate import evaluate
from sekisho.passes.policy.packs import CASES, shipped_pack, shipped_packs
from sekisho.passes.policy.records import Policy
from sekisho.passes.policy.trials import read_trials, try_all

PACKS = [shipped_pack(name) for name in shipped_packs()]
POLICIES = [read_pack(toml, "pack") for toml, _ in PACKS]
ORDINARY = [read_trials(cases, CASES)[0].case for _, cases in PACKS]


def _use(policy: Policy) -> None:
    """Whatever was read can be filed, and judges any case without a rule that fails."""
    document = policy_document(policy)
    if read_policy(document, "again") != policy:
        raise ValueError("was filed as another policy")
    for case in ORDINARY:
        for outcome in evaluate(policy, case):
            if outcome.finding is not None and outcome.finding.code == "passes.rule_failed":
                raise ValueError(f"the rule {outcome.rule} failed")


def pack(data: bytes) -> None:
    _use(read_pack(data, "pack"))


def filed_policy(data: bytes) -> None:
    policy = read_policy(data, "policy")
    if policy_document(policy) != data:
        raise ValueError("was written back as other bytes")
    _use(policy)


def cases(data: bytes) -> None:
    for tried in try_all(POLICIES[0], read_trials(data, CASES)):
        if any(each.rule == "weighing" for each in tried.outcomes):
            raise ValueError("a case was read that cannot be weighed")


FUZZ_TARGETS: list[Target] = [
    ("passes.policy.pack", pack, [toml for toml, _ in PACKS]),
    ("passes.policy.filed", filed_policy, [policy_document(each) for each in POLICIES]),
    ("passes.policy.cases", cases, [each for _, each in PACKS]),
]
