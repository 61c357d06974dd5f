"""The facts of the incident, each with its source; the rest of the drill is a reconstruction.

Bytes: `outflow_tx.hex` and `funding_tx.hex`, see SOURCES.md.
"""

from datetime import UTC, datetime
from importlib import resources

from sekisho.chains.bitcoin.transaction import Transaction, parse_transaction
from sekisho.kernel.money import Jpy

OUTFLOW_TXID = "975ec405ac9dc9fa5ab8009d94d6a1fe31dff8a8127ea90d023104e52754e4d7"
FUNDING_TXID = "c03acb80562302248f8be621e765315345a85cd3856bf49583e97b0428342908"

WALLET_ADDRESS = "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD"
DESCRIPTOR = (
    "sh(wsh(multi(2,"
    "022a3ec327cd0b967b53e25439d6ab05a57e55ba82c3cdf03c94b83106711d43ff,"
    "03e8b76584f2a41aadd97e461721875a7ced12ab0ba9266181eae68e95bc03e190,"
    "028228f84daf8d397fcf252af0114c53db7a354c7ffcf293e8a6997cb1b253ac8f)))"
)
"""The three keys stand in the witness script that the outflow revealed."""

USUAL_ADDRESS = "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P"
"""Named as the wallet's usual destination by a public chain analysis (BitJungle)."""

DETECTED_AT = datetime(2024, 5, 31, 4, 26, tzinfo=UTC)
"""13:26 JST: when the company says that it detected the outflow."""

PUBLISHED_JPY = Jpy(48_200_000_000)
PUBLISHED_SOURCE = "DMM Bitcoin notice of 2024-05-31: about 48.2 billion yen"

MARKET_JPY = Jpy(10_801_792)
MARKET_AT = datetime(2024, 5, 31, 4, 0, tzinfo=UTC)
MARKET_SOURCE = (
    "derived, not traded: Binance BTC/USDT at the hour, 68,535.81, times the previous day's "
    "USD/JPY close, 157.608"
)

QUOTED_AT = datetime(2024, 5, 31, 3, 0, tzinfo=UTC)
QUOTES = (
    ("Binance BTC/USDT at 03:00 UTC times USD/JPY (derived)", Jpy(10_802_451)),
    ("A second market (invented)", Jpy(10_800_000)),
)
"""What the request says that a bitcoin costs. The first is derived: 68,539.99 at the hour, times
the previous day's close of 157.608. The second is invented: no other source of that minute is
public in a form that can be shipped."""

SOURCES_JA = {
    PUBLISHED_SOURCE: "DMM Bitcoin の 2024-05-31 付け発表：約 482 億円相当",
    MARKET_SOURCE: (
        "約定価格ではなく導出値：Binance BTC/USDT の同時刻の値 68,535.81 に、"
        "前日の USD/JPY 終値 157.608 を乗じたもの"
    ),
    QUOTES[0][0]: "Binance BTC/USDT の 03:00 UTC の値に USD/JPY を乗じたもの（導出値）",
    QUOTES[1][0]: "第二の市場（創作）",
}
"""The same sources in Japanese."""


def outflow() -> Transaction:
    """Return the real outflow, signed as it was broadcast."""
    return _read("outflow_tx.hex", OUTFLOW_TXID)


def funding() -> Transaction:
    """Return the real transaction that had funded the wallet."""
    return _read("funding_tx.hex", FUNDING_TXID)


def _read(name: str, txid: str) -> Transaction:
    text = (resources.files("sekisho.drills.dmm_2024") / name).read_text(encoding="ascii")
    transaction = parse_transaction(bytes.fromhex(text.strip()), name)
    if transaction.txid != txid:
        raise RuntimeError(f"{name} is not the transaction {txid}")
    return transaction
