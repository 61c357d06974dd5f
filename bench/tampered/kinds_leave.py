"""The honest PSBT under a pass that does not allow it, or not any more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from embit.networks import NETWORKS
from embit.script import Script

from bench.tampered.journals import APPROVERS, NOW
from bench.tampered.judging import Kind, kind
from bench.tampered.office import Office
from bench.tampered.purses import EMBIT_NAMES
from bench.tampered.scenes import Attempt, Scene, honest
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.money import Sat
from sekisho.passes.life import Clearance
from sekisho.passes.records import Decision, Pass, Transfer
from sekisho.wallets.documents import wallet_digest

SECOND = timedelta(seconds=1)


def _office(scene: Scene) -> Office:
    return scene.batch.office


def _under(scene: Scene, digest: str) -> Attempt:
    return Attempt(scene=scene, psbt=scene.psbt, digest=digest)


def _another(scene: Scene, **changes: Any) -> Pass:  # noqa: ANN401 - the fields of Transfer
    """Return a pass like the scene's, with fields of its transfer replaced."""
    return _office(scene).draft(replace(scene.transfer, **changes))


def _allowed(**changes: Any) -> Callable[[Scene, Random], Attempt]:  # noqa: ANN401 - of Pass
    """Return the tampering that shows an approved pass with other fields."""

    def tamper(scene: Scene, _: Random) -> Attempt:
        asked = replace(_another(scene), **changes)
        return _under(scene, _office(scene).allow(asked))

    return tamper


def _said(decision: Decision) -> Callable[[Scene, Random], Attempt]:
    """Return the tampering in which one person says something after a quorum approved."""

    def tamper(scene: Scene, random: Random) -> Attempt:
        office = _office(scene)
        digest = office.allow(_another(scene))
        office.say(random.choice(APPROVERS), decision, digest)
        return _under(scene, digest)

    return tamper


def _by(*people: str) -> Callable[[Scene, Random], Attempt]:
    return lambda scene, _: _under(scene, _office(scene).allow(_another(scene), by=people))


def _never_asked(scene: Scene, _: Random) -> Attempt:
    return _under(scene, _office(scene).allow(_another(scene), is_asked_for=False))


def _forged(scene: Scene, random: Random) -> Attempt:
    office = _office(scene)
    forged, *true = random.sample(APPROVERS, k=len(APPROVERS))
    digest = office.allow(_another(scene), by=true)
    office.say(forged, Decision.APPROVE, digest, forged_by="mallory")
    return _under(scene, digest)


def _replayed(scene: Scene, random: Random) -> Attempt:
    before = Clearance(
        pass_digest=scene.digest,
        txid=random.randbytes(32).hex(),
        transaction_digest=random.randbytes(32).hex(),
        cleared_at=NOW - timedelta(minutes=5),
        seq=1,
    )
    return replace(honest(scene), used=(before,))


def _later(scene: Scene, random: Random) -> Attempt:
    late = random.choice((timedelta(0), SECOND, timedelta(days=30)))
    return replace(honest(scene), now=scene.asked.expires_at + late)


def _earlier(scene: Scene, _: Random) -> Attempt:
    return replace(honest(scene), now=scene.asked.not_before_at - SECOND)


def _other_wallet(scene: Scene, random: Random) -> Attempt:
    others = [each for each in scene.batch.purses.values() if each is not scene.purse]
    wallet = random.choice(others).wallet
    asked = _another(scene, wallet_id=wallet.wallet_id, wallet_digest=wallet_digest(wallet))
    return _under(scene, _office(scene).allow(asked))


def _unregistered_wallet(scene: Scene, _: Random) -> Attempt:
    asked = _another(scene, wallet_id="nowhere")
    return _under(scene, _office(scene).allow(asked))


def _wallet_of_before(scene: Scene, random: Random) -> Attempt:
    asked = _another(scene, wallet_digest=random.randbytes(32).hex())
    return _under(scene, _office(scene).allow(asked))


