"""An honest PSBT, shown to the gate under a pass, at a time or at a genesis that does not hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gate_scene import HOT, Attempt, Scene, honest
from world import (
    World,
    admin_pass,
    approve,
    ask,
    begin,
    cleared,
    digest_of,
    filed,
    register,
    reject,
    void,
)

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.canonical import canonical_bytes
from sekisho.kernel.money import Sat
from sekisho.passes.documents import read_pass
from sekisho.passes.evidence import PASS_ASKED
from sekisho.passes.records import (
    ChangeAllowance,
    FeeRule,
    Pass,
    Payment,
    SubjectType,
    Transfer,
)
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import ChangeRule

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPass:
    """A pass that allows nothing, or nothing any more, here and now."""

    name: str
    make: Callable[[Scene], Attempt]
    gate: str


def at(before: Scene, world: World, asked: Pass | None = None) -> Attempt:
    """Return the honest PSBT, shown in another world or under another pass."""
    digest = digest_of(asked or before.asked)
    return replace(honest(replace(before, world=world)), digest=digest)


def transfer_of(before: Scene) -> Transfer:
    if not isinstance(before.asked.action, Transfer):
        raise TypeError("the scene's pass moves coins")
    return before.asked.action


def other(
    before: Scene,
    transfer: Mapping[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 - the fields of Pass, each of its type
) -> Attempt:
    """Return the honest PSBT under an approved pass like the scene's, with fields replaced."""
    action = replace(transfer_of(before), **(transfer or {}))
    asked = replace(before.asked, action=action, **changes)
    people = ("baba", "doi", "fujii") if asked.requester == "chiba" else ("baba", "chiba", "endo")
    return at(before, approve(ask(before.registered, asked), asked, by=people), asked)


def approved_only_by(before: Scene, people: Sequence[str]) -> Attempt:
    return at(before, approve(ask(before.registered, before.asked), before.asked, by=people))


def on_testnet(before: Scene) -> Attempt:
    def moved(each: Payment) -> Payment:
        return replace(each, address=address_of(each.script, Network.TEST) or "")

    payments = tuple(moved(each) for each in transfer_of(before).payments)
    return other(before, {"chain": Network.TEST.caip2, "payments": payments})


def changed_after_approval(before: Scene) -> Attempt:
    fee = FeeRule(fee_max_sat=Sat(50_000_000), feerate_max_sat_per_kvb=100_000_000)
    asked = replace(before.asked, action=replace(transfer_of(before), fee=fee))
    return at(before, filed(before.world, asked), asked)


def registered_anew(before: Scene) -> Attempt:
    anew = replace(before.wallet, gap_limit=9)
    previous = wallet_digest(before.wallet)
    return at(before, register(before.world, anew, previous_digest=previous))


def never_registered(before: Scene) -> Attempt:
    return at(before, approve(ask(begin(), before.asked), before.asked))


def used_for_another(before: Scene) -> Attempt:
    another = replace(before.unsigned, locktime=1)
    return at(before, cleared(before.world, before.asked, another))


def of_a_wallet(before: Scene) -> Attempt:
    registrations = [each for each in before.registered.drafts if each.kind == PASS_ASKED]
    asked = read_pass(canonical_bytes(registrations[-1].body["pass"]), "pass")
    return at(before, before.world, asked)


def of_a_roster(before: Scene) -> Attempt:
    asked = admin_pass(before.registered, SubjectType.ROSTER, "roster", new_digest="ab" * 32)
    return at(before, approve(ask(before.world, asked), asked), asked)


def roster_expired(before: Scene) -> Attempt:
    return replace(honest(before), now=before.world.roster.expires_at)


