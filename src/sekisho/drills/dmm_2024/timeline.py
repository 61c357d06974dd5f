"""When what happened: published facts, and the reconstruction around them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sekisho.drills.dmm_2024 import facts
from sekisho.drills.dmm_2024.records import Moment
from sekisho.passes.verify import Standing

ENROLLED_AT = datetime(2024, 4, 1, 0, 0, tzinfo=UTC)
ASKED_AT = datetime(2024, 5, 31, 3, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
"""Between the approvals of one pass."""
GATE_AT = datetime(2024, 5, 31, 4, 20, tzinfo=UTC)


def moments(standing: Standing | None, latency_ms: float) -> tuple[Moment, ...]:
    """Return the timeline of the drill, in order."""
    return (
        Moment(
            at=ENROLLED_AT,
            what_en="A roster of three departments is adopted by its own quorum. It puts the "
            "policy, the wallet's descriptor and an allow-list in force.",
            what_ja="三部門の名簿が自らの定足数で採択される。続いてポリシー、ウォレットの"
            "ディスクリプタ、許可リストが発効。",
            fact=False,
        ),
        *(() if standing is None else _request(standing)),
        Moment(
            at=GATE_AT,
            what_en="Act one: the transaction reaches the signer. The gate refuses it.",
            what_ja="第一幕：トランザクションが署名装置の手前に届く。関所はこれを拒否。",
            fact=False,
        ),
        Moment(
            at=facts.DETECTED_AT,
            what_en="The outflow, as it happened: 4,502.9 BTC leave. The company gives 13:26 JST "
            "as the time of detection.",
            what_ja="実際の流出：4,502.9 BTC が流出。会社が公表した検知時刻は 13:26 JST。",
            fact=True,
        ),
        Moment(
            at=facts.DETECTED_AT,
            what_en=f"Act two, without the gate: the watcher's verdict is on the disk "
            f"{latency_ms:.1f} ms after the bytes arrive, and an incident is open.",
            what_ja=f"第二幕（関所なし）：バイト列の到着から {latency_ms:.1f} ミリ秒で、"
            "判定が台帳に書き込まれ、インシデントが起票される。",
            fact=False,
            alarm=True,
        ),
    )


def _request(standing: Standing) -> Iterator[Moment]:
    """Yield how the pass came about."""
    yield Moment(
        at=ASKED_AT,
        what_en="The operator asks for a pass: 4,502.9 BTC to the usual address.",
        what_ja="担当者が手形を申請：いつもの宛先へ 4,502.9 BTC を送付。",
        fact=False,
    )
    yield Moment(
        at=ASKED_AT + 3 * STEP,
        what_en="Operations and finance have signed with passkeys, security on a machine of its "
        "own, with the twelve words compared: all three the same bytes.",
        what_ja="業務と財務はパスキーで、セキュリティは自身の端末で十二語を照合して、"
        "それぞれ同じバイト列に署名。",
        fact=False,
    )
    if standing.held_until_at is not None:
        yield Moment(
            at=standing.held_until_at,
            what_en="The policy's time lock ends. Nobody has voided the pass, and it is issued.",
            what_ja="ポリシーが定める待機期間が終わる。取消しはなく、手形が発行される。",
            fact=False,
        )
