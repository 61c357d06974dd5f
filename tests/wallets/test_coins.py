"""What we hold: the same whatever order the transactions come in, and never a coin twice."""

from dataclasses import dataclass, field, replace
from random import Random

from bitcoin_vectors import dmm_funding, dmm_outflow
from hypothesis import given, settings
from hypothesis import strategies as st
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    book_of,
    bytes_of,
    funding,
    outpoint,
    script_at,
    spending,
    stranger,
    txout,
    wallet_of,
)

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxOut
from sekisho.kernel.money import Sat
from sekisho.wallets.coins import Holdings, fold_holdings

GAP = 3
FOREIGN = -1
"""Where a branch would stand: this output is not to us."""
WALLET = wallet_of(DESCRIPTORS["wpkh"], gap_limit=GAP)
FIXED = wallet_of(DESCRIPTORS["fixed_sh_wsh_multi"], wallet_id="fixed")
BOOK = book_of(WALLET, FIXED)
DMM = wallet_of(
    "sh(wsh(multi(2,022a3ec327cd0b967b53e25439d6ab05a57e55ba82c3cdf03c94b83106711d43ff,"
    "03e8b76584f2a41aadd97e461721875a7ced12ab0ba9266181eae68e95bc03e190,"
    "028228f84daf8d397fcf252af0114c53db7a354c7ffcf293e8a6997cb1b253ac8f)))",
    wallet_id="dmm",
)


def held(holdings: Holdings) -> tuple[object, ...]:
    """Everything that must not depend on the order; who spent what is told by each coin."""
    return (
        holdings.book.reach,
        dict(holdings.coins),
        dict(holdings.paid_by),
        dict(holdings.outputs),
        [holdings.balance_sat(wallet.wallet_id) for wallet in (WALLET, FIXED)],
        {coin.outpoint for coin in holdings.unspent(WALLET.wallet_id)},
    )


def test_the_robbed_wallet_before_and_after() -> None:
    book = book_of(DMM)
    before = fold_holdings(book, [dmm_funding()])
    assert before.balance_sat("dmm") == 20 * 10 * 10**8 + 8 * 500 * 10**8 + 503 * 10**8
    after = fold_holdings(book, [dmm_outflow(), dmm_funding()])
    assert after.balance_sat("dmm") == 20 * 10 * 10**8
    taken = [coin for coin in after.coins.values() if coin.spent_by == dmm_outflow().txid]
    assert sum(coin.amount_sat for coin in taken) == 450_300_000_000
    assert after.paid_by == {dmm_outflow().txid: (dmm_outflow().outputs[0].script,)}
    assert after.outputs[outpoint(dmm_funding(), 29)].amount_sat == 503 * 10**8


def test_change_and_payments_between_our_wallets_are_no_foreign_payments() -> None:
    coins = funding(WALLET, 100_000)
    change = TxOut(amount_sat=Sat(30_000), script=script_at(WALLET, branch=1))
    to_fixed = TxOut(amount_sat=Sat(20_000), script=script_at(FIXED))
    spend = spending([outpoint(coins, 0)], [change, txout(STRANGER, 40_000), to_fixed])
    holdings = fold_holdings(BOOK, [coins, spend])
    assert holdings.paid_by == {spend.txid: (txout(STRANGER, 0).script,)}
    assert holdings.balance_sat(WALLET.wallet_id) == 30_000
    assert holdings.balance_sat(FIXED.wallet_id) == 20_000
    assert holdings.balance_sat("nobody") == 0


def test_a_coin_beyond_the_gap_is_ours_only_once_the_gap_is_closed() -> None:
    far = funding(WALLET, 7_000, index=2 * GAP)
    alone = fold_holdings(BOOK, [far])
    assert alone.coins == {}
    bridge = funding(WALLET, 1_000, index=GAP - 1)
    assert fold_holdings(BOOK, [far, bridge]).balance_sat(WALLET.wallet_id) == 1_000
    nearer = funding(WALLET, 1_000, index=2 * GAP - 1)
    assert fold_holdings(BOOK, [far, nearer, bridge]).balance_sat(WALLET.wallet_id) == 9_000