def _other_network(scene: Scene, _: Random) -> Attempt:
    network = Network.TEST if scene.purse.network is Network.MAIN else Network.MAIN
    form = NETWORKS[EMBIT_NAMES[network]]
    payments = tuple(
        replace(each, address=each.address and str(Script(each.script).address(form)))
        for each in scene.transfer.payments
    )
    asked = _another(scene, chain=network.caip2, payments=payments)
    return _under(scene, _office(scene).allow(asked))


def _other_payments(scene: Scene, random: Random) -> Attempt:
    """Show the PSBT under an approved pass of the same wallet that pays one satoshi more."""
    transfer: Transfer = scene.transfer
    payments = [*transfer.payments]
    at = random.randrange(len(payments))
    payments[at] = replace(payments[at], amount_sat=Sat(payments[at].amount_sat + 1))
    return _under(scene, _office(scene).allow(_another(scene, payments=tuple(payments))))


def _changed_after_approval(scene: Scene, _: Random) -> Attempt:
    """Raise the fee ceiling of the pass that people approved."""
    fee = replace(scene.transfer.fee, fee_max_sat=Sat(10**8))
    raised = replace(scene.asked, action=replace(scene.transfer, fee=fee))
    return _under(scene, _office(scene).file(raised))


LEAVE: tuple[Kind[Attempt], ...] = (
    kind(
        "pass replayed",
        "the pass was used for another transaction",
        "pass_used",
        _replayed,
        applies=lambda scene: not scene.transfer.replacement.fee_bump,
    ),
    kind("pass expired", "the pass has expired", "passes.expired", _later),
    kind(
        "pass not valid yet", "the pass is valid a second later", "passes.not_yet_valid", _earlier
    ),
    kind("pass voided", "somebody voided the pass", "passes.voided", _said(Decision.VOID)),
    kind("pass rejected", "somebody rejected the pass", "passes.rejected", _said(Decision.REJECT)),
    kind(
        "department missing",
        "two departments of three approved",
        "passes.quorum_missing",
        _by("baba", "chiba"),
    ),
    kind(
        "requester's own approval",
        "the requester approved in place of a colleague",
        "passes.quorum_missing",
        _by("aoki", "chiba", "endo"),
    ),
    kind(
        "forged approval",
        "one approval has a stranger's signature",
        "passes.quorum_missing",
        _forged,
    ),
    kind("pass never asked for", "nobody asked for the pass", "passes.not_asked", _never_asked),
    kind(
        "pass changed after approval",
        "the fee ceiling was raised after people approved",
        "passes.quorum_missing passes.not_asked",
        _changed_after_approval,
    ),
    kind(
        "pass for other payments",
        "the pass is for a satoshi more",
        "payment_missing",
        _other_payments,
    ),
    kind(
        "pass for another wallet",
        "the pass is for another registered wallet",
        "input_not_ours",
        _other_wallet,
    ),
    kind(
        "pass for an unknown wallet",
        "the pass is for a wallet that nobody registered",
        "passes.wallet_not_in_force",
        _unregistered_wallet,
    ),
    kind(
        "pass for the wallet of before",
        "the pass is for the wallet as it was registered before",
        "passes.wallet_changed",
        _wallet_of_before,
    ),
    kind(
        "pass for another network",
        "the pass is for the same payments on another network",
        "passes.other_chain",
        _other_network,
    ),
    kind(
        "pass of another installation",
        "the pass binds another genesis",
        "passes.other_installation",
        _allowed(genesis_digest="ab" * 32),
    ),
    kind(
        "pass of another roster",
        "the pass binds a roster that never was in force",
        "passes.other_roster",
        _allowed(roster_digest="ab" * 32),
    ),
    kind(
        "pass of another policy",
        "the pass binds a policy that is not in force",
        "passes.policy_changed",
        _allowed(policy_digest="ab" * 32),
    ),
    kind(
        "pass from another terminal",
        "the pass was asked for at a terminal that nobody enrolled",
        "passes.terminal_unknown",
        _allowed(terminal_id="cafe"),
    ),
    kind(
        "no such pass",
        "the pass does not exist",
        "no_pass",
        lambda scene, random: _under(scene, random.randbytes(32).hex()),
    ),
)
