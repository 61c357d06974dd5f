"""The proofs as a document, and the sheet on which they are gathered from holder to holder."""

import pytest
from document_paths import changed, paths_of, without
from hypothesis import given
from hypothesis import strategies as st
from wallet_keys import GENESIS, NONCE, proofs_of, proven, signed
from world_coins import DESCRIPTORS, MULTIPATH, key_expression, wallet_of

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.proof import (
    check_proofs,
    proofs_bytes,
    proofs_digest,
    read_proofs,
    wallet_keys,
)
from sekisho.wallets.proof_sheet import (
    ProofSheet,
    new_sheet,
    read_sheet,
    registration,
    sheet_bytes,
    sheet_document,
    with_signature,
)
from sekisho.wallets.signed_messages import MessageForm

WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
KEYS = wallet_keys(WALLET)
SHEET = new_sheet(WALLET, NONCE, GENESIS)


def test_proofs_are_read_back_as_they_were_written() -> None:
    proofs = proofs_of(WALLET)
    document = proofs_bytes(proofs)
    assert read_proofs(document, "proofs") == proofs
    assert proofs_digest(document) == tagged_digest("wallet-proofs", document).hex()


DOCUMENT: Json = parse_json(proofs_bytes(proofs_of(WALLET)), "proofs")
WRONG: list[tuple[tuple[str | int, ...], Json]] = [
    (("format",), "sekisho/wallet-proofs/v2"),
    (("wallet_id",), "Cold-1"),
    (("core_digest",), "AB" * 32),
    (("core_digest",), "ab" * 31),
    (("genesis_digest",), ""),
    (("nonce",), "ab" * 31),
    (("nonce",), 7),
    (("proofs",), []),
    (("proofs",), {}),
    (("proofs", 0, "expression"), "a\nb"),
    (("proofs", 0, "form"), "pgp"),
    (("proofs", 0, "signature"), ""),
    (("proofs", 0, "signature"), "A" * 2049),
    (("proofs", 0, "signature"), None),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_each_wrong_field_is_named(path: tuple[str | int, ...], value: Json) -> None:
    with pytest.raises(BadInputError) as refusal:
        read_proofs(canonical_bytes(changed(DOCUMENT, path, value)), "proofs")
    assert str(path[-1]) in refusal.value.where


@pytest.mark.parametrize("path", paths_of(DOCUMENT), ids=str)
def test_each_missing_and_each_unknown_field_means_no(path: tuple[str | int, ...]) -> None:
    with pytest.raises(BadInputError, match="is missing"):
        read_proofs(canonical_bytes(without(DOCUMENT, path)), "proofs")
    unknown = changed(DOCUMENT, (*path[:-1], "note"), "x")
    with pytest.raises(BadInputError, match="is not a known field"):
        read_proofs(canonical_bytes(unknown), "proofs")


def filled(*forms: MessageForm) -> ProofSheet:
    sheet = SHEET
    for key, form in zip(KEYS, forms, strict=False):
        sheet = with_signature(sheet, key.name, signed(WALLET, key, sheet.message(key), form))
    return sheet


def test_a_sheet_goes_from_holder_to_holder_until_all_have_signed() -> None:
    sheet = SHEET
    for key, form in zip(KEYS, MessageForm, strict=True):
        with pytest.raises(BadInputError, match=key.name):
            registration(sheet)
        signature = signed(WALLET, key, sheet.message(key), form)
        sheet = read_sheet(
            sheet_bytes(with_signature(sheet, key.name, f" {signature}\n")), "sheet"
        )
        assert key.expression in sheet.proven()
        assert sheet.proofs[-1].form is form
    named, document = registration(sheet)
    assert named.proof == proofs_digest(document)
    assert check_proofs(named, document, genesis_digest=GENESIS, nonces=[NONCE]) == []


def test_a_holder_may_sign_again_with_another_device() -> None:
    forms = (MessageForm.COMPACT,) * 3
    sheet = filled(*forms)
    again = with_signature(
        sheet,
        KEYS[0].name,
        signed(WALLET, KEYS[0], sheet.message(KEYS[0]), MessageForm.P2TR),
    )
    assert len(again.proofs) == 3
    registration(again)


def test_a_sheet_holds_no_signature_but_the_keys_own() -> None:
    first, second = KEYS[0], KEYS[1]
    form = MessageForm.P2WPKH
    for name, signature in (
        (first.name, signed(WALLET, second, SHEET.message(first), form)),
        (first.name, signed(WALLET, first, SHEET.message(second), form)),
        (first.name, ""),
        (f"{first.fingerprint}/2", signed(WALLET, first, SHEET.message(first), form)),
        ("", signed(WALLET, first, SHEET.message(first), form)),
    ):
        with pytest.raises(BadInputError, match=r"is not by key|is no key of wallet"):
            with_signature(SHEET, name, signature)


def test_a_sheet_that_somebody_wrote_into_registers_nothing_that_is_not_proven() -> None:
    sheet = filled(*MessageForm)
    lent = sheet.proofs[0].signature
    document = changed(sheet_document(sheet), ("proofs", 2, "signature"), lent)
    with pytest.raises(BadInputError, match=KEYS[2].name):
        registration(read_sheet(canonical_bytes(document), "sheet"))


def test_a_sheet_of_a_wallet_that_is_proven_already_is_none() -> None:
    named, _ = proven(WALLET)
    assert new_sheet(named, NONCE, GENESIS) == SHEET
    document = changed(sheet_document(SHEET), ("wallet", "proof"), named.proof)
    with pytest.raises(BadInputError, match="names proofs already"):
        read_sheet(canonical_bytes(document), "sheet")


def test_nobodys_key_is_waited_for_by_nobody() -> None:
    nums = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"
    wallet = wallet_of(f"tr({nums},pk({key_expression('alpha')}{MULTIPATH}))")
    sheet = new_sheet(wallet, NONCE, GENESIS)
    alpha = wallet_keys(wallet)[1]
    signature = signed(wallet, alpha, sheet.message(alpha), MessageForm.P2TR)
    registration(with_signature(sheet, alpha.name, signature))


SHEET_DOCUMENT: Json = sheet_document(filled(*MessageForm))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "sekisho/wallet-proofs/v1"),
        (("wallet", "gap_limit"), 0),
        (("genesis_digest",), "ab"),
        (("nonce",), ""),
        (("proofs",), None),
        (("proofs", 0, "form"), ""),
    ],
)
def test_a_wrong_sheet_is_refused(path: tuple[str | int, ...], value: Json) -> None:
    with pytest.raises(BadInputError) as refusal:
        read_sheet(canonical_bytes(changed(SHEET_DOCUMENT, path, value)), "sheet")
    assert str(path[-1]) in refusal.value.where


@given(data=st.binary(max_size=60))
def test_a_sheet_is_a_sheet_or_bad_input(data: bytes) -> None:
    with pytest.raises(BadInputError):
        read_sheet(data, "sheet")
