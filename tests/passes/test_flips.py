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
from sekisho.passes.evidence import Evidence
from sekisho.passes.records import Pass
from sekisho.passes.roster import roster_digest
from sekisho.passes.verify import establish_trust, standing_of
from sekisho.watch.credence import weigh

SAYS_NO = {
    "passes.rejected",
    "passes.voided",
    "passes.wallet_changed",
    "passes.wallet_forked",
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
    """Flip a byte of a document or signature, filed where it was or under its new digest."""
    mask = draw(st.integers(1, 255))
    rosters, passes = dict(evidence.rosters), dict(evidence.passes)
    approvals = list(evidence.approvals)
    index = draw(st.integers(0, len(approvals) + len(passes) + len(rosters) - 1))
    if index < len(approvals):
        signed = approvals[index]
        name = draw(st.sampled_from(["document", "signature"]))
        data: bytes = getattr(signed, name)
        at = draw(st.integers(0, len(data) - 1))
        approvals[index] = replace(signed, **{name: flipped(data, at, mask)})
        return replace(evidence, approvals=tuple(approvals))
    digest = sorted([*passes, *rosters])[index - len(approvals)]
    filed, digest_of_bytes = (
        (passes, pass_digest) if digest in passes else (rosters, roster_digest)
    )
    data = filed.pop(digest)
    data = flipped(data, draw(st.integers(0, len(data) - 1)), mask)
    filed[draw(st.sampled_from([digest, digest_of_bytes(data)]))] = data
    return replace(evidence, rosters=rosters, passes=passes)


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
    for index, signed in enumerate(ALLOWED_EVIDENCE.approvals):
        for at in range(index % 5, 64, 5):
            approvals = list(ALLOWED_EVIDENCE.approvals)
            approvals[index] = replace(signed, signature=flipped(signed.signature, at, 0x80))
            tampered = replace(ALLOWED_EVIDENCE, approvals=tuple(approvals))
            assert not allowed(tampered, ALLOWED, ASKED), (index, at)


@settings(max_examples=400)
@given(st.data())
def test_no_flipped_byte_makes_up_for_what_is_missing(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(LACKING)))
    tampered = data.draw(with_a_byte_flipped(EVIDENCE[name]))
    assert not allowed(tampered, LACKING[name].world, LACKING[name].asked)
