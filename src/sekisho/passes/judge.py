"""The case that a policy judges, built from the register: the same for whoever verifies."""

import re
from datetime import datetime
from functools import lru_cache

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.digest import tagged_digest
from sekisho.passes.ballots import Tally
from sekisho.passes.policy.case import Case, Destination
from sekisho.passes.policy.history import Committed
from sekisho.passes.records import Child, FeeRule, Pass, Payment, Transfer
from sekisho.passes.register import Commitment, Register
from sekisho.wallets.records import Segregation, Wallet

_KEY = re.compile(
    r"[xt]pub[1-9A-HJ-NP-Za-km-z]{100,120}|(?<![0-9a-f])[0-9a-f]{64,130}(?![0-9a-f])"
)


@lru_cache(maxsize=1024)
def key_set_of(descriptor: str) -> str:
    """Return a name for the set of keys in a descriptor: the same for every wallet under them."""
    keys = sorted(set(_KEY.findall(descriptor)))
    return tagged_digest("key-set", "\n".join(keys or [descriptor]).encode()).hex()


def case_of(
    register: Register,
    digest: str,
    asked: Pass,
    transfer: Transfer,
    wallet: Wallet,
    heard: Tally,
    commitment: Commitment | None,
) -> Case:
    """Return the case of a transfer: as it was committed, or as it would be now."""
    judged_at = _judged_at(register, heard.last_at or asked.not_before_at, commitment)
    destinations = _destinations(register, transfer.payments, commitment)
    return Case(
        purpose=asked.purpose,
        requester=asked.requester,
        automatic=False,
        wallet=wallet,
        destinations=destinations,
        fee_max_sat=transfer.fee.fee_max_sat,
        feerate_max_sat_per_kvb=transfer.fee.feerate_max_sat_per_kvb,
        claims=asked.claims,
        asked_at=heard.asked_at(asked.requester) or asked.not_before_at,
        judged_at=judged_at,
        approved_by=heard.counted,
        own_machine=heard.own_machine(),
        this=_committed(digest, judged_at, wallet, asked.requester, transfer.anchor, destinations),
        history=register.history,
        history_before=_before(register, commitment),
        wallets=register.wallets,
    )


def child_case(
    register: Register, digest: str, child: Child, asked: Pass, wallet: Wallet, fee: FeeRule
) -> Case:
    """Return the case of a child of the standing pass `asked`, issued now."""
    judged_at = _judged_at(register, child.issued_at, None)
    destinations = _destinations(register, child.payments, None)
    requester = issuer_name(child.standing_digest)
    return Case(
        purpose=asked.purpose,
        requester=requester,
        automatic=True,
        wallet=wallet,
        destinations=destinations,
        fee_max_sat=fee.fee_max_sat,
        feerate_max_sat_per_kvb=fee.feerate_max_sat_per_kvb,
        claims=child.claims,
        asked_at=child.issued_at,
        judged_at=judged_at,
        approved_by={},
        own_machine=(),
        this=_committed(digest, judged_at, wallet, requester, child.anchor, destinations),
        history=register.history,
        history_before=register.history.size,
        wallets=register.wallets,
    )


def issuer_name(standing_digest: str) -> str:
    """Return the name under which the children of a standing pass count together."""
    return f"issuer:{standing_digest}"


def _judged_at(register: Register, said_at: datetime, commitment: Commitment | None) -> datetime:
    """Return the moment that limits count from; it never lies before an earlier commitment."""
    if commitment is not None:
        return commitment.at
    last_at = register.history.last_at
    return said_at if last_at is None else max(said_at, last_at)


def _before(register: Register, commitment: Commitment | None) -> int:
    return register.history.size if commitment is None else commitment.position


def _destinations(
    register: Register, payments: tuple[Payment, ...], commitment: Commitment | None
) -> tuple[Destination, ...]:
    book = register.book()
    before = _before(register, commitment)
    found: list[Destination] = []
    for payment in payments:
        address = payment.address or payment.script.hex()
        own = book.own(payment.script)
        alike = None if own is not None else register.known_addresses.lookalike(address)
        found.append(
            Destination(
                address=address,
                amount_sat=payment.amount_sat,
                own_wallet_id="" if own is None else own.wallet_id,
                first_time=not register.history.paid_before(address, before=before),
                listed_at=register.listed.get(payment.script.hex()),
                resembles="" if alike is None else alike.resembles,
                resembles_bits=0 if alike is None else int(alike.bits),
            )
        )
    return tuple(found)


def _committed(
    digest: str,
    at: datetime,
    wallet: Wallet,
    requester: str,
    anchor: OutPoint,
    destinations: tuple[Destination, ...],
) -> Committed:
    return Committed(
        digest=digest,
        at=at,
        wallet_id=wallet.wallet_id,
        key_set=key_set_of(wallet.descriptor),
        requester=requester,
        anchor=str(anchor),
        customers=wallet.segregation is Segregation.CUSTOMER,
        destinations=tuple((each.address, each.amount_sat) for each in destinations),
    )
