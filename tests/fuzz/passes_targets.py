"""What of wallets and passes reads foreign bytes: from descriptors to approvals."""

from attacks import ALLOWED, ASKED, WALLET
from fuzz.hunt import Target
from world import admin_pass, begin, evidence_of
from world_coins import DESCRIPTORS, fixed_key
from world_people import roster

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.passes.documents import approval_bytes, pass_bytes, read_approval, read_pass
from sekisho.passes.records import SubjectType
from sekisho.passes.roster import read_roster, roster_bytes
from sekisho.wallets.descriptors import (
    branch_count,
    check_descriptor,
    derive_script,
    inner_scripts,
    spend_size,
)
from sekisho.wallets.documents import read_wallet, wallet_document


def _same(one: object, other: object) -> None:
    if one != other:
        raise ValueError(f"{one!r} was read as {other!r}")


def pass_document(data: bytes) -> None:
    _same(data, pass_bytes(read_pass(data, "pass")))


def approval_document(data: bytes) -> None:
    _same(data, approval_bytes(read_approval(data, "approval")))


def roster_document(data: bytes) -> None:
    _same(data, roster_bytes(read_roster(data, "roster")))


def wallet(data: bytes) -> None:
    document = parse_json(data, "wallet")
    _same(document, wallet_document(read_wallet(document, "wallet")))


def descriptor(data: bytes) -> None:
    """Read a descriptor and do with it all that is done with one that was registered."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadInputError("descriptor", "is not UTF-8") from error
    spelled = check_descriptor(text, Network.MAIN, "descriptor")
    _same(spelled, check_descriptor(spelled, Network.MAIN, "again"))
    for branch in range(branch_count(spelled, Network.MAIN)):
        derive_script(spelled, Network.MAIN, branch, 0)
        inner_scripts(spelled, Network.MAIN, branch, 0)
        spend_size(spelled, Network.MAIN, branch, 0, sequence=0xFFFF_FFFD)


ADMIN = admin_pass(begin(), SubjectType.WALLET, "cold-1", new_digest="ab" * 32)
APPROVALS = [each.document for each in evidence_of(ALLOWED).approvals[-3:]]
KEY_A, KEY_B, KEY_C = (fixed_key(name) for name in ("alpha", "beta", "gamma"))
KINDS = [
    *(text.encode() for text in DESCRIPTORS.values()),
    f"wsh(thresh(2,pk({KEY_A}),s:pk({KEY_B}),sln:after(500)))".encode(),
    f"wsh(andor(pk({KEY_A}),older(144),and_v(v:pkh({KEY_B}),sha256({'11' * 32}))))".encode(),
    f"sh(wsh(or_i(and_v(v:pk({KEY_A}),after(700000000)),multi(2,{KEY_B},{KEY_C}))))".encode(),
    f"tr({KEY_A[2:]},{{sortedmulti_a(2,{KEY_B[2:]},{KEY_C[2:]}),pk({KEY_C[2:]})}})".encode(),
]

FUZZ_TARGETS: list[Target] = [
    ("passes.read_pass", pass_document, [pass_bytes(ASKED), pass_bytes(ADMIN)]),
    ("passes.read_approval", approval_document, APPROVALS),
    ("passes.read_roster", roster_document, [roster_bytes(roster())]),
    ("wallets.read_wallet", wallet, [canonical_bytes(wallet_document(WALLET))]),
    ("wallets.check_descriptor", descriptor, KINDS),
]
