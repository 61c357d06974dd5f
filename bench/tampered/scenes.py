"""Honest scenes at random: a wallet, its coins, a transaction, and the pass that allows just that.

A scene is drawn cheaply and only then asked for, approved and written down, so that a kind of
tampering that applies to few scenes can be tried on many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from random import Random
from typing import Any

from embit.networks import NETWORKS
from embit.script import Script

from bench.tampered.journals import NOW, Journal
from bench.tampered.office import Office
from bench.tampered.psbts import Coin, Output, Plan, foreign_script, made_coin, psbt_of
from bench.tampered.purses import (
    EMBIT_NAMES,
    INTERNAL,
    RECEIVING,
    SCRIPT_TYPES,
    Place,
    Purse,
    fresh_purse,
)
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.money import Sat
from sekisho.passes.life import Clearance
from sekisho.passes.records import (
    AnyInputs,
    ChangeAllowance,
    FeeRule,
    ListedInputs,
    Pass,
    Payment,
    Replacement,
    TransactionRule,
    Transfer,
)
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import ChangeRule

_FINAL = 0xFFFF_FFFF
_HEIGHT_MAX = 1_000_000
_DUST_SAT = 1_000
SIGHASH_ALL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Wallets of every script type, and the office in which they are registered."""

    purses: dict[str, Purse]
    office: Office
    _desks: dict[str, Journal] = field(default_factory=dict, repr=False)

    def desk(self, kind: str) -> Journal:
        """Return the journal of an exchange that has this wallet alone: as short as can be."""
        found = self._desks.get(kind)
        if found is None:
            found = self._desks[kind] = Journal([self.purses[kind].wallet])
        return found


def open_batch(random: Random) -> Batch:
    """Return fresh wallets on one network, all of them put in force."""
    network = random.choice(tuple(EMBIT_NAMES))
    purses = {kind: fresh_purse(random, kind, network) for kind in SCRIPT_TYPES}
    return Batch(purses=purses, office=Office([each.wallet for each in purses.values()]))


