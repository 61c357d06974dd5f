"""Honest papers, and one thing wrong with the gate itself: its lease, memory, clock or place."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from bench.tampered.gates import Shown, gate_kind, leased, memory_of, paid_sat
from bench.tampered.journals import (
    ISOLATED_LEASE_MAX,
    ISOLATED_LEAST_SAT,
    LEASE_MAX,
    NOW,
    key_of,
)
from bench.tampered.judging import Kind
from bench.tampered.scenes import Scene
from sekisho.gate.records import Mode
from sekisho.journal.records import Draft
from sekisho.kernel.canonical import Json
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.lease import Memory, sign_lease, signed_lease_bytes
from sekisho.passes.life import GATE_CLEARED

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

Tamper = Callable[[Shown, Random], Shown]


# The lease ---------------------------------------------------------------------------------------


def _leased(**changes: Any) -> Tamper:  # noqa: ANN401 - the fields of Lease
    """Return the tampering in which the granter gave a lease with other fields."""
    return lambda was, _: replace(was, lease=replace(was.lease, **changes))


def _expired(was: Shown, random: Random) -> Shown:
    """Show a lease that has run out, by a second or by an hour."""
    ago = random.choice((timedelta(0), SECOND, timedelta(hours=1)))
    return replace(
        was,
        lease=replace(was.lease, granted_at=NOW - ago - MINUTE, expires_at=NOW - ago),
    )


def _too_long(was: Shown, random: Random) -> Shown:
    most = ISOLATED_LEASE_MAX if was.gate.mode is Mode.ISOLATED else LEASE_MAX
    more = random.choice((SECOND, timedelta(days=30)))
    lease = replace(was.lease, expires_at=was.lease.granted_at + most + more)
    return replace(was, lease=lease)


def _prolonged(was: Shown, _: Random) -> Shown:
    """Write a later end into a lease that was signed."""
    signed = sign_lease(was.lease, was.granter)
    later = replace(was.lease, expires_at=was.lease.expires_at + MINUTE)
    return replace(was, lease_data=signed_lease_bytes(replace(signed, lease=later)))


def _byte_flipped(was: Shown, random: Random) -> Shown:
    data = bytearray(was.papers.lease)
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return replace(was, lease_data=bytes(data))


def _superseded(was: Shown, _: Random) -> Shown:
    """Show the lease of before, once a newer one was taken."""
    newer = leased(was.lease.number, NOW - MINUTE)
    return replace(was, past=(*was.past, newer))


LEASES: tuple[Kind[Shown], ...] = (
    gate_kind(
        "lease missing",
        "there is no lease",
        "lease_missing",
        lambda was, _: replace(was, lease_data=b""),
    ),
    gate_kind(
        "lease with a bit flipped",
        "one bit of the lease is another",
        "lease_unreadable lease_forged",
        _byte_flipped,
    ),
    gate_kind(
        "lease by a stranger",
        "a stranger granted the lease",
        "lease_forged",
        lambda was, _: replace(was, granter=key_of("mallory")),
    ),
    gate_kind(
        "lease prolonged",
        "the lease's end was changed after it was signed",
        "lease_forged",
        _prolonged,
    ),
    gate_kind(
        "lease of another gate",
        "the lease is another gate's",
        "lease_foreign",
        _leased(gate_id="gate-2"),
    ),
    gate_kind(
        "lease of another installation",
        "the lease is for another genesis",
        "lease_foreign",
        _leased(genesis_digest="ab" * 32),
    ),
    gate_kind("lease expired", "the lease has run out", "lease_expired", _expired),
    gate_kind(
        "lease too long", "the lease is longer than the policy allows", "lease_too_long", _too_long
    ),
    gate_kind(
        "lease superseded", "a newer lease was taken since", "lease_superseded", _superseded
    ),
)
"""The word of whoever watches."""


# The memory --------------------------------------------------------------------------------------


def _put_back(was: Shown, random: Random) -> Shown:
    """Put an old backup of the memory back; the lease names what it had become."""
    since = [
        leased(was.lease.number - 1, NOW - (9 - number) * SECOND)
        for number in range(random.randint(1, 3))
    ]
    ids = [make_ulid(NOW, bytes([number]) * 10) for number in range(len(since))]
    grown = [replace(each, entry_id=entry_id) for each, entry_id in zip(since, ids, strict=True)]
    memory = memory_of(was.gate, [*was.past, *grown])
    return replace(was, lease=replace(was.lease, memory=memory))


def _another_memory(was: Shown, random: Random) -> Shown:
    memory = Memory(size=was.lease.memory.size, tip=random.randbytes(32).hex())
    return replace(was, lease=replace(was.lease, memory=memory))


def _cleared(was: Shown, random: Random, **changes: Json) -> Draft:
    body: dict[str, Json] = {
        "pass_digest": was.digest,
        "txid": random.randbytes(32).hex(),
        "transaction_digest": random.randbytes(32).hex(),
    }
    return Draft(
        entry_id=make_ulid(NOW, b"cleared..."),
        at=NOW - MINUTE,
        kind=GATE_CLEARED,
        actor=was.gate.gate_id,
        body={**body, **changes},
    )


def _used_here(was: Shown, random: Random) -> Shown:
    return replace(was, past=(*was.past, _cleared(was, random)))


def _unreadable(was: Shown, random: Random) -> Shown:
    return replace(was, past=(*was.past, _cleared(was, random, txid="gone")))


def _used_elsewhere(was: Shown, random: Random) -> Shown:
    """Another gate cleared another transaction under the pass, and the journal says so."""
    journal = was.journal.branch()
    journal.write(GATE_CLEARED, _cleared(was, random).body, actor="gate-2")
    return was.with_journal(journal)


def _once(scene: Scene) -> bool:
    return not scene.transfer.replacement.fee_bump


MEMORY: tuple[Kind[Shown], ...] = (
    gate_kind(
        "memory put back",
        "the gate's memory was put back from a backup",
        "memory_lost",
        _put_back,
    ),
    gate_kind(
        "another memory",
        "the lease names another memory of the same length",
        "memory_lost",
        _another_memory,
    ),
    gate_kind(
        "memory deleted",
        "the gate's memory is empty",
        "-",
        lambda was, _: replace(was, has_memory=False),
    ),
    gate_kind(
        "memory unreadable", "an answer in the gate's memory cannot be read", "-", _unreadable
    ),
    gate_kind(
        "pass used here",
        "the gate has cleared another transaction under the pass",
        "pass_used",
        _used_here,
        applies=_once,
    ),
    gate_kind(
        "pass used elsewhere",
        "another gate has cleared another transaction under the pass, and the journal says so",
        "pass_used",
        _used_elsewhere,
        applies=_once,
    ),
)
"""What the gate has answered before."""


# Clock and place ---------------------------------------------------------------------------------


def _set_back(was: Shown, random: Random) -> Shown:
    """Set the clock back behind what the gate wrote down itself."""
    lived = leased(was.lease.number - 1, NOW + random.randint(2, 90) * MINUTE)
    entry_id = make_ulid(NOW, b"lived.....")
    return replace(was, past=(*was.past, replace(lived, entry_id=entry_id)))


def _before_granted(was: Shown, random: Random) -> Shown:
    granted_at = NOW + random.choice((MINUTE + SECOND, timedelta(hours=5)))
    lease = replace(was.lease, granted_at=granted_at, expires_at=granted_at + 10 * MINUTE)
    return replace(was, lease=lease)


def _before_witnessed(was: Shown, random: Random) -> Shown:
    at = NOW + random.choice((MINUTE + SECOND, timedelta(hours=5)))
    return replace(was, cosigned=tuple((who, at) for who, _ in was.cosigned))


def _not_isolated(was: Shown, _: Random) -> Shown:
    """Ask a gate beside the journal, with a lease such as it has."""
    gate = replace(was.gate, mode=Mode.CO_LOCATED)
    lease = replace(
        was.lease,
        memory=memory_of(gate, was.past),
        expires_at=was.lease.granted_at + 10 * MINUTE,
    )
    return replace(was, gate=gate, has_journal=True, lease=lease)


def _journal_gone(was: Shown, random: Random) -> Shown:
    return replace(_not_isolated(was, random), has_journal=False)


PLACE: tuple[Kind[Shown], ...] = (
    gate_kind(
        "clock behind the memory",
        "the clock is behind what the gate has lived through",
        "clock_behind",
        _set_back,
    ),
    gate_kind(
        "clock behind the lease",
        "the clock is behind the moment when the lease was granted",
        "clock_behind",
        _before_granted,
    ),
    gate_kind(
        "clock behind the witnesses",
        "the clock is behind what witnesses say",
        "clock_behind journal.cosignature_ahead",
        _before_witnessed,
    ),
    gate_kind(
        "not isolated",
        "so much would leave that only an isolated gate may allow it",
        "not_isolated",
        _not_isolated,
        applies=lambda scene: paid_sat(scene) >= ISOLATED_LEAST_SAT,
    ),
    gate_kind(
        "journal gone",
        "a gate beside the journal is asked without it",
        "journal_missing",
        _journal_gone,
    ),
)
"""When and where the gate is asked."""
