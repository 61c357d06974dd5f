"""The journal played again, event by event: the watcher's way from a genesis to what may leave.

A view is never changed, only followed by another (`credence_views`); what was heard, committed and
issued is kept beside it and only grows.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.errors import BadInputError
from sekisho.passes.documents import read_child, read_pass
from sekisho.passes.evidence import Asked, Drawn, Event, Filed, Issued, Said
from sekisho.passes.policy.case import Case
from sekisho.passes.records import (
    NO_ROSTER,
    Admin,
    Automatic,
    Child,
    Credential,
    Pass,
    SubjectType,
    Transfer,
)
from sekisho.passes.roster import read_roster
from sekisho.wallets.records import ChangeRule, Wallet
from sekisho.watch.credence_cases import (
    NO,
    Ledger,
    Mark,
    Ruling,
    case_of_child,
    case_of_pass,
    rule_on,
)
from sekisho.watch.credence_families import Batch, Family, comes_next, keeps_limits
from sekisho.watch.credence_signatures import issued_by
from sekisho.watch.credence_statements import Hearing, Minutes, Voice, heeded, taken_down
from sekisho.watch.credence_successions import Files, Motion, following
from sekisho.watch.credence_views import View, staffed


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """The gate wrote down that it let one unsigned transaction through."""

    seq: int
    at: datetime
    digest: str
    """Of the pass, or of the batch of children."""
    transaction_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Petition:
    """A pass that was asked for, and where. It is not thereby allowed."""

    asked: Pass
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settled:
    """A ruling, and what it rests on: while that stays, it need not be made again."""

    view: View
    voices: int
    hearing: Hearing
    judged: bool
    """By a policy: else people had not done enough for it to be asked."""
    allowed: bool
    held_until_at: datetime | None


class Replay:
    """What the events so far led to.

    `batch_of` says, by the digest of a batch, where it is and how many children it had then;
    `held_until_at` when the time lock of a pass ends, as it was when the pass was last allowed;
    `honoured` which transactions were cleared under a pass or batch while that was allowed.
    """

    def __init__(self, genesis: str) -> None:
        self.genesis = genesis
        self.view = View()
        self.petitions: dict[str, Petition] = {}
        self.voices: dict[str, list[Voice]] = defaultdict(list)
        self.ledger = Ledger()
        self.families: dict[str, Family] = defaultdict(Family)
        self.batches: dict[tuple[str, OutPoint], Batch] = {}
        self.batch_of: dict[str, tuple[Batch, int]] = {}
        self.held_until_at: dict[str, datetime] = {}
        self.honoured: dict[str, set[str]] = defaultdict(set)
        self._documents: dict[tuple[str, str], bytes] = {}
        self._nonces: dict[str, set[bytes]] = defaultdict(set)
        self._minutes = Minutes()
        self._done: set[str] = set()
        self._anchors: dict[str, set[OutPoint]] = defaultdict(set)
        self._settled: dict[str, _Settled] = {}

    def take(self, event: Event) -> None:
        """Follow one event. What cannot be read is as if it were not there."""
        try:
            match event:
                case Filed():
                    self._file(event)
                case Drawn():
                    self._nonces[event.core_digest].add(event.nonce)
                case Asked():
                    self._ask(event)
                case Said():
                    self._hear(event)
                case Issued():
                    self._issue(event)
        except BadInputError:
            return

    def clear(self, clearance: Clearance) -> None:
        """Note what the gate let through, if it was allowed at this place and time."""
        batch = self.batch_of.get(clearance.digest)
        digest = clearance.digest if batch is None else batch[0].standing
        petition = self.petitions.get(digest)
        if petition is None or clearance.at >= self.view.roster.expires_at:
            return
        wanted = Automatic if batch else Transfer
        if isinstance(petition.asked.action, wanted) and self.ruling(digest).allowed:
            self.honoured[clearance.digest].add(clearance.transaction_digest)

    def is_refused(self, digest: str) -> bool:
        """Return whether anybody rejected or voided a pass, whenever they did."""
        return bool(self._hearing(digest, self.petitions[digest].asked).against)

    def ruling(self, digest: str) -> Ruling:
        """Return whether a transfer or standing pass is allowed: committed, and still good."""
        return self._rule(digest) if digest in self.ledger.marks else NO

    # 1. What is written down -------------------------------------------------------------------

    def _file(self, event: Filed) -> None:
        self._documents.setdefault((event.what, event.digest), event.document)
        pinned = hashlib.sha256(b"sekisho/roster/v1\n" + event.document).hexdigest()
        first = event.what == "roster" and self.view.roster is NO_ROSTER
        if first and pinned == event.digest == self.genesis:
            roster = read_roster(event.document, "genesis")
            self.view = staffed(self.view, roster, frozenset(), event.seq)

    def _ask(self, event: Asked) -> None:
        digest = hashlib.sha256(b"sekisho/pass/v1\n" + event.document).hexdigest()
        if digest in self.petitions:
            return
        asked = read_pass(event.document, "pass")
        self.petitions[digest] = Petition(asked=asked, place=event.seq)
        if isinstance(asked.action, Transfer):
            self._anchors[asked.pass_id].add(asked.action.anchor)

    def _hear(self, event: Said) -> None:
        voice = taken_down(
            event, self.view, self._proposed, genesis=self.genesis, minutes=self._minutes
        )
        if voice is None:
            return
        digest = voice.said.pass_digest
        self.voices[digest].append(voice)
        petition = self.petitions.get(digest)
        if petition is None:
            return
        if isinstance(petition.asked.action, Admin):
            self._move(digest, petition, petition.asked.action, event.seq)
        elif digest not in self.ledger.marks:
            self._commit(digest, petition)

    def _proposed(self, digest: str) -> Mapping[tuple[str, str], Credential]:
        """Return the credentials of the roster that a pass proposes, by person and id."""
        petition = self.petitions.get(digest)
        action = None if petition is None else petition.asked.action
        if not isinstance(action, Admin) or action.subject_type not in {
            SubjectType.ROSTER,
            SubjectType.RECOVERY,
        }:
            return {}
        document = self._documents.get(("roster", action.new_digest))
        return {} if document is None else _credentials(document)

    # 2. What follows from it -------------------------------------------------------------------

    def _move(self, digest: str, petition: Petition, admin: Admin, place: int) -> None:
        """Let an admin pass take effect where nothing is missing any more, once."""
        if digest in self._done:
            return
        motion = Motion(
            asked=petition.asked,
            admin=admin,
            asked_place=petition.place,
            place=place,
            voices=tuple(self.voices[digest]),
            hearing=self._hearing(digest, petition.asked),
        )
        files = Files(genesis=self.genesis, documents=self._documents, nonces=self._nonces)
        before, after = self.view, following(self.view, motion, files)
        if after is None:
            return
        self._done.add(digest)
        self.view = after
        if after.listed is not before.listed:
            for address in after.listed_addresses:
                self.ledger.known.add(address)

    def _commit(self, digest: str, petition: Petition) -> None:
        """Count a pass from the statement on at which it is first allowed."""
        ruling = self._rule(digest)
        if not ruling.allowed or ruling.case is None:
            return
        if ruling.case.judged_at >= petition.asked.expires_at:
            return
        if isinstance(petition.asked.action, Transfer):
            self.ledger.enter(ruling.case.this)
        else:
            # Of a standing pass the children count.
            before = len(self.ledger.history)
            self.ledger.marks[digest] = Mark(at=ruling.case.judged_at, before=before)

    def _issue(self, event: Issued) -> None:
        """Take in a child that its issuer signed; a number is used up whatever comes of it."""
        child = read_child(event.signed.document, "child")
        petition = self.petitions.get(child.standing_digest)
        action = None if petition is None else petition.asked.action
        if petition is None or not isinstance(action, Automatic):
            return
        family = self.families[child.standing_digest]
        if child.number in family.numbers or not issued_by(action.issuer_key, event.signed):
            return
        digest = hashlib.sha256(b"sekisho/child/v1\n" + event.signed.document).hexdigest()
        case = self._sound(digest, child, petition.asked, action, event.at)
        family.admit(digest, child)
        if case is None:
            return
        self.ledger.enter(case.this)
        family.count(digest, child, self.ledger.last_at or case.judged_at)
        key = (child.standing_digest, child.anchor)
        batch = self.batches.get(key)
        if batch is None:
            batch = self.batches[key] = Batch(standing=key[0], anchor=key[1])
        self.batch_of[batch.add(child, digest)] = (batch, len(batch.children))

    def _sound(
        self, digest: str, child: Child, asked: Pass, automatic: Automatic, at: datetime
    ) -> Case | None:
        """Return the case of a child that is allowed here, or None."""
        standing = self.ruling(child.standing_digest)
        wallet = self.view.wallets.get(automatic.wallet_id)
        family = self.families[child.standing_digest]
        if not standing.allowed or wallet is None or self.view.policy is None:
            return None
        if standing.held_until_at is not None and child.issued_at < standing.held_until_at:
            return None
        if (child.genesis_digest, child.chain) != (self.genesis, automatic.chain):
            return None
        if not comes_next(family, child, asked=asked, limits=automatic.limits, at=at):
            return None
        case = case_of_child(self.view, self.ledger, digest, child, asked=asked, wallet=wallet)
        if not keeps_limits(family, child, case, automatic, self.view.policy):
            return None
        return case if rule_on(self.view.policy, case).allowed else None

    # 3. What is to be thought of a pass --------------------------------------------------------

    def _hearing(self, digest: str, asked: Pass) -> Hearing:
        return heeded(self.voices.get(digest, ()), asked, self.view.posts, self.view.passkeys)

    def _rule(self, digest: str) -> Ruling:
        """Return the ruling on a transfer or standing pass, as it would be committed or now is."""
        view, voices = self.view, len(self.voices.get(digest, ()))
        was = self._settled.get(digest)
        if was is not None and was.view is view and was.voices == voices:
            return Ruling(allowed=was.allowed, held_until_at=was.held_until_at)
        petition = self.petitions[digest]
        hearing = self._hearing(digest, petition.asked)
        wallet = self._wallet(petition.asked, hearing)
        judged = wallet is not None and view.policy is not None
        if wallet is None or view.policy is None:
            ruling = NO
        elif was is not None and _rests_on_the_same(was, view, hearing):
            ruling = Ruling(allowed=was.allowed, held_until_at=was.held_until_at)
        else:
            action = petition.asked.action
            case = case_of_pass(
                view, self.ledger, digest, petition.asked, wallet=wallet, hearing=hearing
            )
            ruling = rule_on(view.policy, case, people_alone=isinstance(action, Automatic))
        if ruling.allowed and ruling.held_until_at is not None:
            self.held_until_at[digest] = ruling.held_until_at
        if ruling.allowed or digest in self.ledger.marks:
            # Before it is committed, what others move meanwhile may turn a no into another one.
            self._settled[digest] = _Settled(
                view=view,
                voices=voices,
                hearing=hearing,
                judged=judged,
                allowed=ruling.allowed,
                held_until_at=ruling.held_until_at,
            )
        return ruling

    def _wallet(self, asked: Pass, hearing: Hearing) -> Wallet | None:
        """Return the wallet that people let a pass use, or None if they did not."""
        view, action = self.view, asked.action
        if isinstance(action, Admin) or hearing.asked_at is None or hearing.against:
            return None
        wallet = view.wallets.get(action.wallet_id)
        bound = (
            asked.genesis_digest == self.genesis
            and asked.roster_digest in view.past_rosters
            and asked.policy_digest == view.policy_digest
            and asked.terminal_id in view.terminals
        )
        if wallet is None or not bound or not hearing.meets(view.roster.quorum_transfer):
            return None
        digest, _ = view.documents[SubjectType.WALLET, wallet.wallet_id]
        fits = (
            (action.wallet_digest, action.chain) == (digest, wallet.chain)
            and action.change.rule in {wallet.change_rule, ChangeRule.NONE}
            and view.departments.get(asked.requester) in wallet.departments
        )
        if isinstance(action, Automatic):
            keys = {credential.public_key for _, credential in view.owners.values()}
            return wallet if fits and action.issuer_key not in keys else None
        # A replacement must spend the coin of what it replaces, or else both could be mined.
        replaced = action.replacement.replaces
        reused = not replaced or action.anchor in self._anchors.get(replaced, ())
        return wallet if fits and reused else None


def _rests_on_the_same(was: _Settled, view: View, hearing: Hearing) -> bool:
    """Return whether a policy would be asked the same again; a committed past does not change."""
    before = was.view
    return (
        was.judged
        and before.policy is view.policy
        and before.listed is view.listed
        and before.wallets is view.wallets
        and was.hearing == hearing
    )


@lru_cache(maxsize=256)
def _credentials(document: bytes) -> Mapping[tuple[str, str], Credential]:
    """Return the credentials of a readable roster, by person and id; of any other, none."""
    try:
        roster = read_roster(document, "proposed roster")
    except BadInputError:
        return {}
    return {
        (person.person_id, each.credential_id): each
        for person in roster.people
        for each in person.credentials
    }
