"""Coins of cold wallets that move: shown at once, whatever allows it.

A cold wallet moves seldom, and when it does, somebody expects it. Whoever stole enough approvals
to make the movement look right did not tell them.
"""

from collections import Counter
from collections.abc import Mapping

from sekisho.kernel.finding import Finding, finding
from sekisho.wallets.records import Tier, Wallet
from sekisho.watch.records import Movement, Verdict


def cold_moves(
    movement: Movement, verdict: Verdict, wallets: Mapping[str, Wallet]
) -> list[Finding]:
    """Return a finding for each cold wallet of which a coin is spent.

    They are no part of the verdict: a movement that is matched stays matched. A coin of unproven
    worth counts nothing; the verdict names it.
    """
    spent: Counter[str] = Counter()
    for each in movement.inputs:
        if each.own is not None and wallets[each.own.wallet_id].tier is Tier.COLD:
            spent[each.own.wallet_id] += each.amount_sat or 0
    back: Counter[str] = Counter()
    for output in movement.outputs:
        if output.own is not None:
            back[output.own.wallet_id] += output.amount_sat
    return [
        finding(
            "watch.cold_moved",
            wallet_id,
            spent_sat=spent[wallet_id],
            back_sat=back[wallet_id],
            pass_id=verdict.pass_id or "-",
        )
        for wallet_id in sorted(spent)
    ]
