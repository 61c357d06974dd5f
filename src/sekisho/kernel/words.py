"""Twelve words that two people compare by voice, so that they know they see the same digest.

The words are taken from the BIP-39 lists, whose words were chosen to be told apart, but they are
*not* a BIP-39 mnemonic: 132 bits of a digest, no checksum, never a key.
"""

import unicodedata
from functools import cache
from importlib import resources
from typing import Literal

Language = Literal["en", "ja"]

WORD_COUNT = 12
_BITS_PER_WORD = 11
_LISTS = {"en": "words_english.txt", "ja": "words_japanese.txt"}


@cache
def word_list(language: Language) -> tuple[str, ...]:
    """Return the 2,048 words of the BIP-39 list in `language`, NFC-normalised, in list order."""
    text = (resources.files("sekisho.kernel") / _LISTS[language]).read_text(encoding="utf-8")
    words = tuple(unicodedata.normalize("NFC", word) for word in text.split())
    if len(set(words)) != 2**_BITS_PER_WORD:
        raise RuntimeError(f"the {language} word list is damaged")
    return words


def digest_words(digest: bytes, language: Language) -> tuple[str, ...]:
    """Return the first 132 bits of a 32-byte digest as twelve words, 11 bits each, in order.

    Raises `ValueError` for a digest of another length.
    """
    if len(digest) != 32:
        raise ValueError("a digest has 32 bytes")
    number = int.from_bytes(digest, "big") >> (256 - WORD_COUNT * _BITS_PER_WORD)
    words = word_list(language)
    shifts = range((WORD_COUNT - 1) * _BITS_PER_WORD, -1, -_BITS_PER_WORD)
    return tuple(words[number >> shift & (2**_BITS_PER_WORD - 1)] for shift in shifts)
