"""Little chains of really serialised blocks, and a naive reading of what they do to us."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from hypothesis import strategies as st

from sekisho.chains.bitcoin.blocks import merkle_root_of, parse_block
from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.kernel.money import Sat
from sekisho.watch.raw_block import RawBlock, Reading

OURS = (b"\x51", b"\x00\x14" + b"\x11" * 20, b"\xa9\x14" + b"\x22" * 20 + b"\x87", b"\x33" * 70)
THEIRS = (b"", b"\x52", b"\x00\x14" + b"\x44" * 20, b"\x55" * 300)
NOTHING = OutPoint(txid="0" * 64, vout=0xFFFFFFFF)
EASY_BITS = 0x207FFFFF
"""Those of regtest: every second hash meets them."""
_RESERVED = bytes(32)
Held: TypeAlias = Sequence[Transaction]


def transaction(
    spends: Iterable[OutPoint], pays: Iterable[bytes], *, witness: tuple[bytes, ...] = ()
) -> Transaction:
    inputs = tuple(
        TxIn(outpoint=each, script_sig=b"\x51" * 3, sequence=0xFFFFFFFF, witness=witness)
        for each in spends
    )
    outputs = tuple(TxOut(amount_sat=Sat(1000), script=each) for each in pays)
    return Transaction(version=2, inputs=inputs, outputs=outputs, locktime=0)


def outpoints(made: Transaction) -> list[OutPoint]:
    return [OutPoint(txid=made.txid, vout=vout) for vout in range(len(made.outputs))]


def block(previous: bytes, transactions: list[Transaction], *, number: int) -> bytes:
    """Return a block that `parse_block` accepts: both hash trees are right; work it has none."""
    tree = [bytes(32)] + [bytes.fromhex(each.wtxid)[::-1] for each in transactions]
    commitment = sha256_twice(merkle_root_of(tree)[0] + _RESERVED)
    coinbase = Transaction(
        version=2,
        inputs=(
            TxIn(
                outpoint=NOTHING,
                script_sig=number.to_bytes(8, "little"),
                sequence=0xFFFFFFFF,
                witness=(_RESERVED,),
            ),
        ),
        outputs=(
            TxOut(amount_sat=Sat(5000), script=OURS[number % 2]),
            TxOut(amount_sat=Sat(0), script=bytes.fromhex("6a24aa21a9ed") + commitment),
        ),
        locktime=0,
    )
    everything = [coinbase, *transactions]
    root, _ = merkle_root_of([bytes.fromhex(each.txid)[::-1] for each in everything])
    header = (2).to_bytes(4, "little") + previous + root + number.to_bytes(12, "little")
    return b"".join([header, bytes([len(everything)]), *(each.serialize() for each in everything)])


def mined(raw: bytes, bits: int = EASY_BITS) -> bytes:
    """Return the block with these bits, and a nonce with which its hash meets them."""
    target = (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3)
    for nonce in count():
        tried = raw[:72] + bits.to_bytes(4, "little") + nonce.to_bytes(4, "little") + raw[80:]
        if int.from_bytes(hash_of(tried), "little") <= target:
            break
    return tried


def mined_chain(
    previous: bytes, size: int, *, bits: int = EASY_BITS, first: int = 1, held: Held = ()
) -> list[bytes]:
    """Return blocks upon `previous`, numbered from `first`; the first one holds transactions."""
    blocks: list[bytes] = []
    for number in range(first, first + size):
        raw = block(previous, [] if blocks else list(held), number=number)
        blocks.append(mined(raw, bits))
        previous = hash_of(blocks[-1])
    return blocks


def reading(blocks: Iterable[bytes]) -> Reading:
    """Return what reads these blocks, in their order."""
    raws = [
        RawBlock(data=each, where=f"block {position}", position=position)
        for position, each in enumerate(blocks)
    ]
    return lambda wanted: (raw for raw in raws if wanted(raw.position))


def hash_of(raw: bytes) -> bytes:
    return sha256_twice(raw[:80])


@st.composite
def chains(draw: st.DrawFn, *, forks: bool = True) -> list[bytes]:
    """Return blocks in an order in which parents come first.

    Every spend is of an output created by an ancestor, or earlier in the same block; what one
    branch has spent, another may spend as well.
    """
    numbers = count(1)
    blocks: list[bytes] = []
    unspent: list[tuple[OutPoint, ...]] = []  # after each block, on its branch
    for _ in range(draw(st.integers(1, 8))):
        oldest = max(-1, len(blocks) - 3) if forks else len(blocks) - 1
        parent = draw(st.integers(oldest, len(blocks) - 1))
        coins = list(unspent[parent]) if parent >= 0 else []
        previous = hash_of(blocks[parent]) if parent >= 0 else bytes(32)
        made = []
        for _ in range(draw(st.integers(0, 4))):
            if not coins:
                break
            taken = draw(st.integers(1, min(3, len(coins))))
            spends = [coins.pop(draw(st.integers(0, len(coins) - 1))) for _ in range(taken)]
            pays = draw(st.lists(st.sampled_from(OURS + THEIRS), min_size=1, max_size=4))
            witness = draw(st.sampled_from([(), (b"\x01",), (b"", b"\x02" * 60)]))
            made.append(transaction(spends, pays, witness=witness))
            coins += outpoints(made[-1])
        raw = block(previous, made, number=next(numbers))
        coins += outpoints(parse_block(raw, "world").transactions[0])
        blocks.append(raw)
        unspent.append(tuple(coins))
    return blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What a transaction does to us."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def touches(
    blocks: Iterable[bytes], scripts: set[bytes], coins: Iterable[OutPoint] = ()
) -> Mapping[tuple[str, str], Touch]:
    """Read every transaction of every block twice, and return what touches us by block and txid.

    Slow and plain: first all that pays us, wherever it is; then all that spends it.
    """
    parsed = [parse_block(each, "oracle") for each in blocks]
    ours = set(coins)
    for each in parsed:
        for made in each.transactions:
            for vout, output in enumerate(made.outputs):
                if output.script in scripts:
                    ours.add(OutPoint(txid=made.txid, vout=vout))
    found = {}
    for each in parsed:
        for made in each.transactions:
            touch = Touch(
                inputs=tuple(n for n, spent in enumerate(made.inputs) if spent.outpoint in ours),
                outputs=tuple(n for n, out in enumerate(made.outputs) if out.script in scripts),
            )
            if touch.inputs or touch.outputs:
                found[each.header.hash, made.txid] = touch
    return found
