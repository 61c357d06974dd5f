"""Passes and approvals that are refused, each with the place of what is wrong in it."""

from typing import Any

import pytest
from document_paths import changed, paths_of, place, without
from world import admin_pass, begin, statement, transfer_pass
from world_coins import DESCRIPTORS, STRANGER, funding, outpoint, payment, stranger, wallet_of
from world_people import key_of

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import SUPPLY_MAX_SAT
from sekisho.passes.documents import pass_bytes, read_approval, read_pass
from sekisho.passes.records import AnyInputs, Decision, SubjectType
from sekisho.passes.sign import sign_approval

WORLD = begin()
WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
COIN = outpoint(funding(WALLET, 10**8), 0)
PAYMENT = payment(STRANGER, 10_000_000)
TRANSFER = transfer_pass(WORLD, WALLET, [PAYMENT], COIN)
SWEEP = transfer_pass(WORLD, WALLET, [PAYMENT], COIN, transfer={"inputs": AnyInputs(inputs_max=9)})
ADMIN = admin_pass(WORLD, SubjectType.WALLET, "cold-1", new_digest="ab" * 32)
APPROVAL = parse_json(statement(WORLD, "chiba", Decision.APPROVE, TRANSFER).document, "approval")
TRANSFER_DOCUMENT = parse_json(pass_bytes(TRANSFER), "pass")
ADMIN_DOCUMENT = parse_json(pass_bytes(ADMIN), "pass")
SWEEP_DOCUMENT = parse_json(pass_bytes(SWEEP), "pass")
ON_TESTNET = payment(stranger(0, Network.TEST), 1, Network.TEST)


def refusal(document: Json) -> BadInputError:
    with pytest.raises(BadInputError) as refused:
        read_pass(canonical_bytes(document), "pass")
    return refused.value


def refusal_of_approval(document: Json) -> BadInputError:
    with pytest.raises(BadInputError) as refused:
        read_approval(canonical_bytes(document), "approval")
    return refused.value


def payment_document(address: str, script: str, amount_sat: str) -> Json:
    return {"address": address, "script": script, "amount_sat": amount_sat}


GOOD = PAYMENT.address, PAYMENT.script.hex()
DIGEST_MISTAKES: list[Json] = ["", "ab" * 31, "AB" * 32, "zz" * 32, 5, None]
ID_MISTAKES: list[Json] = ["", "Aoki", "ao ki", "a" * 65, "\u0430oki", "aoki\u200b", 7, ["aoki"]]
TEXT_MISTAKES: list[Json] = [
    "",
    "pay\nagain",
    "pay\u202eniaga",
    "\x1b[2Jpay",
    "pay\u2066me",
    "pay\u200bme",
    "\ufeffpay",
    "x" * 4097,
    5,
]
INSTANT_MISTAKES: list[Json] = [
    "",
    "2026-01-15",
    "2026-01-15T09:00:00+00:00",
    "2026-01-15T09:00:00.5Z",
    "2026-02-30T09:00:00Z",
    "2026-01-15T09:00:60Z",
    1768467600,
]
AMOUNT_MISTAKES: list[Json] = ["0", "-1", "1.0", "01", "1e8", "", "１", " 1", 1, None]
UINT32_MISTAKES: list[Json] = [-1, 2**32, True, "1", None]

