"""Who said what of a pass, and which of it is heeded under one view.

A statement is taken down once, at its place: then its signature, its number, its terminal and the
device's count are known. Whether it is heeded is asked of a view: its credential must have been
at its post ever since. What says no is heeded whatever is wrong with it but the signature.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sekisho.kernel.words import digest_words
from sekisho.passes.documents import read_approval
from sekisho.passes.evidence import Said
from sekisho.passes.policy.records import Passkeys
from sekisho.passes.records import (
    METHOD_OF,
    OWN_MACHINE,
    Approval,
    Credential,
    CredentialKind,
    Decision,
    Pass,
    Quorum,
)
from sekisho.watch.credence_signatures import Hand, hand_of
from sekisho.watch.credence_views import Post, View

_NO = {Decision.REJECT, Decision.VOID}
_CLOCKS_APART = timedelta(minutes=10)
_STRANGERS_ENOUGH = 300
"""As often people who are on no roster yet are heard on the pass that proposes theirs."""
_OFTEN_ENOUGH = 20
"""Whoever says the same of one pass more often is not heard: it is judged again at each word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A statement that bears the signature of the credential that it names."""

    place: int
    heard_at: datetime
    said: Approval
    key: bytes
    hand: Hand
    tainted: bool
    """Its number was taken, its terminal is unknown, the device's count did not go up, or its
    clock is ahead."""
    silenced: bool
    """Its signer was suspended: not even their no is heeded."""


@dataclass(slots=True)
class _Marks:
    """What the statements of one key have used up."""

    numbers: dict[int, bytes] = field(default_factory=dict)
    count: int = 0
    said: Counter[tuple[str, Decision]] = field(default_factory=Counter)
    """How often each decision on each pass."""


class Minutes:
    """What has been used up so far, by credential id and key.

    Who lists another's id with a key of their own spends nothing of theirs.
    """

    def __init__(self) -> None:
        self.marks: dict[tuple[str, bytes], _Marks] = defaultdict(_Marks)
        self._strangers: Counter[tuple[str, Decision]] = Counter()

    def heard_enough(self, said: Approval, marks: _Marks, *, stranger: bool) -> bool:
        """Return whether this was said before as often as it is heard; it counts from now on."""
        what = (said.pass_digest, said.decision)
        marks.said[what] += 1
        if marks.said[what] > _OFTEN_ENOUGH:
            return True
        if stranger:
            self._strangers[what] += 1
        return stranger and self._strangers[what] > _STRANGERS_ENOUGH


def taken_down(
    event: Said,
    view: View,
    proposed: Callable[[str], Mapping[tuple[str, str], Credential]],
    *,
    genesis: str,
    minutes: Minutes,
) -> Voice | None:
    """Return a new statement at its place, or None if it is nobody's or was heard before.

    `proposed` returns the credentials of the roster that a pass proposes: they may speak of that
    pass, and of no other. Raises `BadInputError` for what cannot be read.
    """
    said = read_approval(event.signed.document, "statement")
    speaker = (said.approver, said.credential_id)
    owner = view.owners.get(speaker)
    credential = proposed(said.pass_digest).get(speaker) if owner is None else owner[1]
    if credential is None or said.genesis_digest != genesis:
        return None
    if said.method is not METHOD_OF[credential.kind]:
        return None
    hand = hand_of(event.signed, credential, console=view.roster.console_origin)
    if hand is None:
        return None
    marks = minutes.marks[said.credential_id, credential.public_key]
    first = said.sequence not in marks.numbers
    if not first and marks.numbers[said.sequence] == event.signed.document:
        return None
    went_on = hand.count > marks.count or not (hand.count or marks.count)
    if first:
        marks.numbers[said.sequence] = event.signed.document
    marks.count = max(marks.count, hand.count)
    if minutes.heard_enough(said, marks, stranger=said.credential_id not in view.meant):
        return None
    return Voice(
        place=event.seq,
        heard_at=event.at,
        said=said,
        key=credential.public_key,
        hand=hand,
        tainted=not (
            first
            and went_on
            and said.terminal_id in view.terminals
            and said.signed_at <= event.at + _CLOCKS_APART
        ),
        silenced=said.approver in view.suspended,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What the statements on one pass come to."""

    against: tuple[str, ...]
    """Who rejected or voided it."""
    asked_at: datetime | None
    """When the requester asked: signed, and written down."""
    approvers: Mapping[str, tuple[str, ...]]
    """By department."""
    own_machine: tuple[str, ...]
    """Who of them signed on a machine of their own, having entered the twelve words."""
    last_at: datetime | None
    """The latest moment that any heeded yes claims for itself."""
    heard_last_at: datetime | None
    """The latest that any of them was written down."""

    @property
    def complete_at(self) -> datetime | None:
        """Return when all of them were both signed and written down."""
        if self.last_at is None or self.heard_last_at is None:
            return None
        return max(self.last_at, self.heard_last_at)

    def meets(self, quorum: Quorum) -> bool:
        """Return whether enough people of each department approved."""
        return all(
            len(self.approvers.get(department, ())) >= count
            for department, count in quorum.at_least
        )


def heeded(
    voices: Iterable[Voice], asked: Pass, posts: Mapping[str, Post], passkeys: Passkeys
) -> Hearing:
    """Return what the statements on `asked` come to, if those at `posts` may speak."""
    voices = tuple(voices)
    yes = [
        (each, posts[each.said.credential_id].person)
        for each in voices
        if each.said.decision not in _NO and _counts(each, asked, posts, passkeys)
    ]
    approvers: dict[str, list[str]] = {}
    own_machine: list[str] = []
    for each, person in yes:
        if each.said.decision is not Decision.APPROVE:
            continue
        department = approvers.setdefault(person.department, [])
        if person.person_id not in department:
            department.append(person.person_id)
        alone = each.said.method in OWN_MACHINE and each.said.words
        if alone and person.person_id not in own_machine:
            own_machine.append(person.person_id)
    asking = [
        max(each.said.signed_at, each.heard_at)
        for each, person in yes
        if each.said.decision is Decision.ASK and person.person_id == asked.requester
    ]
    return Hearing(
        against=tuple(
            each.said.approver
            for each in voices
            if each.said.decision in _NO and not each.silenced
        ),
        asked_at=asking[0] if asking else None,
        approvers={department: tuple(people) for department, people in approvers.items()},
        own_machine=tuple(own_machine),
        last_at=max((each.said.signed_at for each, _ in yes), default=None),
        heard_last_at=max((each.heard_at for each, _ in yes), default=None),
    )


def _counts(voice: Voice, asked: Pass, posts: Mapping[str, Post], passkeys: Passkeys) -> bool:
    """Return whether a statement that says yes is to be heeded."""
    said = voice.said
    post = posts.get(said.credential_id)
    if post is None or voice.tainted or voice.silenced or voice.place < post.since:
        return False
    if (post.person.person_id, post.credential.public_key) != (said.approver, voice.key):
        return False
    if said.signed_at >= asked.expires_at:
        return False
    if said.decision is Decision.APPROVE and said.approver == asked.requester:
        return False
    if said.words and not _same_words(said.words, said.pass_digest):
        return False
    if post.credential.kind is CredentialKind.ED25519:
        return True
    vouched = post.credential.attested or not passkeys.attested_required
    return vouched and not (voice.hand.portable and passkeys.device_bound_required)


def _same_words(words: str, digest: str) -> bool:
    raw = bytes.fromhex(digest)
    return any(words.split() == list(digest_words(raw, each)) for each in ("en", "ja"))
