"""Who proves possession of every key of a wallet, and what thieves and old signatures prove."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wallet_keys import GENESIS, NONCE, NOW, proof, proofs_of, proven, signed
from world_coins import (
    DESCRIPTORS,
    MULTIPATH,
    bip32_root,
    bytes_of,
    fixed_key,
    key_expression,
    wallet_of,
)

from sekisho.chains.bitcoin.networks import Network
from sekisho.journal.records import Draft
from sekisho.journal.store import create_journal
from sekisho.kernel.canonical import Json
from sekisho.kernel.ulid import make_ulid
from sekisho.wallets.descriptors import keys_of
from sekisho.wallets.flow import draw_challenge
from sekisho.wallets.proof import (
    CHALLENGED,
    MESSAGE_MAX_CHARACTERS,
    WalletProofs,
    challenge_of,
    check_proofs,
    core_digest,
    nonces_drawn,
    proven_keys,
    signing_address,
    wallet_keys,
)
from sekisho.wallets.records import Wallet
from sekisho.wallets.signed_messages import MessageForm

WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
ALPHA, BETA, GAMMA = wallet_keys(WALLET)
NUMS = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"


def codes(
    wallet: Wallet,
    proofs: WalletProofs,
    *,
    genesis: str = GENESIS,
    nonces: tuple[bytes, ...] = (NONCE,),
) -> list[str]:
    """Return what is found when the wallet is registered with these very proofs."""
    named, document = proven(wallet, proofs)
    found = check_proofs(named, document, genesis_digest=genesis, nonces=nonces)
    return [each.code.removeprefix("wallets.") for each in found]


@pytest.mark.parametrize("form", MessageForm)
@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_a_wallet_of_any_kind_is_proven_by_its_holders(kind: str, form: MessageForm) -> None:
    wallet = wallet_of(DESCRIPTORS[kind])
    keys = wallet_keys(wallet)
    proofs = proofs_of(wallet, *(proof(wallet, key, form) for key in keys))
    assert codes(wallet, proofs) == []
    assert proven_keys(wallet, proofs) == {key.expression for key in keys}


@pytest.mark.parametrize("network", [Network.TEST, Network.SIGNET, Network.REGTEST])
def test_a_wallet_of_a_test_network_is_proven_too(network: Network) -> None:
    wallet = wallet_of(f"wpkh({fixed_key('alpha')})", network=network)
    for form in MessageForm:
        assert codes(wallet, proofs_of(wallet, proof(wallet, wallet_keys(wallet)[0], form))) == []


@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_every_challenge_is_what_a_small_device_signs(kind: str) -> None:
    wallet = wallet_of(DESCRIPTORS[kind])
    for key in wallet_keys(wallet):
        late = replace(key, place=99)
        for each in (key, late):
            message = challenge_of(wallet, each, NONCE, GENESIS)
            assert len(message) <= MESSAGE_MAX_CHARACTERS
            assert message.isascii()
            assert message.isprintable()
            assert "  " not in message
            for named in (core_digest(wallet), GENESIS, NONCE.hex(), each.name):
                assert named in message


def test_a_challenge_takes_a_whole_nonce() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        challenge_of(WALLET, ALPHA, NONCE[:31], GENESIS)


def test_no_two_keys_wallets_exchanges_or_nonces_have_one_challenge() -> None:
    other = wallet_of(DESCRIPTORS["wsh_sortedmulti"], wallet_id="cold-2")
    assert len({
        challenge_of(WALLET, ALPHA, NONCE, GENESIS),
        challenge_of(WALLET, BETA, NONCE, GENESIS),
        challenge_of(other, ALPHA, NONCE, GENESIS),
        challenge_of(WALLET, ALPHA, bytes_of("another nonce"), GENESIS),
        challenge_of(WALLET, ALPHA, NONCE, bytes_of("rehearsal").hex()),
    }) == 5  # fmt: skip


def test_what_the_holders_sign_does_not_depend_on_the_proof_itself() -> None:
    named, _ = proven(WALLET)
    assert core_digest(named) == core_digest(WALLET)
    assert core_digest(replace(named, gap_limit=6)) != core_digest(WALLET)


def test_devices_are_told_the_address_and_the_path() -> None:
    root = bip32_root("alpha")
    assert ALPHA.fingerprint == root.my_fingerprint.hex()
    assert ALPHA.path == "m/48h/0h/0h/2h/0/0"
    assert root.derive(ALPHA.path).to_public().key.sec() == ALPHA.public_key
    starts = {MessageForm.P2WPKH: "bc1q", MessageForm.P2TR: "bc1p", MessageForm.COMPACT: "1"}
    for form, start in starts.items():
        assert signing_address(WALLET, ALPHA, form).startswith(start)


THIEF = f"wsh(sortedmulti(2,{key_expression('thief')}{MULTIPATH},{key_expression('beta')}"
THIEF += f"{MULTIPATH},{key_expression('gamma')}{MULTIPATH}))"
SWAPPED = wallet_of(THIEF)


def attack_missing() -> WalletProofs:
    return proofs_of(WALLET, proof(WALLET, ALPHA), proof(WALLET, BETA))


def attack_signed_by_another_holder() -> WalletProofs:
    message = challenge_of(WALLET, GAMMA, NONCE, GENESIS)
    forged = signed(WALLET, GAMMA, message, MessageForm.P2WPKH, by=ALPHA)
    return proofs_of(
        WALLET, proof(WALLET, ALPHA), proof(WALLET, BETA), proof(WALLET, GAMMA, signature=forged)
    )


def attack_own_challenge_signed_twice() -> WalletProofs:
    first = proof(WALLET, ALPHA)
    return proofs_of(
        WALLET, first, proof(WALLET, BETA), replace(first, expression=GAMMA.expression)
    )


def attack_thiefs_key_beside_the_three() -> WalletProofs:
    thief = wallet_keys(SWAPPED)[0]
    return proofs_of(WALLET, *proofs_of(WALLET).proofs, proof(SWAPPED, thief))


def attack_two_proofs_for_one_key() -> WalletProofs:
    return proofs_of(WALLET, *proofs_of(WALLET).proofs, proof(WALLET, ALPHA, MessageForm.COMPACT))


def attack_wrong_then_right() -> WalletProofs:
    wrong = proof(WALLET, ALPHA, signature="AAAA")
    return proofs_of(WALLET, wrong, *proofs_of(WALLET).proofs)


def attack_relabelled_form() -> WalletProofs:
    relabelled = proof(WALLET, ALPHA, form=MessageForm.COMPACT)
    relabelled = replace(relabelled, form=MessageForm.P2WPKH)
    return proofs_of(WALLET, relabelled, proof(WALLET, BETA), proof(WALLET, GAMMA))


def attack_of_the_same_keys_in_another_wallet() -> WalletProofs:
    return proofs_of(wallet_of(DESCRIPTORS["wsh_sortedmulti"], gap_limit=6))


def attack_claimed_to_be_of_this_wallet() -> WalletProofs:
    return replace(attack_of_the_same_keys_in_another_wallet(), core_digest=core_digest(WALLET))


def attack_of_a_rehearsal() -> WalletProofs:
    rehearsal = bytes_of("rehearsal").hex()
    made = [
        proof(
            WALLET,
            key,
            signature=signed(
                WALLET, key, challenge_of(WALLET, key, NONCE, rehearsal), MessageForm.P2WPKH
            ),
        )
        for key in (ALPHA, BETA, GAMMA)
    ]
    return proofs_of(WALLET, *made, genesis_digest=rehearsal)


def attack_of_a_rehearsal_relabelled() -> WalletProofs:
    return replace(attack_of_a_rehearsal(), genesis_digest=GENESIS)


def attack_with_a_nonce_of_the_thiefs_choice() -> WalletProofs:
    mine = bytes_of("mine")
    made = [
        proof(
            WALLET,
            key,
            signature=signed(
                WALLET, key, challenge_of(WALLET, key, mine, GENESIS), MessageForm.P2WPKH
            ),
        )
        for key in (ALPHA, BETA, GAMMA)
    ]
    return proofs_of(WALLET, *made, nonce=mine)


def attack_old_signatures_under_a_new_nonce() -> WalletProofs:
    return replace(attack_with_a_nonce_of_the_thiefs_choice(), nonce=NONCE)


ATTACKS: list[tuple[Callable[[], WalletProofs], set[str]]] = [
    (attack_missing, {"proof_missing"}),
    (attack_signed_by_another_holder, {"proof_wrong"}),
    (attack_own_challenge_signed_twice, {"proof_wrong", "proof_shared"}),
    (attack_thiefs_key_beside_the_three, {"proof_unexpected"}),
    (attack_two_proofs_for_one_key, {"proof_unexpected"}),
    (attack_wrong_then_right, {"proof_unexpected", "proof_wrong"}),
    (attack_relabelled_form, {"proof_wrong"}),
    (attack_of_the_same_keys_in_another_wallet, {"proofs_of_other_wallet", "proof_wrong"}),
    (attack_claimed_to_be_of_this_wallet, {"proof_wrong"}),
    (attack_of_a_rehearsal, {"proofs_of_other_exchange"}),
    (attack_of_a_rehearsal_relabelled, {"proof_wrong"}),
    (attack_with_a_nonce_of_the_thiefs_choice, {"proofs_nonce_unknown"}),
    (attack_old_signatures_under_a_new_nonce, {"proof_wrong"}),
]


@pytest.mark.parametrize(
    ("attack", "expected"), ATTACKS, ids=lambda each: getattr(each, "__name__", None)
)
def test_no_attack_passes_for_proof(
    attack: Callable[[], WalletProofs], expected: set[str]
) -> None:
    assert set(codes(WALLET, attack())) == expected


def test_proofs_of_another_network_do_not_hold() -> None:
    main, regtest = (
        wallet_of(DESCRIPTORS["fixed_wpkh"], network=network)
        for network in (Network.MAIN, Network.REGTEST)
    )
    assert set(codes(regtest, proofs_of(main))) == {"proofs_of_other_wallet", "proof_wrong"}
    relabelled = replace(proofs_of(main), core_digest=core_digest(regtest))
    assert codes(regtest, relabelled) == ["proof_wrong"]


def test_other_proofs_than_the_quorum_signed_are_refused() -> None:
    _, document = proven(WALLET)
    compact = proofs_of(
        WALLET, *(proof(WALLET, key, MessageForm.COMPACT) for key in wallet_keys(WALLET))
    )
    other, _ = proven(WALLET, compact)
    for wallet in (WALLET, other):
        found = check_proofs(wallet, document, genesis_digest=GENESIS, nonces=[NONCE])
        assert [each.code for each in found] == ["wallets.proofs_not_named"]


def test_a_thief_proves_a_thiefs_keys_and_the_wallet_shows_whose() -> None:
    # The honest limit: possession is proven, by somebody. The keys shown are other ones.
    assert codes(SWAPPED, proofs_of(SWAPPED)) == []
    thief = wallet_keys(SWAPPED)[0]
    assert thief.expression not in {key.expression for key in wallet_keys(WALLET)}
    assert thief.name != ALPHA.name


def test_a_point_that_is_nobodys_needs_no_proof_and_takes_none() -> None:
    wallet = wallet_of(
        f"tr({NUMS},{{pk({key_expression('alpha')}{MULTIPATH}),pk({key_expression('beta')}{MULTIPATH})}})"
    )
    nobody, alpha, beta = wallet_keys(wallet)
    assert (nobody.is_nobodys, alpha.is_nobodys, beta.is_nobodys) == (True, False, False)
    proofs = proofs_of(wallet, proof(wallet, alpha, MessageForm.P2TR), proof(wallet, beta))
    assert codes(wallet, proofs) == []
    claimed = replace(proof(wallet, alpha, MessageForm.COMPACT), expression=nobody.expression)
    more = replace(proofs, proofs=(*proofs.proofs, claimed))
    assert set(codes(wallet, more)) == {"proof_unexpected", "proof_wrong"}


def test_one_holder_who_appears_as_two_is_found() -> None:
    # The same secret under another chain code: other scripts, the same person.
    root = bip32_root("alpha").derive("m/48h/0h/0h/2h").to_public()
    twin = bip32_root("alpha").derive("m/48h/0h/0h/2h").to_public()
    twin.chain_code = bytes_of("another chain code")
    wallet = wallet_of(
        f"wsh(multi(2,{root.to_base58()}/0/*,{twin.to_base58()}/0/*,{fixed_key('gamma')}))"
    )
    assert len(wallet_keys(wallet)) == 3
    assert "keys_of_one_secret" in codes(
        wallet, proofs_of(wallet, proof(wallet, wallet_keys(wallet)[2]))
    )


def test_a_key_that_stands_in_several_places_is_one_key() -> None:
    alpha, beta = key_expression("alpha"), key_expression("beta")
    text = f"wsh(or_d(multi(2,{alpha}/0/*,{beta}/0/*),and_v(v:pkh({alpha}/2/*),older(52560))))"
    wallet = wallet_of(text)
    assert [key.place for key in wallet_keys(wallet)] == [1, 2]
    assert codes(wallet, proofs_of(wallet)) == []


def test_a_key_without_origin_is_named_by_itself() -> None:
    (key,) = keys_of(wallet_of(DESCRIPTORS["fixed_wpkh"]).descriptor, Network.MAIN)
    assert (key.expression, key.path) == (fixed_key("alpha"), "")
    xpub = bip32_root("alpha").to_public()
    (bare,) = wallet_keys(wallet_of(f"wpkh({xpub.to_base58()}/0/*)"))
    assert (bare.path, bare.fingerprint) == ("m/0/0", xpub.my_fingerprint.hex())


def test_only_nonces_that_were_drawn_for_this_very_wallet_count(tmp_path: Path) -> None:
    other = replace(WALLET, gap_limit=6)
    journal = create_journal(tmp_path / "journal.sqlite")
    mine, theirs = bytes_of("mine"), bytes_of("theirs")
    draw_challenge(journal, WALLET, mine, now=NOW)
    draw_challenge(journal, other, theirs, now=NOW)
    with pytest.raises(ValueError, match="32 bytes"):
        draw_challenge(journal, WALLET, b"short", now=NOW)
    for number, body in enumerate(
        [
            {},
            {"core_digest": core_digest(WALLET)},
            {"core_digest": core_digest(WALLET), "nonce": 7},
            {"core_digest": core_digest(WALLET), "nonce": "ab"},
            {"core_digest": core_digest(WALLET), "nonce": "AB" * 32},
            {"core_digest": core_digest(WALLET), "nonce": "ab" * 32, "more": ""},
        ]
    ):
        draft = Draft(
            entry_id=make_ulid(NOW, bytes([number] * 10)),
            at=NOW,
            kind=CHALLENGED,
            actor="somebody",
            body=cast("dict[str, Json]", body),
        )
        journal.append(draft)
    entries = list(journal.entries())
    assert len(entries) == 8
    assert nonces_drawn(entries, WALLET) == {mine}
    assert nonces_drawn(entries, proven(WALLET)[0]) == {mine}  # proving changes no core
    assert nonces_drawn(entries, other) == {theirs}
    assert nonces_drawn(entries[1:], WALLET) == frozenset()
    journal.close()


@given(signatures=st.lists(st.text(min_size=1, max_size=80), min_size=3, max_size=3))
def test_nothing_but_the_holders_signatures_proves(signatures: list[str]) -> None:
    made = [
        proof(WALLET, key, signature=text)
        for key, text in zip(wallet_keys(WALLET), signatures, strict=True)
    ]
    assert proven_keys(WALLET, proofs_of(WALLET, *made)) == frozenset()
