"""`sekisho pass`: ask, approve, reject, void, show."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from sekisho.app import Installation, current_time, installation
from sekisho.chains.bitcoin.transaction import OutPoint, parse_outpoint
from sekisho.cli.children import show_child
from sekisho.cli.history import facts_of, life_of
from sekisho.cli.options import (
    JsonOption,
    KeyOption,
    OnlyIdOption,
    PassArgument,
    PassphraseFileOption,
    ReasonOption,
    TerminalOption,
    WorkspaceOption,
    unlock,
)
from sekisho.cli.output import put_json, say, terminal
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
from sekisho.cli.people import Terms, ask_with, desk_of, desk_of_name, signer_of
from sekisho.cli.standing import put_standing
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.ballots import same_words
from sekisho.passes.events import events_of, usage_of
from sekisho.passes.flow import desk_of_pass, issue_due, open_desk, state
from sekisho.passes.life import PassState
from sekisho.passes.records import (
    AnyInputs,
    Automatic,
    Claims,
    Decision,
    FeeRule,
    ListedInputs,
    Payment,
    Replacement,
    Transfer,
)
from sekisho.passes.register import Register
from sekisho.passes.shown import standing_json, subject_of
from sekisho.passes.verify import Standing, standing_of, wallet_in_force, wallets_in_force
from sekisho.wallets.coins import Holdings
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.flow import holdings_of
from sekisho.wallets.records import Wallet

app = typer.Typer(help="Passes: leave to let coins out.", no_args_is_help=True)
CoinOption = Annotated[
    list[str] | None,
    typer.Option(
        "--coin", help="TXID:VOUT that may be spent, once for each; else any of the wallet."
    ),
]
AnchorOption = Annotated[
    str, typer.Option("--anchor", help="The coin that must be spent; else the first of --coin.")
]
ShownArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The pass's id, or the start of its digest; ID#NUMBER for the child of that number.",
    ),
]
ReplacesOption = Annotated[
    str,
    typer.Option("--replaces", help="The id of the pass that this one replaces; keep its anchor."),
]
_SUBJECT_LINES_MAX = 30


@app.command("ask")
def ask(
    wallet: PayingWalletOption,
    pay: PayOption,
    fee_max: Annotated[str, typer.Option(help="The highest fee, in BTC.")],
    feerate_max: FeerateMaxOption,
    purpose: Annotated[str, typer.Option(help="What the payment is for.")],
    key: KeyOption,
    terminal_id: TerminalOption,
    coin: CoinOption = None,
    anchor: AnchorOption = "",
    price: PriceOption = None,
    replaces: ReplacesOption = "",
    hours: Annotated[int, typer.Option(min=1, max=8760, help="How long the pass is valid.")] = 24,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    fee_bump: Annotated[
        bool, typer.Option("--fee-bump", help="Allow a replacement with a higher fee.")
    ] = False,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """Ask for leave to pay exactly this. Other people, of every department, then approve it."""
    unlocked = unlock(key, passphrase_file)
    now = current_time()
    with installation(workspace) as here:
        desk = desk_of(here)
        holdings = holdings_of(here.chain, wallets_in_force(desk.register))
        action = _transfer(
            desk.register,
            holdings,
            wallet,
            payments=tuple(read_payment(each, here.workspace.network) for each in pay),
            outpoints=tuple(parse_outpoint(each, f"--coin {each}") for each in coin or ()),
            anchor=anchor,
            fee=read_fee_options(fee_max, feerate_max),
            replacement=Replacement(fee_bump=fee_bump, replaces=replaces),
        )
        claims = Claims(
            prices=tuple(read_price(each, now) for each in price or ()),
            balances=balances_of(desk.register, holdings),
        )
        terms = Terms(terminal_id=terminal_id, purpose=purpose, valid_for=timedelta(hours=hours))
        standing = ask_with(desk, unlocked, action=action, terms=terms, now=now, claims=claims)
    put_standing(standing, as_json=json, state=PassState.ASKED.value, only_id=only_id)


@app.command("approve")
def approve(
    name: PassArgument,
    key: KeyOption,
    terminal_id: TerminalOption,
    words: Annotated[
        str, typer.Option(help="The twelve words, after you compared them by voice.")
    ] = "",
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Sign your approval of exactly these bytes."""
    _state(
        Decision.APPROVE,
        name,
        key,
        terminal_id,
        workspace,
        passphrase_file,
        words=words,
        reason="",
        as_json=json,
    )


