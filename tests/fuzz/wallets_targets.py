"""What of the documents beside a wallet reads foreign bytes, and the names in them."""

from dataclasses import replace

from fuzz.hunt import Target
from wallet_keys import GENESIS, NONCE, proof, proofs_of, registered, signed
from world_coins import DESCRIPTORS, stranger, wallet_of

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import Sat
from sekisho.kernel.names import check_name, look_alikes, normal_name
from sekisho.wallets.allow_list import (
    AllowedDestination,
    AllowList,
    ControlProof,
    allow_list_bytes,
    check_allow_list,
    read_allow_list,
)
from sekisho.wallets.key_register import KeyRegister, key_register_bytes, read_key_register
from sekisho.wallets.order import Order, OrderKind, order_bytes, read_order
from sekisho.wallets.plan import ALARMS, Freeze, Plan, Step, plan_bytes, read_plan
from sekisho.wallets.proof import check_proofs, proofs_bytes, read_proofs, wallet_keys
from sekisho.wallets.proof_sheet import new_sheet, read_sheet, sheet_bytes
from sekisho.wallets.signed_messages import MessageForm, address_signs, is_signed_by
from sekisho.wallets.vault import Vault, read_vault, vault_bytes

WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
KEY = wallet_keys(WALLET)[0]
MESSAGE = "hello"


def _same(one: object, other: object) -> None:
    if one != other:
        raise ValueError(f"{one!r} was read as {other!r}")


def proofs(data: bytes) -> None:
    """Whatever was read is judged as well: no signature may break the judge."""
    _same(data, proofs_bytes(read_proofs(data, "proofs")))
    check_proofs(WALLET, data, genesis_digest=GENESIS, nonces=[NONCE])


def proof_sheet(data: bytes) -> None:
    sheet = read_sheet(data, "sheet")
    _same(sheet, read_sheet(sheet_bytes(sheet), "again"))
    sheet.proven()


def key_register(data: bytes) -> None:
    _same(data, key_register_bytes(read_key_register(data, "register")))


def allow_list(data: bytes) -> None:
    allowed = read_allow_list(data, "allow_list")
    _same(data, allow_list_bytes(allowed))
    check_allow_list(allowed, genesis_digest=GENESIS)


def vault(data: bytes) -> None:
    _same(data, vault_bytes(read_vault(data, "vault")))


def plan(data: bytes) -> None:
    _same(data, plan_bytes(read_plan(data, "plan")))


def order(data: bytes) -> None:
    _same(data, order_bytes(read_order(data, "order")))


def signature(data: bytes) -> None:
    """Any text for a signature: it is the key's own, or it is refused."""
    text = data.decode("utf-8", errors="replace")
    held = [
        is_signed_by(KEY.public_key, MESSAGE, text, form, Network.MAIN) for form in MessageForm
    ]
    if address_signs(stranger(), MESSAGE, text):
        raise ValueError("a stranger's address was proven")
    if not any(held):
        raise BadInputError("signature", "is not this key's")


def name(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadInputError("name", "is not UTF-8") from error
    _same(normal_name(text), normal_name(normal_name(text)))
    look_alikes([text, text.upper()])
    _same(text, check_name(text, "name"))


ALLOWED = AllowList(
    chain=Network.MAIN.caip2,
    destinations=tuple(
        AllowedDestination(
            address=stranger(number),
            script=script_of(stranger(number), Network.MAIN, "address"),
            label=f"取引所 {number}",
            owner="Example",
            note="",
            proof=ControlProof(nonce=NONCE, signature="AAAA") if number else None,
        )
        for number in (0, 1)
    ),
)
VAULT = Vault(
    wallet_id="vault-1",
    wallet_digest="ab" * 32,
    keys=(KEY.expression,),
    sites=("tokyo-1",),
    people=("aoki",),
    vendors=("maker",),
)
FREEZE = Order(
    number=1, kind=OrderKind.FREEZE, wallet_id="", gate_id="", memory_size=0, memory_tip=""
)
RESTART = Order(
    number=2,
    kind=OrderKind.RESTART,
    wallet_id="",
    gate_id="gate-1",
    memory_size=7,
    memory_tip="ab" * 32,
)
PLAN = Plan(
    vault="vault-1",
    steps=tuple(
        Step(
            occasion=each,
            page=("aoki", "baba"),
            freeze=Freeze.WALLET,
            rescue_fee_max_sat=Sat(0),
        )
        for each in ALARMS
    ),
)
MIXED = proofs_of(
    WALLET,
    *(
        proof(WALLET, key, form)
        for key, form in zip(wallet_keys(WALLET), MessageForm, strict=True)
    ),
)
SHEET = replace(new_sheet(WALLET, NONCE, GENESIS), proofs=MIXED.proofs)
SIGNATURES = [signed(WALLET, KEY, MESSAGE, form).encode() for form in MessageForm]
NAMES = ["Alice", "山田　太郎", "データ", "José", "ﾋﾞｯﾄ １"]

FUZZ_TARGETS: list[Target] = [
    ("wallets.read_proofs", proofs, [proofs_bytes(MIXED)]),
    ("wallets.read_sheet", proof_sheet, [sheet_bytes(SHEET)]),
    (
        "wallets.read_key_register",
        key_register,
        [key_register_bytes(KeyRegister(keys=registered(WALLET)))],
    ),
    ("wallets.read_allow_list", allow_list, [allow_list_bytes(ALLOWED)]),
    ("wallets.read_vault", vault, [vault_bytes(VAULT)]),
    ("wallets.read_plan", plan, [plan_bytes(PLAN)]),
    ("wallets.read_order", order, [order_bytes(FREEZE), order_bytes(RESTART)]),
    ("wallets.is_signed_by", signature, SIGNATURES),
    ("kernel.check_name", name, [each.encode() for each in NAMES]),
]