PASSES: tuple[BadPass, ...] = (
    BadPass(
        name="expired this very second",
        make=lambda s: replace(honest(s), now=s.asked.expires_at),
        gate="passes.expired",
    ),
    BadPass(
        name="not valid for another second",
        make=lambda s: replace(honest(s), now=s.asked.not_before_at - SECOND),
        gate="passes.not_yet_valid",
    ),
    BadPass(name="voided", make=lambda s: at(s, void(s.world, s.asked)), gate="passes.voided"),
    BadPass(
        name="rejected by one person after a quorum approved",
        make=lambda s: at(s, reject(s.world, s.asked)),
        gate="passes.rejected",
    ),
    BadPass(
        name="approved by two departments of three",
        make=lambda s: approved_only_by(s, ["baba", "chiba", "doi"]),
        gate="passes.quorum_missing",
    ),
    BadPass(
        name="approved by its requester in place of a colleague",
        make=lambda s: approved_only_by(s, ["aoki", "chiba", "endo"]),
        gate="passes.quorum_missing",
    ),
    BadPass(
        name="approved, and never asked for",
        make=lambda s: at(s, approve(filed(s.registered, s.asked), s.asked)),
        gate="passes.not_asked",
    ),
    BadPass(
        name="its fee ceiling raised after people approved it",
        make=changed_after_approval,
        gate="passes.not_asked " + "passes.quorum_missing " * 3,
    ),
    BadPass(name="used for another transaction", make=used_for_another, gate="pass_used"),
    BadPass(
        name="for another wallet of ours",
        make=lambda s: other(
            s,
            {
                "wallet_id": HOT.wallet_id,
                "wallet_digest": wallet_digest(HOT),
            },
        ),
        gate="fee_unknown input_not_ours input_not_ours own_output_not_listed",
    ),
    BadPass(
        name="for a wallet that nobody registered",
        make=lambda s: other(s, {"wallet_id": "nowhere"}),
        gate="passes.wallet_not_in_force",
    ),
    BadPass(
        name="for a wallet that another exchange registered",
        make=never_registered,
        gate="passes.wallet_not_in_force",
    ),
    BadPass(
        name="for a wallet that was registered anew since",
        make=registered_anew,
        gate="passes.wallet_changed",
    ),
    BadPass(name="for another chain", make=on_testnet, gate="passes.other_chain"),
    BadPass(
        name="with another change rule than its wallet's",
        make=lambda s: other(
            s, {"change": ChangeAllowance(rule=ChangeRule.SAME_ADDRESS, outputs_max=1)}
        ),
        gate="own_output_not_listed passes.change_rule_differs",
    ),
    BadPass(
        name="asked for by a department that may not",
        make=lambda s: other(s, requester="chiba"),
        gate="passes.requester_may_not_ask",
    ),
    BadPass(
        name="asked for at a terminal that nobody enrolled",
        make=lambda s: other(s, terminal_id="cafe"),
        gate="passes.terminal_unknown",
    ),
    BadPass(
        name="under a policy that nobody has",
        make=lambda s: other(s, policy_digest="ab" * 32),
        gate="passes.policy_changed",
    ),
    BadPass(
        name="of a rehearsal",
        make=lambda s: other(s, genesis_digest="ab" * 32),
        gate="passes.other_installation",
    ),
    BadPass(
        name="of another roster",
        make=lambda s: other(s, roster_digest="ab" * 32),
        gate="passes.other_roster",
    ),
    BadPass(name="that registers a wallet", make=of_a_wallet, gate="pass_moves_nothing"),
    BadPass(name="that changes the roster", make=of_a_roster, gate="pass_moves_nothing"),
    BadPass(
        name="that does not exist",
        make=lambda s: replace(honest(s), digest="ab" * 32),
        gate="passes.not_in_checkpoint",
    ),
    BadPass(name="not named at all", make=lambda s: replace(honest(s), digest=""), gate="no_pass"),
    BadPass(
        name="at a gate that has pinned another genesis",
        make=lambda s: replace(honest(s), genesis="ab" * 32),
        gate="passes.genesis_missing",
    ),
    BadPass(
        name="under a roster that has expired",
        make=roster_expired,
        gate="passes.roster_expired",
    ),
)
