"""What of wallets and passes reads foreign bytes: from descriptors to approvals."""

from functools import cache

from attacks import ALLOWED, ASKED, WALLET
from bundle_world import bundle_of, with_pass, witnessed_world
from fuzz.hunt import Target
from world import World, admin_pass, begin, entries_of, evidence_of
from world_coins import DESCRIPTORS, fixed_key
from world_people import DAY, NOW, key_of, roster
from world_power import child, in_force, issue, standing_world

from sekisho.chains.bitcoin.networks import Network
from sekisho.journal.entries import read_entry
from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.bundle import open_bundle
from sekisho.passes.documents import (
    approval_bytes,
    child_bytes,
    pass_bytes,
    read_approval,
    read_child,
    read_pass,
)
from sekisho.passes.evidence import Said
from sekisho.passes.fold import follow, why_not_trusted
from sekisho.passes.lease import (
    Extent,
    Lease,
    LeaseRequest,
    read_request,
    read_signed_lease,
    request_bytes,
    sign_lease,
    sign_request,
    signed_lease_bytes,
)
from sekisho.passes.leave import leave_of
from sekisho.passes.records import Admin, SubjectType
from sekisho.passes.register import Register
from sekisho.passes.roster import read_roster, roster_bytes
from sekisho.passes.verify import standing_of, time_findings
from sekisho.wallets.descriptors import (
    branch_count,
    check_descriptor,
    derive_script,
    inner_scripts,
    spend_size,
)
from sekisho.wallets.documents import read_wallet, wallet_document

REQUEST = LeaseRequest(genesis_digest="ab" * 32, gate_id="gate-1", first=1, hashes=("cd" * 32,))
ASKED_FOR = sign_request(REQUEST, key_of("gate-1"))
LEASE = sign_lease(
    Lease(
        genesis_digest="ab" * 32,
        gate_id="gate-1",
        number=1,
        memory=REQUEST.memory,
        journal=Extent(size=7, root="ef" * 32),
        granted_at=NOW,
        expires_at=NOW + DAY,
    ),
    key_of("granter"),
)


def _same(one: object, other: object) -> None:
    if one != other:
        raise ValueError(f"{one!r} was read as {other!r}")


def pass_document(data: bytes) -> None:
    _same(data, pass_bytes(read_pass(data, "pass")))


def approval_document(data: bytes) -> None:
    _same(data, approval_bytes(read_approval(data, "approval")))


def lease(data: bytes) -> None:
    _same(data, signed_lease_bytes(read_signed_lease(data, "lease")))


def lease_request(data: bytes) -> None:
    _same(data, request_bytes(read_request(data, "request")))


def child_document(data: bytes) -> None:
    _same(data, child_bytes(read_child(data, "child")))


def bundle(data: bytes) -> None:
    """Whatever opens leads from the genesis to passes of which something can be said."""
    try:
        found = open_bundle(
            data, genesis_digest=BUNDLED.genesis_digest, seen=None, now=None, where="bundle"
        )
    except Refused as refused:
        raise BadInputError("bundle", "is not to be believed") from refused
    standing_of(found.register, found.pass_digest)


def entry_in_between(data: bytes) -> None:
    """Fold any entry at its place in a journal: nothing in it may break the register."""
    entry = read_entry(data, "entry")
    place = min(entry.seq, len(BEFORE))
    register = Register(genesis_digest=JOURNAL.genesis_digest)
    for each in (*BEFORE[:place], entry, *BEFORE[place:]):
        follow(register, each)
    why_not_trusted(register, now=NOW)
    for digest, known in register.passes.items():
        standing = standing_of(register, digest)
        if isinstance(known.asked.action, Admin) or standing.asked != known.asked:
            continue
        time_findings(standing, now=NOW)
        leave_of(register, digest, now=NOW)
    for digest in register.child_places:
        leave_of(register, digest, now=NOW)


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
APPROVALS = [
    each.signed.document for each in evidence_of(ALLOWED).events if isinstance(each, Said)
][-3:]


@cache
def _with_children() -> World:
    world, standing = standing_world()
    return issue(world, child(world, standing, 1), child(world, standing, 2))


JOURNAL = _with_children()
BEFORE = entries_of(JOURNAL)
STANDING = next(
    each.asked
    for each in in_force(JOURNAL).passes.values()
    if not isinstance(each.asked.action, Admin)
)
CHILDREN = [child(JOURNAL, STANDING, number).document for number in (1, 2)]
BUNDLED, IN_IT = with_pass(witnessed_world())
KEY_A, KEY_B, KEY_C = (fixed_key(name) for name in ("alpha", "beta", "gamma"))
KINDS = [
    *(text.encode() for text in DESCRIPTORS.values()),
    f"wsh(thresh(2,pk({KEY_A}),s:pk({KEY_B}),sln:after(500)))".encode(),
    f"wsh(andor(pk({KEY_A}),older(144),and_v(v:pkh({KEY_B}),sha256({'11' * 32}))))".encode(),
    f"sh(wsh(or_i(and_v(v:pk({KEY_A}),after(700000000)),multi(2,{KEY_B},{KEY_C}))))".encode(),
    f"tr({KEY_A[2:]},{{sortedmulti_a(2,{KEY_B[2:]},{KEY_C[2:]}),pk({KEY_C[2:]})}})".encode(),
]

FUZZ_TARGETS: list[Target] = [
    (
        "passes.read_pass",
        pass_document,
        [pass_bytes(ASKED), pass_bytes(ADMIN), pass_bytes(STANDING)],
    ),
    ("passes.read_approval", approval_document, APPROVALS),
    ("passes.read_child", child_document, CHILDREN),
    ("passes.read_signed_lease", lease, [signed_lease_bytes(LEASE)]),
    (
        "passes.read_request",
        lease_request,
        [request_bytes(sign_request(REQUEST, key_of("gate-1")))],
    ),
    ("passes.read_roster", roster_document, [roster_bytes(roster())]),
    ("passes.open_bundle", bundle, [bundle_of(BUNDLED, IN_IT)]),
    ("passes.follow", entry_in_between, [each.document for each in BEFORE]),
    ("wallets.read_wallet", wallet, [canonical_bytes(wallet_document(WALLET))]),
    ("wallets.check_descriptor", descriptor, KINDS),
]
