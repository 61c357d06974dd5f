"""How improbable is it that one address merely happens to look like another?

People compare the first and the last few characters. An attacker therefore makes keys until the
characters that are displayed agree: in 2024 the thief's `1B6rJRf...2kdZw7P` stood in for the usual
`1B6rJ6Z...QdNM7P`. The published rule, first four and last four characters, misses that pair,
since only the last two agree. So the measure is no fixed prefix and suffix but the improbability,
in bits, of all the leading and trailing characters that agree, however a screen shortens them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import log2

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VERSIONS = {"1": 0, "3": 5, "m": 111, "n": 111, "2": 196}
_CHECKED_BITS = 192
"""A base58check address is one version byte, 160 bits of hash and 32 bits of checksum."""

ALARM_BITS = 28.0
"""About 2.7e8 tries: nobody meets such a pair by chance, and an attacker makes one in minutes."""

_END_CHARACTERS = 3
"""Two addresses that share fewer at both ends share less than ALARM_BITS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """What one address shares with another that was used or approved before."""

    address: str
    resembles: str
    prefix_characters: int
    suffix_characters: int
    bits: float
    """-log2 of the chance that a random address of this kind agrees on these characters."""

    @property
    def alarming(self) -> bool:
        """Return whether chance is no longer an explanation."""
        return self.bits >= ALARM_BITS


def closest(address: str, known: Iterable[str]) -> Resemblance | None:
    """Return what `address` most resembles among `known` addresses, itself left out.

    None if nothing in `known` shares a single informative character with it.
    """
    found = [resemblance(address, each) for each in known]
    return max((each for each in found if each.bits > 0), key=lambda each: each.bits, default=None)


def resemblance(address: str, known: str) -> Resemblance:
    """Return how much `address` looks like `known`; 0 bits for itself or another kind of address.

    Characters that every address of the kind has (the `1` of P2PKH, `bc1q` of segwit) are worth
    nothing. A base58 prefix is judged exactly, since the leading digits of an address are far from
    uniform; any other character is worth log2 of its alphabet.
    """
    kind = _kind(address)
    if not kind or address == known or kind != _kind(known):
        return Resemblance(
            address=address, resembles=known, prefix_characters=0, suffix_characters=0, bits=0.0
        )
    prefix = _common(address, known)
    suffix = _common(address[::-1], known[::-1])
    if len(kind) > 1:
        bits = 5.0 * (prefix - len(kind) + suffix)
    else:
        bits = _base58_prefix_bits(address[:prefix]) + suffix * log2(len(_BASE58))
    return Resemblance(
        address=address,
        resembles=known,
        prefix_characters=prefix,
        suffix_characters=suffix,
        bits=round(bits, 1),
    )


def _kind(address: str) -> str:
    """Return the characters that all addresses of this kind begin with; empty for none of ours."""
    hrp, separator, _ = address.partition("1")
    if hrp in {"bc", "tb", "bcrt"} and separator:
        return address[: len(hrp) + 2]
    return address[0] if address[:1] in _BASE58_VERSIONS else ""


def _common(first: str, second: str) -> int:
    """Return how many leading characters two strings share."""
    length = 0
    for ours, theirs in zip(first, second, strict=False):
        if ours != theirs:
            break
        length += 1
    return length


@lru_cache(maxsize=4096)
def _base58_prefix_bits(prefix: str) -> float:
    """Return -log2 of the chance that a random base58check address begins with `prefix`.

    An address writes a number of a known range. Those whose base58 form, of any length, begins
    with `prefix` are a few intervals of that range, so they can be counted instead of guessed.
    """
    version = _BASE58_VERSIONS[prefix[0]]
    first, last = version << _CHECKED_BITS, (version + 1) << _CHECKED_BITS
    digits = prefix
    if not version:
        # Each leading 1 is a zero byte, the version's own first; more digits mean no more of them.
        digits = prefix.lstrip("1")
        last >>= 8 * (len(prefix) - len(digits) - 1)
        if not digits:
            return log2(1 << _CHECKED_BITS) - log2(last)
        first = last >> 8
    number = 0
    for digit in digits:
        number = number * len(_BASE58) + _BASE58.index(digit)
    matching = 0
    for more in range(36):
        scale = int(len(_BASE58) ** more)
        low, high = number * scale, (number + 1) * scale
        matching += max(0, min(high, last) - max(low, first))
    return log2(1 << _CHECKED_BITS) - log2(matching) if matching else float(_CHECKED_BITS)


class KnownAddresses:
    """Addresses that were used or approved, kept so that a look-alike is found among any number.

    Only alarming resemblances are found: they need three informative characters in common at one
    end at least, and by those the addresses are kept.
    """

    def __init__(self, addresses: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._by_end: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
        for address in addresses:
            self.add(address)

    def __contains__(self, address: str) -> bool:
        return address in self._known

    def add(self, address: str) -> None:
        """Count `address` among the known ones from now on."""
        if address not in self._known:
            self._known.add(address)
            for end in _ends(address):
                self._by_end[end].append(address)

    def lookalike(self, address: str) -> Resemblance | None:
        """Return the known address that `address` is made to look like; None if it is known."""
        if address in self._known:
            return None
        near = {each for end in _ends(address) for each in self._by_end.get(end, ())}
        found = closest(address, sorted(near))
        return found if found is not None and found.alarming else None


def _ends(address: str) -> list[tuple[str, str, bool]]:
    kind = _kind(address)
    if not kind:
        return []
    return [
        (kind, address[len(kind) : len(kind) + _END_CHARACTERS], True),
        (kind, address[-_END_CHARACTERS:], False),
    ]
