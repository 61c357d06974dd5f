"""The real outflow of 2024-05-31, and an exchange that had registered the wallet it left."""

from functools import cache

from world import World, approve, ask, begin, register, transfer_pass
from world_coins import payment, wallet_of

from sekisho.drills.dmm_2024 import facts
from sekisho.kernel.money import Sat
from sekisho.passes.records import FeeRule, ListedInputs, Pass, TransactionRule
from sekisho.wallets.records import Wallet


@cache
def dmm_wallet() -> Wallet:
    return wallet_of(facts.DESCRIPTOR, wallet_id="storage-1")


@cache
def registered() -> World:
    """Return the world in which the wallet is in force and nothing was asked for."""
    return register(begin(), dmm_wallet())


@cache
def asked_for() -> tuple[World, Pass]:
    """Return the world after three departments allowed the same amount to the usual address."""
    outflow = facts.outflow()
    coins = tuple(each.outpoint for each in outflow.inputs)
    rule = TransactionRule(
        versions=(1, 2), locktime_min=0, locktime_max=0, sequence_min=0, sequence_max=2**32 - 1
    )
    asked = transfer_pass(
        registered(),
        dmm_wallet(),
        [payment(facts.USUAL_ADDRESS, outflow.outputs[0].amount_sat)],
        coins[0],
        transfer={
            "inputs": ListedInputs(outpoints=coins),
            "transaction": rule,
            "fee": FeeRule(fee_max_sat=Sat(1_000_000), feerate_max_sat_per_kvb=200_000),
        },
    )
    return approve(ask(registered(), asked), asked), asked
