"""`sekisho pass standing|child`: passes that a service issues without people, within limits."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import current_time, installation
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
from sekisho.passes.flow import desk_of_pass, record_child
from sekisho.passes.records import (
    Automatic,
    Child,
    ChildLimits,
    Claims,
    DestinationRule,
    TransactionRule,
)
from sekisho.passes.verify import wallet_in_force, wallets_in_force
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.flow import holdings_of

app = typer.Typer()
_KEY_MAX_BYTES = 16_384
_UINT32_MAX = 0xFFFF_FFFF


@app.command("standing")
def standing(
    wallet: Annotated[str, typer.Option(help="The wallet that pays.")],
    issuer: Annotated[Path, typer.Option(help="The service's public key (PATH.pub of its key).")],
    destinations: Annotated[DestinationRule, typer.Option(help="Whom the children may pay.")],
    child_max: Annotated[str, typer.Option(help="The most that one child pays, in BTC.")],
    hour_max: Annotated[str, typer.Option(help="The most in one hour, in BTC.")],
    day_max: Annotated[str, typer.Option(help="The most in one day, in BTC.")],
    fee_max: Annotated[str, typer.Option(help="The highest fee of one transaction, in BTC.")],
    feerate_max: Annotated[int, typer.Option(help="The highest feerate, in sat/vB.")],
    purpose: Annotated[str, typer.Option(help="What the payments are for.")],
    key: KeyOption,
    terminal_id: TerminalOption,
    children: Annotated[
        int, typer.Option(min=1, help="How many children there may be.")
    ] = 100_000,
    valid_seconds: Annotated[
        int, typer.Option(min=1, help="How long a child holds after it was issued.")
    ] = 3600,
    price: Annotated[
        list[str] | None, typer.Option(help="SOURCE=JPY, once for each source.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long the pass is valid.")] = 30,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """Ask for leave that a service issues numbered payments without people, within limits."""
    unlocked = unlock(key, passphrase_file)
    now = current_time()
    public, _ = read_public_file(read_file(issuer, limit_bytes=_KEY_MAX_BYTES), str(issuer))
    with installation(workspace) as here:
        desk = desk_of(here)
        found, reasons = wallet_in_force(desk.register, wallet)
        if found is None:
            raise Refused(reasons)
        holdings = holdings_of(here.chain, wallets_in_force(desk.register))
        action = Automatic(
            chain=found.chain,
            wallet_id=wallet,
            wallet_digest=wallet_digest(found),
            issuer_key=public,
            destinations=destinations,
            limits=ChildLimits(
                child_max_sat=parse_btc(child_max, "--child-max"),
                hour_max_sat=parse_btc(hour_max, "--hour-max"),
                day_max_sat=parse_btc(day_max, "--day-max"),
                children_max=children,
                child_valid_seconds=valid_seconds,
            ),
            inputs_max=1000,
            change=change_of(found),
            transaction=TransactionRule(
                versions=(1, 2),
                locktime_min=0,
                locktime_max=_UINT32_MAX,
                sequence_min=0,
                sequence_max=_UINT32_MAX,
            ),
            fee=read_fee_options(fee_max, feerate_max),
            fee_bump=False,
        )
        claims = Claims(
            prices=tuple(read_price(each, now) for each in price or ()),
            balances=balances_of(desk.register, holdings),
        )
        terms = Terms(terminal_id=terminal_id, purpose=purpose, valid_for=timedelta(days=days))
        stands = ask_with(desk, unlocked, action=action, terms=terms, now=now, claims=claims)
    put_standing(stands, as_json=json, state="asked", only_id=only_id)


@app.command("child")
def child(
    name: Annotated[str, typer.Argument(help="The standing pass's id.")],
    pay: Annotated[list[str], typer.Option(help="ADDRESS=BTC, once for each payment.")],
    anchor: Annotated[
        str, typer.Option(help="TXID:VOUT; children with one anchor are paid by one transaction.")
    ],
    key: Annotated[Path, typer.Option("--key", help="The service's key file.")],
    price: Annotated[
        list[str] | None, typer.Option(help="SOURCE=JPY, once for each source.")
    ] = None,
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
        holdings = holdings_of(here.chain, wallets_in_force(desk.register))
        family = desk.register.children.get(digest, {})
        issued = Child(
            standing_digest=digest,
            number=max(family, default=0) + 1,
            chain=action.chain,
            anchor=parse_outpoint(anchor, "--anchor"),
            payments=tuple(read_payment(each, here.workspace.network) for each in pay),
            genesis_digest=desk.register.genesis_digest,
            issued_at=now,
            claims=Claims(
                prices=tuple(read_price(each, now) for each in price or ()),
                balances=balances_of(desk.register, holdings),
            ),
        )
        signed = sign_child(issued, unlocked.private)
        heard = record_child(desk, signed, actor="issuer", now=now)
    amount = sum(each.amount_sat for each in issued.payments)
    if json:
        put_json({"child": heard.digest, "number": issued.number, "amount_sat": str(amount)})
    else:
        say(f"Issued child {issued.number}, {format_btc(amount)} BTC: {heard.digest}")
