"""What a node's RPC answers, read strictly where it matters; fields that are new are passed over.

Versions differ in what they add. What is read here is in all of 27 to 31, and an answer without it
is refused rather than guessed.
"""

from typing import NoReturn

from sekisho.chains.bitcoin.blocks import HEADER_SIZE
from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import WorldError
from sekisho.watch.feed_records import Header, Listed, Notifier, Pulse, Settings

_HASH_SIZE = 32
_PREFIX = "pub"


def read_pulse(answers: list[Json], *, asked_ms: int) -> Pulse:
    """Return the pulse in the answers to `PULSE`."""
    chain, mempool, notifiers, uptime = answers
    return Pulse(
        asked_ms=asked_ms,
        tip=_hash(chain, "bestblockhash"),
        height=_whole(chain, "blocks"),
        in_download=_flag(chain, "initialblockdownload"),
        mempool=" ".join(str(_field(mempool, name)) for name in ("size", "bytes", "total_fee")),
        topics=frozenset(each.topic for each in _notifiers(notifiers)),
        uptime_seconds=uptime if isinstance(uptime, int) else _strange("uptime"),
    )


PULSE: tuple[str, ...] = (
    "getblockchaininfo",
    "getmempoolinfo",
    "getzmqnotifications",
    "uptime",
)
SETTINGS: tuple[tuple[str, tuple[Json, ...]], ...] = (
    ("getnetworkinfo", ()),
    ("getblockchaininfo", ()),
    ("getblockhash", (0,)),
    ("getzmqnotifications", ()),
)


def read_settings(answers: list[Json]) -> Settings:
    """Return the settings in the answers to `SETTINGS`."""
    network, chain, genesis, notifiers = answers
    return Settings(
        version=_whole(network, "version"),
        genesis_hash=genesis if isinstance(genesis, str) else _strange("getblockhash"),
        pruned=_flag(chain, "pruned"),
        in_download=_flag(chain, "initialblockdownload"),
        notifiers=_notifiers(notifiers),
    )


def read_listing(answer: Json, *, asked_ms: int) -> Listed:
    """Return the listing in the answer to `getrawmempool false true`."""
    txids = _field(answer, "txids")
    if not isinstance(txids, list):
        _strange("txids")
    return Listed(
        asked_ms=asked_ms,
        txids=tuple([_bytes(each, "txids", size=_HASH_SIZE) for each in txids]),
        mempool_sequence=_whole(answer, "mempool_sequence"),
    )


def read_header(answer: Json) -> Header:
    """Return the header in the answer to `getblockheader`; the first block follows zeros."""
    before = answer.get("previousblockhash", "") if isinstance(answer, dict) else ""
    return Header(
        hash=_hash(answer, "hash"),
        prev_hash=_bytes(before, "previousblockhash", size=_HASH_SIZE) if before else bytes(32),
        height=_whole(answer, "height"),
    )


def read_transaction(answer: Json) -> bytes:
    """Return the bytes in the answer to `getrawtransaction`."""
    return _bytes(answer, "getrawtransaction")


def read_unspent(answer: Json) -> dict[str, int]:
    """Return the heights in the answer to `scantxoutset`, by the txid that made a coin."""
    unspent = _field(answer, "unspents")
    if _field(answer, "success") is not True or not isinstance(unspent, list):
        _strange("unspents")
    return {_hash(each, "txid").hex(): _whole(each, "height") for each in unspent}


def read_block(answer: Json, header: Header) -> bytes:
    """Return the bytes in the answer to `getblock`, which must be those of this block."""
    data = _bytes(answer, "getblock")
    if block_hash(data) != header.hash or data[4:36][::-1] != header.prev_hash:
        _strange("getblock")
    return data


def block_hash(data: bytes) -> bytes:
    """Return the hash of the block that begins with a header, in display order."""
    return sha256_twice(data[:HEADER_SIZE])[::-1]


def _notifiers(answer: Json) -> tuple[Notifier, ...]:
    if not isinstance(answer, list):
        _strange("getzmqnotifications")
    return tuple(
        Notifier(
            topic=_text(each, "type").removeprefix(_PREFIX),
            address=_text(each, "address"),
            high_water=_whole(each, "hwm"),
        )
        for each in answer
    )


def _field(answer: Json, name: str) -> Json:
    if not isinstance(answer, dict) or name not in answer:
        _strange(name)
    return answer[name]


def _text(answer: Json, name: str) -> str:
    value = _field(answer, name)
    return value if isinstance(value, str) else _strange(name)


def _whole(answer: Json, name: str) -> int:
    value = _field(answer, name)
    return value if isinstance(value, int) and not isinstance(value, bool) else _strange(name)


def _flag(answer: Json, name: str) -> bool:
    value = _field(answer, name)
    return value if isinstance(value, bool) else _strange(name)


def _hash(answer: Json, name: str) -> bytes:
    return _bytes(_field(answer, name), name, size=_HASH_SIZE)


def _bytes(value: Json, name: str, *, size: int = 0) -> bytes:
    try:
        data = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        data = b""
    return data if data and (not size or len(data) == size) else _strange(name)


def _strange(name: str) -> NoReturn:
    raise WorldError(f"the node's answer has no {name} that can be read")
