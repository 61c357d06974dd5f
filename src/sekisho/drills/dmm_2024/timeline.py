"""When what happened: published facts, and the reconstruction around them."""

from datetime import UTC, datetime, timedelta

from sekisho.drills.dmm_2024 import facts
from sekisho.drills.dmm_2024.records import Moment, Variant

ENROLLED_AT = datetime(2024, 4, 1, 0, 0, tzinfo=UTC)
ASKED_AT = datetime(2024, 5, 31, 3, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
"""Between the approvals of one pass."""
GATE_AT = datetime(2024, 5, 31, 4, 20, tzinfo=UTC)


def moments(variant: Variant, latency_ms: float) -> tuple[Moment, ...]:
    """Return the timeline of the drill, in order."""
    story = [
        Moment(
            at=ENROLLED_AT,
            what_en="A roster of three departments is adopted by its own quorum; the wallet's "
            "descriptor is put in force.",
            what_ja="三部門の名簿が自らの定足数で採択され、ウォレットのディスクリプタが発効。",
            fact=False,
        ),
    ]
    if variant is Variant.PASS:
        story += _request()
    story += [
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
    ]
    return tuple(story)


def _request() -> list[Moment]:
    """Return how the pass came about."""
    return [
        Moment(
            at=ASKED_AT,
            what_en="The operator asks for a pass: 4,502.9 BTC to the usual address.",
            what_ja="担当者が手形を申請：いつもの宛先へ 4,502.9 BTC を送付。",
            fact=False,
        ),
        Moment(
            at=ASKED_AT + 3 * STEP,
            what_en="Operations, security and finance have each signed the same bytes.",
            what_ja="業務・セキュリティ・財務の三部門が、それぞれ同じバイト列に署名。",
            fact=False,
        ),
    ]
