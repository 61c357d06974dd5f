"""Why the gate was open, what it was shown, and whether it can be gone around: in words."""

from sekisho.drills.dmm_2024.records import Outcome
from sekisho.kernel.instants import JST
from sekisho.kernel.words import Language
from sekisho.wallets.records import Level

_LEASE = (
    "The gate is open: lease {number} until {until}, granted at {granted} by whoever watches (key "
    "{key}…) and has seen all {entries} journal entries."
)
_LEASE_JA = (
    "関所は開いている（リース第 {number} 号は {until} まで。監視（鍵 {key}…）が {granted} に付与。"
    "台帳 {entries} 件を確認済み）。"
)
_BUNDLE = (
    "It was shown the pass as a bundle of {size} bytes: checked offline, from the pinned genesis.",
    "手形はバンドル（{size} バイト）として提示され、固定した初代名簿からオフラインで検証した。",
)
_NO_BUNDLE = (
    "It was shown no bundle: there is no pass.",
    "バンドルの提示はない。手形が存在しない。",
)
_LEVELS = {
    Level.ADVISORY: (
        "{wallet} is advisory: the gate can be gone around (act two shows what is left then).",
        "{wallet} は強制なし（advisory）：関所は迂回できる（そのとき何が残るかは第二幕）。",
    ),
    Level.ENFORCED: (
        "{wallet} is enforced: without the gate's own key nothing moves.",
        "{wallet} は強制（enforced）：関所自身の鍵がなければ、何も動かない。",
    ),
}


def opening(outcome: Outcome, language: Language) -> tuple[str, str, str]:
    """Return three sentences: on the lease, on the bundle, and on the wallet's level."""
    spoken = 0 if language == "en" else 1
    lease = outcome.lease
    bundle = _BUNDLE if outcome.bundle else _NO_BUNDLE
    return (
        (_LEASE, _LEASE_JA)[spoken].format(
            number=lease.number,
            until=f"{lease.expires_at.astimezone(JST):%H:%M} JST",
            granted=f"{lease.granted_at.astimezone(JST):%H:%M} JST",
            key=outcome.gate.granter_key.hex()[:8],
            entries=lease.journal.size,
        ),
        bundle[spoken].format(size=f"{len(outcome.bundle):,}"),
        _LEVELS[outcome.level][spoken].format(wallet=", ".join(outcome.incident.wallet_ids)),
    )
