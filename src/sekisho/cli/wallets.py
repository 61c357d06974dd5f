"""`sekisho wallets`: what we hold, where, and under which descriptor."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from sekisho.app import current_time, installation
from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import network_of_name
from sekisho.chains.bitcoin.transaction import Transaction, parse_transaction
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
from sekisho.cli.output import put_json, say, terminal
from sekisho.cli.people import Terms, ask_to_put_in_force, desk_of
from sekisho.cli.standing import put_standing
from sekisho.cli.wallet_options import (
    ChangeOption,
    DepartmentOption,
    DescriptorArgument,
    GapLimitOption,
    GateKeyOption,
    NameOption,
    SegregationOption,
    TierOption,
    WalletArgument,
    WalletIdOption,
    described_wallet,
    read_gate_key,
)
from sekisho.edges.keys import UnlockedKey
from sekisho.kernel.canonical import Json, canonical_bytes
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import format_btc
from sekisho.passes.flow import Desk
from sekisho.passes.records import SubjectType
from sekisho.passes.shown import subject_of
from sekisho.passes.verify import Standing, wallets_in_force
from sekisho.wallets.coins import Holdings
from sekisho.wallets.documents import read_wallet, wallet_digest, wallet_document
from sekisho.wallets.enforced import Enforced, enforced_descriptor, enforced_words
from sekisho.wallets.flow import holdings_of, observe
from sekisho.wallets.records import UNPROVEN, ChangeRule, Level, Segregation, Tier, Wallet
from sekisho.wallets.registry import open_book

app = typer.Typer(help="Wallets: register, list, look up, observe.", no_args_is_help=True)
_TRANSACTION_MAX_BYTES = 8_100_000


@app.command("register")
def register(
    descriptor: DescriptorArgument,
    wallet_id: WalletIdOption,
    department: DepartmentOption,
    key: KeyOption,
    terminal_id: TerminalOption,
    name: NameOption = "",
    tier: TierOption = Tier.COLD,
    segregation: SegregationOption = Segregation.CUSTOMER,
    change: ChangeOption = ChangeRule.SAME_ADDRESS,
    gap_limit: GapLimitOption = 1000,
    gate_key: GateKeyOption = None,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """File a wallet and ask a quorum to put it in force. Until then nothing may leave from it."""
    unlocked = unlock(key, passphrase_file)
    now = current_time()
    with installation(workspace) as here:
        desk = desk_of(here)
        wallet = described_wallet(
            wallet_id,
            descriptor,
            here.workspace.network,
            name=name,
            tier=tier,
            departments=department,
            segregation=segregation,
            change_rule=change,
            gap_limit=gap_limit,
            gate_key=gate_key,
        )
        standing = put_in_force(desk, wallet, unlocked, terminal_id, now)
        subject = subject_of(desk.register, standing)
    put_standing(standing, as_json=json, only_id=only_id, subject=subject)


@app.command("list")
def list_wallets(workspace: WorkspaceOption = Path(), *, json: JsonOption = False) -> None:
    """List the wallets in force, with what we have seen on them."""
    with installation(workspace) as here:
        wallets = wallets_in_force(desk_of(here).register)
        holdings = holdings_of(here.chain, wallets)
    rows: list[dict[str, Json]] = [
        {
            **_object(wallet),
            "digest": wallet_digest(wallet),
            "balance_sat": str(holdings.balance_sat(wallet.wallet_id)),
            "coins": len(holdings.unspent(wallet.wallet_id)),
        }
        for wallet in wallets
    ]
    levels = _sat_by_level(wallets, holdings)
    if json:
        by_level: dict[str, Json] = {each.value: str(sat) for each, sat in levels.items()}
        put_json({"wallets": list(rows), "balance_sat_by_level": by_level})
        return
    table = Table("wallet", "tier", "whose", "change", "gate", "keys", "coins", "balance (BTC)")
    for wallet in wallets:
        table.add_row(
            wallet.wallet_id,
            wallet.tier.value,
            wallet.segregation.value,
            wallet.change_rule.value,
            wallet.level.value,
            wallet.proof if wallet.proof == UNPROVEN else "proven",
            str(len(holdings.unspent(wallet.wallet_id))),
            format_btc(holdings.balance_sat(wallet.wallet_id)),
        )
    terminal().print(table)
    say(*(_level_line(each, levels) for each in Level if wallets))


def _sat_by_level(wallets: Sequence[Wallet], holdings: Holdings) -> dict[Level, int]:
    """Return what lies in the wallets of each level."""
    return {
        level: sum(holdings.balance_sat(each.wallet_id) for each in wallets if each.level is level)
        for level in Level
    }


def _level_line(level: Level, levels: Mapping[Level, int]) -> str:
    """Return what share of our coins lies at a level, in whole percent, rounded down."""
    whole_sat = sum(levels.values())
    share = f"{levels[level] * 100 // whole_sat} %" if whole_sat else "nothing"
    says = "needs the gate's key" if level is Level.ENFORCED else "moves without the gate's key"
    return f"{level.value}: {share} of what we hold ({format_btc(levels[level])} BTC) {says}"


@app.command("enforced")
def enforced(
    gate_key: Annotated[
        Path, typer.Option("--gate-key", help="What `sekisho gate cosigner new` wrote.")
    ],
    holder: Annotated[
        list[str],
        typer.Option("--holder", help="A holder's key, [fingerprint/path]xpub; once for each."),
    ],
    threshold: Annotated[int, typer.Option(help="How many holders sign beside the gate.")],
    recovery_threshold: Annotated[
        int, typer.Option(help="How many sign without the gate, later.")
    ],
    recovery_blocks: Annotated[
        int, typer.Option(help="How old a coin is by then, in blocks: 1,008 are a week.")
    ],
    recovery_holder: Annotated[
        list[str] | None,
        typer.Option("--recovery-holder", help="A key of the recovery; else the holders' own."),
    ] = None,
    network: Annotated[
        str, typer.Option(help="mainnet, testnet3, testnet4, signet or regtest.")
    ] = "mainnet",
    *,
    json: JsonOption = False,
) -> None:
    """Write the descriptor of a wallet that needs the gate's own key, with a way out without it.

    Register it with the same --gate-key: `sekisho wallets challenge`.
    """
    terms = Enforced(
        gate_key=read_gate_key(gate_key),
        threshold=threshold,
        holders=tuple(holder),
        recovery_threshold=recovery_threshold,
        recovery=tuple(recovery_holder or holder),
        recovery_blocks=recovery_blocks,
    )
    descriptor = enforced_descriptor(terms, network_of_name(network, "--network"))
    if json:
        put_json({"descriptor": descriptor, "words": list(enforced_words(terms))})
        return
    say(*enforced_words(terms), descriptor)


@app.command("coins")
def coins(
    wallet_id: WalletArgument,
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """List a wallet's unspent coins, by the transactions seen so far."""
    with installation(workspace) as here:
        wallets = wallets_in_force(desk_of(here).register)
        holdings = holdings_of(here.chain, wallets)
    if wallet_id not in holdings.book.wallets:
        raise BadInputError(f"wallet {wallet_id!r}", "is not in force")
    found = holdings.unspent(wallet_id)
    if json:
        put_json(
            {
                "wallet_id": wallet_id,
                "coins": [
                    {
                        "outpoint": str(coin.outpoint),
                        "amount_sat": str(coin.amount_sat),
                        "address": holdings.book.address(coin.own),
                    }
                    for coin in found
                ],
            }
        )
        return
    for coin in found:
        say(
            f"{coin.outpoint}  {format_btc(coin.amount_sat)} BTC  "
            f"{holdings.book.address(coin.own)}"
        )