WRONG: dict[str, tuple[Json, list[Json]]] = {
    "format": (TRANSFER_DOCUMENT, ["sekisho/pass/v2", "sekisho/approval/v1", ""]),
    "kind": (TRANSFER_DOCUMENT, ["rescue", "Transfer", ""]),
    "pass_id": (TRANSFER_DOCUMENT, ["", "8" * 26, "0" * 25, "0" * 27, "i" * 26, 7]),
    "requester": (TRANSFER_DOCUMENT, ID_MISTAKES),
    "terminal_id": (TRANSFER_DOCUMENT, ID_MISTAKES),
    "purpose": (TRANSFER_DOCUMENT, TEXT_MISTAKES),
    "not_before": (TRANSFER_DOCUMENT, INSTANT_MISTAKES),
    "expires": (TRANSFER_DOCUMENT, [*INSTANT_MISTAKES, "2020-01-01T00:00:00Z"]),
    "genesis_digest": (TRANSFER_DOCUMENT, DIGEST_MISTAKES),
    "roster_digest": (TRANSFER_DOCUMENT, DIGEST_MISTAKES),
    "policy_digest": (TRANSFER_DOCUMENT, DIGEST_MISTAKES[1:]),
    "transfer": (TRANSFER_DOCUMENT, [None, [], "x"]),
    "transfer.chain": (
        TRANSFER_DOCUMENT,
        ["", "bip122:", "bip122:" + "00" * 16, "eip155:1", "bitcoin"],
    ),
    "transfer.wallet_id": (TRANSFER_DOCUMENT, ID_MISTAKES),
    "transfer.wallet_digest": (TRANSFER_DOCUMENT, DIGEST_MISTAKES),
    "transfer.payments": (TRANSFER_DOCUMENT, [[], None, {}, "x"]),
    "transfer.payments[0]": (TRANSFER_DOCUMENT, [None, [], "x"]),
    "transfer.payments[0].address": (
        TRANSFER_DOCUMENT,
        [
            "",
            stranger(1),
            GOOD[0].upper(),
            GOOD[0] + " ",
            GOOD[0].replace("c", "\u0441"),
            ON_TESTNET.address,
        ],
    ),
    "transfer.payments[0].script": (TRANSFER_DOCUMENT, ["", "zz", GOOD[1].upper(), None]),
    "transfer.payments[0].amount_sat": (
        TRANSFER_DOCUMENT,
        [*AMOUNT_MISTAKES, str(SUPPLY_MAX_SAT + 1), "9" * 79],
    ),
    "transfer.anchor": (
        TRANSFER_DOCUMENT,
        ["", "00" * 32, f"{'00' * 32}:0", f"{COIN.txid}:{2**32}", f"{COIN.txid}:00", 0],
    ),
    "transfer.inputs": (TRANSFER_DOCUMENT, [None, {}, {"rule": "any"}]),
    "transfer.inputs.outpoints": (
        TRANSFER_DOCUMENT,
        [[], [str(COIN), str(COIN)], ["x"], str(COIN), [1]],
    ),
    "transfer.inputs.inputs_max": (SWEEP_DOCUMENT, [0, 10_001, True, "9"]),
    "transfer.change.rule": (TRANSFER_DOCUMENT, ["", "any_branch"]),
    "transfer.change.outputs_max": (TRANSFER_DOCUMENT, [0, -1, 101, True, "1"]),
    "transfer.transaction.versions": (
        TRANSFER_DOCUMENT,
        [[], [0], [4], ["2"], [True], 2, [2, 2, 2, 2]],
    ),
    "transfer.transaction.locktime_min": (TRANSFER_DOCUMENT, UINT32_MISTAKES),
    "transfer.transaction.locktime_max": (TRANSFER_DOCUMENT, UINT32_MISTAKES),
    "transfer.transaction.sequence_min": (TRANSFER_DOCUMENT, UINT32_MISTAKES),
    "transfer.transaction.sequence_max": (TRANSFER_DOCUMENT, UINT32_MISTAKES),
    "transfer.fee.fee_max_sat": (
        TRANSFER_DOCUMENT,
        [*AMOUNT_MISTAKES[1:], str(SUPPLY_MAX_SAT + 1)],
    ),
    "transfer.fee.feerate_max_sat_per_kvb": (TRANSFER_DOCUMENT, [0, -1, 10**11 + 1, True, "1"]),
    "transfer.replacement.fee_bump": (TRANSFER_DOCUMENT, [0, 1, "false", None]),
    "transfer.replacement.replaces": (TRANSFER_DOCUMENT, ["x", "0" * 25, None]),
    "admin.subject_type": (ADMIN_DOCUMENT, ["", "wallets"]),
    "admin.subject_id": (ADMIN_DOCUMENT, ID_MISTAKES),
    "admin.previous_digest": (ADMIN_DOCUMENT, DIGEST_MISTAKES[1:]),
    "admin.new_digest": (ADMIN_DOCUMENT, DIGEST_MISTAKES),
}
WRONG_APPROVAL: dict[str, list[Json]] = {
    "format": ["sekisho/pass/v1", ""],
    "pass_digest": DIGEST_MISTAKES,
    "decision": ["", "Approve", "maybe"],
    "genesis_digest": DIGEST_MISTAKES,
    "approver": ID_MISTAKES,
    "sequence": [0, -1, True, "1", None],
    "method": ["", "webauthn"],
    "credential_id": ID_MISTAKES,
    "terminal_id": ID_MISTAKES,
    "words": TEXT_MISTAKES[1:],
    "reason": TEXT_MISTAKES[1:],
    "signed_at": INSTANT_MISTAKES,
}


