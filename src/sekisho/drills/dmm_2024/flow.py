"""The drill at work: enrol, ask, approve; meet the gate; take the gate away, meet the watcher.

Everything runs through the production flows, on a real journal, with real signatures. The clock of
the story is that of 2024-05-31; only the latency is measured now.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxOut
from sekisho.drills.dmm_2024 import cast, facts
from sekisho.drills.dmm_2024.psbt import psbt_of, unsigned
from sekisho.drills.dmm_2024.records import NAME, Outcome, Variant
from sekisho.drills.dmm_2024.timeline import (
    ASKED_AT,
    ENROLLED_AT,
    GATE_AT,
    STEP,
    moments,
)
from sekisho.gate.clear import clear
from sekisho.gate.flow import check_psbt
from sekisho.journal.store import JournalStore
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Finding, Refused
from sekisho.kernel.money import Sat
from sekisho.kernel.ulid import make_ulid
from sekisho.kernel.words import Language, digest_words
from sekisho.passes.evidence import gather_evidence
from sekisho.passes.flow import TakeSequence, ask, file_roster, file_wallet, state
from sekisho.passes.records import (
    Admin,
    ChangeAllowance,
    Decision,
    FeeRule,
    ListedInputs,
    Pass,
    Payment,
    Replacement,
    SubjectType,
    TransactionRule,
    Transfer,
)
from sekisho.passes.roster import roster_bytes
from sekisho.passes.verify import Standing, establish_trust, wallets_in_force
from sekisho.respond.flow import open_incident
from sekisho.respond.incident import valued_as, valued_at
from sekisho.respond.records import Incident
from sekisho.wallets.descriptors import check_descriptor, inner_scripts
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import ChangeRule, Level, Segregation, Tier, Wallet
from sekisho.wallets.registry import open_book
from sekisho.wallets.resemble import resemblance
from sekisho.watch.flow import Judged, judge_transaction, open_watch

FEERATE_MAX_SAT_PER_KVB = 200_000
FEE_MAX_SAT = Sat(300_000)
HONEST_FEE_SAT = 250_000
_UINT32_MAX = 0xFFFF_FFFF


@dataclass(slots=True)
class _Stage:
    """The journal of the drill, and how often each of the cast has signed."""

    journal: JournalStore
    signed: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def ask(self, asked: Pass, now: datetime) -> Standing:
        """Have the requester ask for a pass."""
        role = cast.REQUESTER
        return ask(
            self.journal,
            asked,
            key=role.key,
            public_key=role.public_key,
            take_sequence=self._counter(role),
            now=now,
        )

    def approve(self, digest: str, now: datetime) -> Standing:
        """Have all three departments approve it, one after the other."""
        for index, role in enumerate(cast.APPROVERS):
            standing = state(
                self.journal,
                digest,
                Decision.APPROVE,
                key=role.key,
                public_key=role.public_key,
                terminal_id=cast.TERMINAL,
                take_sequence=self._counter(role),
                now=now + index * STEP,
            )
        return standing

    def _counter(self, role: cast.Role) -> TakeSequence:
        def take(at_least: int) -> int:
            self.signed[role.person_id] = max(self.signed[role.person_id] + 1, at_least)
            return self.signed[role.person_id]

        return take


def replay(journal: JournalStore, variant: Variant) -> Outcome:
    """Play the drill on an empty `journal` and return everything that came of it."""
    outflow, funding = facts.outflow(), facts.funding()
    stage = _Stage(journal=journal)
    genesis = _enrol(stage)
    wallet = _register(stage, genesis)
    standing = None
    if variant is Variant.PASS:
        asked = _request(outflow, wallet, genesis)
        first = stage.ask(asked, ASKED_AT)
        standing = stage.approve(first.digest, ASKED_AT + STEP)
    # Act one.
    psbt = _psbt(unsigned(outflow), funding)
    gate_verdict, gate_findings = _meet_gate(journal, genesis, standing, psbt)
    honest = "" if standing is None else _honest_verdict(journal, genesis, standing, funding)
    # Act two.
    judged, latency_ms = _meet_watcher(journal, genesis, funding, outflow.serialize())
    fee_sat = judged.verdict.fee_sat
    if fee_sat is None:
        raise RuntimeError("every input of the outflow is proven, and so is its fee")
    incident = _open(journal, judged, fee_sat)
    last = journal.last()
    return Outcome(
        variant=variant,
        outflow=outflow,
        funding=funding,
        anchor=outflow.inputs[0].outpoint,
        genesis_digest=genesis,
        wallet_address=facts.WALLET_ADDRESS,
        usual_address=facts.USUAL_ADDRESS,
        standing=standing,
        words_en=_words(standing, "en"),
        words_ja=_words(standing, "ja"),
        gate_verdict=gate_verdict,
        gate_findings=gate_findings,
        honest_verdict=honest,
        movement=judged.movement,
        verdict=judged.verdict,
        fee_sat=fee_sat,
        latency_ms=latency_ms,
        resemblance=resemblance(judged.movement.outputs[0].address, facts.USUAL_ADDRESS),
        incident=incident,
        moments=moments(variant, latency_ms),
        journal_size=0 if last is None else last.seq,
        psbt=psbt,
    )


def _enrol(stage: _Stage) -> str:
    """File the roster and have its own quorum adopt it; return the genesis digest to pin."""
    document = roster_bytes(cast.roster())
    digest = file_roster(stage.journal, document, actor="drill", now=ENROLLED_AT)
    adoption = _admin_pass(SubjectType.ROSTER, "roster", digest, genesis=digest, number=0)
    standing = stage.ask(adoption, ENROLLED_AT)
    stage.approve(standing.digest, ENROLLED_AT)
    return digest


def _register(stage: _Stage, genesis: str) -> Wallet:
    """Register the real wallet by the descriptor that its own spending revealed."""
    wallet = Wallet(
        wallet_id="storage-1",
        name="The wallet at 3P8MfdM4...",
        chain=Network.MAIN.caip2,
        asset="BTC",
        descriptor=check_descriptor(facts.DESCRIPTOR, Network.MAIN, "descriptor"),
        tier=Tier.COLD,
        departments=("operations",),
        segregation=Segregation.CUSTOMER,
        change_rule=ChangeRule.SAME_ADDRESS,
        gap_limit=1,
        level=Level.ADVISORY,
        proof="unproven",
    )
    digest = file_wallet(stage.journal, wallet, actor="drill", now=ENROLLED_AT)
    asked = _admin_pass(SubjectType.WALLET, wallet.wallet_id, digest, genesis=genesis, number=1)
    standing = stage.ask(asked, ENROLLED_AT)
    stage.approve(standing.digest, ENROLLED_AT)
    return wallet


def _admin_pass(
    subject_type: SubjectType, subject_id: str, digest: str, *, genesis: str, number: int
) -> Pass:
    return Pass(
        pass_id=_id(ENROLLED_AT, number),
        requester=cast.REQUESTER.person_id,
        terminal_id=cast.TERMINAL,
        purpose=f"Put {subject_type.value} {subject_id} in force",
        not_before_at=ENROLLED_AT,
        expires_at=ENROLLED_AT + timedelta(days=7),
        genesis_digest=genesis,
        roster_digest=genesis,
        policy_digest="",
        action=Admin(
            subject_type=subject_type,
            subject_id=subject_id,
            previous_digest="",
            new_digest=digest,
        ),
    )


def _request(outflow: Transaction, wallet: Wallet, genesis: str) -> Pass:
    """Return the reconstructed request: the same amount and coins, to the usual address."""
    outpoints = tuple(each.outpoint for each in outflow.inputs)
    payment = Payment(
        address=facts.USUAL_ADDRESS,
        script=script_of(facts.USUAL_ADDRESS, Network.MAIN, "usual address"),
        amount_sat=outflow.outputs[0].amount_sat,
    )
    return Pass(
        pass_id=_id(ASKED_AT, 2),
        requester=cast.REQUESTER.person_id,
        terminal_id=cast.TERMINAL,
        purpose="Transfer between storage and the usual address (reconstructed)",
        not_before_at=ASKED_AT,
        expires_at=ASKED_AT + timedelta(hours=24),
        genesis_digest=genesis,
        roster_digest=genesis,
        policy_digest="",
        action=Transfer(
            chain=wallet.chain,
            wallet_id=wallet.wallet_id,
            wallet_digest=wallet_digest(wallet),
            payments=(payment,),
            anchor=outpoints[0],
            inputs=ListedInputs(outpoints=outpoints),
            change=ChangeAllowance(rule=ChangeRule.SAME_ADDRESS, outputs_max=1),
            transaction=TransactionRule(
                versions=(1, 2),
                locktime_min=0,
                locktime_max=0,
                sequence_min=0,
                sequence_max=_UINT32_MAX,
            ),
            fee=FeeRule(fee_max_sat=FEE_MAX_SAT, feerate_max_sat_per_kvb=FEERATE_MAX_SAT_PER_KVB),
            replacement=Replacement(fee_bump=False, replaces=""),
        ),
    )


def _meet_gate(
    journal: JournalStore, genesis: str, standing: Standing | None, psbt: bytes
) -> tuple[str, tuple[Finding, ...]]:
    """Return the gate's verdict on the PSBT of the real outflow, and its reasons."""
    try:
        check_psbt(
            psbt,
            journal=journal,
            genesis_digest=genesis,
            pass_digest="" if standing is None else standing.digest,
            entry_id=_id(GATE_AT, 3),
            now=GATE_AT,
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
    evidence = gather_evidence(journal.entries())
    trust, reasons = establish_trust(evidence, genesis_digest=genesis, now=GATE_AT)
    if trust is None:
        raise Refused(reasons)
    try:
        clear(
            _psbt(unsigned(outflow, [payment, change]), funding),
            pass_digest=standing.digest,
            trust=trust,
            book=open_book(wallets_in_force(trust)),
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


def _id(at: datetime, number: int) -> str:
    """Return the same id in every replay."""
    return make_ulid(at, tagged_digest(f"drill/{NAME}", bytes([number]))[:10])
