"""The options of passes and what they mean: payments, fees, prices, and what our wallets hold."""

from datetime import datetime
from typing import Annotated

import typer

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import Jpy, parse_btc, parse_whole
from sekisho.passes.records import (
    ChangeAllowance,
    FeeRule,
    HeldBalance,
    Payment,
    PriceQuote,
    TransactionRule,
)
from sekisho.passes.register import Register
from sekisho.wallets.coins import Holdings
from sekisho.wallets.records import ChangeRule, Wallet

PayingWalletOption = Annotated[str, typer.Option("--wallet", help="The wallet that pays.")]
PayOption = Annotated[list[str], typer.Option("--pay", help="ADDRESS=BTC, once for each payment.")]
FeerateMaxOption = Annotated[
    int, typer.Option("--feerate-max", help="The highest feerate, in sat/vB.")
]
PriceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--price", help="SOURCE=JPY, what a source says a bitcoin costs now, once for each."
    ),
]
_UINT32_MAX = 0xFFFF_FFFF
ANY_FIELDS = TransactionRule(
    versions=(1, 2),
    locktime_min=0,
    locktime_max=_UINT32_MAX,
    sequence_min=0,
    sequence_max=_UINT32_MAX,
)
"""What a transaction's own fields may say: anything that is standard."""


def read_price(text: str, now: datetime) -> PriceQuote:
    """Return the price that a `SOURCE=JPY` text says, as of now."""
    source, separator, price = text.rpartition("=")
    if not separator or not source:
        raise BadInputError(f"--price {text[:80]!r}", "is not SOURCE=JPY")
    whole = parse_whole(price.replace(",", ""), f"--price {text[:80]}")
    return PriceQuote(source=source, price_jpy=Jpy(whole), quoted_at=now)


def balances_of(register: Register, holdings: Holdings) -> tuple[HeldBalance, ...]:
    """Return what every wallet in force holds, by the transactions that we have seen."""
    return tuple(
        HeldBalance(wallet_id=wallet_id, amount_sat=holdings.balance_sat(wallet_id))
        for wallet_id in sorted(register.wallets)
    )


def read_fee_options(fee_max: str, feerate_max: int) -> FeeRule:
    """Return the ceilings that `--fee-max` and `--feerate-max` say."""
    return FeeRule(
        fee_max_sat=parse_btc(fee_max, "--fee-max"), feerate_max_sat_per_kvb=feerate_max * 1000
    )


def read_payment(text: str, network: Network) -> Payment:
    """Return the payment that an `ADDRESS=BTC` text says."""
    address, separator, amount = text.rpartition("=")
    if not separator:
        raise BadInputError(f"--pay {text[:100]!r}", "is not ADDRESS=BTC")
    return Payment(
        address=address,
        script=script_of(address, network, f"--pay {text[:100]}"),
        amount_sat=parse_btc(amount, f"--pay {text[:100]}"),
    )


def change_of(wallet: Wallet) -> ChangeAllowance:
    """Return what may come back to a wallet: one output under its own rule, or none."""
    none = wallet.change_rule is ChangeRule.NONE
    return ChangeAllowance(rule=wallet.change_rule, outputs_max=0 if none else 1)
