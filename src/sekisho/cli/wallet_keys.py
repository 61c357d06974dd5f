"""`sekisho wallets challenge|prove|register-proven|show|keys`: whose keys they are, and where."""

import secrets
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
from sekisho.cli.output import EXIT_NO, put_findings, put_json, say
from sekisho.cli.people import desk_of
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
)
from sekisho.cli.wallets import put_in_force
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.passes.flow import file_document
from sekisho.passes.shown import subject_of
from sekisho.passes.subjects import key_lines, key_register_of, proven_of
from sekisho.passes.verify import wallets_in_force
from sekisho.wallets.descriptors import WalletKey
from sekisho.wallets.documents import read_wallet, wallet_document
from sekisho.wallets.enforced import level_words
from sekisho.wallets.flow import draw_challenge
from sekisho.wallets.key_register import KeyRegister
from sekisho.wallets.key_separation import check_key_register
from sekisho.wallets.proof import (
    NONCE_BYTES,
    signing_address,
    wallet_keys,
)
from sekisho.wallets.proof_sheet import (
    ProofSheet,
    new_sheet,
    read_sheet,
    registration,
    sheet_bytes,
    with_signature,
)
from sekisho.wallets.records import ChangeRule, Segregation, Tier
from sekisho.wallets.signed_messages import MessageForm

app = typer.Typer()
_SHEET_MAX_BYTES = 4_000_000

SheetArgument = Annotated[Path, typer.Argument(help="The sheet of `sekisho wallets challenge`.")]


