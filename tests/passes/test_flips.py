"""One byte changed anywhere in the evidence: never a yes where there was a no.

What is left out on purpose: where only a rejection, a void, a reused number or a later wallet
stands against a pass, destroying that statement is the same as withholding it, and no signature
can tell. That is what the journal's checkpoints and witnesses are for.
"""

from dataclasses import replace

from attacks import ALLOWED, ASKED, ATTACKS
from attacks_on_wallets import WALLET_ATTACKS
from hypothesis import given, settings
from hypothesis import strategies as st
from world import World, digest_of, evidence_of
from world_people import NOW

from sekisho.passes.documents import pass_digest
from sekisho.passes.evidence import Asked, Event, Evidence, Filed, Said, filed_digest
from sekisho.passes.fold import establish_trust
from sekisho.passes.records import Pass
from sekisho.passes.verify import standing_of
from sekisho.watch.credence import weigh

SAYS_NO = {
    "passes.rejected",
    "passes.voided",
    "passes.wallet_changed",
    "passes.superseded",
    "passes.sequence_reused",
}
LACKING = {
    name: case
    for name, make in (ATTACKS | WALLET_ATTACKS).items()
    if (case := make()).findings and not SAYS_NO & {*case.findings, *case.set_aside}
}
"""The cases in which something is missing, and nothing says no."""


def allowed(evidence: Evidence, world: World, asked: Pass) -> bool:
    """Is the pass allowed? As the gate says, which must be what the watcher says."""
    digest, genesis = digest_of(asked), world.genesis_digest
    trust, _ = establish_trust(evidence, genesis_digest=genesis, now=NOW)
    found = (
        trust is not None and digest in trust.passes and not standing_of(trust, digest).findings
    )
    believed = weigh(evidence, genesis_digest=genesis, now=NOW).believed
    assert found == (digest in believed)
    return found


def flipped(data: bytes, at: int, mask: int) -> bytes:
    return data[:at] + bytes((data[at] ^ mask,)) + data[at + 1 :]


@st.composite
def with_a_byte_flipped(draw: st.DrawFn, evidence: Evidence) -> Evidence:
    """Flip a byte of a document or of a signature somewhere in the journal."""
    events = list(evidence.events)
    index = draw(st.integers(0, len(events) - 1))
    name = draw(st.sampled_from(["document", "signature"]))
    length = len(flippable(events[index], name))
    at, mask = draw(st.integers(0, length - 1)), draw(st.integers(1, 255))
    events[index] = flipped_event(events[index], name, at, mask)
    return replace(evidence, events=tuple(events))


def flippable(event: Event, name: str) -> bytes:
    if isinstance(event, Said):
        data: bytes = getattr(event.signed, name)
        return data
    assert isinstance(event, Asked | Filed)
    return event.document


def flipped_event(event: Event, name: str, at: int, mask: int) -> Event:
    """Return the event with a byte of it changed; a document is then known by its new digest."""
    data = flipped(flippable(event, name), at, mask)
    match event:
        case Said():
            return replace(event, signed=replace(event.signed, **{name: data}))
        case Asked():
            return replace(event, document=data, digest=pass_digest(data))
        case Filed():
            return replace(event, document=data, digest=filed_digest(event.what, data))
        case _:
            raise AssertionError(event)


ALLOWED_EVIDENCE = evidence_of(ALLOWED)
EVIDENCE = {name: evidence_of(case.world) for name, case in LACKING.items()}


def test_the_pass_is_allowed_as_long_as_nothing_is_touched() -> None:
    assert allowed(ALLOWED_EVIDENCE, ALLOWED, ASKED)
    assert len(LACKING) > 25


@settings(max_examples=400)
@given(with_a_byte_flipped(ALLOWED_EVIDENCE))
def test_whatever_byte_of_a_needed_statement_is_flipped_the_pass_is_gone(
    tampered: Evidence,
) -> None:
    """Every document and statement in this evidence is needed; there is none to spare."""
    assert not allowed(tampered, ALLOWED, ASKED)


def test_every_byte_of_every_signature_counts() -> None:
    for index, event in enumerate(ALLOWED_EVIDENCE.events):
        if isinstance(event, Said):
            for at in range(index % 5, 64, 5):
                events = list(ALLOWED_EVIDENCE.events)
                events[index] = flipped_event(event, "signature", at, 0x80)
                tampered = replace(ALLOWED_EVIDENCE, events=tuple(events))
                assert not allowed(tampered, ALLOWED, ASKED), (index, at)


@settings(max_examples=400)
@given(st.data())
def test_no_flipped_byte_makes_up_for_what_is_missing(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(LACKING)))
    tampered = data.draw(with_a_byte_flipped(EVIDENCE[name]))
    assert not allowed(tampered, LACKING[name].world, LACKING[name].asked)
