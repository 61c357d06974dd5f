"""Blocks for a node on regtest: thousands of small payments each, made without a wallet.

Every payment has one input and two outputs, and a witness as long as that of a signature. Coins
lie on P2WSH scripts of their own that anybody can spend, so that nothing has to be signed.
"""

from collections.abc import Iterator
from hashlib import sha256
from random import Random
from struct import pack

from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.chains.bitcoin.reader import compact_size, var_bytes

PER_BLOCK = 6_000
"""Payments in a block: 1.3 MB."""
MATURE = 100
SUBSIDY_SAT = 50 * 10**8
PAID_SAT = 1_000
_BITS = 0x207FFFFF
_TARGET = 0x7FFFFF << 232
_SPACING_SECONDS = 60
_SIGNED = bytes(72)

Coin = tuple[bytes, int, bytes, int]
"""Txid and number, the witness script, and the amount."""


def chain(genesis: bytes, *, full: int, began_at: int, paid: list[bytes]) -> Iterator[bytes]:
    """Yield blocks upon the genesis block: some that mature, one that splits, then full ones.

    Of each tenth full block one payment goes to one of the scripts `paid`; all others go to
    strangers. What is found is parsed in Python, and is not what is measured.
    """
    random = Random("payments")  # noqa: S311 - the same ones each time
    parent, coins = genesis, list[Coin]()
    first: Coin = (b"", 0, b"", 0)
    for height in range(1, MATURE + 2 + full):
        base, coin = _coinbase(height)
        first = coin if height == 1 else first
        spends: list[tuple[bytes, bytes]] = []
        if height == MATURE + 1:
            amount_sat = SUBSIDY_SAT // PER_BLOCK
            scripts = [_free(random.randbytes(8)) for _ in range(PER_BLOCK)]
            raw, txid = _transaction(first, [(amount_sat, _p2wsh(each)) for each in scripts])
            spends = [(raw, txid)]
            coins = [(txid, number, each, amount_sat) for number, each in enumerate(scripts)]
        elif height > MATURE + 1:
            ours = paid[height // 10 % len(paid)] if height % 10 == 0 else b""
            spends, coins = _payments(coins, random, ours)
        block = _block(parent, height, began_at, base, spends)
        parent = sha256_twice(block[:80])
        yield block


def _payments(
    coins: list[Coin], random: Random, ours: bytes
) -> tuple[list[tuple[bytes, bytes]], list[Coin]]:
    spends, after = [], []
    for number, coin in enumerate(coins):
        script, left_sat = _free(random.randbytes(8)), coin[3] - PAID_SAT
        stranger = b"\x00\x14" + random.randbytes(20)
        payee = ours if ours and number == len(coins) // 2 else stranger
        raw, txid = _transaction(coin, [(PAID_SAT, payee), (left_sat, _p2wsh(script))])
        spends.append((raw, txid))
        after.append((txid, 1, script, left_sat))
    return spends, after


def _free(number: bytes) -> bytes:
    """Return a witness script that is satisfied by any one item."""
    return b"\x08" + number + b"\x6d\x51"  # <number> 2DROP 1


def _p2wsh(script: bytes) -> bytes:
    return b"\x00\x20" + sha256(script).digest()


def _outputs(paid: list[tuple[int, bytes]]) -> bytes:
    each = (pack("<q", amount_sat) + var_bytes(script) for amount_sat, script in paid)
    return compact_size(len(paid)) + b"".join(each)


def _transaction(coin: Coin, paid: list[tuple[int, bytes]]) -> tuple[bytes, bytes]:
    """Return a transaction that spends a coin, and its txid."""
    txid, number, script, _ = coin
    body = b"\x01" + txid + pack("<I", number) + b"\x00" + b"\xfd\xff\xff\xff" + _outputs(paid)
    witness = b"\x02" + var_bytes(_SIGNED) + var_bytes(script)
    version, locktime = pack("<i", 2), bytes(4)
    raw = version + b"\x00\x01" + body + witness + locktime
    return raw, sha256_twice(version + body + locktime)


def _coinbase(height: int) -> tuple[bytes, Coin]:
    """Return the part of a coinbase before its outputs, and the coin that it makes."""
    number = height.to_bytes((height.bit_length() + 8) // 8, "little")
    pushed = bytes([0x50 + height]) if height <= 16 else var_bytes(number)  # BIP-34
    signature = var_bytes(pushed + b"\x00\x00")
    base = b"\x01" + bytes(32) + b"\xff" * 4 + signature + b"\xff" * 4
    script = _free(height.to_bytes(8, "little"))
    halved_sat = SUBSIDY_SAT >> (height // 150)  # regtest
    paid = [(halved_sat, _p2wsh(script))]
    plain = pack("<i", 2) + base + _outputs([*paid, _commitment([])]) + bytes(4)
    return base, (sha256_twice(plain), 0, script, halved_sat)


def _commitment(wtxids: list[bytes]) -> tuple[int, bytes]:
    """Return the output of BIP-141 that commits to all witnesses."""
    root = _merkle([bytes(32), *wtxids])
    return 0, b"\x6a\x24\xaa\x21\xa9\xed" + sha256_twice(root + bytes(32))


def _block(
    parent: bytes, height: int, began_at: int, base: bytes, spends: list[tuple[bytes, bytes]]
) -> bytes:
    script = _free(height.to_bytes(8, "little"))
    paid = [(SUBSIDY_SAT >> (height // 150), _p2wsh(script))]
    committed = _commitment([sha256_twice(raw) for raw, _ in spends])
    body, version, locktime = base + _outputs([*paid, committed]), pack("<i", 2), bytes(4)
    first = version + b"\x00\x01" + body + b"\x01\x20" + bytes(32) + locktime
    root = _merkle([sha256_twice(version + body + locktime), *(txid for _, txid in spends)])
    moment = began_at + height * _SPACING_SECONDS
    head = pack("<i", 0x20000000) + parent + root + pack("<II", moment, _BITS)
    nonce = 0
    while int.from_bytes(sha256_twice(head + pack("<I", nonce)), "little") > _TARGET:
        nonce += 1
    count = compact_size(1 + len(spends))
    return head + pack("<I", nonce) + count + first + b"".join(raw for raw, _ in spends)


def _merkle(digests: list[bytes]) -> bytes:
    while len(digests) > 1:
        if len(digests) % 2:
            digests = [*digests, digests[-1]]
        pairs = zip(digests[::2], digests[1::2], strict=True)
        digests = [sha256_twice(one + other) for one, other in pairs]
    return digests[0]