@app.command("reject")
def reject(
    name: PassArgument,
    key: KeyOption,
    terminal_id: TerminalOption,
    reason: ReasonOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Sign your rejection. One is enough to stop a pass."""
    _state(
        Decision.REJECT,
        name,
        key,
        terminal_id,
        workspace,
        passphrase_file,
        words="",
        reason=reason,
        as_json=json,
    )


@app.command("void")
def void(
    name: PassArgument,
    key: KeyOption,
    terminal_id: TerminalOption,
    reason: ReasonOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Take a pass back before anything was signed under it."""
    _state(
        Decision.VOID,
        name,
        key,
        terminal_id,
        workspace,
        passphrase_file,
        words="",
        reason=reason,
        as_json=json,
    )


@app.command("show")
def show(
    name: ShownArgument, workspace: WorkspaceOption = Path(), *, json: JsonOption = False
) -> None:
    """Show what a pass allows, who said what of it, what is missing, and its whole history."""
    now = current_time()
    with installation(workspace) as here:
        desk, digest = desk_of_name(here, name, genesis_digest=here.genesis_digest)
        register, entries = desk.register, tuple(desk.journal.entries())
        if digest in register.child_places:
            show_child(register, digest, entries, now=now, as_json=json)
            return
        standing = standing_of(register, digest)
        where = life_of(desk, standing, facts_of(entries), now=now)
        spender = _anchor_spender(here, standing)
        subject = subject_of(register, standing)
    action = standing.asked.action
    put_standing(
        standing,
        as_json=json,
        state=where.value,
        anchor_spender=spender,
        subject=subject,
        history=events_of(entries, standing, tuple(register.children.get(digest, {}).values())),
        usage=usage_of(register, digest, action, now=now)
        if isinstance(action, Automatic)
        else None,
    )


@app.command("list")
def list_passes(workspace: WorkspaceOption = Path(), *, json: JsonOption = False) -> None:
    """List every pass with where it is in its life."""
    with installation(workspace) as here:
        desk = open_desk(here.journal, genesis_digest=here.pinned_genesis())
        register = desk.register
        facts, now = facts_of(desk.journal.entries()), current_time()
        pairs = [
            (standing, life_of(desk, standing, facts, now=now).value)
            for standing in (standing_of(register, digest) for digest in register.passes)
        ]
        unreadable = [str(each) for each in register.unreadable]
    if json:
        passes = [standing_json(each, state=where) for each, where in pairs]
        put_json({"passes": passes, "unreadable": unreadable})
        return
    table = Table("pass", "state", "asked by", "purpose")
    for standing, where in pairs:
        asked = standing.asked
        table.add_row(asked.pass_id, where, asked.requester, Text(asked.purpose))  # no markup
    terminal().print(table)
    say(*unreadable)


@app.command("issue")
def issue(workspace: WorkspaceOption = Path(), *, json: JsonOption = False) -> None:
    """Hand on to the gate every pass whose quorum is complete and whose time lock has ended."""
    with installation(workspace) as here:
        desk = desk_of(here)
        issued = issue_due(desk, now=current_time())
    if json:
        put_json({"issued": [each.asked.pass_id for each in issued]})
        return
    for each in issued:
        say(f"Issued {each.asked.pass_id}: {each.asked.purpose}")
    if not issued:
        say("No pass is waiting to be issued.")


def _state(
    decision: Decision,
    name: str,
    key: Path,
    terminal_id: str,
    workspace: Path,
    passphrase_file: Path | None,
    *,
    words: str,
    reason: str,
    as_json: bool,
) -> None:
    unlocked = unlock(key, passphrase_file)
    with installation(workspace) as here:
        desk, digest = desk_of_pass(here.journal, name, genesis_digest=here.genesis_digest)
        if words and not same_words(words, digest):
            raise BadInputError("--words", "are not the words of this pass: do not approve it")
        standing = state(
            desk,
            digest,
            decision,
            signer=signer_of(unlocked),
            terminal_id=terminal_id,
            now=current_time(),
            words=words,
            reason=reason,
        )
        facts = facts_of(desk.journal.entries())
        where = life_of(desk, standing, facts, now=current_time())
        subject = subject_of(desk.register, standing)
    if not as_json:
        say(f"Signed: {decision.value}.")
    put_standing(standing, as_json=as_json, state=where.value, subject=_in_short(subject, name))


def _in_short(subject: Sequence[str], name: str) -> Sequence[str]:
    """Return the lines that are shown again to whoever has just signed."""
    more = len(subject) - _SUBJECT_LINES_MAX
    if more <= 0:
        return subject
    return (*subject[:_SUBJECT_LINES_MAX], f"  … {more} more lines: sekisho pass show {name}")


def _anchor_spender(here: Installation, standing: Standing) -> str:
    """Return the txid of a transaction that we have seen spend the anchor, or nothing."""
    action = standing.asked.action
    if isinstance(action, Transfer):
        for transaction in here.chain.transactions():
            if any(each.outpoint == action.anchor for each in transaction.inputs):
                return transaction.txid
    return ""


def _transfer(
    register: Register,
    holdings: Holdings,
    wallet_id: str,
    *,
    payments: tuple[Payment, ...],
    outpoints: tuple[OutPoint, ...],
    anchor: str,
    fee: FeeRule,
    replacement: Replacement,
) -> Transfer:
    """Return the transfer that the options describe, from the wallet in force."""
    wallet, reasons = wallet_in_force(register, wallet_id)
    if wallet is None:
        raise Refused(reasons)
    return Transfer(
        chain=wallet.chain,
        wallet_id=wallet_id,
        wallet_digest=wallet_digest(wallet),
        payments=payments,
        anchor=_anchor(anchor, outpoints, wallet, holdings),
        inputs=ListedInputs(outpoints=outpoints) if outpoints else AnyInputs(inputs_max=1000),
        change=change_of(wallet),
        transaction=ANY_FIELDS,
        fee=fee,
        replacement=replacement,
    )


def _anchor(
    text: str, outpoints: tuple[OutPoint, ...], wallet: Wallet, holdings: Holdings
) -> OutPoint:
    """Return the coin that ties the pass to the chain: named, the first listed, or the largest."""
    if text:
        return parse_outpoint(text, "--anchor")
    if outpoints:
        return outpoints[0]
    coins = holdings.unspent(wallet.wallet_id)
    if not coins:
        raise BadInputError("--anchor", f"{wallet.wallet_id} has no coin that we have seen")
    return max(coins, key=lambda each: each.amount_sat).outpoint
