"""One thing changed in what is paid, and to whom."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from bench.tampered.judging import Kind, kind
from bench.tampered.psbts import Output, foreign_script
from bench.tampered.scenes import Attempt, Scene, with_plan

NOTE = b"\x6a"
NOT_ALLOWED = "payment_not_allowed own_output_not_listed"


# What a scene has --------------------------------------------------------------------------------


def paid(scene: Scene) -> list[int]:
    """Return the places of the payments that move money."""
    return [place for place in scene.payments if scene.plan.outputs[place].amount_sat]


def has_change(scene: Scene) -> bool:
    return bool(scene.changes)


def _notes(scene: Scene) -> list[int]:
    outputs = scene.plan.outputs
    return [place for place in scene.payments if outputs[place].script[:1] == NOTE]


def _two_payments(scene: Scene) -> tuple[int, int] | None:
    """Return two payments that differ in script and amount, the smaller first."""
    outputs = scene.plan.outputs
    for one in paid(scene):
        for other in paid(scene):
            if (
                outputs[one].amount_sat < outputs[other].amount_sat
                and outputs[one].script != outputs[other].script
            ):
                return one, other
    return None


def _smallest_fits_change(scene: Scene) -> bool:
    return has_change(scene) and _smallest(scene).amount_sat < scene.first_change.amount_sat


def _smallest(scene: Scene) -> Output:
    return min((scene.plan.outputs[place] for place in paid(scene)), key=lambda o: o.amount_sat)


# What is changed ---------------------------------------------------------------------------------


def edited(scene: Scene, edits: dict[int, Output | None], *added: Output) -> tuple[Output, ...]:
    """Return the outputs with some replaced (or, by None, left out) and others added."""
    kept = [edits.get(place, each) for place, each in enumerate(scene.plan.outputs)]
    return (*(each for each in kept if each is not None), *added)


def with_outputs(scene: Scene, edits: dict[int, Output | None], *added: Output) -> Attempt:
    return with_plan(scene, outputs=edited(scene, edits, *added))


def change_with(scene: Scene, more_sat: int) -> dict[int, Output | None]:
    """Return the edit that gives the first change more, or less."""
    change = scene.first_change
    return {scene.changes[0]: replace(change, amount_sat=change.amount_sat + more_sat)}


def _rest(scene: Scene, more_sat: int) -> dict[int, Output | None]:
    """Return the edit that gives to the change what is left; without change, miners get it."""
    return change_with(scene, more_sat) if scene.changes else {}


def _payment(scene: Scene, random: Random, change: Callable[[Output], Output]) -> Attempt:
    place = random.choice(paid(scene))
    return with_outputs(scene, {place: change(scene.plan.outputs[place])})


def _another_payee(scene: Scene, random: Random) -> Attempt:
    return _payment(scene, random, lambda o: replace(o, script=foreign_script(random)))


def _one_bit(scene: Scene, random: Random) -> Attempt:
    def flipped(output: Output) -> Output:
        script = bytearray(output.script)
        script[-5] ^= 1 << random.randrange(8)  # within the hash, in every kind of script
        return replace(output, script=bytes(script))

    return _payment(scene, random, flipped)


def _other_form(script: bytes) -> bytes:
    """Return a script of another kind around the same hash or key."""
    if script[:1] == b"\x76":
        return b"\x00\x14" + script[3:23]
    if script[:1] == b"\xa9":
        return b"\x00\x14" + script[2:22]
    if script[:2] == b"\x00\x14":
        return b"\x76\xa9\x14" + script[2:] + b"\x88\xac"
    return (b"\x51" if script[:1] == b"\x00" else b"\x00") + script[1:]


def _same_hash(scene: Scene, random: Random) -> Attempt:
    return _payment(scene, random, lambda o: replace(o, script=_other_form(o.script)))


def _more(scene: Scene, random: Random) -> Attempt:
    return _payment(scene, random, lambda o: replace(o, amount_sat=o.amount_sat + 1))


def _impossible(scene: Scene, random: Random) -> Attempt:
    """Add what the field can hold and bitcoin cannot: read with a sign it would be less."""
    return _payment(scene, random, lambda o: replace(o, amount_sat=o.amount_sat + 2**63))


def _less(scene: Scene, random: Random) -> Attempt:
    place = random.choice(paid(scene))
    output = scene.plan.outputs[place]
    return with_outputs(
        scene, {place: replace(output, amount_sat=output.amount_sat - 1), **_rest(scene, 1)}
    )


def _exchanged(scene: Scene, _: Random) -> Attempt:
    one, other = _two_payments(scene) or (0, 0)
    first, second = scene.plan.outputs[one], scene.plan.outputs[other]
    return with_outputs(
        scene,
        {
            one: replace(first, amount_sat=second.amount_sat),
            other: replace(second, amount_sat=first.amount_sat),
        },
    )


def _twice(scene: Scene, _: Random) -> Attempt:
    again = _smallest(scene)
    return with_outputs(scene, change_with(scene, -again.amount_sat), again)


def _twice_for_another(scene: Scene, _: Random) -> Attempt:
    one, other = _two_payments(scene) or (0, 0)
    again, left_out = scene.plan.outputs[one], scene.plan.outputs[other]
    rest = _rest(scene, left_out.amount_sat - again.amount_sat)
    return with_outputs(scene, {**rest, other: again})


def _left_out(scene: Scene, random: Random) -> Attempt:
    place = random.choice(paid(scene))
    return with_outputs(
        scene, {place: None, **change_with(scene, scene.plan.outputs[place].amount_sat)}
    )


def _left_to_miners(scene: Scene, random: Random) -> Attempt:
    return with_outputs(scene, {random.choice(paid(scene)): None})


def _merged(scene: Scene, _: Random) -> Attempt:
    one, other = _two_payments(scene) or (0, 0)
    first, second = scene.plan.outputs[one], scene.plan.outputs[other]
    whole = replace(second, amount_sat=first.amount_sat + second.amount_sat)
    return with_outputs(scene, {one: None, other: whole})


def _halved(scene: Scene, random: Random) -> Attempt:
    place = random.choice(paid(scene))
    whole = scene.plan.outputs[place]
    half = replace(whole, amount_sat=whole.amount_sat // 2)
    rest = replace(whole, amount_sat=whole.amount_sat - half.amount_sat)
    return with_outputs(scene, {place: half}, rest)


def _extra(scene: Scene, random: Random) -> Attempt:
    amount_sat = random.randint(546, scene.first_change.amount_sat - 1)
    extra = Output(script=foreign_script(random), amount_sat=amount_sat)
    return with_outputs(scene, change_with(scene, -amount_sat), extra)


def _note_added(scene: Scene, random: Random) -> Attempt:
    return with_outputs(
        scene, {}, Output(script=NOTE + b"\x04" + random.randbytes(4), amount_sat=0)
    )


def _note_changed(scene: Scene, random: Random) -> Attempt:
    place = random.choice(_notes(scene))
    note = scene.plan.outputs[place]
    other = note.script[:-1] + bytes([note.script[-1] ^ 1])
    return with_outputs(scene, {place: replace(note, script=other)})


def _note_paid(scene: Scene, random: Random) -> Attempt:
    place = random.choice(_notes(scene))
    burnt = replace(scene.plan.outputs[place], amount_sat=600)
    return with_outputs(scene, {place: burnt, **change_with(scene, -600)})


OUTPUTS: tuple[Kind[Attempt], ...] = (
    kind("another payee", "a payment goes to somebody else", "payment_missing", _another_payee),
    kind("one bit of a payee", "one bit of a payee's script", "payment_missing", _one_bit),
    kind(
        "payee in another script type",
        "a payee's hash or key stands in a script of another type",
        "payment_missing",
        _same_hash,
    ),
    kind("one satoshi more", "a payment is larger by one satoshi", "payment_missing", _more),
    kind("one satoshi less", "a payment is smaller by one satoshi", "payment_missing", _less),
    kind(
        "amount that cannot be",
        "a payment is larger by 2**63 satoshi, more than all bitcoin",
        "payment_missing psbt_unreadable",
        _impossible,
    ),
    kind(
        "amounts exchanged",
        "two payees get each other's amounts",
        "payment_missing",
        _exchanged,
        applies=lambda scene: _two_payments(scene) is not None,
    ),
    kind(
        "payment once too often",
        "an approved payment is made once more, out of the change",
        NOT_ALLOWED,
        _twice,
        applies=_smallest_fits_change,
    ),
    kind(
        "payment twice, another not at all",
        "an approved payment is made in place of another",
        "payment_missing",
        _twice_for_another,
        applies=lambda scene: _two_payments(scene) is not None,
    ),
    kind(
        "payment left out",
        "a payment is not made; its amount comes back as change",
        "payment_missing",
        _left_out,
        applies=has_change,
    ),
    kind(
        "payment left to miners",
        "a payment is not made; miners get its amount",
        "payment_missing",
        _left_to_miners,
        applies=lambda scene: len(scene.plan.outputs) > 1,
    ),
    kind(
        "two payments as one",
        "two payments are made as one of their sum",
        "payment_missing",
        _merged,
        applies=lambda scene: _two_payments(scene) is not None,
    ),
    kind("payment in halves", "one payment is made as two halves", "payment_missing", _halved),
    kind(
        "payment added",
        "somebody is paid out of the change whom nobody approved",
        "payment_not_allowed",
        _extra,
        applies=lambda scene: has_change(scene) and scene.first_change.amount_sat > 600,
    ),
    kind("note added", "an OP_RETURN that nobody listed", "payment_not_allowed", _note_added),
    kind(
        "note changed",
        "one bit of an OP_RETURN that was listed",
        "payment_missing",
        _note_changed,
        applies=lambda scene: bool(_notes(scene)),
    ),
    kind(
        "note with coins",
        "coins are burnt in an OP_RETURN that was listed without any",
        "payment_missing",
        _note_paid,
        applies=lambda s: bool(_notes(s)) and has_change(s) and s.first_change.amount_sat > 600,
    ),
)
