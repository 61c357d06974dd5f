"""How the cast acts: enrol, put documents in force, ask, approve. All by the production flows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.drills.dmm_2024 import cast, facts
from sekisho.drills.dmm_2024.records import NAME
from sekisho.drills.dmm_2024.timeline import ASKED_AT, ENROLLED_AT, STEP
from sekisho.kernel.canonical import canonical_bytes
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.money import Sat
from sekisho.kernel.ulid import make_ulid
from sekisho.kernel.words import digest_words
from sekisho.passes.flow import Desk, Signer, ask, file_document, state
from sekisho.passes.policy.documents import policy_document, read_pack
from sekisho.passes.policy.packs import shipped_pack
from sekisho.passes.records import (
    NO_CLAIMS,
    Admin,
    Automatic,
    ChangeAllowance,
    Claims,
    Decision,
    FeeRule,
    HeldBalance,
    ListedInputs,
    Pass,
    Payment,
    PriceQuote,
    Replacement,
    SubjectType,
    TransactionRule,
    Transfer,
)
from sekisho.passes.register import ALLOW_LIST_ID, POLICY_ID, ROSTER_ID
from sekisho.passes.verify import Standing
from sekisho.wallets.allow_list import AllowedDestination, AllowList, allow_list_bytes
from sekisho.wallets.descriptors import check_descriptor
from sekisho.wallets.documents import wallet_digest, wallet_document
from sekisho.wallets.records import (
    UNPROVEN,
    ChangeRule,
    Level,
    Segregation,
    Tier,
    Wallet,
)

FEERATE_MAX_SAT_PER_KVB = 200_000
FEE_MAX_SAT = Sat(300_000)
POLICY = "jp-psa"
_UINT32_MAX = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The desk of the drill, and its people."""

    desk: Desk
    actors: tuple[cast.Actor, ...]
    numbers: Iterator[int] = field(default_factory=count)
    """Of the passes: each has its own id, the same in every replay."""

    def put_in_force(
        self,
        subject_type: SubjectType,
        subject_id: str,
        what: str,
        document: bytes,
        *,
        at: datetime = ENROLLED_AT,
    ) -> None:
        """File a document, and have all three departments put it in force."""
        digest = file_document(self.desk.journal, what, document, actor="drill", now=at)
        admin = Admin(
            subject_type=subject_type, subject_id=subject_id, previous_digest="", new_digest=digest
        )
        first = self.ask(admin, f"Put {subject_type.value} {subject_id} in force", at, days=7)
        self.approve(first.digest, at)

    def ask(
        self,
        action: Transfer | Automatic | Admin,
        purpose: str,
        now: datetime,
        *,
        days: int = 1,
        claims: Claims = NO_CLAIMS,
    ) -> Standing:
        """Have the requester ask for a pass."""
        actor, register = self.actors[0], self.desk.register
        asked = Pass(
            pass_id=drill_id(now, next(self.numbers)),
            requester=actor.role.person_id,
            terminal_id=actor.terminal_id,
            purpose=purpose,
            not_before_at=now,
            expires_at=now + timedelta(days=days),
            genesis_digest=register.genesis_digest,
            roster_digest=register.roster_digest or register.genesis_digest,
            policy_digest=register.policy_digest,
            action=action,
            claims=claims,
        )
        return ask(self.desk, asked, signer=signer_of(actor), now=now)

    def approve(self, digest: str, now: datetime) -> Standing:
        """Have all three departments approve it, one after the other, words compared."""
        words = " ".join(digest_words(bytes.fromhex(digest), "en"))
        for index, actor in enumerate(self.actors[1:]):
            standing = state(
                self.desk,
                digest,
                Decision.APPROVE,
                signer=signer_of(actor),
                terminal_id=actor.terminal_id,
                now=now + index * STEP,
                words=words if actor.device is None else "",
            )
        return standing


def set_up(desk: Desk, actors: tuple[cast.Actor, ...], founding: bytes) -> Stage:
    """Adopt the roster `founding`, and put policy, wallet and allow-list in force."""
    stage = Stage(desk=desk, actors=actors)
    stage.put_in_force(SubjectType.ROSTER, ROSTER_ID, "roster", founding)
    pack = policy_document(read_pack(shipped_pack(POLICY)[0], POLICY))
    stage.put_in_force(SubjectType.POLICY, POLICY_ID, "policy", pack)
    wallet = real_wallet()
    stage.put_in_force(
        SubjectType.WALLET, wallet.wallet_id, "wallet", canonical_bytes(wallet_document(wallet))
    )
    stage.put_in_force(
        SubjectType.ALLOW_LIST, ALLOW_LIST_ID, "allow_list", allow_list_bytes(_allow_list())
    )
    return stage


def request(stage: Stage, outflow: Transaction, held_sat: Sat) -> Standing:
    """Ask for the reconstructed transfer: the same amount and coins, to the usual address."""
    wallet = real_wallet()
    outpoints = tuple(each.outpoint for each in outflow.inputs)
    payment = Payment(
        address=facts.USUAL_ADDRESS,
        script=script_of(facts.USUAL_ADDRESS, Network.MAIN, "usual address"),
        amount_sat=outflow.outputs[0].amount_sat,
    )
    transfer = Transfer(
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
    )
    claims = Claims(
        prices=tuple(
            PriceQuote(source=source, price_jpy=price, quoted_at=facts.QUOTED_AT)
            for source, price in facts.QUOTES
        ),
        balances=(HeldBalance(wallet_id=wallet.wallet_id, amount_sat=held_sat),),
    )
    purpose = "Transfer between storage and the usual address (reconstructed)"
    return stage.ask(transfer, purpose, ASKED_AT, claims=claims)


def real_wallet() -> Wallet:
    """Return the real wallet, by the descriptor that its own spending revealed."""
    return Wallet(
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
        proof=UNPROVEN,
    )


def signer_of(actor: cast.Actor) -> Signer:
    """Return what signs for somebody of the cast."""
    return Signer(
        public_key=actor.credential.public_key,
        sign=actor.sign,
        take_sequence=actor.take_sequence,
    )


def drill_id(at: datetime, number: int) -> str:
    """Return the same id in every replay."""
    return make_ulid(at, tagged_digest(f"drill/{NAME}", bytes([number]))[:10])


def _allow_list() -> AllowList:
    return AllowList(
        chain=Network.MAIN.caip2,
        destinations=(
            AllowedDestination(
                address=facts.USUAL_ADDRESS,
                script=script_of(facts.USUAL_ADDRESS, Network.MAIN, "usual address"),
                label="Usual destination",
                owner="Drill exchange",
                note="Reconstructed: named as usual by a public chain analysis",
                proof=None,
            ),
        ),
    )
