"""Two passes with the same words: how an author finds them, and why twelve words are too many.

One pass is read aloud, the other is signed. Whoever writes both varies what nobody reads closely
until the words agree. With two words that takes a few thousand passes, as it does here; each word
more costs 45 times as many. What that means for twelve, `make bench ONLY=words` says.
"""

from dataclasses import replace

from attacks import ASKED, BASE, COIN, WALLET
from world import digest_of, transfer_pass
from world_coins import payment, stranger

from sekisho.kernel.words import digest_words
from sekisho.passes.records import Pass

WORDS_COMPARED = 2


def variants(asked: Pass, how_many: int) -> dict[tuple[str, ...], Pass]:
    """Return passes that differ in what nobody reads closely, by their first words."""
    found: dict[tuple[str, ...], Pass] = {}
    for number in range(how_many):
        varied = replace(asked, purpose=f"{asked.purpose} ({number})")
        words = digest_words(bytes.fromhex(digest_of(varied)), "en")
        found.setdefault(words[:WORDS_COMPARED], varied)
    return found


def test_an_author_finds_two_passes_that_share_two_words_and_never_twelve() -> None:
    honest = variants(ASKED, 3_000)
    thiefs = transfer_pass(BASE, WALLET, [payment(stranger(9), 10_000_000)], COIN)
    for tried in range(30_000):  # 2**22 pairs of words, and far more pairs of passes
        varied = replace(thiefs, purpose=f"{thiefs.purpose} [{tried}]")
        words = digest_words(bytes.fromhex(digest_of(varied)), "en")
        benign = honest.get(words[:WORDS_COMPARED])
        if benign is not None:
            break
    assert benign is not None
    assert benign.action != varied.action
    assert digest_words(bytes.fromhex(digest_of(benign)), "en") != words
