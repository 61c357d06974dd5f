"""`sekisho scan`: every movement of our wallets in block files, each with its verdict."""

import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from sekisho.app import current_time, installation
from sekisho.cli.options import JsonOption, WorkspaceOption
from sekisho.cli.output import (
    EXIT_NO,
    byte_progress,
    findings_json,
    put_findings,
    put_json,
    say,
    terminal,
)
from sekisho.edges.block_files import BlockFiles
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding
from sekisho.kernel.money import format_btc
from sekisho.watch.flow import Judged, open_watch, scan_blocks, verdict_document
from sekisho.watch.records import ALARMS, VerdictKind
from sekisho.watch.sieve import SEED_SIZE

_QUIET = {VerdictKind.MATCHED, VerdictKind.REPLACEMENT, VerdictKind.DEPOSIT}


def run(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="blk*.dat files, raw blocks or transactions, or a folder of blk*.dat."
        ),
    ],
    xor_key: Annotated[
        str, typer.Option(help="The files' XOR key in hex, if no xor.dat lies beside them.")
    ] = "",
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Search block files for movements of the workspace's wallets and match each to a pass.

    Exit code 3 if any movement is an alarm or could not be judged.
    """
    now = current_time()
    with installation(workspace) as here:
        watch = open_watch(
            here.journal,
            here.chain.transactions(),
            genesis_digest=here.pinned_genesis(),
            now=now,
        )
        with byte_progress("Searching", shown=not json) as progress:
            task = progress.add_task("", total=None) if progress else None

            def show(done: int, total: int) -> None:
                if progress is not None and task is not None:
                    progress.update(task, completed=done, total=total)

            blocks = BlockFiles(
                files,
                network=here.workspace.network,
                xor_key=_xor_key(xor_key),
                progress=show,
            )
            found = scan_blocks(watch, blocks.read, seed=secrets.token_bytes(SEED_SIZE), now=now)
        here.chain.keep([each.movement.transaction for each in found.judged])
    unread = [*blocks.findings, *found.findings]
    if json:
        put_json(
            {
                "blocks": found.blocks,
                "transactions": found.transactions,
                "bytes": blocks.size,
                "movements": [_movement_json(each) for each in found.judged],
                "findings": findings_json(unread),
            }
        )
    else:
        _show(found.judged, unread)
        say(
            f"Searched {found.blocks:,} blocks, {found.transactions:,} transactions, "
            f"{blocks.size:,} bytes: {len(found.judged):,} movements of ours."
        )
    if unread or any(each.verdict.kind not in _QUIET for each in found.judged):
        raise typer.Exit(EXIT_NO)


def _show(judged: tuple[Judged, ...], unread: list[Finding]) -> None:
    if judged:
        table = Table("verdict", "transaction", "wallets", "left (BTC)", "fee (BTC)", "pass")
        for each in judged:
            verdict = each.verdict
            style = "bold red" if verdict.kind in ALARMS else ""
            outgoing = any(spent.own is not None for spent in each.movement.inputs)
            table.add_row(
                verdict.kind.value,
                verdict.txid,
                ", ".join(verdict.wallet_ids),
                format_btc(verdict.left_sat) if outgoing else "",
                format_btc(verdict.fee_sat) if outgoing and verdict.fee_sat is not None else "",
                verdict.pass_id,
                style=style,
            )
        terminal().print(table)
    for each in judged:
        if each.verdict.findings:
            say(f"{each.verdict.txid}: {each.verdict.kind.value}")
            put_findings(each.verdict.findings)
    if unread:
        say("Not searched:")
        put_findings(unread)


def _movement_json(judged: Judged) -> Json:
    return {
        **verdict_document(judged.verdict),
        "findings": findings_json(judged.verdict.findings),
        "entry": judged.entry.hash.hex(),
    }


def _xor_key(text: str) -> bytes | None:
    if not text:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise BadInputError("--xor-key", "is not hex") from error
