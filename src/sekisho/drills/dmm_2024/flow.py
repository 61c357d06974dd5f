"""The drill at work: enrol, ask, approve; meet the gate; take the gate away, meet the watcher.

Everything runs through the production flows, on a real journal, with real signatures. The clock of
the story is that of 2024-05-31; only the latency is measured now.
"""

from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxOut
from sekisho.drills.dmm_2024 import cast, facts
from sekisho.drills.dmm_2024.psbt import psbt_of, unsigned
from sekisho.drills.dmm_2024.records import NAME, Outcome, Variant
from sekisho.drills.dmm_2024.stage import Stage, drill_id, real_wallet, request, set_up
from sekisho.drills.dmm_2024.timeline import (
    ASKED_AT,
    GATE_AT,
    STEP,
    moments,
)
from sekisho.gate.clear import clear
from sekisho.gate.flow import Records, check_psbt
from sekisho.gate.leases.flow import ask_lease, begin_memory
from sekisho.gate.records import Gate, Mode, Papers
from sekisho.journal.checkpoints import sign_checkpoint
from sekisho.journal.merkle import Frontier, leaf_hash
from sekisho.journal.notes import SignerKey
from sekisho.journal.store import JournalStore
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Finding, Refused
from sekisho.kernel.money import Sat
from sekisho.kernel.words import Language, digest_words
from sekisho.passes.flow import bundle_of, issue_due, open_desk
from sekisho.passes.fold import why_not_trusted
from sekisho.passes.lease import SignedLease, sign_lease, sign_request, signed_lease_bytes
from sekisho.passes.policy.records import Policy
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.passes.verify import Standing
from sekisho.respond.flow import open_incident
from sekisho.respond.incident import valued_as, valued_at
from sekisho.respond.records import Incident
from sekisho.wallets.descriptors import check_descriptor, inner_scripts
from sekisho.wallets.resemble import resemblance
from sekisho.watch.flow import Judged, judge_transaction, open_watch
from sekisho.watch.granting import Enrolled, grant, outlook_of

HONEST_FEE_SAT = 250_000


def replay(
    journal: JournalStore, variant: Variant, *, memory: JournalStore, signer: SignerKey
) -> Outcome:
    """Play the drill on an empty `journal` and return everything that came of it.

    `memory` is the gate's, empty too; `signer` signs checkpoints, and the roster names its key.
    """
    outflow, funding = facts.outflow(), facts.funding()
    stage = enrol(journal, journal_key=str(signer.verifier))
    genesis = stage.desk.register.genesis_digest
    standing = _approved(stage, outflow, funding) if variant is Variant.PASS else None
    # Act one.
    psbt = _psbt(unsigned(outflow), funding)
    bundle = b"" if standing is None else _bundle(stage, standing, signer)
    gate, lease = _leased(journal, memory, genesis)
    answer = _meet_gate(psbt, bundle, gate, lease, Records(memory=memory, journal=journal))
    honest = "" if standing is None else _honest_verdict(journal, genesis, standing, funding)
    # Act two.
    judged, latency_ms = _meet_watcher(journal, genesis, funding, outflow.serialize())
    incident = _open(journal, judged, _fee_sat(judged))
    return Outcome(
        variant=variant,
        outflow=outflow,
        funding=funding,
        anchor=outflow.inputs[0].outpoint,
        genesis_digest=genesis,
        policy=_policy(stage),
        policy_digest=stage.desk.register.policy_digest,
        wallet_address=facts.WALLET_ADDRESS,
        usual_address=facts.USUAL_ADDRESS,
        standing=standing,
        words_en=_words(standing, "en"),
        words_ja=_words(standing, "ja"),
        gate=gate,
        bundle=bundle,
        lease=lease.lease,
        level=real_wallet().level,
        gate_verdict=answer[0],
        gate_findings=answer[1],
        honest_verdict=honest,
        movement=judged.movement,
        verdict=judged.verdict,
        fee_sat=_fee_sat(judged),
        latency_ms=latency_ms,
        resemblance=resemblance(judged.movement.outputs[0].address, facts.USUAL_ADDRESS),
        incident=incident,
        moments=moments(standing, latency_ms),
        journal_size=journal.size(),
        psbt=psbt,
    )


def _approved(stage: Stage, outflow: Transaction, funding: Transaction) -> Standing:
    """Return the pass that three departments approved, issued when its time lock ended."""
    first = request(stage, outflow, _held_sat(funding))
    standing = stage.approve(first.digest, ASKED_AT + STEP)
    issue_due(stage.desk, now=standing.held_until_at or GATE_AT)
    return standing


def enrol(journal: JournalStore, *, journal_key: str) -> Stage:
    """Enrol everybody, and set the stage under a roster that names the journal's key."""
    actors = cast.gather_cast()
    founding = roster_bytes(cast.roster(actors, journal_key=journal_key))
    return set_up(open_desk(journal, genesis_digest=roster_digest(founding)), actors, founding)


def _policy(stage: Stage) -> Policy:
    policy = stage.desk.register.policy
    if policy is None:
        raise RuntimeError("all three departments put the policy in force")
    return policy


def _held_sat(funding: Transaction) -> Sat:
    """Return what the wallet held: all that the funding transaction had paid to its address."""
    script = script_of(facts.WALLET_ADDRESS, Network.MAIN, "wallet address")
    return Sat(sum(each.amount_sat for each in funding.outputs if each.script == script))


