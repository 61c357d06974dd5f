"""The policy of the exchange that tests share: one of each department, and no other rule.

OPEN_POLICY, and off (a rule that a pack does not use).
"""

from datetime import UTC, datetime

from world_people import DEPARTMENTS, ONE_OF_EACH

from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import (
    ANY_PURPOSE,
    Bound,
    Leases,
    Life,
    Limit,
    Off,
    Passkeys,
    Policy,
    QuorumStep,
    Who,
    Window,
    Witnesses,
)
from sekisho.wallets.records import Level, Tier

OFF = Off(reason="not what these tests are about")


def _no_limit(who: Who) -> Limit:
    return Limit(
        scope=Scope.ALL,
        window=Window.PASS,
        who=who,
        tiers=tuple(Tier),
        most=Bound(size_sat=SUPPLY_MAX_SAT),
        reference="none",
    )


OPEN_POLICY = Policy(
    policy_id="open",
    version=1,
    title_en="For tests",
    title_ja="試験用",
    effective_from_at=datetime(2020, 1, 1, tzinfo=UTC),
    effective_until_at=None,
    utc_offset_minutes=540,
    reference="none",
    departments=tuple(sorted(DEPARTMENTS)),
    life=Life(
        transfer_max_seconds=366 * 86_400, standing_max_seconds=366 * 86_400, reference="none"
    ),
    quorum=(
        QuorumStep(
            purposes=(ANY_PURPOSE,),
            tiers=tuple(Tier),
            levels=tuple(Level),
            least=Bound(size_sat=Sat(0)),
            people=ONE_OF_EACH,
            reference="none",
        ),
    ),
    limits=(_no_limit(Who.PEOPLE), _no_limit(Who.AUTOMATIC)),
    own_machine=OFF,
    time_lock=OFF,
    allow_list=OFF,
    first_time=OFF,
    business_hours=OFF,
    cold_share=OFF,
    look_alike=OFF,
    fees=OFF,
    price=OFF,
    wallet_proof=OFF,
    passkeys=Passkeys(),
    witnesses=Witnesses(needed=0, checkpoint_age_max_seconds=86_400),
    leases=Leases(age_max_seconds=900, isolated_age_max_seconds=86_400),
    isolated=OFF,
)
