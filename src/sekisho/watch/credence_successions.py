"""When an admin pass takes effect, and which view follows: PROTOCOL sections 1 and 2, once more.

Asked at the place of every statement on such a pass; it takes effect at the first place where
nothing is missing. Every function here says which view follows, or None.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from sekisho.kernel.canonical import parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.passes.policy.documents import read_policy
from sekisho.passes.records import NOBODY, Admin, Pass, Roster, SubjectType
from sekisho.passes.roster import read_roster
from sekisho.wallets.allow_list import read_allow_list
from sekisho.wallets.documents import read_wallet
from sekisho.wallets.key_register import read_key_register
from sekisho.wallets.order import OrderKind, read_order
from sekisho.wallets.plan import read_plan
from sekisho.wallets.proof import check_proofs, core_digest
from sekisho.wallets.records import UNPROVEN, Wallet
from sekisho.wallets.vault import read_vault
from sekisho.watch.credence_statements import Hearing, Voice, heeded
from sekisho.watch.credence_views import (
    Post,
    View,
    meanings,
    staffed,
    with_document,
    with_roster,
    with_wallet,
)

_ALONE_MAX = 2
_ALONE_WITHIN = timedelta(hours=24)
_FIXED_IDS = {
    SubjectType.ROSTER: "roster",
    SubjectType.RECOVERY: "roster",
    SubjectType.POLICY: "policy",
    SubjectType.ALLOW_LIST: "allow-list",
    SubjectType.KEY_REGISTER: "key-register",
    SubjectType.PLAN: "plan",
    SubjectType.ORDER: "order",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """An admin pass on which somebody has just spoken."""

    asked: Pass
    admin: Admin
    asked_place: int
    place: int
    voices: tuple[Voice, ...]
    hearing: Hearing


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What was filed and drawn up to here, and under which genesis."""

    genesis: str
    documents: Mapping[tuple[str, str], bytes]
    nonces: Mapping[str, set[bytes]]


def following(view: View, motion: Motion, files: Files) -> View | None:
    """Return the view to which an admin pass leads from here, or None while something is missing.

    A document that cannot be read leads nowhere.
    """
    if not _in_order(view, motion, files):
        return None
    try:
        return _FOLLOWING[motion.admin.subject_type](view, motion, files)
    except BadInputError:
        return None


def _in_order(view: View, motion: Motion, files: Files) -> bool:
    """Return whether the pass was asked for here, not refused, and names what is in force."""
    asked, admin, hearing = motion.asked, motion.admin, motion.hearing
    now, since = _present(view, admin)
    moments = (hearing.last_at, hearing.heard_last_at)
    return (
        hearing.asked_at is not None
        and not set(hearing.against) - _interested(view, motion, files)
        and all(at is not None and at < view.roster.expires_at for at in moments)
        and asked.genesis_digest == files.genesis
        and asked.roster_digest == (view.roster_digest or files.genesis)
        and asked.policy_digest == view.policy_digest
        and asked.terminal_id in view.terminals
        and admin.subject_id == _FIXED_IDS.get(admin.subject_type, admin.subject_id)
        and admin.previous_digest == now
        and motion.asked_place >= since
        and asked.not_before_at <= max(at for at in moments if at) < asked.expires_at
        and (bool(view.roster_digest) or _is_genesis(admin, files))
    )


def _interested(view: View, motion: Motion, files: Files) -> set[str]:
    """Return whom the pass suspends, drops or takes a key from: their no stops nothing."""
    admin = motion.admin
    if admin.subject_type is SubjectType.SUSPENSION:
        return {admin.subject_id}
    document = files.documents.get(("roster", admin.new_digest))
    rosters = {SubjectType.ROSTER, SubjectType.RECOVERY}
    if admin.subject_type not in rosters or document is None or not view.roster_digest:
        return set()
    new = _readable(document)
    if new is None:
        return set()
    after = meanings(new)
    return {meant[0] for name, meant in meanings(view.roster).items() if after.get(name) != meant}


def _is_genesis(admin: Admin, files: Files) -> bool:
    return (admin.subject_type, admin.new_digest) == (SubjectType.ROSTER, files.genesis)


def _present(view: View, admin: Admin) -> tuple[str, int]:
    """Return what an admin pass would replace, and since which place that is in force."""
    match admin.subject_type:
        case SubjectType.ROSTER | SubjectType.RECOVERY:
            return view.roster_digest, view.roster_since
        case SubjectType.SUSPENSION | SubjectType.REINSTATEMENT:
            return "", view.turned.get(admin.subject_id, 0)
        case _:
            return view.documents.get((admin.subject_type, admin.subject_id), ("", 0))


