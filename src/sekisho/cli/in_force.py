"""What a quorum puts in force: `sekisho policy adopt|explain`, and `sekisho documents`."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import current_time, installation
from sekisho.cli.options import (
    JsonOption,
    KeyOption,
    OnlyIdOption,
    PassArgument,
    PassphraseFileOption,
    TerminalOption,
    WorkspaceOption,
    read_file,
    unlock,
)
from sekisho.cli.output import put_json, say
from sekisho.cli.people import Terms, ask_to_put_in_force, desk_of
from sekisho.cli.policy import put_outcomes, read_named_pack
from sekisho.cli.standing import put_standing
from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant
from sekisho.passes.flow import desk_of_pass
from sekisho.passes.policy.documents import policy_document
from sekisho.passes.records import Admin, SubjectType
from sekisho.passes.register import ALLOW_LIST_ID, KEY_REGISTER_ID, PLAN_ID, POLICY_ID
from sekisho.passes.shown import outcomes_json, subject_of
from sekisho.passes.subjects import written
from sekisho.passes.verify import standing_of
from sekisho.wallets.allow_list import read_allow_list
from sekisho.wallets.key_register import read_key_register
from sekisho.wallets.plan import read_plan
from sekisho.wallets.vault import read_vault

policy_app = typer.Typer()
documents_app = typer.Typer(
    help="Allow-list, key register, vaults and plans.", no_args_is_help=True
)
_DOCUMENT_MAX_BYTES = 4_000_000


class What(StrEnum):
    """The documents that `sekisho documents` knows."""

    ALLOW_LIST = "allow-list"
    KEY_REGISTER = "key-register"
    VAULT = "vault"
    PLAN = "plan"


@policy_app.command("adopt")
def adopt(
    pack: Annotated[str, typer.Argument(help="A shipped pack's id, or a TOML file.")],
    key: KeyOption,
    terminal: TerminalOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """Ask a quorum to put a policy pack in force in place of the one before."""
    policy = read_named_pack(pack)
    unlocked = unlock(key, passphrase_file)
    terms = Terms(
        terminal_id=terminal,
        purpose=f"Put policy {policy.policy_id}, version {policy.version}, in force",
        valid_for=timedelta(days=7),
    )
    with installation(workspace) as here:
        desk = desk_of(here)
        standing = ask_to_put_in_force(
            desk,
            unlocked,
            subject_type=SubjectType.POLICY,
            subject_id=POLICY_ID,
            document=policy_document(policy),
            terms=terms,
            now=current_time(),
        )
        subject = subject_of(desk.register, standing)
    put_standing(standing, as_json=json, only_id=only_id, subject=subject)


@policy_app.command("explain")
def explain(
    name: PassArgument,
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Say of every rule of the policy in force what it looked at in a pass, and what it says."""
    with installation(workspace) as here:
        desk, digest = desk_of_pass(here.journal, name, genesis_digest=here.genesis_digest)
        standing = standing_of(desk.register, digest)
    if isinstance(standing.asked.action, Admin):
        raise BadInputError(f"pass {name[:64]!r}", "moves no coins; policies judge those that do")
    if json:
        put_json({"pass_id": standing.asked.pass_id, "policy": outcomes_json(standing.outcomes)})
        return
    say(f"Pass {standing.asked.pass_id}: {standing.asked.purpose}")
    put_outcomes(standing.outcomes)


@documents_app.command("adopt")
def adopt_document(
    what: Annotated[What, typer.Argument(help="What kind of document it is.")],
    path: Annotated[Path, typer.Argument(help="The document, as JSON.")],
    key: KeyOption,
    terminal: TerminalOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """Ask a quorum to put a document in force in place of the one before."""
    document = canonical_bytes(
        parse_json(read_file(path, limit_bytes=_DOCUMENT_MAX_BYTES), str(path))
    )
    subject_type, subject_id = _subject(what, document, str(path))
    unlocked = unlock(key, passphrase_file)
    terms = Terms(
        terminal_id=terminal,
        purpose=f"Put {what.value} {subject_id} in force",
        valid_for=timedelta(days=7),
    )
    with installation(workspace) as here:
        desk = desk_of(here)
        standing = ask_to_put_in_force(
            desk,
            unlocked,
            subject_type=subject_type,
            subject_id=subject_id,
            document=document,
            terms=terms,
            now=current_time(),
        )
        subject = subject_of(desk.register, standing)
    put_standing(standing, as_json=json, only_id=only_id, subject=subject)


@documents_app.command("show")
def show(workspace: WorkspaceOption = Path(), *, json: JsonOption = False) -> None:
    """Show everything that a quorum put in force, with since when."""
    with installation(workspace) as here:
        register = desk_of(here).register
    found = sorted(register.in_force.items(), key=lambda each: each[1].since_seq)
    if json:
        put_json(
            {
                "in_force": [
                    {
                        "what": what.value,
                        "id": name,
                        "digest": each.digest,
                        "since": format_instant(each.since_at),
                        "document": parse_json(
                            register.documents[what.value, each.digest], "document"
                        ),
                    }
                    for (what, name), each in found
                ]
            }
        )
        return
    for (what, name), each in found:
        say(f"{what.value} {name}, since {format_instant(each.since_at)}, {each.digest[:16]}")
        if what not in {SubjectType.WALLET, SubjectType.POLICY}:
            document = register.documents[what.value, each.digest]
            say(*(f"  {line}" for line in written(document)))


def _subject(what: What, document: bytes, where: str) -> tuple[SubjectType, str]:
    """Return which subject a document is, having read it strictly."""
    match what:
        case What.ALLOW_LIST:
            read_allow_list(document, where)
            return SubjectType.ALLOW_LIST, ALLOW_LIST_ID
        case What.KEY_REGISTER:
            read_key_register(document, where)
            return SubjectType.KEY_REGISTER, KEY_REGISTER_ID
        case What.VAULT:
            return SubjectType.VAULT, read_vault(document, where).wallet_id
        case What.PLAN:
            read_plan(document, where)
            return SubjectType.PLAN, PLAN_ID