@app.command("lookup")
def lookup(
    text: Annotated[str, typer.Argument(help="An address, or a script in hex.")],
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Tell whose an address or a script is. Exit code 3 if it is not ours."""
    with installation(workspace) as here:
        holdings = holdings_of(here.chain, wallets_in_force(desk_of(here).register))
        try:
            script = bytes.fromhex(text)
        except ValueError:
            script = script_of(text, here.workspace.network, "address")
    own = holdings.book.own(script)
    if json:
        put_json(
            {"ours": own is not None}
            if own is None
            else {
                "ours": True,
                "wallet_id": own.wallet_id,
                "address": holdings.book.address(own),
                "script": own.script.hex(),
                "branch": own.branch,
                "index": own.index,
            }
        )
    elif own is None:
        say(f"{text} is not ours.")
    else:
        say(
            f"{holdings.book.address(own)} is ours: wallet {own.wallet_id}, "
            f"branch {own.branch}, index {own.index}, script {own.script.hex()}"
        )
    if own is None:
        raise typer.Exit(3)


@app.command("observe")
def observe_transactions(
    files: Annotated[list[Path], typer.Argument(help="Files with one raw transaction in hex.")],
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Take note of transactions, so that balances and inputs can be proven from their bytes."""
    transactions = [_transaction(path) for path in files]
    with installation(workspace) as here:
        wallets = wallets_in_force(desk_of(here).register)
        ours = observe(here.chain, wallets, transactions)
        holdings = holdings_of(here.chain, wallets)
    if json:
        put_json({"kept": [transaction.txid for transaction in ours]})
        return
    for transaction in transactions:
        kept = "touches our wallets; kept" if transaction in ours else "does not touch our wallets"
        say(f"{transaction.txid}: {kept}")
    for wallet in wallets:
        balance = format_btc(holdings.balance_sat(wallet.wallet_id))
        say(f"{wallet.wallet_id}: {balance} BTC")


def put_in_force(
    desk: Desk, wallet: Wallet, key: UnlockedKey, terminal_id: str, now: datetime
) -> Standing:
    """File a wallet and ask for the admin pass that puts it in force."""
    document = canonical_bytes(wallet_document(wallet))
    read_wallet(wallet_document(wallet), "wallet")
    wallets = wallets_in_force(desk.register)
    others = [each for each in wallets if each.wallet_id != wallet.wallet_id]
    if open_book([*others, wallet]).shared:
        raise BadInputError("descriptor", "gives scripts that another wallet in force has too")
    terms = Terms(
        terminal_id=terminal_id,
        purpose=f"Put wallet {wallet.wallet_id} in force",
        valid_for=timedelta(days=7),
    )
    return ask_to_put_in_force(
        desk,
        key,
        subject_type=SubjectType.WALLET,
        subject_id=wallet.wallet_id,
        document=document,
        terms=terms,
        now=now,
    )


def _transaction(path: Path) -> Transaction:
    text = read_file(path, limit_bytes=_TRANSACTION_MAX_BYTES)
    try:
        data = bytes.fromhex(text.decode("ascii").strip())
    except ValueError as error:
        raise BadInputError(str(path), "is not a transaction in hex") from error
    return parse_transaction(data, str(path))


def _object(wallet: Wallet) -> dict[str, Json]:
    document = wallet_document(wallet)
    return document if isinstance(document, dict) else {}
