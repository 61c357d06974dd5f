"""`sekisho scan`: every movement of our wallets in block files, each with its verdict."""

import secrets
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.text import Text

from sekisho.app import current_time, hold_to_seen, installation, last_checkpoint
from sekisho.cli.holds import KeeperOption
from sekisho.cli.options import JsonOption, ScriptsOption, SeenOption, WorkspaceOption
from sekisho.cli.output import (
    EXIT_NO,
    byte_progress,
    language,
    put_findings,
    put_json,
    say,
    terminal,
)
from sekisho.edges.block_files import BlockFiles
from sekisho.edges.keepers import open_keeper
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json, says
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_btc
from sekisho.passes.spendings import Spending, spending_body
from sekisho.respond.flow import open_incident
from sekisho.respond.incident import incident_document
from sekisho.respond.records import Incident
from sekisho.watch.flow import Judged, Scan, Watch, open_watch, scan_blocks
from sekisho.watch.listed import Listed, scanned_digest
from sekisho.watch.raw_block import SEED_SIZE
from sekisho.watch.recorded import verdict_document
from sekisho.watch.records import ALARMS, VerdictKind
from sekisho.watch.unknown import unknown_coins

Incidents: TypeAlias = dict[str, Incident]
"""By the txid of the movement that each is about."""
QUIET = {VerdictKind.MATCHED, VerdictKind.REPLACEMENT, VerdictKind.DEPOSIT}


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
    scripts: ScriptsOption = None,
    workspace: WorkspaceOption = Path(),
    keeper: KeeperOption = None,
    seen: SeenOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Search block files for movements of the workspace's wallets and match each to a pass.

    A coin is known by the transaction that made it. Where that is in none of the files, let
    `sekisho wallets observe` see it first, or its spending is not found. A pass is settled or dead
    when the files hold six confirmations of what spent its anchor. Exit code 3 if any movement is
    an alarm or could not be judged.
    """
    if seen is not None:
        with installation(workspace) as here:
            hold_to_seen(here, seen)
    found, blocks, incidents = _search(
        workspace,
        files,
        _xor_key(xor_key),
        scripts=scripts or [],
        keeper_folder=keeper,
        shown=not json,
    )
    unread = [*blocks.findings, *found.findings]
    if json:
        put_json(_document(found, blocks.size, unread, incidents))
    else:
        _show(found.judged, unread, incidents)
        say(*(_settled_line(each) for each in found.settled))
        say(
            f"Searched {found.blocks:,} blocks, {found.transactions:,} transactions, "
            f"{blocks.size:,} bytes: {len(found.judged):,} movements of ours."
        )
    if unread or any(each.verdict.kind not in QUIET for each in found.judged):
        raise typer.Exit(EXIT_NO)


def _search(
    workspace: Path,
    files: list[Path],
    xor_key: bytes | None,
    *,
    scripts: list[str],
    keeper_folder: Path | None,
    shown: bool,
) -> tuple[Scan, BlockFiles, Incidents]:
    """Search the files, judge what moved, and open an incident for each alarm."""
    now = current_time()
    keeper = None if keeper_folder is None else open_keeper(keeper_folder, workspace=workspace)
    with installation(workspace) as here, byte_progress("Searching", shown=shown) as show:
        watch = open_watch(
            here.journal,
            here.chain.transactions(),
            genesis_digest=here.pinned_genesis(),
            now=now,
            keeper=keeper,
            checkpoint=last_checkpoint(here),
        )
        unlisted = _list(watch, scripts) if scripts else []
        blocks = BlockFiles(files, network=here.workspace.network, xor_key=xor_key, progress=show)
        found = scan_blocks(watch, blocks.read, seed=secrets.token_bytes(SEED_SIZE), now=now)
        here.chain.keep([each.movement.transaction for each in found.judged])
        if watch.listed is not None and not unlisted and not found.findings:
            for wallet_id in watch.listed.counts:
                here.chain.note_search(scanned_digest(wallet_id))
        incidents = {
            each.verdict.txid: open_incident(
                here.journal, each.movement, each.verdict, recognised=each.entry, valuations=[]
            )
            for each in found.judged
            if each.verdict.kind in ALARMS
        }
    unknown = unknown_coins(watch.state.book, watch.outputs.values())
    findings = (*unlisted, *found.findings, *unknown)
    return replace(found, findings=findings), blocks, incidents


def _list(watch: Watch, scripts: list[str]) -> list[Finding]:
    """Have files of scripts searched for as well; return why some of what they list is not."""
    from sekisho.cli.lists import Lists  # noqa: PLC0415 - kernels, for no other search
    from sekisho.watch.sieve import Sieve  # noqa: PLC0415 - the same

    watch.listed = Listed(Sieve(secrets.token_bytes(SEED_SIZE)))
    with closing(Lists(scripts, watch.state.book.wallets)) as lists:
        return lists.load(watch.listed, None)


def _document(found: Scan, size: int, unread: list[Finding], incidents: Incidents) -> Json:
    return {
        "blocks": found.blocks,
        "transactions": found.transactions,
        "bytes": size,
        "movements": [_movement_json(each, incidents) for each in found.judged],
        "settled": [spending_body(each) for each in found.settled],
        "findings": findings_json(unread),
    }


def _show(judged: tuple[Judged, ...], unread: list[Finding], incidents: Incidents) -> None:
    for each in judged:
        verdict = each.verdict
        headline = Text(f"{verdict.kind.value.upper():<12} ", style=style_of(verdict.kind))
        headline.append(verdict.txid)
        terminal().print(headline)
        say(f"  {what_moved(each)}")
        for cold in each.cold:
            terminal().print(Text(f"  COLD: {says(cold, language())}", style="bold magenta"))
        put_findings(verdict.findings)
        if verdict.txid in incidents:
            say(*_incident_lines(incidents[verdict.txid]))
    if unread:
        say("What this search cannot have found:")
        put_findings(unread)


def style_of(kind: VerdictKind) -> str:
    """Return how a verdict is shown."""
    if kind in ALARMS:
        return "bold red"
    return "" if kind in QUIET else "bold yellow"


def what_moved(judged: Judged) -> str:
    """Return in one line what a movement moved."""
    verdict, wallets = judged.verdict, ", ".join(judged.verdict.wallet_ids)
    if all(spent.own is None for spent in judged.movement.inputs):
        paid_sat = sum(each.amount_sat for each in judged.movement.outputs if each.pays)
        return f"{format_btc(paid_sat)} BTC to {wallets}"
    fee = "unknown" if verdict.fee_sat is None else f"{format_btc(verdict.fee_sat)} BTC"
    under = f", pass {verdict.pass_id}" if verdict.pass_id else ", no pass"
    return f"{format_btc(verdict.left_sat)} BTC left {wallets}, fee {fee}{under}"


def _settled_line(spending: Spending) -> str:
    """Return in one line which anchors are spent for good."""
    anchors = ", ".join(str(each) for each in spending.anchors)
    return (
        f"{spending.confirmations:,} confirmations of {spending.txid}: it spent anchor {anchors}."
    )


def _incident_lines(incident: Incident) -> tuple[str, str]:
    """Return what an incident is about and who signed: the lines to read at three at night."""
    signatures = incident.signatures
    numbers = ", ".join(str(position + 1) for position in signatures.signed_positions)
    signed = (
        f"valid signatures on every input by key {numbers} of {signatures.keys}"
        if numbers
        else "who signed cannot be told from its bytes"
    )
    opened = f"Incident {incident.incident_id} is open, recognised at "
    return f"  {opened}{format_instant(incident.recognised_at)}.", f"  Signed: {signed}."


def _movement_json(judged: Judged, incidents: Incidents) -> Json:
    incident = incidents.get(judged.verdict.txid)
    return {
        **verdict_document(judged.verdict),
        "findings": findings_json(judged.verdict.findings),
        "cold": findings_json(judged.cold),
        "entry": judged.entry.hash.hex(),
        "incident": None if incident is None else incident_document(incident),
    }


def _xor_key(text: str) -> bytes | None:
    if not text:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise BadInputError("--xor-key", "is not hex") from error
