"""The sieve finds exactly what a plain reading finds, and reads nothing that is not there."""

import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
from bitcoin_vectors import block_bytes, dmm_funding, dmm_outflow
from block_world import NOTHING, OURS, Touch, block, outpoints, touches, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sekisho.chains.bitcoin.blocks import BLOCK_SIZE_MAX, parse_block
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, parse_transaction
from sekisho.kernel.errors import BadInputError
from sekisho.watch import sieve_table as table
from sekisho.watch.sieve import Scanned, Sieve
from sekisho.watch.sieve_hash import hash_at
from sekisho.watch.sieve_keys import KeySet

HEIGHTS = (0, 227836, 482683, 542213, 757739, 757753, 758100, 758300)
SEED = bytes(range(16))
OUTFLOW = dmm_outflow().serialize()


def sieve_of(scripts: list[bytes], coins: list[OutPoint] | None = None) -> Sieve:
    made = Sieve(SEED)
    made.watch_scripts(scripts)
    made.watch_outpoints(coins or [])
    return made


def by_txid(raw: bytes, scanned: Scanned) -> dict[str, Touch]:
    found = {}
    for hit in scanned.hits:
        piece = raw[hit.offset : hit.offset + hit.size]
        found[parse_transaction(piece, "hit").txid] = Touch(inputs=hit.inputs, outputs=hit.outputs)
    return found


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("share", [0.0, 0.02, 1.0])
def test_real_blocks_as_a_plain_reading_finds_them(height: int, share: float) -> None:
    random = Random(height)  # noqa: S311 - the same choice each time
    raw = block_bytes(height)
    transactions = parse_block(raw, "block").transactions
    scripts = sorted({out.script for each in transactions for out in each.outputs})
    coins = [spent.outpoint for each in transactions for spent in each.inputs]
    scripts = [each for each in scripts if random.random() < share]
    coins = [each for each in coins if random.random() < share]
    sieve = sieve_of([random.randbytes(22) for _ in range(2000)] + scripts, coins)
    scanned = sieve.scan_block(raw, "block")
    # What the block itself creates for us is not watched until somebody says so.
    expected = {
        txid: touch for (_, txid), touch in touches_without_learning(raw, scripts, coins).items()
    }
    assert by_txid(raw, scanned) == expected
    assert scanned.transactions == len(transactions)


def touches_without_learning(
    raw: bytes, scripts: list[bytes], coins: list[OutPoint]
) -> dict[tuple[str, str], Touch]:
    paid = touches([raw], set(scripts))
    spent = touches([raw], set(), coins)
    return {
        place: Touch(
            inputs=spent[place].inputs if place in spent else (),
            outputs=paid[place].outputs if place in paid else (),
        )
        for place in [*paid, *spent]
    }


def test_the_real_outflow_spends_its_funding() -> None:
    funding = dmm_funding()
    sieve = sieve_of([funding.outputs[0].script], outpoints(funding))
    hits = sieve.scan_transaction(OUTFLOW, "outflow").hits
    assert [(hit.offset, hit.size) for hit in hits] == [(0, len(OUTFLOW))]
    assert hits[0].inputs == tuple(range(len(dmm_outflow().inputs)))


@given(
    watched=st.lists(st.lists(st.binary(max_size=80), max_size=30), max_size=5),
    others=st.lists(st.binary(max_size=80), max_size=20),
    seed=st.binary(min_size=16, max_size=16),
)
def test_any_scripts_in_any_steps_under_any_seed(
    watched: list[list[bytes]], others: list[bytes], seed: bytes
) -> None:
    sieve = Sieve(seed)
    known: set[bytes] = set()
    for step in watched:
        new = len(set(step) - known)
        known |= set(step)
        assert sieve.watch_scripts(step) == new
        assert sieve.scripts == len(known)
    pays = [each for step in watched for each in step] + others + [b"\x51"]
    raw = transaction([NOTHING], pays).serialize()
    hits = sieve.scan_transaction(raw, "test").hits
    expected = tuple(place for place, script in enumerate(pays) if script in known)
    assert [each.outputs for each in hits] == ([expected] if expected else [])