def test_the_same_transaction_twice_is_one_and_its_witness_makes_it_no_other() -> None:
    coins = funding(WALLET, 5_000)
    signed = replace(coins, inputs=(replace(coins.inputs[0], witness=(b"\x01",)),))
    assert fold_holdings(BOOK, [coins, signed, coins]).balance_sat(WALLET.wallet_id) == 5_000


@dataclass
class Chain:
    """A chain that grows at random, and beside it what we should hold, kept by hand."""

    transactions: list[Transaction] = field(default_factory=list)
    unspent: dict[OutPoint, int] = field(default_factory=dict)
    furthest: list[int] = field(default_factory=lambda: [0, 0])

    def grow(self, draw: st.DrawFn) -> None:
        spent = draw(st.lists(st.sampled_from(sorted(self.unspent, key=str)), unique=True))
        foreign = OutPoint(txid=bytes_of(f"foreign {len(self.transactions)}").hex(), vout=0)
        kinds = draw(st.lists(st.sampled_from([FOREIGN, 0, 1]), min_size=1, max_size=4))
        amounts = draw(st.lists(st.integers(1, 10**9), min_size=len(kinds), max_size=len(kinds)))
        outputs: list[TxOut] = []
        mine: list[tuple[int, int]] = []
        for vout, (kind, amount_sat) in enumerate(zip(kinds, amounts, strict=True)):
            if kind == FOREIGN:
                outputs.append(txout(stranger(vout), amount_sat))
                continue
            index = draw(st.integers(0, self.furthest[kind] + GAP - 1))
            self.furthest[kind] = max(self.furthest[kind], index + 1)
            script = script_at(WALLET, index, branch=kind)
            outputs.append(TxOut(amount_sat=Sat(amount_sat), script=script))
            mine.append((vout, amount_sat))
        made = spending(spent or [foreign], outputs)
        self.transactions.append(made)
        for each in spent:
            del self.unspent[each]
        self.unspent |= {outpoint(made, vout): amount_sat for vout, amount_sat in mine}


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    chain = Chain()
    start = funding(WALLET, 10**8, 2 * 10**8)
    chain.transactions.append(start)
    chain.unspent = {outpoint(start, 0): 10**8, outpoint(start, 1): 2 * 10**8}
    chain.furthest[0] = 2
    for _ in range(draw(st.integers(0, 8))):
        if chain.unspent:
            chain.grow(draw)
    return chain


@settings(max_examples=60)
@given(chains(), st.randoms(use_true_random=False))
def test_any_order_holds_what_was_kept_by_hand(chain: Chain, random: Random) -> None:
    shuffled = list(chain.transactions)
    random.shuffle(shuffled)
    holdings = fold_holdings(BOOK, shuffled)
    assert held(holdings) == held(fold_holdings(BOOK, chain.transactions))
    found = {coin.outpoint: coin.amount_sat for coin in holdings.unspent(WALLET.wallet_id)}
    assert found == chain.unspent
    assert holdings.balance_sat(WALLET.wallet_id) == sum(chain.unspent.values())


@given(st.permutations(range(3)))
def test_of_two_spends_of_one_coin_the_coin_is_gone_once_in_any_order(order: list[int]) -> None:
    coins = funding(WALLET, 100_000)
    first = spending([outpoint(coins, 0)], [txout(STRANGER, 90_000)])
    second = spending([outpoint(coins, 0)], [txout(STRANGER, 80_000)])
    seen = [coins, first, second]
    holdings = fold_holdings(BOOK, [seen[each] for each in order])
    assert holdings.balance_sat(WALLET.wallet_id) == 0
    assert held(holdings) == held(fold_holdings(BOOK, seen))
    assert set(holdings.paid_by) == {first.txid, second.txid}