# 1. People ---------------------------------------------------------------------------------------


def _rotated(view: View, motion: Motion, files: Files) -> View | None:
    """Old and new quorum; of a recovery the wider one, and the new."""
    document = files.documents.get(("roster", motion.admin.new_digest))
    if document is None:
        return None
    new = _readable(document)
    if new is None:
        return None
    recovery = motion.admin.subject_type is SubjectType.RECOVERY
    if view.roster_digest:
        needed = view.roster.quorum_recovery if recovery else view.roster.quorum_admin
        if needed == NOBODY or new.previous_digest != view.roster_digest:
            return None
        if not _may_follow(view, new):
            return None
        if recovery and not _differs_in_keys_alone(view.roster, new):
            return None
        if not motion.hearing.meets(needed):
            return None
    elif new.version != 1:
        return None
    own = heeded(motion.voices, motion.asked, _incoming(view, new), view.passkeys)
    if not own.meets(new.quorum_admin):
        return None
    return with_roster(view, new, motion.admin.new_digest, motion.place)


@lru_cache(maxsize=64)
def _readable(document: bytes) -> Roster | None:
    """Read each proposed roster once, however often somebody speaks of it."""
    try:
        return read_roster(document, "proposed roster")
    except BadInputError:
        return None


def _incoming(view: View, new: Roster) -> dict[str, Post]:
    """Return who may speak for a proposed roster: nobody suspended, no key that was retired."""
    return {
        each.credential_id: Post(
            person=person,
            credential=each,
            since=view.posts[each.credential_id].since if each.credential_id in view.posts else 0,
        )
        for person in new.people
        if person.person_id not in view.suspended
        for each in person.credentials
        if each.credential_id not in view.retired
    }


def _may_follow(view: View, new: Roster) -> bool:
    """Return whether the version is the next one, and every credential id still means one key."""
    old = view.roster
    return (new.version, new.exchange) == (old.version + 1, old.exchange) and all(
        view.meant.get(name, meant) == meant for name, meant in meanings(new).items()
    )


def _differs_in_keys_alone(old: Roster, new: Roster) -> bool:
    def rest(roster: Roster) -> Roster:
        people = tuple(replace(each, credentials=()) for each in roster.people)
        return replace(
            roster,
            version=0,
            previous_digest="",
            created_at=old.created_at,
            people=people,
        )

    return rest(old) == rest(new)


def _suspended(view: View, motion: Motion, _: Files) -> View | None:
    """One officer; two where a quorum would become impossible, or at the third in a day."""
    admin, hearing = motion.admin, motion.hearing
    people = {each.person_id: each for each in view.roster.people}
    officers = {each.person_id for each in view.roster.people if each.officer}
    officer, at = motion.asked.requester, hearing.complete_at
    if (
        admin.subject_id not in people.keys() - view.suspended
        or admin.new_digest != view.roster_digest
        or officer not in officers
        or at is None
        or hearing.last_at is None
        or hearing.heard_last_at is None
    ):
        return None
    approvers = {who for those in hearing.approvers.values() for who in those}
    if not approvers & officers:
        # A clock set ahead must not make the two before look long ago.
        early = min(hearing.last_at, hearing.heard_last_at)
        often = _alone(view, officer, early) >= _ALONE_MAX
        if often or not _can_still_meet(view, without=admin.subject_id):
            return None
    after = staffed(view, view.roster, view.suspended | {admin.subject_id}, motion.place)
    return replace(
        after,
        suspensions=(*view.suspensions, (officer, at)),
        turned={**view.turned, admin.subject_id: motion.place},
    )


def _can_still_meet(view: View, *, without: str) -> bool:
    """Return whether those with a voice are enough, and one more of them to ask."""
    speakers = {post.person.person_id: post.person for post in view.posts.values()}
    left = Counter(each.department for who, each in speakers.items() if who != without)
    return all(
        left.total() > sum(count for _, count in quorum.at_least)
        and all(left[department] >= count for department, count in quorum.at_least)
        for quorum in (view.roster.quorum_transfer, view.roster.quorum_admin)
    )


def _alone(view: View, officer: str, at: datetime) -> int:
    return [who for who, when in view.suspensions if at - when < _ALONE_WITHIN].count(officer)


def _reinstated(view: View, motion: Motion, _: Files) -> View | None:
    who = motion.admin.subject_id
    if who not in view.suspended or not motion.hearing.meets(view.roster.quorum_admin):
        return None
    after = staffed(view, view.roster, view.suspended - {who}, motion.place)
    return replace(after, turned={**view.turned, who: motion.place})


