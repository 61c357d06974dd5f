"""The options that describe a wallet, and the wallet that they describe."""

from typing import Annotated

import typer

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.names import normal_name
from sekisho.wallets.descriptors import check_descriptor
from sekisho.wallets.records import UNPROVEN, ChangeRule, Level, Segregation, Tier, Wallet

WalletArgument = Annotated[str, typer.Argument(help="The wallet.")]
DescriptorArgument = Annotated[str, typer.Argument(help="The public output descriptor (BIP-380).")]
WalletIdOption = Annotated[str, typer.Option("--id", help="A short id, such as cold-1.")]
DepartmentOption = Annotated[
    list[str],
    typer.Option("--department", help="A department that may ask for passes; once for each."),
]
NameOption = Annotated[str, typer.Option("--name", help="A name for people.")]
TierOption = Annotated[
    Tier, typer.Option("--tier", help="How far from the Internet its keys are.")
]
SegregationOption = Annotated[
    Segregation, typer.Option("--segregation", help="Whose coins these are.")
]
ChangeOption = Annotated[ChangeRule, typer.Option("--change", help="Where change may go.")]
GapLimitOption = Annotated[
    int, typer.Option("--gap-limit", help="Unused scripts ahead that are ours.")
]


def described_wallet(
    wallet_id: str,
    descriptor: str,
    network: Network,
    *,
    name: str,
    tier: Tier,
    departments: list[str],
    segregation: Segregation,
    change_rule: ChangeRule,
    gap_limit: int,
) -> Wallet:
    """Return the wallet that the options describe, whose keys nobody has proven yet."""
    return Wallet(
        wallet_id=wallet_id,
        name=normal_name(name) or wallet_id,
        chain=network.caip2,
        asset="BTC",
        descriptor=check_descriptor(descriptor, network, "descriptor"),
        tier=tier,
        departments=tuple(departments),
        segregation=segregation,
        change_rule=change_rule,
        gap_limit=gap_limit,
        level=Level.ADVISORY,
        proof=UNPROVEN,
    )