def _bundle(stage: Stage, standing: Standing, signer: SignerKey) -> bytes:
    """Return the pass's bundle, under a checkpoint of the journal as it is now."""
    tree = Frontier()
    for row in stage.desk.journal.rows():
        tree.append(leaf_hash(row.hash))
    note = sign_checkpoint(size=tree.size, root=tree.root(), signer=signer)
    return b"".join(bundle_of(stage.desk, standing.digest, note, size=tree.size))


def _leased(journal: JournalStore, memory: JournalStore, genesis: str) -> tuple[Gate, SignedLease]:
    """Return a gate that has just begun, and the lease that the watcher grants it."""
    granter = Ed25519PrivateKey.from_private_bytes(tagged_digest("drill-granter", NAME.encode()))
    gate = Gate(
        gate_id="gate-1",
        genesis_digest=genesis,
        granter_key=granter.public_key().public_bytes_raw(),
        mode=Mode.CO_LOCATED,
    )
    begin_memory(memory, gate, now=GATE_AT)
    outlook = outlook_of(tuple(journal.entries()), b"", genesis_digest=genesis, now=GATE_AT)
    own = Ed25519PrivateKey.from_private_bytes(tagged_digest("drill-gate", NAME.encode()))
    enrolled = Enrolled(
        gate_id=gate.gate_id, public_key=own.public_key().public_bytes_raw(), isolated=False
    )
    request = sign_request(ask_lease(memory, gate), own)
    return gate, sign_lease(grant(request, enrolled, None, outlook, now=GATE_AT), granter)


def _meet_gate(
    psbt: bytes, bundle: bytes, gate: Gate, lease: SignedLease, records: Records
) -> tuple[str, tuple[Finding, ...]]:
    """Return the gate's verdict on the PSBT of the real outflow, and its reasons."""
    try:
        check_psbt(
            psbt,
            Papers(bundle=bundle, lease=signed_lease_bytes(lease), seen=None),
            gate=gate,
            records=records,
            entry_id=drill_id(GATE_AT, 200),
            now=GATE_AT,
            keep_seen=lambda _: None,
        )
    except Refused as refused:
        return "refused", refused.findings
    return "cleared", ()


def _honest_verdict(
    journal: JournalStore, genesis: str, standing: Standing, funding: Transaction
) -> str:
    """Return what the same checks say to the transfer that was asked for. Nothing is recorded."""
    outflow = facts.outflow()
    spent_sat = sum(_spent(each.outpoint, funding).amount_sat for each in outflow.inputs)
    payment = TxOut(
        amount_sat=outflow.outputs[0].amount_sat,
        script=script_of(facts.USUAL_ADDRESS, Network.MAIN, "usual address"),
    )
    change = TxOut(
        amount_sat=Sat(spent_sat - payment.amount_sat - HONEST_FEE_SAT),
        script=script_of(facts.WALLET_ADDRESS, Network.MAIN, "wallet address"),
    )
    register = open_desk(journal, genesis_digest=genesis).register
    reasons = why_not_trusted(register, now=GATE_AT)
    if reasons:
        raise Refused(reasons)
    try:
        clear(
            _psbt(unsigned(outflow, [payment, change]), funding),
            pass_digest=standing.digest,
            register=register,
            book=register.book(),
            used=(),
            now=GATE_AT,
        )
    except Refused:
        return "refused"
    return "cleared"


def _meet_watcher(
    journal: JournalStore, genesis: str, funding: Transaction, raw: bytes
) -> tuple[Judged, float]:
    """Return the watcher's verdict on the real, signed bytes, and how long it took."""
    watch = open_watch(journal, [funding], genesis_digest=genesis, now=facts.DETECTED_AT)
    started = perf_counter()
    judged = judge_transaction(watch, raw, where="outflow", now=facts.DETECTED_AT)
    latency_ms = (perf_counter() - started) * 1000
    if judged is None:
        raise RuntimeError("the watcher did not see its own wallet's coins leave")
    return judged, latency_ms


def _fee_sat(judged: Judged) -> Sat:
    if judged.verdict.fee_sat is None:
        raise RuntimeError("every input of the outflow is proven, and so is its fee")
    return judged.verdict.fee_sat


def _open(journal: JournalStore, judged: Judged, fee_sat: Sat) -> Incident:
    """Open the incident, valued as the company published it and, beside it, at the market."""
    verdict, amount_sat = judged.verdict, judged.verdict.left_sat
    return open_incident(
        journal,
        judged.movement,
        verdict,
        recognised=judged.entry,
        valuations=[
            valued_as(
                amount_sat,
                fee_sat,
                amount_jpy=facts.PUBLISHED_JPY,
                source=facts.PUBLISHED_SOURCE,
                at=facts.DETECTED_AT,
            ),
            valued_at(
                amount_sat,
                fee_sat,
                price_jpy=facts.MARKET_JPY,
                source=facts.MARKET_SOURCE,
                at=facts.MARKET_AT,
            ),
        ],
    )


def _spent(outpoint: OutPoint, funding: Transaction) -> TxOut:
    """Return the output of the funding transaction that an input spends."""
    if outpoint.txid != funding.txid:
        raise RuntimeError(f"{outpoint} is not an output of the funding transaction")
    return funding.outputs[outpoint.vout]


def _psbt(transaction: Transaction, funding: Transaction) -> bytes:
    descriptor = check_descriptor(facts.DESCRIPTOR, Network.MAIN, "descriptor")
    redeem_script, witness_script = sorted(inner_scripts(descriptor, Network.MAIN, 0, 0), key=len)
    return psbt_of(
        transaction,
        funding=funding,
        redeem_script=redeem_script,
        witness_script=witness_script,
    )


def _words(standing: Standing | None, language: Language) -> tuple[str, ...]:
    return () if standing is None else digest_words(bytes.fromhex(standing.digest), language)