# 2. Documents ------------------------------------------------------------------------------------


def _filed(view: View, motion: Motion, files: Files) -> tuple[View, bytes] | None:
    """Return the view in which the document stands in its place, and its bytes."""
    kind, subject_id = motion.admin.subject_type, motion.admin.subject_id
    document = files.documents.get((kind.value, motion.admin.new_digest))
    if document is None or not motion.hearing.meets(view.roster.quorum_admin):
        return None
    after = with_document(view, (kind, subject_id), motion.admin.new_digest, motion.place)
    return after, document


def _plain(
    name: Callable[[bytes], str | None],
) -> Callable[[View, Motion, Files], View | None]:
    """Return how a document that only has to be read takes effect; `name` reads it."""

    def put(view: View, motion: Motion, files: Files) -> View | None:
        found = _filed(view, motion, files)
        if found is None or name(found[1]) not in {None, motion.admin.subject_id}:
            return None
        return found[0]

    return put


def _key_register(document: bytes) -> None:
    read_key_register(document, "key register")


def _plan(document: bytes) -> None:
    read_plan(document, "plan")


def _vault(document: bytes) -> str:
    return read_vault(document, "vault").wallet_id


def _ordered(view: View, motion: Motion, files: Files) -> View | None:
    """One person freezes; everything else takes the quorum. Each order follows the one before."""
    document = files.documents.get((SubjectType.ORDER.value, motion.admin.new_digest))
    if document is None:
        return None
    order = read_order(document, "order")
    alone = order.kind is OrderKind.FREEZE
    if not alone and not motion.hearing.meets(view.roster.quorum_admin):
        return None
    if order.number - view.orders != 1:
        return None
    subject = (SubjectType.ORDER, motion.admin.subject_id)
    after = with_document(view, subject, motion.admin.new_digest, motion.place)
    after = replace(after, orders=order.number)
    if alone:
        return replace(after, frozen=view.frozen | {order.wallet_id})
    if order.kind is OrderKind.RESTART:
        return replace(after, restarts={**view.restarts, order.gate_id: (motion.place, order)})
    if order.wallet_id:
        return replace(after, frozen=view.frozen - {order.wallet_id})
    return replace(after, frozen=frozenset(), lifted=motion.asked_place)


def _policy(view: View, motion: Motion, files: Files) -> View | None:
    found = _filed(view, motion, files)
    if found is None:
        return None
    policy = read_policy(found[1], "policy")
    return replace(found[0], policy=policy, policy_digest=motion.admin.new_digest)


def _allow_list(view: View, motion: Motion, files: Files) -> View | None:
    found = _filed(view, motion, files)
    at = motion.hearing.complete_at
    if found is None or at is None:
        return None
    destinations = read_allow_list(found[1], "allow-list").destinations
    return replace(
        found[0],
        listed={each.script: view.listed.get(each.script, at) for each in destinations},
        listed_addresses=tuple(each.address for each in destinations),
    )


def _wallet(view: View, motion: Motion, files: Files) -> View | None:
    found = _filed(view, motion, files)
    if found is None:
        return None
    wallet = read_wallet(parse_canonical(found[1], "wallet"), "wallet")
    if wallet.wallet_id != motion.admin.subject_id or not _is_proven(wallet, files):
        return None
    return with_wallet(found[0], wallet)


def _is_proven(wallet: Wallet, files: Files) -> bool:
    """Return whether every key holder proved possession, or the record says that none did."""
    if wallet.proof == UNPROVEN:
        return True
    proofs = files.documents.get(("wallet_proofs", wallet.proof))
    if proofs is None:
        return False
    drawn = files.nonces.get(core_digest(wallet), set())
    return not check_proofs(wallet, proofs, genesis_digest=files.genesis, nonces=drawn)


_FOLLOWING: Mapping[SubjectType, Callable[[View, Motion, Files], View | None]] = {
    SubjectType.ROSTER: _rotated,
    SubjectType.RECOVERY: _rotated,
    SubjectType.SUSPENSION: _suspended,
    SubjectType.REINSTATEMENT: _reinstated,
    SubjectType.WALLET: _wallet,
    SubjectType.POLICY: _policy,
    SubjectType.ALLOW_LIST: _allow_list,
    SubjectType.KEY_REGISTER: _plain(_key_register),
    SubjectType.PLAN: _plain(_plan),
    SubjectType.VAULT: _plain(_vault),
    SubjectType.ORDER: _ordered,
}
