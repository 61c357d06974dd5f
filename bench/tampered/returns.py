"""What comes back from signers, and the judgement that must refuse what was tampered with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from bench.tampered.journals import NOW
from bench.tampered.judging import Codes, Kind, codes_of, full
from bench.tampered.psbts import Plan
from bench.tampered.scenes import Scene
from bench.tampered.signing import Signatures, in_form, signed, unsigned
from sekisho.gate.decide import recall_or_hostile
from sekisho.gate.returned import judge_return
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Refused
from sekisho.passes.leave import leave_of
from sekisho.passes.life import Clearance

HOSTILE = "gate.return_hostile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What a signer returns of a PSBT that was cleared."""

    scene: Scene
    psbt: bytes = field(repr=False)
    """That the gate cleared."""
    digest: str
    """Of the pass."""
    used: tuple[Clearance, ...]
    """What the gate remembers."""
    signatures: tuple[Signatures, ...] = field(repr=False)
    """The honest ones, of each input."""
    returned: bytes = field(repr=False)

    @property
    def roots(self) -> list[object]:
        """Return the keys that sign."""
        return [self.scene.purse.roots[each] for each in self.scene.way.by]

    def with_signatures(
        self, signatures: Sequence[Signatures], plan: Plan | None = None
    ) -> "Return":
        """Return the same form with other signatures, or of another transaction."""
        way = self.scene.way
        returned = in_form(
            way.form, plan or self.scene.plan, signatures, psbt_version=way.psbt_version
        )
        return replace(self, returned=returned)


def honest_return(scene: Scene) -> Return:
    """Return what honest signers return of the scene's PSBT, once the gate has cleared it."""
    way, plan = scene.way, scene.plan
    signatures = signed(plan, [scene.purse.roots[each] for each in way.by])
    return Return(
        scene=scene,
        psbt=scene.psbt,
        digest=scene.digest,
        used=(clearance_of(plan, scene.digest),),
        signatures=signatures,
        returned=in_form(way.form, plan, signatures, psbt_version=way.psbt_version),
    )


def clearance_of(plan: Plan, digest: str) -> Clearance:
    """Return what a gate remembers of a transaction that it cleared under a pass."""
    transaction = unsigned(plan)
    return Clearance(
        pass_digest=digest,
        txid=transaction.txid().hex(),
        transaction_digest=tagged_digest("unsigned-transaction", transaction.serialize()).hex(),
        cleared_at=NOW - timedelta(minutes=5),
        seq=2,
    )


def judged_return(attempt: Return) -> Codes:
    """Return the codes of the gate's refusal, asked for as `flow.check_return` does."""
    register = attempt.scene.batch.office.register
    try:
        leave = leave_of(register, attempt.digest, now=NOW)
        if leave is None:
            raise RuntimeError("a scene without leave")
        cleared = recall_or_hostile(attempt.psbt, attempt.returned, leave, used=attempt.used)
        wallet = register.wallets[cleared.wallet_id]
        judge_return(cleared, attempt.returned, wallet=wallet, book=register.book())
    except Refused as refused:
        return codes_of(refused)
    return ()


def returned_kind(
    name: str,
    what: str,
    codes: str,
    tamper: Callable[[Return, Random], Return],
    *,
    applies: Callable[[Scene], bool] = lambda _: True,
    hostile: bool = True,
) -> Kind[Return]:
    """Return a kind; what bears a signature over anything else must be called hostile, too."""
    return Kind(
        name=name,
        what=what,
        codes=full(codes),
        must=frozenset({HOSTILE} if hostile else ()),
        tamper=tamper,
        applies=applies,
    )
