"""Any movement against any passes: the watcher's answer beside the simplest one there is."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from random import Random

from gate_scene import HOT, LOOKALIKE, USUAL
from hypothesis import given, settings
from hypothesis import strategies as st
from watch_lookout import Lookout, codes_of, lookout
from world import begin
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    funding,
    outpoint,
    payment,
    script_at,
    spending,
    txout,
    wallet_of,
)
from world_people import NOW

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxOut
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.money import Sat
from sekisho.passes.records import (
    AnyInputs,
    ChangeAllowance,
    FeeRule,
    ListedInputs,
    Payment,
    Replacement,
    TransactionRule,
    Transfer,
)
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import ChangeRule
from sekisho.watch.records import ALARMS, VerdictKind, WatchedPass
from sekisho.watch.state import by_anchor

COLD = wallet_of(DESCRIPTORS["wpkh"])
MINE = funding(COLD, 100, 200, 300, 400)
OTHERS = spending([OutPoint(txid="ab" * 32, vout=1)], [txout(STRANGER, 1_000)])
COINS = [*(outpoint(MINE, place) for place in range(4)), outpoint(OTHERS, 0)]
WORTH = dict(zip(COINS, (100, 200, 300, 400, 1_000), strict=True))
PAYEES = (USUAL, STRANGER, LOOKALIKE)
TO_US = (
    script_at(COLD, 0, branch=1),
    script_at(COLD, 1, branch=1),
    script_at(COLD, 3),
    script_at(HOT, 0, branch=1),
)
BASE = lookout(begin(), [COLD, HOT], [MINE, OTHERS])
OTHER = "ab" * 32
"""The digest of a transaction that is never the one judged."""
KEPT = {VerdictKind.MATCHED, VerdictKind.REPLACEMENT}


def some_payments(random: Random, least: int, most: int) -> list[Payment]:
    return [
        payment(random.choice(PAYEES), random.choice((40, 50)))
        for _ in range(random.randint(least, most))
    ]


def some_pass(random: Random, number: int) -> WatchedPass:
    coins = random.sample(COINS[:4], random.randint(1, 3))
    listed, any_of = ListedInputs(outpoints=tuple(coins)), AnyInputs(inputs_max=len(coins))
    change_max = random.choice((0, 1, 1, 2))
    rule = ChangeRule.INTERNAL_BRANCH if change_max else ChangeRule.NONE
    transfer = Transfer(
        chain=COLD.chain,
        wallet_id=COLD.wallet_id,
        wallet_digest=wallet_digest(COLD),
        payments=tuple(some_payments(random, 1, 3)),
        anchor=coins[0],
        inputs=random.choice((listed, any_of)),
        change=ChangeAllowance(rule=rule, outputs_max=change_max),
        transaction=TransactionRule(
            versions=(2,),
            locktime_min=0,
            locktime_max=9,
            sequence_min=0,
            sequence_max=0xFFFF_FFFD,
        ),
        fee=FeeRule(
            fee_max_sat=Sat(random.choice((0, 30, 30, 1_000))), feerate_max_sat_per_kvb=10**9
        ),
        replacement=Replacement(fee_bump=random.random() < 0.5, replaces=""),
    )
    expires_at = NOW + timedelta(hours=random.choice((-1, 0, 1)))
    in_its_last_second = expires_at - timedelta(seconds=1)
    return WatchedPass(
        digest=f"{number:064x}",
        signed_digest=f"{number:064x}",
        pass_id=f"{number:026}",
        transfer=transfer,
        not_before_at=NOW - timedelta(days=1),
        expires_at=expires_at,
        held_until_at=None,
        honoured=frozenset(),
        allowed=random.random() < 0.7,
        cleared=random.choice(((), ((in_its_last_second, OTHER),), ((expires_at, OTHER),))),
        seen_txids=random.choice(((), (), ("cd" * 32,))),
    )


def a_world(seed: int) -> tuple[Lookout, Transaction]:
    """Return a watcher of some passes and a movement, often one that a pass allows or nearly so.

    From a seed, because chance meets near misses far more often than a search for small examples.
    """
    random = Random(seed)  # noqa: S311 - the same world again, not secrets
    known = tuple(some_pass(random, number) for number in range(random.randint(0, 3)))
    state = replace(
        BASE.state,
        passes=known,
        by_anchor=by_anchor(known),
        known_addresses=frozenset({USUAL, STRANGER}),
    )
    watcher = replace(BASE, state=state)
    coins = random.sample(COINS, random.randint(1, 3))
    paid = some_payments(random, 0, 2)
    fee_sat = 30
    if known and random.random() < 0.8:
        aim = random.choice(known).transfer
        coins = [aim.anchor, *(each for each in coins if each != aim.anchor)]
        if isinstance(aim.inputs, ListedInputs):
            coins = list(aim.inputs.outpoints)
        paid = [*aim.payments]
        fee_sat = aim.fee.fee_max_sat + random.choice((0, 0, 0, 1))
        if random.random() < 0.2:
            paid = [*paid[1:], *some_payments(random, 0, 1)]
    outputs = [TxOut(amount_sat=each.amount_sat, script=each.script) for each in paid]
    left_sat = sum(WORTH[each] for each in coins) - sum(each.amount_sat for each in outputs)
    while left_sat > fee_sat and random.random() < 0.9:
        script = random.choice((*TO_US, *TO_US[:1] * 9))
        back_sat = random.choice((*(left_sat - fee_sat,) * 5, 5))
        outputs.append(TxOut(amount_sat=Sat(back_sat), script=script))
        left_sat -= back_sat
    transaction = spending(
        coins,
        random.sample(outputs, len(outputs)),
        version=random.choice((2,) * 9 + (1,)),
        locktime=random.choice((0,) * 9 + (9, 10)),
    )
    if left_sat < 0 or not outputs or watcher.movement(transaction) is None:
        return a_world(random.randrange(2**64))
    known = tuple(_cleared(random, each, transaction) for each in known)
    state = replace(state, passes=known, by_anchor=by_anchor(known))
    watcher = replace(watcher, state=state)
    return watcher, transaction


def _cleared(random: Random, each: WatchedPass, transaction: Transaction) -> WatchedPass:
    """Return the pass, of whose clearances most were of this very transaction."""
    digest = random.choice((OTHER, *(digest_of(transaction),) * 4))
    return replace(each, cleared=tuple((at, digest) for at, _ in each.cleared))


def digest_of(transaction: Transaction) -> str:
    return tagged_digest("unsigned-transaction", transaction.serialize()).hex()


seeds = st.integers(0, 2**32)


# The oracle --------------------------------------------------------------------------------------


def allows(each: WatchedPass, transaction: Transaction) -> bool:
    """Return whether people allowed this transaction, time and earlier use left aside."""
    transfer = each.transfer
    coins = [spent.outpoint for spent in transaction.inputs]
    if not each.allowed or transfer.anchor not in coins or COINS[4] in coins:
        return False
    match transfer.inputs:
        case ListedInputs(outpoints=listed):
            if not set(coins) <= set(listed):
                return False
        case AnyInputs(inputs_max=most):
            if len(coins) > most:
                return False
    left = list(transaction.outputs)
    for owed in transfer.payments:
        paid = TxOut(amount_sat=owed.amount_sat, script=owed.script)
        if paid not in left:
            return False
        left.remove(paid)
    back = [each for each in left if each.script in TO_US[:2]]
    fee_sat = sum(WORTH[c] for c in coins) - sum(o.amount_sat for o in transaction.outputs)
    return (
        back == left
        and len(back) <= transfer.change.outputs_max
        and fee_sat <= transfer.fee.fee_max_sat
        and transaction.version == 2
        and transaction.locktime <= 9
    )


def in_time(each: WatchedPass, transaction: Transaction) -> bool:
    digest = digest_of(transaction)
    cleared_in_time = any(at < each.expires_at for at, of in each.cleared if of == digest)
    return cleared_in_time or each.expires_at > NOW


def first_or_replaces(each: WatchedPass) -> bool:
    return not each.seen_txids or each.transfer.replacement.fee_bump


@settings(max_examples=4_000)
@given(seed=seeds)
def test_matched_is_exactly_what_people_allowed(seed: int) -> None:
    watcher, transaction = a_world(seed)
    verdict = watcher.verdict(transaction)
    known = watcher.state.passes
    good = [
        each
        for each in known
        if allows(each, transaction) and in_time(each, transaction) and first_or_replaces(each)
    ]
    assert (verdict.kind in KEPT) == bool(good)
    if good:
        assert verdict.pass_id in {each.pass_id for each in good}
    elif all(each.outpoint == COINS[4] for each in transaction.inputs):
        assert verdict.kind in {VerdictKind.DEPOSIT, VerdictKind.POISONING}
    else:
        assert verdict.kind in ALARMS
        assert verdict.findings
        spent = {each.outpoint for each in transaction.inputs}
        touches = any(each.allowed and each.transfer.anchor in spent for each in known)
        of_a_pass = verdict.kind in {VerdictKind.DEVIATING, VerdictKind.EXPIRED}
        assert of_a_pass == touches


@settings(max_examples=500)
@given(seed=seeds)
def test_the_order_of_outputs_and_inputs_does_not_matter(seed: int) -> None:
    watcher, transaction = a_world(seed)
    expected = watcher.verdict(transaction)
    for turned in list(permutations(transaction.outputs))[:7]:
        again = replace(transaction, outputs=turned, inputs=transaction.inputs[::-1])
        verdict = _clearing(watcher, again, instead_of=transaction).verdict(again)
        assert (verdict.kind, verdict.pass_id) == (expected.kind, expected.pass_id)
        assert codes_of(verdict) == codes_of(expected)


def _clearing(watcher: Lookout, transaction: Transaction, *, instead_of: Transaction) -> Lookout:
    """Return the watcher, had the gate cleared this where it cleared the other."""
    named = {digest_of(instead_of): digest_of(transaction)}
    known = tuple(
        replace(each, cleared=tuple((at, named.get(of, of)) for at, of in each.cleared))
        for each in watcher.state.passes
    )
    state = replace(watcher.state, passes=known, by_anchor=by_anchor(known))
    return replace(watcher, state=state)


def test_the_property_meets_every_verdict_that_it_can() -> None:
    met: Counter[VerdictKind] = Counter()
    for seed in range(2_000):
        watcher, transaction = a_world(seed)
        met[watcher.verdict(transaction).kind] += 1
    assert set(met) == set(VerdictKind) - {VerdictKind.UNDETERMINED, VerdictKind.DOUBLE_SPENT}
    assert met[VerdictKind.MATCHED] > 50
