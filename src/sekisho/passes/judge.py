"""The case that a policy judges, built from the register: the same for whoever verifies."""

import re
from datetime import datetime, timedelta
from functools import lru_cache

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.ballots import Tally
from sekisho.passes.policy.case import Case, Destination, Outcome
from sekisho.passes.policy.evaluate import denials, is_allowed
from sekisho.passes.policy.history import ISSUER, Committed
from sekisho.passes.records import Automatic, Child, Payment, Transfer
from sekisho.passes.register import Commitment, Register
from sekisho.wallets.records import Segregation, Wallet
from sekisho.wallets.resemble import Resemblance

_KEY = re.compile(
    r"[xt]pub[1-9A-HJ-NP-Za-km-z]{100,120}|(?<![0-9a-f])[0-9a-f]{64,130}(?![0-9a-f])"
)


@lru_cache(maxsize=1024)
def key_set_of(descriptor: str) -> str:
    """Return a name for the set of keys in a descriptor: the same for every wallet under them."""
    keys = sorted(set(_KEY.findall(descriptor)))
    return tagged_digest("key-set", "\n".join(keys or [descriptor]).encode()).hex()


def case_of(
    register: Register, digest: str, transfer: Transfer, *, wallet: Wallet, heard: Tally
) -> Case:
    """Return the case of a transfer: as it was committed, or as it would be now."""
    asked = register.passes[digest].asked
    commitment = register.committed.get(digest)
    judged_at = _judged_at(heard.complete_at or asked.not_before_at, commitment)
    destinations = _destinations(register, transfer.payments, commitment)
    return Case(
        purpose=asked.purpose,
        requester=asked.requester,
        automatic=False,
        standing=False,
        wallet=wallet,
        destinations=destinations,
        fee_max_sat=transfer.fee.fee_max_sat,
        feerate_max_sat_per_kvb=transfer.fee.feerate_max_sat_per_kvb,
        claims=asked.claims,
        asked_at=heard.asked_at(asked.requester) or asked.not_before_at,
        judged_at=judged_at,
        not_before_at=asked.not_before_at,
        expires_at=asked.expires_at,
        approved_by=heard.counted,
        own_machine=heard.own_machine(),
        this=_committed(
            digest,
            judged_at,
            wallet,
            destinations,
            requester=asked.requester,
            anchor=transfer.anchor,
        ),
        history=register.history,
        history_before=_before(register, commitment),
        wallets=register.wallets,
    )


def child_case(
    register: Register, digest: str, child: Child, *, wallet: Wallet, automatic: Automatic
) -> Case:
    """Return the case of a child of a standing pass, issued now."""
    asked = register.passes[child.standing_digest].asked
    judged_at = child.issued_at
    valid = timedelta(seconds=automatic.limits.child_valid_seconds)
    destinations = _destinations(register, child.payments, None)
    requester = issuer_name(child.standing_digest)
    return Case(
        purpose=asked.purpose,
        requester=requester,
        automatic=True,
        standing=False,
        wallet=wallet,
        destinations=destinations,
        fee_max_sat=automatic.fee.fee_max_sat,
        feerate_max_sat_per_kvb=automatic.fee.feerate_max_sat_per_kvb,
        claims=child.claims,
        asked_at=child.issued_at,
        judged_at=judged_at,
        not_before_at=child.issued_at,
        expires_at=min(child.issued_at + valid, asked.expires_at),
        approved_by={},
        own_machine=(),
        this=_committed(
            digest, judged_at, wallet, destinations, requester=requester, anchor=child.anchor
        ),
        history=register.history,
        history_before=len(register.history),
        wallets=register.wallets,
    )


def standing_case(
    register: Register, digest: str, automatic: Automatic, *, wallet: Wallet, heard: Tally
) -> Case:
    """Return the case of a standing pass itself: as if a day's worth left at once, to one place.

    Whom the children pay is judged for each child; here only the rules about people matter.
    """
    asked = register.passes[digest].asked
    commitment = register.committed.get(digest)
    judged_at = _judged_at(heard.complete_at or asked.not_before_at, commitment)
    somewhere = Destination(
        address=issuer_name(digest),
        amount_sat=automatic.limits.day_max_sat,
        own_wallet_id="",
        first_time=False,
        listed_at=None,
        resembles="",
        resembles_bits=0,
    )
    return Case(
        purpose=asked.purpose,
        requester=asked.requester,
        automatic=False,
        standing=True,
        wallet=wallet,
        destinations=(somewhere,),
        fee_max_sat=automatic.fee.fee_max_sat,
        feerate_max_sat_per_kvb=automatic.fee.feerate_max_sat_per_kvb,
        claims=asked.claims,
        asked_at=heard.asked_at(asked.requester) or asked.not_before_at,
        judged_at=judged_at,
        not_before_at=asked.not_before_at,
        expires_at=asked.expires_at,
        approved_by=heard.counted,
        own_machine=heard.own_machine(),
        this=_committed(
            digest, judged_at, wallet, (somewhere,), requester=asked.requester, anchor=None
        ),
        history=register.history,
        history_before=_before(register, commitment),
        wallets=register.wallets,
    )


def refusals(outcomes: tuple[Outcome, ...]) -> list[Finding]:
    """Return why a policy says no; empty only if rules were asked and none did."""
    found = [each.finding for each in denials(outcomes) if each.finding is not None]
    if not found and not is_allowed(outcomes):
        found = [finding("passes.rule_failed", "policy", error="no answer")]
    return found


def issuer_name(standing_digest: str) -> str:
    """Return the name under which the children of a standing pass count together."""
    return f"{ISSUER}{standing_digest}"


def _judged_at(complete_at: datetime, commitment: Commitment | None) -> datetime:
    """Return the moment that rules judge: as committed, or as it would be now."""
    return complete_at if commitment is None else commitment.at


def _before(register: Register, commitment: Commitment | None) -> int:
    return len(register.history) if commitment is None else commitment.position


def _destinations(
    register: Register, payments: tuple[Payment, ...], commitment: Commitment | None
) -> tuple[Destination, ...]:
    book = register.book()
    before = _before(register, commitment)
    found: list[Destination] = []
    for payment in payments:
        address = payment.address or payment.script.hex()
        own = book.own(payment.script)
        alike = None if own is not None else _lookalike(register, address)
        found.append(
            Destination(
                address=address,
                amount_sat=payment.amount_sat,
                own_wallet_id="" if own is None else own.wallet_id,
                first_time=register.history.first_paid_at(address, before=before) is None,
                listed_at=register.listed.get(payment.script.hex()),
                resembles="" if alike is None else alike.resembles,
                resembles_bits=0 if alike is None else int(alike.bits),
            )
        )
    return tuple(found)


def _lookalike(register: Register, address: str) -> Resemblance | None:
    """Return what an address is made to look like: one of ours, or one that was paid or listed."""
    if address in register.known_addresses:
        return None
    found = (
        register.known_addresses.lookalike(address),
        register.own_addresses().lookalike(address),
    )
    return max((each for each in found if each is not None), key=lambda e: e.bits, default=None)


def _committed(
    digest: str,
    at: datetime,
    wallet: Wallet,
    destinations: tuple[Destination, ...],
    *,
    requester: str,
    anchor: OutPoint | None,
) -> Committed:
    return Committed(
        digest=digest,
        at=at,
        wallet_id=wallet.wallet_id,
        key_set=key_set_of(wallet.descriptor),
        requester=requester,
        anchor="" if anchor is None else str(anchor),
        customers=wallet.segregation is Segregation.CUSTOMER,
        destinations=tuple((each.address, each.amount_sat) for each in destinations),
    )