class Form(StrEnum):
    """How signatures come back."""

    FILED = "filed"
    """In a PSBT, each under its key."""
    FINISHED = "finished"
    """In a PSBT whose inputs have their final scripts."""
    EXTRACTED = "extracted"
    """In the transaction alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How signers answer."""

    form: Form
    psbt_version: int
    by: tuple[int, ...]
    """Which of the wallet's roots sign."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An honest transaction and the pass that is asked for it."""

    batch: Batch
    purse: Purse
    plan: Plan
    payments: tuple[int, ...]
    """Places of the outputs that are payments."""
    changes: tuple[int, ...]
    """Places of the outputs that are change."""
    transfer: Transfer
    spare: tuple[Coin, ...]
    """Coins of the wallet that this transaction does not spend."""
    way: Way
    """How its signers answer."""
    seed: int
    """Of what is drawn only when it is needed."""

    @cached_property
    def psbt(self) -> bytes:
        """The honest PSBT."""
        return psbt_of(self.plan)

    @cached_property
    def asked(self) -> Pass:
        return self.batch.office.draft(self.transfer)

    @cached_property
    def digest(self) -> str:
        """Of the pass, which people approved when it was first needed."""
        return self.batch.office.allow(self.asked)

    @property
    def first_change(self) -> Output:
        return self.plan.outputs[self.changes[0]]

    def own_script(self, branch: int, index: int) -> Place:
        return self.purse.place(branch, index)

    def vsize(self, plan: Plan | None = None) -> int:
        """Return how large the signed transaction becomes, at most, as BIP-141 counts."""
        return signed_vsize(plan or self.plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is shown to a check: the honest scene's, but for the one thing that was changed."""

    scene: Scene
    psbt: bytes
    digest: str
    used: tuple[Clearance, ...] = ()
    now: datetime = NOW


def honest(scene: Scene) -> Attempt:
    """Return the attempt that is in order."""
    return Attempt(scene=scene, psbt=scene.psbt, digest=scene.digest)


def with_plan(scene: Scene, **changes: Any) -> Attempt:  # noqa: ANN401 - the fields of Plan
    """Return the attempt with another transaction under the same pass."""
    return with_psbt(scene, psbt_of(replace(scene.plan, **changes)))


def with_psbt(scene: Scene, psbt: bytes) -> Attempt:
    """Return the attempt with other bytes under the same pass."""
    return Attempt(scene=scene, psbt=psbt, digest=scene.digest)


def outpoint_of(coin: Coin) -> OutPoint:
    return OutPoint(txid=coin.txid.hex(), vout=coin.vout)


def payment_of(script: bytes, amount_sat: int, network: Network) -> Payment:
    """Return the payment to a script, with the address that embit gives it."""
    data = script[:1] == b"\x6a"
    address = "" if data else str(Script(script).address(NETWORKS[EMBIT_NAMES[network]]))
    return Payment(address=address, script=script, amount_sat=Sat(amount_sat))


def signed_vsize(plan: Plan) -> int:
    """Return the largest virtual size of a plan once signed: BIP-141, from sizes alone."""
    base = 8 + _count_bytes(len(plan.coins)) + _count_bytes(len(plan.outputs))
    base += sum(8 + 1 + len(each.script) for each in plan.outputs)
    witness = 0
    for coin in plan.coins:
        script_sig, unlocking = coin.purse.spend_bytes(coin.place)
        base += 36 + _count_bytes(script_sig) + script_sig + 4
        witness += unlocking or 1
    if any(coin.purse.is_segwit for coin in plan.coins):
        return -(-(4 * base + 2 + witness) // 4)
    return base


def _count_bytes(number: int) -> int:
    return 1 if number < 0xFD else 3


# Drawing -----------------------------------------------------------------------------------------


def draw_scene(random: Random, batch: Batch, kind: str) -> Scene:
    """Return a scene of a script type at random."""
    purse = batch.purses[kind]
    coins = tuple(_coin(random, purse) for _ in range(random.randint(1, 5)))
    sequences, rule = _fields(random, len(coins))
    psbt_version = random.choice((0, 2))
    plan = Plan(
        psbt_version=psbt_version,
        version=2,
        locktime=random.choice((0, 0, random.randint(1, _HEIGHT_MAX))),
        coins=coins,
        sequences=sequences,
        outputs=(),
        with_previous=tuple(not purse.is_taproot or random.random() < 0.7 for _ in coins),
        with_witness_utxo=(),
        sighash=_sighash(random, purse),
        with_paths=random.random() < 0.9,
        requires_height=False,
    )
    plan = replace(
        plan,
        with_witness_utxo=tuple(
            purse.is_segwit and (not whole or random.random() < 0.85)
            for whole in plan.with_previous
        ),
        requires_height=psbt_version == 2 and plan.locktime > 0 and random.random() < 0.3,
    )
    rule = _with_locktimes(random, rule, plan.locktime)
    plan, payments, changes = _with_outputs(random, batch, purse, plan)
    return Scene(
        batch=batch,
        purse=purse,
        plan=plan,
        payments=payments,
        changes=changes,
        transfer=_transfer(random, purse, plan, (payments, changes), rule),
        spare=tuple(_coin(random, purse) for _ in range(2)),
        way=_way(random, purse),
        seed=random.getrandbits(64),
    )


def _way(random: Random, purse: Purse) -> Way:
    """Return who answers how. What is finished needs just enough keys; else any will do."""
    form = random.choice(tuple(Form))
    roots = range(len(purse.roots))
    if form is Form.FILED:
        by = random.sample(roots, k=random.randint(1, len(roots)))
    else:
        by = random.sample(roots, k=purse.signers) if purse.is_multisignature else [0]
    return Way(form=form, psbt_version=random.choice((0, 2)), by=tuple(sorted(by)))


def _coin(random: Random, purse: Purse) -> Coin:
    """Return a coin of the wallet, mostly a deposit, sometimes change of an earlier payment."""
    branch = RECEIVING if random.random() < 0.8 else INTERNAL
    place = purse.place(branch, random.randrange(purse.wallet.gap_limit))
    return made_coin(random, purse, place, random.randint(200_000, 5 * 10**8))


def _sighash(random: Random, purse: Purse) -> int | None:
    said = (None, None, None, SIGHASH_ALL, 0 if purse.is_taproot else SIGHASH_ALL)
    return random.choice(said)


def _fields(random: Random, count: int) -> tuple[tuple[int, ...], TransactionRule]:
    """Return a sequence for each input, and the rule that allows them."""
    low, high, used = random.choice(
        (
            (0xFFFF_FFFD, 0xFFFF_FFFE, (0xFFFF_FFFD, 0xFFFF_FFFE)),
            (0xFFFF_FFFD, 0xFFFF_FFFD, (0xFFFF_FFFD,)),
            (0xFFFF_FFFE, _FINAL, (0xFFFF_FFFE, _FINAL)),
            (1, _FINAL, (6, 144, 0xFFFF_FFFD, _FINAL)),
        )
    )
    rule = TransactionRule(
        versions=random.choice(((2,), (1, 2))),
        locktime_min=0,
        locktime_max=0,
        sequence_min=low,
        sequence_max=high,
    )
    return tuple(random.choice(used) for _ in range(count)), rule


def _with_locktimes(random: Random, rule: TransactionRule, locktime: int) -> TransactionRule:
    return replace(
        rule,
        locktime_min=random.choice((0, locktime)),
        locktime_max=random.choice((locktime, max(locktime, _HEIGHT_MAX))),
    )


def _with_outputs(
    random: Random, batch: Batch, purse: Purse, plan: Plan
) -> tuple[Plan, tuple[int, ...], tuple[int, ...]]:
    """Return the plan with payments and change, and where each kind stands."""
    scripts = _payees(random, batch, purse)
    outputs = [Output(script=each, amount_sat=0) for each in scripts]
    with_change = random.choices((0, 1, 2), (25, 65, 10))[0]
    change = [_change_place(random, purse, plan, number) for number in range(with_change)]
    outputs += [Output(script=each.script, amount_sat=0, place=each) for each in change]
    unpaid = replace(plan, outputs=tuple(outputs))
    fee_sat = signed_vsize(unpaid) * random.randint(1, 60)
    amounts_sat = _parts(random, plan.spent_sat - fee_sat, len(outputs), scripts)
    paid = [
        replace(each, amount_sat=amount) for each, amount in zip(outputs, amounts_sat, strict=True)
    ]
    order = list(range(len(paid)))
    random.shuffle(order)
    places = {old: new for new, old in enumerate(order)}
    return (
        replace(plan, outputs=tuple(paid[old] for old in order)),
        tuple(places[old] for old in range(len(scripts))),
        tuple(places[old] for old in range(len(scripts), len(paid))),
    )


def _payees(random: Random, batch: Batch, purse: Purse) -> list[bytes]:
    """Return whom the scene pays: strangers, other wallets of ours, a deposit address, a note."""
    others = [each for each in batch.purses.values() if each is not purse]
    scripts: list[bytes] = []
    for _ in range(random.randint(1, 4)):
        chance = random.random()
        if chance < 0.15 and scripts:
            scripts.append(random.choice(scripts))  # a customer who withdraws twice
        elif chance < 0.25:
            scripts.append(random.choice(others).place(RECEIVING, 0).script)
        elif chance < 0.3 and purse.wallet.change_rule is ChangeRule.INTERNAL_BRANCH:
            scripts.append(purse.place(RECEIVING, 1).script)
        elif chance < 0.35 and scripts and not any(each[:1] == b"\x6a" for each in scripts):
            note = random.randbytes(random.randint(1, 40))
            scripts.append(b"\x6a" + bytes([len(note)]) + note)
        else:
            scripts.append(foreign_script(random))
    return scripts


def _change_place(random: Random, purse: Purse, plan: Plan, number: int) -> Place:
    if purse.wallet.change_rule is ChangeRule.SAME_ADDRESS:
        return plan.coins[number % len(plan.coins)].place
    return purse.place(INTERNAL, random.randrange(purse.wallet.gap_limit))


def _parts(random: Random, total_sat: int, count: int, scripts: Sequence[bytes]) -> list[int]:
    """Return an amount for each output, nothing for a note; twice the same payment is common."""
    notes = {place for place, each in enumerate(scripts) if each[:1] == b"\x6a"}
    weights = [0.0 if place in notes else random.uniform(0.1, 1) for place in range(count)]
    free_sat = total_sat - _DUST_SAT * sum(1 for each in weights if each)
    whole = sum(weights)
    amounts = [int(free_sat * each / whole) + (_DUST_SAT if each else 0) for each in weights]
    for later, script in enumerate(scripts):
        first = scripts.index(script)
        if first != later and random.random() < 0.7:
            pair_sat = amounts[first] + amounts[later]
            amounts[first] = amounts[later] = pair_sat // 2
    last = max(place for place, each in enumerate(weights) if each)
    amounts[last] += total_sat - sum(amounts)
    return amounts


def _transfer(
    random: Random,
    purse: Purse,
    plan: Plan,
    places: tuple[tuple[int, ...], tuple[int, ...]],
    rule: TransactionRule,
) -> Transfer:
    """Return what the pass allows: this transaction, with little room or none."""
    payments, changes = places
    outpoints = [outpoint_of(each) for each in plan.coins]
    anchor = random.choice(outpoints)
    listed = random.random() < 0.6
    random.shuffle(outpoints)
    is_none = not changes and random.random() < 0.5
    fee_sat, vsize = plan.fee_sat, signed_vsize(plan)
    return Transfer(
        chain=purse.wallet.chain,
        wallet_id=purse.wallet.wallet_id,
        wallet_digest=wallet_digest(purse.wallet),
        payments=tuple(
            payment_of(each.script, each.amount_sat, purse.network)
            for each in (plan.outputs[place] for place in payments)
        ),
        anchor=anchor,
        inputs=ListedInputs(outpoints=tuple(outpoints))
        if listed
        else AnyInputs(inputs_max=len(outpoints) + random.choice((0, 0, 3))),
        change=ChangeAllowance(
            rule=ChangeRule.NONE if is_none else purse.wallet.change_rule,
            outputs_max=0 if is_none else max(1, len(changes)),
        ),
        transaction=rule,
        fee=FeeRule(
            fee_max_sat=Sat(fee_sat + random.choice((0, random.randint(1, fee_sat)))),
            feerate_max_sat_per_kvb=-(-fee_sat * 1000 // vsize) + random.choice((0, 2_000, 10**6)),
        ),
        replacement=Replacement(fee_bump=random.random() < 0.2, replaces=""),
    )
