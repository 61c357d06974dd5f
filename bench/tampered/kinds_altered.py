"""Another transaction comes back than was cleared: with the old signatures, and signed anew."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from bench.tampered.judging import Kind
from bench.tampered.kinds_outputs import edited, paid
from bench.tampered.psbts import Output, Plan, foreign_script
from bench.tampered.returns import Return, clearance_of, returned_kind
from bench.tampered.scenes import Scene, draw_scene
from bench.tampered.signing import Signatures, in_form, signed

Alter = Callable[[Scene, Random], Plan]
DIFFERS = "return_transaction_differs"
_FINAL = 0xFFFF_FFFF


# Another transaction -----------------------------------------------------------------------------


def _dropped(scene: Scene, random: Random) -> Plan:
    place = random.randrange(len(scene.plan.outputs))
    return replace(scene.plan, outputs=edited(scene, {place: None}))


def _added(scene: Scene, random: Random) -> Plan:
    added = Output(script=foreign_script(random), amount_sat=scene.plan.fee_sat // 2)
    return replace(scene.plan, outputs=edited(scene, {}, added))


def _one(scene: Scene, random: Random, change: Callable[[Output], Output]) -> Plan:
    place = random.choice([*paid(scene), *scene.changes])
    return replace(scene.plan, outputs=edited(scene, {place: change(scene.plan.outputs[place])}))


def _amount(scene: Scene, random: Random) -> Plan:
    more_sat = random.choice((-1, 1, -1_000))
    return _one(scene, random, lambda o: replace(o, amount_sat=o.amount_sat + more_sat))


def _elsewhere(scene: Scene, random: Random) -> Plan:
    script = foreign_script(random)
    return _one(scene, random, lambda o: replace(o, script=script, place=None))


def _outputs_swapped(scene: Scene, _: Random) -> Plan:
    outputs = [*scene.plan.outputs]
    other = next(at for at, each in enumerate(outputs) if each != outputs[0])
    outputs[0], outputs[other] = outputs[other], outputs[0]
    return replace(scene.plan, outputs=tuple(outputs))


def _with_coins(plan: Plan, order: Sequence[int]) -> Plan:
    """Return a plan with some of its inputs, in this order."""
    return replace(
        plan,
        coins=tuple(plan.coins[at] for at in order),
        sequences=tuple(plan.sequences[at] for at in order),
        with_previous=tuple(plan.with_previous[at] for at in order),
        with_witness_utxo=tuple(plan.with_witness_utxo[at] for at in order),
    )


def _input_dropped(scene: Scene, random: Random) -> Plan:
    order = [*range(len(scene.plan.coins))]
    order.remove(random.choice(order))
    return _with_coins(scene.plan, order)


def _input_added(scene: Scene, _: Random) -> Plan:
    plan = _with_coins(scene.plan, [*range(len(scene.plan.coins)), 0])
    return replace(plan, coins=(*scene.plan.coins, scene.spare[0]))


def _input_replaced(scene: Scene, random: Random) -> Plan:
    coins = [*scene.plan.coins]
    coins[random.randrange(len(coins))] = scene.spare[0]
    return replace(scene.plan, coins=tuple(coins))


def _inputs_swapped(scene: Scene, _: Random) -> Plan:
    first, second, *rest = range(len(scene.plan.coins))
    return _with_coins(scene.plan, [second, first, *rest])


def _version(scene: Scene, random: Random) -> Plan:
    return replace(scene.plan, version=random.choice((1, 3)))


def _locktime(scene: Scene, random: Random) -> Plan:
    return replace(
        scene.plan, locktime=scene.plan.locktime + random.choice((1, 144)), requires_height=False
    )


def _sequence(scene: Scene, random: Random) -> Plan:
    sequences = [*scene.plan.sequences]
    at = random.randrange(len(sequences))
    sequences[at] = 0xFFFF_FFFE if sequences[at] == _FINAL else sequences[at] + 1
    return replace(scene.plan, sequences=tuple(sequences))


_ALTERED: tuple[tuple[str, str, Alter, Callable[[Scene], bool]], ...] = (
    ("output dropped", "an output is gone", _dropped, lambda s: len(s.plan.outputs) > 1),
    ("output added", "an output to a stranger is added", _added, lambda _: True),
    ("amount changed", "the amount of one output is another", _amount, lambda _: True),
    ("script changed", "one output goes to a stranger", _elsewhere, lambda _: True),
    (
        "outputs swapped",
        "two outputs stand in each other's place",
        _outputs_swapped,
        lambda s: any(each != s.plan.outputs[0] for each in s.plan.outputs),
    ),
    ("input dropped", "an input is gone", _input_dropped, lambda s: len(s.plan.coins) > 1),
    ("input added", "one more coin of the wallet is spent", _input_added, lambda _: True),
    (
        "input replaced",
        "another coin of the wallet is spent in place of one",
        _input_replaced,
        lambda _: True,
    ),
    (
        "inputs swapped",
        "two inputs stand in each other's place",
        _inputs_swapped,
        lambda s: len(s.plan.coins) > 1,
    ),
    ("version changed", "another transaction version", _version, lambda _: True),
    ("locktime changed", "another locktime", _locktime, lambda _: True),
    ("sequence changed", "one input has another sequence", _sequence, lambda _: True),
)


def _with_old(alter: Alter) -> Callable[[Return, Random], Return]:
    """Return the tampering in which each coin keeps the signatures that it had."""

    def tamper(was: Return, random: Random) -> Return:
        before, after = was.scene.plan, alter(was.scene, random)
        old: dict[tuple[bytes, int], Signatures] = {
            (coin.txid, coin.vout): each
            for coin, each in zip(before.coins, was.signatures, strict=True)
        }
        given = was.signatures[0]
        kept = [old.get((coin.txid, coin.vout), given) for coin in after.coins]
        return was.with_signatures(kept, after)

    return tamper


def _signed_anew(alter: Alter) -> Callable[[Return, Random], Return]:
    def tamper(was: Return, random: Random) -> Return:
        after = alter(was.scene, random)
        return was.with_signatures(signed(after, was.roots), after)

    return tamper


def _not_signed(was: Return, random: Random) -> Return:
    after = _amount(was.scene, random)
    return was.with_signatures([{} for _ in after.coins], after)


def _earlier(was: Return, random: Random) -> Return:
    """Return what was signed of another transaction that was cleared under the same pass."""
    after = _amount(was.scene, random)
    before = replace(was, used=(*was.used, clearance_of(after, was.digest)))
    return before.with_signatures(signed(after, was.roots), after)


def _another_scenes(was: Return, random: Random) -> Return:
    """Return what a wallet of ours signed of a transaction that has nothing to do with it."""
    scene = was.scene
    other = draw_scene(random, scene.batch, random.choice(tuple(scene.batch.purses)))
    signatures = signed(other.plan, [other.purse.roots[each] for each in other.way.by])
    way = other.way
    returned = in_form(way.form, other.plan, signatures, psbt_version=way.psbt_version)
    return replace(was, returned=returned)


def _under_another_pass(was: Return, _: Random) -> Return:
    """Name another pass than the one under which it was cleared."""
    office = was.scene.batch.office
    return replace(was, digest=office.allow(office.draft(was.scene.transfer)))


def _for_another_cleared(was: Return, random: Random) -> Return:
    """Remember that something else was cleared under the pass."""
    other = clearance_of(_amount(was.scene, random), was.digest)
    return replace(was, used=(other,))


ALTERED: tuple[Kind[Return], ...] = (
    *(
        returned_kind(
            f"{name}, old signatures",
            f"{what}, under the old signatures",
            DIFFERS,
            _with_old(alter),
            applies=applies,
        )
        for name, what, alter, applies in _ALTERED
    ),
    *(
        returned_kind(
            f"{name}, signed anew",
            f"{what}, and its keys signed that",
            DIFFERS,
            _signed_anew(alter),
            applies=applies,
        )
        for name, what, alter, applies in _ALTERED
    ),
    returned_kind(
        "altered, not signed",
        "the amount of one output is another, and nobody signed that",
        DIFFERS,
        _not_signed,
        hostile=False,
    ),
    returned_kind(
        "another cleared transaction",
        "the signed transaction is another one that was cleared under the same pass",
        DIFFERS,
        _earlier,
    ),
    returned_kind(
        "another transaction altogether",
        "the signed transaction is one that nobody asked about, of a wallet of ours",
        DIFFERS,
        _another_scenes,
    ),
)
"""Not the transaction that was cleared."""

CLEARED: tuple[Kind[Return], ...] = (
    returned_kind(
        "never cleared",
        "the gate has never cleared anything",
        "not_cleared",
        lambda was, _: replace(was, used=()),
    ),
    returned_kind(
        "cleared under another pass",
        "another pass is named than the one under which it was cleared",
        "not_cleared",
        _under_another_pass,
    ),
    returned_kind(
        "another was cleared",
        "another transaction was cleared under the pass",
        "not_cleared",
        _for_another_cleared,
    ),
)
"""The PSBT that was sent to signers is not one that this gate cleared under the pass."""
