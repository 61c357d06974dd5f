"""An honest gate, and one thing wrong with the bundle, or with what the bundle is shown for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from bench.tampered.gates import Shown, gate_kind
from bench.tampered.journals import APPROVERS, Journal, chained_anew, extent_of
from bench.tampered.judging import Kind
from bench.tampered.kinds_outputs import paid
from bench.tampered.scenes import with_plan
from sekisho.journal.records import Entry
from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.kernel.money import Sat
from sekisho.passes.documents import pass_bytes, pass_digest, read_pass

Tamper = Callable[[Shown, Random], Shown]


def _lines(change: Callable[[list[bytes], Random], None]) -> Tamper:
    """Return the tampering that changes lines of the bundle, of which the first is its header."""

    def tamper(was: Shown, random: Random) -> Shown:
        lines = was.bundle_with(was.note).splitlines(keepends=True)
        change(lines, random)
        return replace(was, bundle=b"".join(lines))

    return tamper


def _drop(lines: list[bytes], random: Random) -> None:
    del lines[random.randrange(1, len(lines))]


def _swap(lines: list[bytes], random: Random) -> None:
    at = random.randrange(1, len(lines) - 1)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]


def _double(lines: list[bytes], random: Random) -> None:
    at = random.randrange(1, len(lines))
    lines.insert(at, lines[at])


def _flip(lines: list[bytes], random: Random) -> None:
    at = random.randrange(1, len(lines))
    line = bytearray(lines[at])
    line[random.randrange(len(line))] ^= 1 << random.randrange(8)
    lines[at] = bytes(line)


def _cut(lines: list[bytes], random: Random) -> None:
    lines[-1] = lines[-1][: -random.randrange(1, len(lines[-1]))]


def _rewritten(was: Shown, entries: Sequence[Entry], digest: str) -> Shown:
    """Show a gate that has seen nothing yet what its key and witnesses now say is the journal."""
    lease = replace(was.lease, journal=extent_of(()))
    entries = chained_anew(entries)
    return replace(was, entries=entries, seen=None, lease=lease, digest=digest)


def _before_approved(was: Shown, _: Random) -> Shown:
    return _rewritten(was, was.entries[:-1], was.digest)


def _approval_left_out(was: Shown, random: Random) -> Shown:
    """Leave one of the approvals out of the middle."""
    at = len(was.entries) - random.randint(2, len(APPROVERS))
    return _rewritten(was, [*was.entries[:at], *was.entries[at + 1 :]], was.digest)


def _pass_changed(was: Shown, _: Random) -> Shown:
    """Raise the fee ceiling in the entry of the pass that people approved."""
    place = len(was.entries) - len(APPROVERS) - 2
    entry = was.entries[place]
    asked = read_pass(canonical_bytes(entry.body["pass"]), "pass")
    fee = replace(was.scene.transfer.fee, fee_max_sat=Sat(10**8))
    document = pass_bytes(replace(asked, action=replace(was.scene.transfer, fee=fee)))
    changed = replace(entry, body={"pass": parse_json(document, "pass")})
    entries = [*was.entries[:place], changed, *was.entries[place + 1 :]]
    return _rewritten(was, entries, pass_digest(document))


def _other_installation(was: Shown, _: Random) -> Shown:
    """Show the bundle of another exchange, in which the same people allowed the same."""
    journal = Journal([was.scene.purse.wallet], exchange="Another exchange")
    digest = journal.allow(journal.draft(was.scene.transfer))
    return replace(was.with_journal(journal), digest=digest, seen=None)


def _other_pass(was: Shown, random: Random) -> Shown:
    """Name another approved pass, for a satoshi more."""
    payments = [*was.scene.transfer.payments]
    at = random.randrange(len(payments))
    payments[at] = replace(payments[at], amount_sat=Sat(payments[at].amount_sat + 1))
    journal = was.journal.branch()
    other = replace(was.scene.transfer, payments=tuple(payments))
    digest = journal.allow(journal.draft(other))
    return replace(was.with_journal(journal), digest=digest)


def _other_psbt(was: Shown, random: Random) -> Shown:
    outputs = [*was.scene.plan.outputs]
    at = random.choice(paid(was.scene))
    outputs[at] = replace(outputs[at], amount_sat=outputs[at].amount_sat - 1)
    return replace(was, psbt=with_plan(was.scene, outputs=tuple(outputs)).psbt)


DAMAGED = "journal.entry_changed -"
BUNDLES: tuple[Kind[Shown], ...] = (
    gate_kind(
        "bundle missing", "there is no bundle", "no_pass", lambda was, _: replace(was, bundle=b"")
    ),
    gate_kind(
        "bundle entry dropped",
        "an entry is gone from the bundle",
        f"{DAMAGED} passes.bundle_incomplete",
        _lines(_drop),
    ),
    gate_kind(
        "bundle entries swapped", "two entries stand in each other's place", DAMAGED, _lines(_swap)
    ),
    gate_kind("bundle entry doubled", "an entry stands twice", DAMAGED, _lines(_double)),
    gate_kind(
        "bundle with a bit flipped", "one bit of the bundle is another", DAMAGED, _lines(_flip)
    ),
    gate_kind("bundle cut", "the end of the bundle is missing", "-", _lines(_cut)),
    gate_kind(
        "bundle without its last approval",
        "the bundle ends before the last approval, as key and witnesses signed it then",
        "passes.quorum_missing",
        _before_approved,
    ),
    gate_kind(
        "approval left out",
        "one approval is left out, and key and witnesses signed that",
        "passes.quorum_missing",
        _approval_left_out,
    ),
    gate_kind(
        "pass changed in the journal",
        "the pass was changed after people approved it, and key and witnesses signed that",
        "passes.quorum_missing passes.not_asked",
        _pass_changed,
    ),
    gate_kind(
        "bundle of another installation",
        "the bundle is another exchange's, in which the same people allowed the same",
        "passes.genesis_missing",
        _other_installation,
    ),
    gate_kind(
        "another genesis pinned",
        "the gate pins another genesis",
        "passes.genesis_missing",
        lambda was, _: replace(was, gate=replace(was.gate, genesis_digest="ab" * 32)),
    ),
    gate_kind(
        "bundle names an unknown pass",
        "the bundle names a pass that it does not hold",
        "passes.not_in_checkpoint",
        lambda was, random: replace(was, digest=random.randbytes(32).hex()),
    ),
    gate_kind(
        "bundle names another pass",
        "the bundle names an approved pass for a satoshi more",
        "payment_missing",
        _other_pass,
    ),
    gate_kind(
        "another PSBT",
        "the papers are in order, and the PSBT pays a satoshi less",
        "payment_missing",
        _other_psbt,
    ),
)
"""What is carried to the gate."""