def test_growing_forgets_nothing_and_invents_nothing() -> None:
    random = Random(7)  # noqa: S311 - the same scripts each time
    scripts = [random.randbytes(random.choice((22, 25, 34))) for _ in range(100_000)]
    strangers = [each[:-1] + bytes([each[-1] ^ 1]) for each in scripts]
    coins = [OutPoint(txid=each[:20].hex() + "ab" * 12, vout=n) for n, each in enumerate(scripts)]
    sieve = Sieve(SEED)
    for start in range(0, len(scripts), 7001):
        sieve.watch_scripts(scripts[start : start + 7001])
        sieve.watch_outpoints(coins[start : start + 7001])
    for start in range(0, len(scripts), 1000):
        pays = scripts[start : start + 1000] + strangers[start : start + 1000]
        spends = [
            each
            for coin in coins[start : start + 1000]
            for each in (coin, OutPoint(txid=coin.txid, vout=coin.vout + 1))
        ]
        (hit,) = sieve.scan_transaction(transaction(spends, pays).serialize(), "test").hits
        known = {*coins[start : start + 1001]}
        assert hit.outputs == tuple(range(1000))
        assert hit.inputs == tuple(n for n, each in enumerate(spends) if each in known)


def test_an_equal_hash_is_not_enough() -> None:
    members = KeySet(SEED)
    key = b"\x00\x14" + b"\x07" * 20
    members.add([key])
    mix = hash_at(*place_of(key), members.keys.secret.ctypes.data)
    assert table.place_of(members.keys, *place_of(key), mix)[0]
    for other in (key[:-1] + b"\x08", key[:-1], key + b"\x07", b""):
        assert not table.place_of(members.keys, *place_of(other), mix)[0]


KEPT: list[NDArray[np.uint8]] = []


def place_of(data: bytes) -> tuple[int, int]:
    KEPT.append(np.array(list(data), np.uint8))
    return KEPT[-1].ctypes.data, len(data)


# What is malformed -------------------------------------------------------------------------------

PLAIN = transaction([NOTHING], OURS)
MARKED = transaction([NOTHING], OURS, witness=(b"\x01",))


def test_blocks_and_transactions_are_read_as_far_as_the_parser_reads_them() -> None:
    for made in (PLAIN, MARKED):
        assert sieve_of(list(OURS)).scan_transaction(made.serialize(), "test").hits
    raw = block(bytes(32), [PLAIN, MARKED], number=1)
    assert sieve_of(list(OURS)).scan_block(raw, "test").transactions == 3


