"""`sekisho gate freeze|lift|restart`: orders that every gate and every granter obeys."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import current_time, installation
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
from sekisho.cli.output import say
from sekisho.cli.people import Terms, ask_to_put_in_force, desk_of
from sekisho.cli.standing import put_standing
from sekisho.passes.lease import LeaseRequest, read_request
from sekisho.passes.records import SubjectType
from sekisho.passes.register import ORDER_ID
from sekisho.passes.shown import subject_of
from sekisho.wallets.order import Order, OrderKind, order_bytes

app = typer.Typer()
WalletOption = Annotated[
    str, typer.Option("--wallet", help="The wallet's id; without it, every wallet.")
]
WhyOption = Annotated[str, typer.Option("--purpose", help="Why, in your own words.")]
_REQUEST_MAX_BYTES = 1024 * 1024


@app.command("freeze")
def freeze(
    purpose: WhyOption,
    key: KeyOption,
    terminal: TerminalOption,
    wallet: WalletOption = "",
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """Freeze a wallet, or all of them: at once, by yourself. Coins still go to the vault."""
    _give(
        OrderKind.FREEZE,
        wallet,
        None,
        (purpose, key, terminal, workspace, passphrase_file),
        only_id=only_id,
        json=json,
    )


@app.command("lift")
def lift(
    purpose: WhyOption,
    key: KeyOption,
    terminal: TerminalOption,
    wallet: WalletOption = "",
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """Ask a quorum to lift the freeze of a wallet, or every freeze and every alarm."""
    _give(
        OrderKind.LIFT,
        wallet,
        None,
        (purpose, key, terminal, workspace, passphrase_file),
        only_id=only_id,
        json=json,
    )


@app.command("restart")
def restart(
    request: Annotated[
        Path, typer.Argument(metavar="REQUEST", help="What the gate wrote (`gate request`).")
    ],
    purpose: WhyOption,
    key: KeyOption,
    terminal: TerminalOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """Ask a quorum to let a gate go on with the memory that it has, though it had more."""
    shown = read_request(read_file(request, limit_bytes=_REQUEST_MAX_BYTES), str(request)).request
    _give(
        OrderKind.RESTART,
        "",
        shown,
        (purpose, key, terminal, workspace, passphrase_file),
        only_id=only_id,
        json=json,
    )


def _give(
    kind: OrderKind,
    wallet_id: str,
    request: LeaseRequest | None,
    given: tuple[str, Path, str, Path, Path | None],
    *,
    only_id: bool,
    json: bool,
) -> None:
    purpose, key, terminal, workspace, passphrase_file = given
    unlocked = unlock(key, passphrase_file)
    with installation(workspace) as here:
        desk = desk_of(here)
        order = Order(
            number=desk.register.orders + 1,
            kind=kind,
            wallet_id=wallet_id,
            gate_id="" if request is None else request.gate_id,
            memory_size=0 if request is None else request.memory.size,
            memory_tip="" if request is None else request.memory.tip,
        )
        standing = ask_to_put_in_force(
            desk,
            unlocked,
            subject_type=SubjectType.ORDER,
            subject_id=ORDER_ID,
            document=order_bytes(order),
            terms=Terms(terminal_id=terminal, purpose=purpose, valid_for=timedelta(days=1)),
            now=current_time(),
        )
        subject = subject_of(desk.register, standing)
    put_standing(standing, as_json=json, only_id=only_id, subject=subject)
    if not json and not only_id and standing.adopted is not None:
        say(f"Order {order.number} is in force.")
