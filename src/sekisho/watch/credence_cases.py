"""What a policy is asked about a movement, and what left before: the watcher's own account.

The rules of a policy are one, shared with the gate (`passes/policy`). The case that they judge is
not: who approved, what was listed, paid and committed before is worked out here from the journal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.passes.policy.amounts import TIME_LOCK
from sekisho.passes.policy.case import Case, Destination
from sekisho.passes.policy.conditions import EFFECTIVE, LIFE, WALLET_PROOF
from sekisho.passes.policy.evaluate import evaluate, hold_seconds, is_allowed
from sekisho.passes.policy.history import ISSUER, Committed, History
from sekisho.passes.policy.people import BUSINESS_HOURS, OWN_MACHINE, QUORUM
from sekisho.passes.policy.records import Policy
from sekisho.passes.records import Automatic, Child, Pass, Payment, Transfer
from sekisho.wallets.descriptors import keys_of
from sekisho.wallets.records import Segregation, Wallet
from sekisho.wallets.registry import open_book
from sekisho.wallets.resemble import KnownAddresses, Resemblance
from sekisho.watch.credence_statements import Hearing
from sekisho.watch.credence_views import View

_OF_A_STANDING_PASS = frozenset(
    {EFFECTIVE, LIFE, QUORUM, OWN_MACHINE, BUSINESS_HOURS, TIME_LOCK, WALLET_PROOF}
)
"""What people must have done for it; where the coins go is asked of each child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """When a movement was committed, and how many were before it."""

    at: datetime
    before: int


class Ledger:
    """What was allowed to leave so far, in the order of the journal. It only grows.

    `marks` says when each movement was committed, `known` which addresses a look-alike would
    imitate, `paid` of each address how many movements came before the first that paid it.
    """

    def __init__(self) -> None:
        self.history = History()
        self.marks: dict[str, Mark] = {}
        self.known = KnownAddresses()
        self.paid: dict[str, int] = {}
        self.last_at: datetime | None = None
        self._book: tuple[Mapping[str, Wallet], dict[bytes, str]] = ({}, {})
        self._ours: tuple[Mapping[str, Wallet], KnownAddresses] = ({}, KnownAddresses())

    def moment(self, digest: str, claimed_at: datetime) -> Mark:
        """Return when a movement counts: its mark, or now."""
        return self.marks.get(digest) or Mark(at=claimed_at, before=len(self.history))

    def enter(self, moved: Committed) -> None:
        """Count a movement from here on."""
        self.marks[moved.digest] = Mark(at=moved.at, before=len(self.history))
        self.last_at = moved.at if self.last_at is None else max(self.last_at, moved.at)
        for address, _ in moved.destinations:
            self.paid.setdefault(address, len(self.history))
            self.known.add(address)
        self.history.commit(moved)

    def owner(self, view: View, script: bytes) -> str:
        """Return which wallet in force a script belongs to, or nothing."""
        if self._book[0] is not view.wallets:
            merged: dict[bytes, str] = {}
            for wallet_id in sorted(view.wallets):
                for each in _scripts(view.wallets[wallet_id]):
                    merged.setdefault(each, wallet_id)
            self._book = (view.wallets, merged)
        return self._book[1].get(script, "")

    def imitated(self, view: View, address: str) -> Resemblance | None:
        """Return which address an address was made to resemble: a known one, or one of ours."""
        if address in self.known:
            return None
        if self._ours[0] is not view.wallets:
            ours = (each for wallet in view.wallets.values() for each in _addresses(wallet))
            self._ours = (view.wallets, KnownAddresses(ours))
        known, own = self.known.lookalike(address), self._ours[1].lookalike(address)
        if known is None or own is None:
            return known or own
        return own if own.bits > known.bits else known


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What is to be thought of a pass under one view."""

    allowed: bool
    held_until_at: datetime | None = None
    case: Case | None = None


NO = Ruling(allowed=False)


def rule_on(policy: Policy, case: Case, *, people_alone: bool = False) -> Ruling:
    """Return what a policy says of a case; of a standing pass, only the rules about people."""
    outcomes = evaluate(policy, case)
    if people_alone:
        outcomes = tuple(each for each in outcomes if each.rule in _OF_A_STANDING_PASS)
    hold = timedelta(seconds=hold_seconds(outcomes))
    return Ruling(
        allowed=is_allowed(outcomes),
        held_until_at=case.judged_at + hold if hold else None,
        case=case,
    )


def case_of_pass(
    view: View, ledger: Ledger, digest: str, asked: Pass, *, wallet: Wallet, hearing: Hearing
) -> Case:
    """Return the case of a transfer, or of a standing pass as if a day's worth left at once."""
    action = asked.action
    if not isinstance(action, Transfer | Automatic):
        raise TypeError("an admin pass moves nothing")
    mark = ledger.moment(digest, hearing.complete_at or asked.not_before_at)
    if isinstance(action, Transfer):
        anchor = str(action.anchor)
        destinations = _destinations(view, ledger, action.payments, mark)
    else:
        anchor = ""
        destinations = (
            Destination(
                address=ISSUER + digest,
                amount_sat=action.limits.day_max_sat,
                own_wallet_id="",
                first_time=False,
                listed_at=None,
                resembles="",
                resembles_bits=0,
            ),
        )
    return Case(
        purpose=asked.purpose,
        requester=asked.requester,
        automatic=False,
        standing=isinstance(action, Automatic),
        wallet=wallet,
        destinations=destinations,
        fee_max_sat=action.fee.fee_max_sat,
        feerate_max_sat_per_kvb=action.fee.feerate_max_sat_per_kvb,
        claims=asked.claims,
        asked_at=hearing.asked_at or asked.not_before_at,
        judged_at=mark.at,
        not_before_at=asked.not_before_at,
        expires_at=asked.expires_at,
        approved_by=hearing.approvers,
        own_machine=hearing.own_machine,
        this=_moved(digest, mark, wallet, destinations, requester=asked.requester, anchor=anchor),
        history=ledger.history,
        history_before=mark.before,
        wallets=view.wallets,
    )


