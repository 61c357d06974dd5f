"""An honest gate, and one thing wrong with what it is shown of the journal."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

from bench.tampered.gates import Shown, gate_kind, seen_of
from bench.tampered.journals import (
    APPROVERS,
    CHECKPOINT_AGE_MAX,
    LOG,
    NOW,
    OFFICER,
    WITNESSES,
    WITNESSES_NEEDED,
    Journal,
    chained_anew,
    extent_of,
    key_of,
    open_policy,
)
from bench.tampered.judging import Kind
from sekisho.journal.notes import SignerKey, parse_note, write_note
from sekisho.passes.policy.documents import policy_document
from sekisho.passes.records import Admin, Decision, SubjectType
from sekisho.passes.register import ORDER_ID, POLICY_ID, ROSTER_ID
from sekisho.passes.roster import roster_bytes
from sekisho.wallets.order import Order, OrderKind, order_bytes

SECOND = timedelta(seconds=1)
NOTE = "note.written"

Tamper = Callable[[Shown, Random], Shown]
Event = Callable[[Shown, Journal, Random], None]
"""Something that people write on in the journal."""


# What happened since -----------------------------------------------------------------------------


def _void(was: Shown, journal: Journal, random: Random) -> None:
    journal.say(random.choice(APPROVERS), Decision.VOID, was.digest)


def _reject(was: Shown, journal: Journal, random: Random) -> None:
    journal.say(random.choice(APPROVERS), Decision.REJECT, was.digest)


def _freeze(was: Shown, journal: Journal, random: Random) -> None:
    """Have one person freeze the wallet, or all of them."""
    order = Order(
        number=1,
        kind=OrderKind.FREEZE,
        wallet_id=random.choice(("", was.scene.purse.wallet.wallet_id)),
        gate_id="",
        memory_size=0,
        memory_tip="",
    )
    who = random.choice(APPROVERS)
    document = order_bytes(order)
    journal.put_in_force(SubjectType.ORDER, ORDER_ID, document, requester=who, by=())


def _suspend(_: Shown, journal: Journal, __: Random) -> None:
    """Have the officer suspend the one of operations who approved."""
    admin = Admin(
        subject_type=SubjectType.SUSPENSION,
        subject_id="baba",
        previous_digest="",
        new_digest=journal.roster_digest,
    )
    journal.allow(journal.draft(admin, requester=OFFICER), by=())


def _rotate(_: Shown, journal: Journal, __: Random) -> None:
    """Have people replace the roster by one without somebody who approved."""
    roster = replace(
        journal.roster,
        version=2,
        previous_digest=journal.roster_digest,
        people=tuple(each for each in journal.roster.people if each.person_id != "baba"),
    )
    journal.put_in_force(
        SubjectType.ROSTER,
        ROSTER_ID,
        roster_bytes(roster),
        previous_digest=journal.roster_digest,
        by=("chiba", "doi", "endo", "baba"),
    )


def _new_policy(_: Shown, journal: Journal, __: Random) -> None:
    document = policy_document(open_policy(version=2))
    journal.put_in_force(
        SubjectType.POLICY, POLICY_ID, document, previous_digest=journal.policy_digest
    )


def _withheld(event: Event) -> Tamper:
    """Show the journal as it was before; the granter has seen it as it is."""

    def tamper(was: Shown, random: Random) -> Shown:
        journal = was.journal.branch()
        event(was, journal, random)
        return replace(was, lease=replace(was.lease, journal=extent_of(journal.entries)))

    return tamper


def _told(event: Event) -> Tamper:
    def tamper(was: Shown, random: Random) -> Shown:
        journal = was.journal.branch()
        event(was, journal, random)
        return was.with_journal(journal)

    return tamper


def _in_its_place(was: Shown, random: Random) -> Shown:
    """Show a note in the place of a void: two journals of one length, one key signed both."""
    voided, noted = was.journal.branch(), was.journal.branch()
    _void(was, voided, random)
    noted.write(NOTE, {})
    lease = replace(was.lease, journal=extent_of(voided.entries))
    return replace(was.with_journal(noted), lease=lease)


_EVENTS: tuple[tuple[str, str, str, Event], ...] = (
    ("void", "the pass was voided", "passes.voided", _void),
    ("rejection", "the pass was rejected after a quorum approved", "passes.rejected", _reject),
    ("freeze", "somebody froze the wallet", "frozen", _freeze),
    ("suspension", "somebody who approved was suspended", "passes.quorum_missing", _suspend),
    (
        "rotation",
        "somebody who approved left the roster",
        "passes.quorum_missing passes.other_roster",
        _rotate,
    ),
    ("new policy", "another policy is in force", "passes.policy_changed", _new_policy),
)
SINCE: tuple[Kind[Shown], ...] = (
    *(
        gate_kind(
            f"{name} withheld",
            f"{what}, and the bundle ends before that",
            "journal_behind",
            _withheld(event),
        )
        for name, what, _, event in _EVENTS
    ),
    *(
        gate_kind(f"{name} told", f"{what}, and the bundle says so", codes, _told(event))
        for name, what, codes, event in _EVENTS
    ),
    gate_kind(
        "journal forked",
        "the bundle shows a note where the granter saw a void",
        "journal_forked",
        _in_its_place,
    ),
)
"""What happened since the pass was approved."""


# The checkpoint ----------------------------------------------------------------------------------


def _cosigned_long_ago(was: Shown, random: Random) -> Shown:
    at = NOW - CHECKPOINT_AGE_MAX - random.choice((SECOND, timedelta(days=3)))
    return replace(was, cosigned=tuple((who, at) for who, _ in was.cosigned))


def _too_few(was: Shown, _: Random) -> Shown:
    return replace(was, cosigned=was.cosigned[: WITNESSES_NEEDED - 1])


def _false_witness(was: Shown, random: Random) -> Shown:
    """Change one bit of what a witness signed; with enough others beside it or not."""
    note = parse_note(was.note, "note")
    at = 1 + random.randrange(len(was.cosigned))
    signatures = [*note.signatures]
    signed = signatures[at].signature
    signatures[at] = replace(signatures[at], signature=signed[:-1] + bytes([signed[-1] ^ 1]))
    forged = write_note(replace(note, signatures=tuple(signatures)))
    return replace(was, bundle=was.bundle_with(forged))


def _unlisted(was: Shown, _: Random) -> Shown:
    """Have a stranger cosign in the place of the second witness."""
    mallory = replace(WITNESSES[0], name="mallory.example/witness", private_key=key_of("mallory"))
    return replace(was, cosigned=(was.cosigned[0], (mallory, NOW)))


def _other_log(was: Shown, _: Random) -> Shown:
    return replace(was, log=SignerKey(name=LOG.name, private_key=key_of("mallory")))


def _seen_more(was: Shown, _: Random) -> Shown:
    journal = was.journal.branch()
    journal.write(NOTE, {})
    return replace(was, seen=seen_of(journal.entries))


def _seen_another(was: Shown, random: Random) -> Shown:
    """Let the gate have seen a journal of this length, or a shorter one, with another end."""
    size = random.randint(1, len(was.entries))
    other = replace(was.entries[size - 1], kind=NOTE)
    return replace(was, seen=seen_of(chained_anew([*was.entries[: size - 1], other])))


CHECKPOINTS: tuple[Kind[Shown], ...] = (
    gate_kind(
        "checkpoint old",
        "witnesses saw the checkpoint longer ago than the policy allows",
        "journal.cosignatures_few",
        _cosigned_long_ago,
    ),
    gate_kind(
        "witnesses too few",
        "one witness fewer than the policy wants has seen the checkpoint",
        "journal.cosignatures_few",
        _too_few,
    ),
    gate_kind(
        "witness not listed",
        "a witness whom the roster does not list stands in for one",
        "journal.cosignatures_few",
        _unlisted,
    ),
    gate_kind(
        "witness forged",
        "one bit of what a witness signed is another",
        "journal.note_signature_wrong",
        _false_witness,
    ),
    gate_kind(
        "checkpoint by another key",
        "another key signed the checkpoint in the journal's name",
        "journal.note_unsigned journal.note_signature_wrong",
        _other_log,
    ),
    gate_kind(
        "checkpoint lower than seen",
        "the gate has seen a later checkpoint",
        "journal.checkpoint_lower",
        _seen_more,
    ),
    gate_kind(
        "another journal seen",
        "the gate has seen the checkpoint of another journal",
        "journal.two_histories",
        _seen_another,
    ),
)
"""Who has seen the journal, and when."""
