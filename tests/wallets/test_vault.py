"""A vault stands apart, or it falls with the rest: what it may share with nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from document_paths import changed, paths_of, without
from wallet_keys import registered
from world_coins import DESCRIPTORS, MULTIPATH, fixed_key, key_expression, wallet_of

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.key_register import KeyRegister, RegisteredKey
from sekisho.wallets.records import Tier, Wallet
from sekisho.wallets.vault import (
    Vault,
    check_vault,
    footing_of,
    read_vault,
    vault_bytes,
    vault_digest,
)

DAILY = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
SAFE = wallet_of(
    f"wsh(multi(2,{key_expression('delta')}{MULTIPATH},{key_expression('thief')}{MULTIPATH}))",
    wallet_id="vault-1",
)
DAILY_KEYS, SAFE_KEYS = registered(DAILY), registered(SAFE, 4)
Entries = tuple[RegisteredKey, ...]


def stated(wallet: Wallet, register: KeyRegister) -> Vault:
    footing = footing_of(wallet, register)
    return Vault(
        wallet_id=wallet.wallet_id,
        wallet_digest=wallet_digest(wallet),
        keys=tuple(sorted(key.expression for key in register.keys if key in SAFE_KEYS)),
        sites=tuple(sorted(footing.sites)),
        people=tuple(sorted(footing.people)),
        vendors=tuple(sorted(footing.vendors)),
    )


REGISTER = KeyRegister(keys=(*DAILY_KEYS, *SAFE_KEYS))
VAULT = stated(SAFE, REGISTER)


def found(
    vault: Vault = VAULT,
    wallets: tuple[Wallet, ...] = (DAILY, SAFE),
    daily: Entries = DAILY_KEYS,
) -> list[tuple[str, dict[str, str]]]:
    register = KeyRegister(keys=(*daily, *SAFE_KEYS))
    return [
        (each.code.removeprefix("wallets."), dict(each.facts))
        for each in check_vault(vault, wallets, register)
    ]


def test_a_vault_that_stands_apart() -> None:
    assert found() == []
    assert read_vault(vault_bytes(VAULT), "vault") == VAULT
    assert vault_digest(vault_bytes(VAULT)) == tagged_digest("vault", vault_bytes(VAULT)).hex()


SHARED: list[tuple[Callable[[RegisteredKey], RegisteredKey], str, str]] = [
    (lambda key: replace(key, site="site-4"), "vault_shares_site", "site-4"),
    (lambda key: replace(key, site="bank-5"), "vault_shares_site", "bank-5"),
    (
        lambda key: replace(key, backups=(replace(key.backups[0], site="site-5"),)),
        "vault_shares_site",
        "site-5",
    ),
    (lambda key: replace(key, holder="holder-4"), "vault_shares_person", "holder-4"),
    (lambda key: replace(key, holder="keeper-5"), "vault_shares_person", "keeper-5"),
    (
        lambda key: replace(key, backups=(replace(key.backups[0], reached_by=("holder-5",)),)),
        "vault_shares_person",
        "holder-5",
    ),
    (lambda key: replace(key, vendor="vendor-4"), "vault_shares_vendor", "vendor-4"),
]


@pytest.mark.parametrize(("kept", "code", "shared"), SHARED)
def test_what_it_shares_is_found(
    kept: Callable[[RegisteredKey], RegisteredKey], code: str, shared: str
) -> None:
    daily = (kept(DAILY_KEYS[0]), *DAILY_KEYS[1:])
    assert found(daily=daily) == [(code, {"other": "cold-1", "shared": shared})]


def test_a_shared_key_is_found_however_it_is_spelled() -> None:
    xpub = key_expression("delta").partition("]")[2]
    for text in (
        f"wpkh({xpub}/7/*)",  # another path, and no origin
        f"wsh(multi(1,[d34db33f/48h]{xpub}/0/*,{fixed_key('alpha')}))",  # an invented origin
    ):
        other = wallet_of(text, wallet_id="warm-1")
        codes = [code for code, _ in found(wallets=(SAFE, other))]
        assert codes[0] == "vault_shares_key"


def test_what_nobody_registered_is_not_taken_to_be_apart() -> None:
    assert found(daily=DAILY_KEYS[1:]) == [("vault_keys_unknown", {"other": "cold-1"})]
    register = KeyRegister(keys=(*DAILY_KEYS, SAFE_KEYS[0]))
    codes = [each.code for each in check_vault(VAULT, [DAILY, SAFE], register)]
    assert "wallets.vault_keys_unknown" in codes


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"keys": VAULT.keys[:1]}, "keys"),
        ({"keys": (*VAULT.keys, DAILY_KEYS[0].expression)}, "keys"),
        ({"sites": ("site-4",)}, "sites"),
        ({"people": ("holder-4", "holder-5")}, "people"),
        ({"vendors": ("vendor-4", "vendor-6")}, "vendors"),
    ],
)
def test_a_statement_that_is_not_true_is_found(
    change: dict[str, tuple[str, ...]], what: str
) -> None:
    wrong = replace(VAULT, **change)  # type: ignore[arg-type]  # each change is of its field
    assert found(wrong) == [("vault_statement_wrong", {"what": what})]


def test_the_wallet_that_was_meant_is_in_force_and_cold() -> None:
    other = replace(SAFE, gap_limit=6)
    for wallets in ((DAILY,), (DAILY, other)):
        assert found(wallets=wallets) == [("vault_not_in_force", {})]
    warm = replace(SAFE, tier=Tier.WARM)
    vault = replace(VAULT, wallet_digest=wallet_digest(warm))
    assert found(vault, (DAILY, warm)) == [("vault_not_cold", {"tier": "warm"})]


DOCUMENT: Json = parse_json(vault_bytes(VAULT), "vault")
WRONG: list[tuple[tuple[str | int, ...], Json]] = [
    (("format",), "sekisho/vault/v2"),
    (("wallet_id",), "Vault"),
    (("wallet_digest",), ""),
    (("keys",), []),
    (("keys",), ["a", "a"]),
    (("sites",), []),
    (("sites",), ["tokyo", "tokyo"]),
    (("people",), ["Bob"]),
    (("vendors",), "vendor-1"),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_each_wrong_field_is_named(path: tuple[str | int, ...], value: Json) -> None:
    with pytest.raises(BadInputError) as refusal:
        read_vault(canonical_bytes(changed(DOCUMENT, path, value)), "vault")
    assert refusal.value.where.startswith(f"vault.{path[0]}")


@pytest.mark.parametrize("path", paths_of(DOCUMENT), ids=str)
def test_each_missing_and_each_unknown_field_means_no(path: tuple[str | int, ...]) -> None:
    with pytest.raises(BadInputError, match="is missing"):
        read_vault(canonical_bytes(without(DOCUMENT, path)), "vault")
    with pytest.raises(BadInputError, match="is not a known field"):
        read_vault(canonical_bytes(changed(DOCUMENT, ("note",), "x")), "vault")