def without(made: Transaction, part: str) -> bytes:
    """Return `made` with a part left out or put in that its bytes cannot go without or with."""
    raw = made.serialize(with_witness=False)
    inputs_at, after_inputs = 4, 4 + 1 + 36 + 4 + 4
    return {
        "inputs": raw[:inputs_at] + b"\x00" + raw[after_inputs:],
        "outputs": raw[:after_inputs] + b"\x00" + raw[-4:] + bytes(20),
        "flag": raw[:4] + b"\x00\x02" + raw[4:],
        "witness": raw[:4] + b"\x00\x01" + raw[4:-4] + b"\x00" + raw[-4:],
        "shortest form": raw[:4] + b"\xfd\x01\x00" + raw[5:],
        "shortest form of four": raw[:4] + b"\xfe\x01\x00\x00\x00" + raw[5:],
        "end": raw + b"\x00",
        "everything": raw[:4] + b"\xff" + b"\xff" * 8 + raw[5:],
        "all but a lie": raw[:4] + b"\xfe\xff\xff\xff\xff" + raw[5:],
    }[part]


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("inputs", "byte 0: the witness flag is not 1"),
        ("outputs", "byte 50: a transaction has no outputs"),
        ("flag", "byte 0: the witness flag is not 1"),
        ("witness", "no input has a witness"),
        ("shortest form", "byte 4: a size is not written in its shortest form"),
        ("shortest form of four", "byte 4: a size is not written in its shortest form"),
        ("end", "bytes follow"),
        ("everything", "byte 4: "),
        ("all but a lie", "goes on beyond the end"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(part: str, reason: str) -> None:
    raw = without(PLAIN, part)
    with pytest.raises(BadInputError, match="test") as ours:
        sieve_of(list(OURS)).scan_transaction(raw, "test")
    assert reason in str(ours.value)
    with pytest.raises(BadInputError):
        parse_transaction(raw, "test")


def test_every_truncation_is_refused() -> None:
    raw = block_bytes(542213)
    sieve = sieve_of(list(OURS), [NOTHING])
    for size in range(1, len(raw)):
        with pytest.raises(BadInputError, match="beyond the end"):
            sieve.scan_block(raw[:size], "cut")
    for size in range(1, len(OUTFLOW)):
        with pytest.raises(BadInputError, match="beyond the end"):
            sieve.scan_transaction(OUTFLOW[:size], "cut")


def test_nothing_and_too_much_are_refused() -> None:
    sieve = sieve_of(list(OURS))
    for data in (b"", bytes(BLOCK_SIZE_MAX + 1)):
        with pytest.raises(BadInputError, match="no block"):
            sieve.scan_block(data, "test")
        with pytest.raises(BadInputError, match="no block"):
            sieve.scan_transaction(data, "test")


def test_a_seed_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Sieve(b"short")


def test_the_largest_block_with_the_most_outputs() -> None:
    """As many outputs as four million bytes can hold: the room for them is just enough."""
    head = transaction([NOTHING], [b""]).serialize()
    most = (BLOCK_SIZE_MAX - len(head) - 4) // 9 + 1
    raw = transaction([NOTHING], [b""] * most).serialize()
    assert BLOCK_SIZE_MAX - 9 < len(raw) <= BLOCK_SIZE_MAX
    (hit,) = sieve_of([b""]).scan_transaction(raw, "test").hits
    assert hit.outputs == tuple(range(most))


mutations = st.lists(
    st.tuples(st.integers(0, 2**16), st.integers(0, 255), st.booleans()), min_size=1, max_size=6
)


@settings(max_examples=500)
@given(raw=st.sampled_from([PLAIN, MARKED, dmm_outflow()]), changes=mutations)
def test_no_transaction_that_can_be_parsed_is_missed(
    raw: Transaction, changes: list[tuple[int, int, bool]]
) -> None:
    data = bytearray(raw.serialize())
    for place, value, longer in changes:
        if longer:
            data.insert(place % (len(data) + 1), value)
        else:
            data[place % len(data)] = value
    scripts = [out.script for out in raw.outputs]
    coins = [spent.outpoint for spent in raw.inputs]
    try:
        parsed = parse_transaction(bytes(data), "test")
    except BadInputError:
        return
    hits = sieve_of(scripts, coins).scan_transaction(bytes(data), "test").hits
    spent = tuple(n for n, each in enumerate(parsed.inputs) if each.outpoint in coins)
    paid = tuple(n for n, each in enumerate(parsed.outputs) if each.script in scripts)
    assert [(each.inputs, each.outputs) for each in hits] == (
        [(spent, paid)] if spent or paid else []
    )


def test_nothing_is_read_outside_the_block() -> None:
    """Walk thousands of broken blocks that lie between unreadable pages; a stray read kills."""
    script = Path(__file__).with_name("walk_between_pages.py")
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"killed by signal {-ran.returncode}: {ran.stderr[-500:]}"
    refused, accepted = map(int, ran.stdout.split())
    assert refused > 50_000
    assert accepted > 10
