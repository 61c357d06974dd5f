"""The maps of a PSBT as bytes: what stands in them, and how something is added to them."""

from collections.abc import Mapping, Sequence

from sekisho.chains.bitcoin.reader import Reader, var_bytes

MAGIC = b"psbt\xff"
_END = b"\x00"

Pairs = tuple[dict[bytes, bytes], ...]
"""The maps of a PSBT: the global one, one for each input, one for each output."""


def pairs_of(psbt: bytes, where: str) -> Pairs:
    """Return the maps of a PSBT that both readers have read, with nothing understood.

    Raises `BadInputError` for a size that is not written in its shortest form.
    """
    reader = Reader(psbt, where)
    reader.take(len(MAGIC))
    maps: list[dict[bytes, bytes]] = []
    while reader.offset < len(psbt):
        pairs: dict[bytes, bytes] = {}
        while key := reader.var_bytes():
            pairs[key] = reader.var_bytes()
        maps.append(pairs)
    return tuple(maps)


def with_pairs(maps: Sequence[Mapping[bytes, bytes]]) -> bytes:
    """Return the PSBT of these maps, each pair in the order in which it stands in its map."""
    written = (
        b"".join(var_bytes(key) + var_bytes(value) for key, value in pairs.items()) + _END
        for pairs in maps
    )
    return MAGIC + b"".join(written)
