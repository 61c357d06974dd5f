"""`sekisho pass standing|child`: passes that a service issues without people, within limits."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import Installation, current_time, installation
from sekisho.chains.bitcoin.transaction import parse_outpoint
from sekisho.cli.options import (
    JsonOption,
    KeyOption,
    OnlyIdOption,
    PassphraseFileOption,
    TerminalOption,
    WorkspaceOption,
    read_file,
    unlock,
)
from sekisho.cli.output import put_json, say
from sekisho.cli.pass_options import (
    ANY_FIELDS,
    FeerateMaxOption,
    PayingWalletOption,
    PayOption,
    PriceOption,
    balances_of,
    change_of,
    read_fee_options,
    read_payment,
    read_price,
)
from sekisho.cli.people import Terms, ask_with, desk_of
from sekisho.cli.standing import put_standing
from sekisho.edges.keys import read_public_file
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import format_btc, parse_btc
from sekisho.passes.children import sign_child
from sekisho.passes.flow import Desk, desk_of_pass, record_child
from sekisho.passes.records import (
    Automatic,
    Child,
    ChildLimits,
    Claims,
    DestinationRule,
    FeeRule,
)
from sekisho.passes.register import Register
from sekisho.passes.verify import wallet_in_force, wallets_in_force
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.flow import holdings_of

app = typer.Typer()
_KEY_MAX_BYTES = 16_384
IssuerOption = Annotated[
    Path, typer.Option("--issuer", help="The service's public key (PATH.pub of its key).")
]
DestinationsOption = Annotated[
    DestinationRule, typer.Option("--destinations", help="Whom the children may pay.")
]
ChildMaxOption = Annotated[
    str, typer.Option("--child-max", help="The most that one child pays, in BTC.")
]
HourMaxOption = Annotated[str, typer.Option("--hour-max", help="The most in one hour, in BTC.")]
DayMaxOption = Annotated[str, typer.Option("--day-max", help="The most in one day, in BTC.")]
FeeMaxOption = Annotated[
    str, typer.Option("--fee-max", help="The highest fee of one transaction, in BTC.")
]
PurposeOption = Annotated[str, typer.Option("--purpose", help="What the payments are for.")]
ChildrenOption = Annotated[
    int, typer.Option("--children", min=1, help="How many children there may be.")
]
ValidOption = Annotated[
    int,
    typer.Option("--valid-seconds", min=1, help="How long a child holds after it was issued."),
]
DaysOption = Annotated[
    int, typer.Option("--days", min=1, max=366, help="How long the pass is valid.")
]


@app.command("standing")
def standing(
    wallet: PayingWalletOption,
    issuer: IssuerOption,
    destinations: DestinationsOption,
    child_max: ChildMaxOption,
    hour_max: HourMaxOption,
    day_max: DayMaxOption,
    fee_max: FeeMaxOption,
    feerate_max: FeerateMaxOption,
    purpose: PurposeOption,
    key: KeyOption,
    terminal_id: TerminalOption,
    children: ChildrenOption = 100_000,
    valid_seconds: ValidOption = 3600,
    price: PriceOption = None,
    days: DaysOption = 30,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """Ask for leave that a service issues numbered payments without people, within limits."""
    unlocked = unlock(key, passphrase_file)
    now = current_time()
    limits = ChildLimits(
        child_max_sat=parse_btc(child_max, "--child-max"),
        hour_max_sat=parse_btc(hour_max, "--hour-max"),
        day_max_sat=parse_btc(day_max, "--day-max"),
        children_max=children,
        child_valid_seconds=valid_seconds,
    )
    with installation(workspace) as here:
        desk = desk_of(here)
        action = _automatic(
            desk.register,
            wallet,
            issuer=issuer,
            destinations=destinations,
            limits=limits,
            fee=read_fee_options(fee_max, feerate_max),
        )
        claims = _claims(here, desk, price or (), now)
        terms = Terms(terminal_id=terminal_id, purpose=purpose, valid_for=timedelta(days=days))
        stands = ask_with(desk, unlocked, action=action, terms=terms, now=now, claims=claims)
    put_standing(stands, as_json=json, state="asked", only_id=only_id)


def _automatic(
    register: Register,
    wallet_id: str,
    *,
    issuer: Path,
    destinations: DestinationRule,
    limits: ChildLimits,
    fee: FeeRule,
) -> Automatic:
    """Return the standing leave that the options describe, from the wallet in force."""
    wallet, reasons = wallet_in_force(register, wallet_id)
    if wallet is None:
        raise Refused(reasons)
    public, _ = read_public_file(read_file(issuer, limit_bytes=_KEY_MAX_BYTES), str(issuer))
    return Automatic(
        chain=wallet.chain,
        wallet_id=wallet_id,
        wallet_digest=wallet_digest(wallet),
        issuer_key=public,
        destinations=destinations,
        limits=limits,
        inputs_max=1000,
        change=change_of(wallet),
        transaction=ANY_FIELDS,
        fee=fee,
        fee_bump=False,
    )


def _claims(here: Installation, desk: Desk, prices: Sequence[str], now: datetime) -> Claims:
    """Return what the caller says that a bitcoin costs, and what we have seen on our wallets."""
    holdings = holdings_of(here.chain, wallets_in_force(desk.register))
    return Claims(
        prices=tuple(read_price(each, now) for each in prices),
        balances=balances_of(desk.register, holdings),
    )


@app.command("child")
def child(
    name: Annotated[str, typer.Argument(help="The standing pass's id.")],
    pay: PayOption,
    anchor: Annotated[
        str, typer.Option(help="TXID:VOUT; children with one anchor are paid by one transaction.")
    ],
    key: Annotated[Path, typer.Option("--key", help="The service's key file.")],
    price: PriceOption = None,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Issue the next child of a standing pass. Refused at once where it breaks a limit."""
    unlocked = unlock(key, passphrase_file)
    now = current_time()
    with installation(workspace) as here:
        desk, digest = desk_of_pass(here.journal, name, genesis_digest=here.pinned_genesis())
        action = desk.register.passes[digest].asked.action
        if not isinstance(action, Automatic):
            raise BadInputError(f"pass {name[:64]!r}", "is no standing pass")
        family = desk.register.children.get(digest, {})
        issued = Child(
            standing_digest=digest,
            number=max(family, default=0) + 1,
            chain=action.chain,
            anchor=parse_outpoint(anchor, "--anchor"),
            payments=tuple(read_payment(each, here.workspace.network) for each in pay),
            genesis_digest=desk.register.genesis_digest,
            issued_at=now,
            claims=_claims(here, desk, price or (), now),
        )
        signed = sign_child(issued, unlocked.private)
        heard = record_child(desk, signed, actor="issuer", now=now)
    amount = sum(each.amount_sat for each in issued.payments)
    if json:
        put_json({"child": heard.digest, "number": issued.number, "amount_sat": str(amount)})
    else:
        say(f"Issued child {issued.number}, {format_btc(amount)} BTC: {heard.digest}")