PAIRS = [(name, value) for name, (_, values) in WRONG.items() for value in values]
APPROVAL_PAIRS = [(name, value) for name, values in WRONG_APPROVAL.items() for value in values]


def path_of(name: str) -> list[str | int]:
    parts = name.replace("]", "").replace("[", ".").split(".")
    return [int(part) if part.isdigit() else part for part in parts]


@pytest.mark.parametrize(("name", "value"), PAIRS)
def test_each_wrong_field_of_a_pass_is_named(name: str, value: Json) -> None:
    document, _ = WRONG[name]
    where = refusal(changed(document, path_of(name), value)).where
    # Inside a list or object that is wrong as a whole, the first thing in it is named.
    assert where == f"pass.{name}" or where.startswith((f"pass.{name}[", f"pass.{name}."))


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in WRONG_APPROVAL.items() for value in values],
)
def test_each_wrong_field_of_an_approval_is_named(name: str, value: Json) -> None:
    assert refusal_of_approval(changed(APPROVAL, [name], value)).where == f"approval.{name}"


@pytest.mark.parametrize("document", [TRANSFER_DOCUMENT, SWEEP_DOCUMENT, ADMIN_DOCUMENT])
def test_each_missing_field_is_named(document: Json) -> None:
    for path in paths_of(document):
        assert refusal(without(document, path)).where == place("pass", path)
    for path in paths_of(APPROVAL):
        left = without(APPROVAL, path)
        assert refusal_of_approval(left).where == place("approval", path)


@pytest.mark.parametrize("document", [TRANSFER_DOCUMENT, SWEEP_DOCUMENT, ADMIN_DOCUMENT])
def test_an_unknown_field_anywhere_means_no(document: Json) -> None:
    parents = {path[:-1] for path in paths_of(document)}
    assert len(parents) > 1
    for parent in parents:
        found = refusal(changed(document, [*parent, "note"], "x"))
        assert found.where == place("pass", parent)
        assert "'note' is not a known field" in found.reason
    assert "'note'" in refusal_of_approval(changed(APPROVAL, ["note"], "x")).reason


def test_a_pass_is_either_a_transfer_or_an_admin_pass() -> None:
    admin: Any = ADMIN_DOCUMENT
    assert refusal(changed(TRANSFER_DOCUMENT, ["admin"], admin["admin"])).where == "pass"
    assert refusal(changed(TRANSFER_DOCUMENT, ["kind"], "admin")).where == "pass.admin"


