"""Twelve words: the right lists, the right bits, in both languages."""

import hashlib
import json
import unicodedata
from importlib import resources
from pathlib import Path

import pytest
from embit import bip39
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel import words
from sekisho.kernel.words import Language, digest_words, word_list

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "kernel" / "words.json").read_text(encoding="utf-8")
)
LANGUAGES: tuple[Language, ...] = ("en", "ja")

digests = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("words_english.txt", "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"),
        ("words_japanese.txt", "2eed0aef492291e061633d7ad8117f1a2b03eb80a29d0e4e3117ac2528d05ffd"),
    ],
)
def test_the_lists_are_those_of_bip_39_byte_for_byte(name: str, sha256: str) -> None:
    data = (resources.files("sekisho.kernel") / name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == sha256


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_can_be_told_apart(language: Language) -> None:
    listed = word_list(language)
    assert len(listed) == len(set(listed)) == 2048
    assert all(unicodedata.is_normalized("NFC", word) and word.isprintable() for word in listed)
    if language == "en":
        assert len({word[:4] for word in listed}) == 2048, "four letters are enough, says BIP-39"


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["digest"][:16])
def test_the_published_vectors(case: dict[str, str]) -> None:
    digest = bytes.fromhex(case["digest"])
    assert " ".join(digest_words(digest, "en")) == case["en"]
    assert " ".join(digest_words(digest, "ja")) == case["ja"]


@given(digests)
def test_the_first_132_bits_counted_another_way(digest: bytes) -> None:
    bits = "".join(f"{byte:08b}" for byte in digest)
    places = [int(bits[start : start + 11], 2) for start in range(0, 132, 11)]
    for language in LANGUAGES:
        assert digest_words(digest, language) == tuple(word_list(language)[n] for n in places)


@given(digests)
def test_an_independent_bip_39_says_the_same_words(digest: bytes) -> None:
    mnemonic = bip39.mnemonic_from_bytes(digest).split()
    assert digest_words(digest, "en") == tuple(mnemonic[:12])


@given(digests, st.integers(0, 131))
def test_each_of_the_132_bits_is_heard(digest: bytes, bit: int) -> None:
    changed = (int.from_bytes(digest, "big") ^ 1 << (255 - bit)).to_bytes(32, "big")
    for language in LANGUAGES:
        pairs = zip(digest_words(digest, language), digest_words(changed, language), strict=True)
        assert [n for n, (was, is_now) in enumerate(pairs) if was != is_now] == [bit // 11]


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_digest_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        digest_words(bytes(size), "en")


def test_a_damaged_list_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(words._LISTS, "en", "catalogue.toml")
    with pytest.raises(RuntimeError, match="damaged"):
        word_list.__wrapped__("en")