def case_of_child(
    view: View, ledger: Ledger, digest: str, child: Child, *, asked: Pass, wallet: Wallet
) -> Case:
    """Return the case of a child of the standing pass `asked`, which nobody approved by itself."""
    if not isinstance(asked.action, Automatic):
        raise TypeError("only a standing pass has children")
    issuer = ISSUER + child.standing_digest
    mark = ledger.moment(digest, child.issued_at)
    valid = timedelta(seconds=asked.action.limits.child_valid_seconds)
    destinations = _destinations(view, ledger, child.payments, mark)
    return Case(
        purpose=asked.purpose,
        requester=issuer,
        automatic=True,
        standing=False,
        wallet=wallet,
        destinations=destinations,
        fee_max_sat=asked.action.fee.fee_max_sat,
        feerate_max_sat_per_kvb=asked.action.fee.feerate_max_sat_per_kvb,
        claims=child.claims,
        asked_at=child.issued_at,
        judged_at=mark.at,
        not_before_at=child.issued_at,
        expires_at=min(child.issued_at + valid, asked.expires_at),
        approved_by={},
        own_machine=(),
        this=_moved(
            digest, mark, wallet, destinations, requester=issuer, anchor=str(child.anchor)
        ),
        history=ledger.history,
        history_before=mark.before,
        wallets=view.wallets,
    )


def _destinations(
    view: View, ledger: Ledger, payments: Iterable[Payment], mark: Mark
) -> tuple[Destination, ...]:
    found: list[Destination] = []
    for payment in payments:
        address = payment.address or payment.script.hex()
        own = ledger.owner(view, payment.script)
        alike = None if own else ledger.imitated(view, address)
        found.append(
            Destination(
                address=address,
                amount_sat=payment.amount_sat,
                own_wallet_id=own,
                first_time=ledger.paid.get(address, mark.before) >= mark.before,
                listed_at=view.listed.get(payment.script),
                resembles=alike.resembles if alike else "",
                resembles_bits=int(alike.bits) if alike else 0,
            )
        )
    return tuple(found)


def _moved(
    digest: str,
    mark: Mark,
    wallet: Wallet,
    destinations: Iterable[Destination],
    *,
    requester: str,
    anchor: str,
) -> Committed:
    return Committed(
        digest=digest,
        at=mark.at,
        wallet_id=wallet.wallet_id,
        key_set=_key_set(wallet),
        requester=requester,
        anchor=anchor,
        customers=wallet.segregation is Segregation.CUSTOMER,
        destinations=tuple((each.address, each.amount_sat) for each in destinations),
    )


@lru_cache(maxsize=4096)
def _scripts(wallet: Wallet) -> tuple[bytes, ...]:
    """Return the scripts of a wallet within its gap limit. Kept: deriving them takes long."""
    return tuple(open_book([wallet]).by_script)


@lru_cache(maxsize=4096)
def _addresses(wallet: Wallet) -> tuple[str, ...]:
    """Return the addresses of the same scripts, as they are displayed."""
    book = open_book([wallet])
    return tuple(book.address(each) for each in book.by_script.values())


@lru_cache(maxsize=4096)
def _key_set(wallet: Wallet) -> str:
    """Return a name that wallets share whose coins the same keys move."""
    network = network_of_caip2(wallet.chain, "wallet.chain")
    return " ".join(sorted({each.point.hex() for each in keys_of(wallet.descriptor, network)}))