def test_amounts_above_the_supply_are_refused_singly_and_summed() -> None:
    half = str(SUPPLY_MAX_SAT // 2)
    payments: list[Json] = [payment_document(*GOOD, half), payment_document(*GOOD, half)]
    path = ["transfer", "payments"]
    read_pass(canonical_bytes(changed(TRANSFER_DOCUMENT, path, payments)), "pass")
    payments.append(payment_document(*GOOD, "1"))
    found = refusal(changed(TRANSFER_DOCUMENT, path, payments))
    assert (found.where, "more than all bitcoin" in found.reason) == (
        "pass.transfer.payments",
        True,
    )


def test_the_network_of_a_payment_is_the_network_of_the_pass() -> None:
    document = changed(
        TRANSFER_DOCUMENT,
        ["transfer", "payments", 0],
        payment_document(ON_TESTNET.address, ON_TESTNET.script.hex(), "1"),
    )
    assert refusal(document).where == "pass.transfer.payments[0].address"


def test_a_script_without_an_address_may_carry_data_but_an_address_is_paid_something() -> None:
    path = path_of("transfer.payments[0]")
    data = payment_document("", "6a0464617461", "0")
    read_pass(canonical_bytes(changed(TRANSFER_DOCUMENT, path, data)), "pass")
    named = payment_document(GOOD[0], "6a0464617461", "0")
    assert refusal(changed(TRANSFER_DOCUMENT, path, named)).where.endswith("address")


def test_change_outputs_go_with_the_rule() -> None:
    path = ["transfer", "change"]
    none_with_one: Json = {"rule": "none", "outputs_max": 1}
    where = refusal(changed(TRANSFER_DOCUMENT, path, none_with_one)).where
    assert where == "pass.transfer.change.outputs_max"
    none: Json = {"rule": "none", "outputs_max": 0}
    read_pass(canonical_bytes(changed(TRANSFER_DOCUMENT, path, none)), "pass")


def test_a_pass_ends_after_it_begins() -> None:
    start = changed(TRANSFER_DOCUMENT, ["not_before"], "2026-01-16T09:00:00Z")
    assert refusal(start).where == "pass.expires"
    later = changed(start, ["expires"], "2026-01-16T09:00:01Z")
    read_pass(canonical_bytes(later), "pass")


@pytest.mark.parametrize(
    "purpose",
    [
        "出金 山田　太郎",
        "日次集約（コールド→ホット）　6月1日分、担当：髙橋",
        "㈱関所の依頼による移替え №12、データセンター経費",
        "ゼロ・カンパニー宛て 1,500万円相当（約¥15,000,000）",
        "Müller & Søn's fee, 50 % of “June”",
        "é",
    ],
)
def test_an_honest_purpose_is_read(purpose: str) -> None:
    document = canonical_bytes(changed(TRANSFER_DOCUMENT, ["purpose"], purpose))
    assert read_pass(document, "pass").purpose == purpose


@pytest.mark.parametrize(
    "purpose",
    [
        "p\u0430yment",  # a Cyrillic letter
        "デ一タ費",  # a kanji between katakana
        "to the vault\u2800",
        "Z\u0300\u0316\u0301algo",
        "１，０００万円",  # not as everybody else writes it
        " to the vault",
        "🏯",
    ],
)
def test_a_purpose_that_deceives_is_refused(purpose: str) -> None:
    """Approvers read it beside the amount, and believe it."""
    with pytest.raises(BadInputError) as refused:
        read_pass(canonical_bytes(changed(TRANSFER_DOCUMENT, ["purpose"], purpose)), "pass")
    assert refused.value.where == "pass.purpose"


NOT_CANONICAL = [
    b"",
    b"{}",
    b"null",
    b"[]",
    b"\xff",
    pass_bytes(TRANSFER) + b"\n",
    b" " + pass_bytes(TRANSFER),
    pass_bytes(TRANSFER)[:-1],
    pass_bytes(TRANSFER).replace(b'"kind":"transfer"', b'"kind":"transfer","kind":"transfer"'),
    pass_bytes(TRANSFER).replace(b'"versions":[2]', b'"versions":[2.0]'),
    pass_bytes(TRANSFER).replace(b'"versions":[2]', b'"versions":[' + b"9" * 5000 + b"]"),
    pass_bytes(TRANSFER).replace(b'"versions":[2]', b'"versions":' + b"[" * 5000 + b"]" * 5000),
    pass_bytes(TRANSFER).replace(b"pay what is owed", b"pay what is ow\\u0065d"),
    pass_bytes(TRANSFER).replace(b"pay what is owed", b"\xed\xa0\x80"),
]


@pytest.mark.parametrize("data", NOT_CANONICAL)
def test_bytes_that_are_not_the_one_spelling_are_refused(data: bytes) -> None:
    for read in (read_pass, read_approval):
        with pytest.raises(BadInputError):
            read(data, "somewhere")


def test_nobody_signs_what_nobody_could_read() -> None:
    """A rejection that nobody can read would stop nothing, and its signer would not know."""
    for fields in ({"reason": "no\nway"}, {"terminal_id": "Desk 1"}, {"sequence": 0}):
        with pytest.raises(BadInputError, match=rf"approval\.{next(iter(fields))}"):
            statement(WORLD, "chiba", Decision.REJECT, TRANSFER, **fields)
    approval = read_approval(canonical_bytes(APPROVAL), "approval")
    assert sign_approval(approval, key_of("chiba")).document == canonical_bytes(APPROVAL)