@app.command("challenge")
def challenge(
    descriptor: DescriptorArgument,
    wallet_id: WalletIdOption,
    department: DepartmentOption,
    out: Annotated[Path, typer.Option(help="Where to write the sheet.")],
    name: NameOption = "",
    tier: TierOption = Tier.COLD,
    segregation: SegregationOption = Segregation.CUSTOMER,
    change: ChangeOption = ChangeRule.SAME_ADDRESS,
    gap_limit: GapLimitOption = 1000,
    gate_key: GateKeyOption = None,
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Draw a nonce for a wallet, and write what the holder of each of its keys is to sign."""
    with installation(workspace) as here:
        genesis_digest = here.pinned_genesis()
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
        read_wallet(wallet_document(wallet), "wallet")
        nonce = secrets.token_bytes(NONCE_BYTES)
        draw_challenge(here.journal, wallet, nonce, now=current_time())
    sheet = new_sheet(wallet, nonce, genesis_digest)
    write_proof_sheet(out, sheet)
    _put_sheet(sheet, as_json=json)


@app.command("prove")
def prove(
    sheet: SheetArgument,
    key: Annotated[str, typer.Option(help="Which key signed, as the sheet calls it.")],
    signature: Annotated[str, typer.Option(help="What the device gave, in base64.")],
    *,
    json: JsonOption = False,
) -> None:
    """Verify one holder's signature and put it on the sheet. Needs no workspace."""
    signed = with_signature(read_proof_sheet(sheet), key, signature)
    write_proof_sheet(sheet, signed)
    _put_sheet(signed, as_json=json)


@app.command("register-proven")
def register_proven(
    sheet: SheetArgument,
    key: KeyOption,
    terminal_id: TerminalOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """File a wallet with its proofs and ask a quorum to put it in force."""
    wallet, proofs = registration(read_proof_sheet(sheet))
    unlocked = unlock(key, passphrase_file)
    now = current_time()
    with installation(workspace) as here:
        desk = desk_of(here)
        file_document(here.journal, "wallet_proofs", proofs, actor="wallets", now=now)
        standing = put_in_force(desk, wallet, unlocked, terminal_id, now)
        subject = subject_of(desk.register, standing)
    put_standing(standing, as_json=json, only_id=only_id, subject=subject)


@app.command("show")
def show(
    wallet_id: WalletArgument,
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Show a wallet in force key by key: proven or not, who holds it, where it is."""
    with installation(workspace) as here:
        register = desk_of(here).register
    wallet = register.wallets.get(wallet_id)
    if wallet is None:
        raise BadInputError(f"wallet {wallet_id[:64]!r}", "is not in force")
    proven, kept = proven_of(register, wallet), key_register_of(register)
    if json:
        put_json(
            {
                "wallet": wallet_document(wallet),
                "keys": [_key_json(key, proven=proven, kept=kept) for key in wallet_keys(wallet)],
            }
        )
        return
    say(f"Wallet {wallet.wallet_id}: {wallet.name}", f"  descriptor {wallet.descriptor}")
    say(*(f"  {each}" for each in level_words(wallet)))
    for key in wallet_keys(wallet):
        say(*key_lines(key, proven, kept))


@app.command("keys")
def keys(workspace: WorkspaceOption = Path(), *, json: JsonOption = False) -> None:
    """Check how the keys of all wallets in force are kept. Exit code 3 if anything is wrong."""
    with installation(workspace) as here:
        register = desk_of(here).register
    wallets = wallets_in_force(register)
    people = {person.person_id for person in register.roster.people}
    findings = check_key_register(key_register_of(register), wallets, people, now=current_time())
    if json:
        put_json({"wallets": len(wallets), "findings": findings_json(findings)})
    elif findings:
        put_findings(findings)
    else:
        say(f"The keys of {len(wallets)} wallets are apart, and each is where it should be.")
    if findings:
        raise typer.Exit(EXIT_NO)


def _key_json(key: WalletKey, *, proven: frozenset[str], kept: KeyRegister) -> Json:
    entry = kept.by_expression().get(key.expression)
    return {
        "name": key.name,
        "expression": key.expression,
        "nobodys": key.is_nobodys,
        "proven": key.expression in proven,
        "holder": "" if entry is None else entry.holder,
        "site": "" if entry is None else entry.site,
    }


def _put_sheet(sheet: ProofSheet, *, as_json: bool) -> None:
    """Write what each holder signs, under which path and address, and who still has to."""
    proven = sheet.proven()
    asked = [key for key in wallet_keys(sheet.wallet) if not key.is_nobodys]
    if as_json:
        put_json(
            {
                "wallet_id": sheet.wallet.wallet_id,
                "complete": all(key.expression in proven for key in asked),
                "keys": [
                    {
                        "name": key.name,
                        "expression": key.expression,
                        "path": key.path,
                        "addresses": _addresses(sheet, key),
                        "message": sheet.message(key),
                        "proven": key.expression in proven,
                    }
                    for key in asked
                ],
            }
        )
        return
    for key in asked:
        if key.expression in proven:
            say(f"Key {key.name}: proven.")
            continue
        say(f"Key {key.name}: its holder signs this message, and compares the key first.")
        say(f"  key      {key.expression}", f"  path     {key.path or 'none: a fixed key'}")
        say(*(f"  {form:<15} {address}" for form, address in _addresses(sheet, key).items()))
        say(f"  message  {sheet.message(key)}")


def _addresses(sheet: ProofSheet, key: WalletKey) -> dict[str, Json]:
    """Return the address for each form in which the key can sign."""
    forms = MessageForm if len(key.public_key) == 33 else (MessageForm.COMPACT,)
    return {form.value: signing_address(sheet.wallet, key, form) for form in forms}


def read_proof_sheet(path: Path) -> ProofSheet:
    """Return the sheet in a file; raises `BadInputError` at what is wrong."""
    return read_sheet(read_file(path, limit_bytes=_SHEET_MAX_BYTES), str(path))


def write_proof_sheet(path: Path, sheet: ProofSheet) -> None:
    """Write a sheet in the place of what the file held of it."""
    try:
        path.write_bytes(sheet_bytes(sheet))
    except OSError as error:
        raise WorldError(f"{path}: cannot be written: {error.strerror}") from error
