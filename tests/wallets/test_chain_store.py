"""The cache of the chain: kept across a reopening, never believed where it was tampered with."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bitcoin_vectors import dmm_funding, dmm_outflow
from world_coins import DESCRIPTORS, funding, wallet_of

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.kernel.errors import WorldError
from sekisho.wallets.flow import holdings_of, observe
from sekisho.wallets.store import ChainStore

WALLET = wallet_of(DESCRIPTORS["wpkh"])
OTHER = wallet_of(DESCRIPTORS["tr"], wallet_id="other")


def kept(path: Path) -> tuple[Transaction, ...]:
    with closing(ChainStore(path)) as store:
        return tuple(store.transactions())


def tamper(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "chain 100%?.db"
    with closing(ChainStore(path)) as store:
        store.keep([dmm_funding(), dmm_outflow()])
    return path


def test_what_is_kept_is_there_after_reopening_and_only_once(path: Path) -> None:
    with closing(ChainStore(path)) as store:
        store.keep([dmm_outflow(), funding(WALLET, 1_000)])
        store.keep([])
    assert {each.wtxid for each in kept(path)} == {
        dmm_funding().wtxid,
        dmm_outflow().wtxid,
        funding(WALLET, 1_000).wtxid,
    }
    assert len(kept(path)) == 3


def test_some_can_be_asked_for(path: Path) -> None:
    many = ["0" * 64, dmm_outflow().txid, *(f"{each:064x}" for each in range(1, 1_200))]
    with closing(ChainStore(path)) as store:
        assert [each.txid for each in store.some(many)] == [dmm_outflow().txid]
        assert list(store.some([])) == []


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE transactions SET raw = x''",
        "UPDATE transactions SET raw = 7",
        "UPDATE transactions SET raw = 'text'",
        "UPDATE transactions SET raw = substr(raw, 1, length(raw) - 1)",
        "UPDATE transactions SET raw = raw || x'00'",
        "UPDATE transactions SET raw = (SELECT max(raw) FROM transactions)",
        "UPDATE transactions SET txid = substr(txid, 33) || substr(txid, 1, 32)",
        "UPDATE transactions SET txid = x'fffe' || txid",
        "UPDATE transactions SET txid = upper(txid)",
        "ALTER TABLE transactions RENAME COLUMN raw TO other",
        "DROP TABLE transactions",
        """DROP TABLE transactions;
        CREATE TABLE transactions (txid, raw);
        INSERT INTO transactions VALUES (NULL, NULL)""",
    ],
)
def test_a_corrupt_row_is_a_world_error_that_names_the_file(path: Path, script: str) -> None:
    with closing(ChainStore(path)) as store:
        tamper(path, script)
        with pytest.raises(WorldError, match="chain 100"):
            tuple(store.transactions())


def test_what_is_no_database_is_a_world_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"not a database, and longer than a header " * 10)
    for path in (tmp_path / "text", tmp_path, tmp_path / "no" / "folder"):
        with pytest.raises(WorldError, match="cannot be opened"):
            ChainStore(path)


def test_what_cannot_be_written_is_a_world_error_and_nothing_half_done(path: Path) -> None:
    with closing(ChainStore(path)) as store:
        tamper(
            path,
            """CREATE TRIGGER full BEFORE INSERT ON transactions
            WHEN (SELECT count(*) FROM transactions) >= 3
            BEGIN SELECT RAISE(ABORT, 'full'); END""",
        )
        with pytest.raises(WorldError, match="cannot be written: full"):
            store.keep([funding(WALLET, 1_000), funding(WALLET, 2_000)])
    assert {each.txid for each in kept(path)} == {dmm_funding().txid, dmm_outflow().txid}


def test_only_what_touches_our_wallets_is_kept(tmp_path: Path) -> None:
    ours = funding(WALLET, 70_000)
    with closing(ChainStore(tmp_path / "chain.db")) as store:
        seen = observe(store, [WALLET], [dmm_outflow(), ours, funding(OTHER, 5_000)])
        assert seen == (ours,)
        assert tuple(store.transactions()) == (ours,)
        assert holdings_of(store, [WALLET]).balance_sat(WALLET.wallet_id) == 70_000
