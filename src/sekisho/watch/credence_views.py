"""What is in force at one place of the journal, as the watcher sees it: followed, never changed.

A view says who may speak and since when, which documents are in force, and which wallets ever
were. Each admin pass that takes effect leads from one view to the next (`credence_successions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from sekisho.passes.policy.records import Passkeys, Policy
from sekisho.passes.records import (
    NO_ROSTER,
    Credential,
    CredentialKind,
    Person,
    Roster,
    SubjectType,
)
from sekisho.wallets.order import Order
from sekisho.wallets.records import Wallet

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A credential with which somebody may speak, and from which place on without a break."""

    person: Person
    credential: Credential
    since: int

    @property
    def identity(self) -> tuple[str, str, bytes]:
        """Return what must stay the same, or else there was a break."""
        return self.person.person_id, self.person.department, self.credential.public_key


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything in force, from one place of the journal on."""

    roster: Roster = NO_ROSTER
    roster_digest: str = ""
    """Empty until the genesis was adopted."""
    roster_since: int = 0
    past_rosters: frozenset[str] = frozenset()
    """Every roster that was ever in force, this one among them."""
    owners: Mapping[tuple[str, str], tuple[Person, Credential]] = field(default_factory=dict)
    """Everybody on the roster, the suspended too, by person and credential."""
    departments: Mapping[str, str] = field(default_factory=dict)
    """Of everybody on the roster, by person."""
    posts: Mapping[str, Post] = field(default_factory=dict)
    """Those who may speak, by credential id."""
    retired: frozenset[str] = frozenset()
    """Credentials that spoke once and do not any more: none of them ever does again.

    A server could keep back what was signed with one, and bring it when it is live again."""
    meant: Mapping[str, tuple[str, CredentialKind, bytes]] = field(default_factory=dict)
    """Whose key, of which kind, each credential id ever was on a roster in force."""
    terminals: frozenset[str] = frozenset()
    suspended: frozenset[str] = frozenset()
    suspensions: tuple[tuple[str, datetime], ...] = ()
    """Which officer suspended somebody, and when."""
    turned: Mapping[str, int] = field(default_factory=dict)
    """Where somebody was last suspended or reinstated."""
    documents: Mapping[tuple[SubjectType, str], tuple[str, int]] = field(default_factory=dict)
    """Digest in force, and since which place, by type and id."""
    policy: Policy | None = None
    policy_digest: str = ""
    wallets: Mapping[str, Wallet] = field(default_factory=dict)
    ever: tuple[Wallet, ...] = ()
    """Every wallet that a quorum ever put in force, the oldest first."""
    listed: Mapping[bytes, datetime] = field(default_factory=dict)
    """The scripts of the allow-list in force, and since when they are on it without a break."""
    listed_addresses: tuple[str, ...] = ()
    frozen: frozenset[str] = frozenset()
    """By id; the empty id is every wallet."""
    orders: int = 0
    lifted: int = 0
    """Where it was asked to lift everything, which a quorum then did: it ends the alarms before
    that place. What came while people signed, they had not seen."""
    restarts: Mapping[str, tuple[int, Order]] = field(default_factory=dict)
    """Of each gate the last order to go on, and its place."""

    @property
    def passkeys(self) -> Passkeys:
        """Return what a passkey must be: attested and bound to its device, unless relaxed."""
        return self.policy.passkeys if self.policy else Passkeys()


def staffed(view: View, roster: Roster, suspended: frozenset[str], place: int) -> View:
    """Return the view in which the people of `roster`, less the suspended, speak from `place` on.

    Whoever spoke before goes on speaking, if nothing about them changed. Whoever falls silent
    needs a new key to speak again.
    """
    people = {each.person_id: each for each in roster.people}
    stay = suspended & people.keys()
    owners = {
        (person.person_id, each.credential_id): (person, each)
        for person in roster.people
        for each in person.credentials
    }
    posts: dict[str, Post] = {}
    for person, credential in owners.values():
        if person.person_id in stay or credential.credential_id in view.retired:
            continue
        post = Post(person=person, credential=credential, since=place)
        before = view.posts.get(credential.credential_id)
        if before is not None and before.identity == post.identity:
            post = replace(post, since=before.since)
        posts[credential.credential_id] = post
    return replace(
        view,
        roster=roster,
        owners=owners,
        departments={who: each.department for who, each in people.items()},
        posts=posts,
        retired=view.retired | (view.posts.keys() - posts.keys()),
        meant={**view.meant, **meanings(roster)},
        terminals=frozenset(each.terminal_id for each in roster.terminals),
        suspended=stay,
    )


def meanings(roster: Roster) -> dict[str, tuple[str, CredentialKind, bytes]]:
    """Return whose key, of which kind, each credential id is on a roster."""
    return {
        each.credential_id: (person.person_id, each.kind, each.public_key)
        for person in roster.people
        for each in person.credentials
    }


def with_roster(view: View, roster: Roster, digest: str, place: int) -> View:
    """Return the view in which `roster` has been adopted."""
    return replace(
        staffed(view, roster, view.suspended, place),
        roster_digest=digest,
        roster_since=place,
        past_rosters=view.past_rosters | {digest},
    )


def with_document(view: View, subject: tuple[SubjectType, str], digest: str, place: int) -> View:
    """Return the view in which a document is in force in its place."""
    documents = _with(view.documents, subject, (digest, place))
    return replace(view, documents=documents)


def with_wallet(view: View, wallet: Wallet) -> View:
    """Return the view with a wallet in force, in place of any of its id."""
    wallets = _with(view.wallets, wallet.wallet_id, wallet)
    return replace(view, wallets=wallets, ever=(*view.ever, wallet))


def _with(mapping: Mapping[K, V], key: K, value: V) -> dict[K, V]:
    return {**mapping, key: value}
