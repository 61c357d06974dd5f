from dataclasses import replace

from world_coins import DESCRIPTORS, funding, wallet_of

from sekisho.wallets.registry import open_book
from sekisho.watch.unknown import unknown_coins

SEEN = wallet_of(DESCRIPTORS["wpkh"], wallet_id="seen")
UNSEEN = wallet_of(DESCRIPTORS["wsh_sortedmulti"], wallet_id="unseen")


def test_a_wallet_of_which_no_coin_was_seen_is_named() -> None:
    book = open_book([SEEN, UNSEEN])
    outputs = funding(SEEN, 1_000).outputs
    assert [(each.code, each.subject) for each in unknown_coins(book, outputs)] == [
        ("watch.coins_unknown", "unseen")
    ]
    both = (*outputs, *funding(UNSEEN, 1).outputs)
    assert unknown_coins(book, both) == []
    assert [each.subject for each in unknown_coins(book, ())] == ["seen", "unseen"]


def test_a_former_registration_of_the_same_descriptor_is_known_by_the_same_coins() -> None:
    former = replace(SEEN, wallet_id="~seen~", gap_limit=SEEN.gap_limit + 5)
    book = open_book([SEEN, former])
    assert unknown_coins(book, funding(SEEN, 1_000).outputs) == []
