"""The options that describe a wallet, and the wallet that they describe."""

import re
from pathlib import Path
from typing import Annotated

import typer

from sekisho.chains.bitcoin.networks import Network
from sekisho.cli.options import read_file
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.names import normal_name
from sekisho.wallets.descriptors import check_descriptor
from sekisho.wallets.enforced import read_enforced
from sekisho.wallets.records import UNPROVEN, ChangeRule, Level, Segregation, Tier, Wallet

_GATE_KEY = re.compile(r"\[[0-9a-f]{8}/[0-9h/]{1,60}\][xt]pub[1-9A-HJ-NP-Za-km-z]{100,120}")

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
GateKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--gate-key",
        help="The gate's public key (`sekisho gate cosigner new`), of a wallet that needs it.",
    ),
]
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
    gate_key: Path | None,
) -> Wallet:
    """Return the wallet that the options describe, whose keys nobody has proven yet.

    With a gate's key it is `enforced`; raises `BadInputError` if its script does not need that.
    """
    spelled = check_descriptor(descriptor, network, "descriptor")
    if gate_key is not None:
        terms = read_enforced(spelled, network, "descriptor")
        if terms.gate_key != read_gate_key(gate_key):
            raise BadInputError(str(gate_key), "is not the gate's key in the descriptor")
    return Wallet(
        wallet_id=wallet_id,
        name=normal_name(name) or wallet_id,
        chain=network.caip2,
        asset="BTC",
        descriptor=spelled,
        tier=tier,
        departments=tuple(departments),
        segregation=segregation,
        change_rule=change_rule,
        gap_limit=gap_limit,
        level=Level.ADVISORY if gate_key is None else Level.ENFORCED,
        proof=UNPROVEN,
    )


def read_gate_key(path: Path) -> str:
    """Return the gate's public key in a file that `sekisho gate cosigner new` wrote."""
    text = read_file(path, limit_bytes=1024).decode("ascii", "replace").strip()
    if not _GATE_KEY.fullmatch(text):
        raise BadInputError(str(path), "holds no gate's key: [fingerprint/path]xpub")
    return text
