"""`sekisho roster security-key|commit`: what a person does on a machine of their own."""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import current_time
from sekisho.cli.options import JsonOption, TerminalOption, WorkspaceOption, read_file
from sekisho.cli.output import notes, put_findings, put_json, say
from sekisho.edges.keys import write_new
from sekisho.edges.security_key import Prompts, enrol_key, only_key, plugged_keys
from sekisho.edges.workspace import CONFIGURATION, open_workspace
from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Refused
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.duress import (
    KEY_BYTES,
    Meaning,
    Opening,
    commitment,
    joined,
    openings_bytes,
)
from sekisho.passes.enrolment import Ceremony, EnrolmentRule, enrol
from sekisho.passes.records import CredentialKind
from sekisho.passes.roster import credential_document, read_credential

app = typer.Typer()
_BEFORE_GENESIS = "00" * 32
"""What stands for the genesis in the enrolments from which the genesis itself is made."""
PROMPTS = Prompts(
    ask_pin=lambda: str(typer.prompt("PIN of your security key", hide_input=True, err=True)),
    say_touch=lambda: notes().print("Touch your security key."),
)
"""How whoever sits here is asked."""
_ROOT_MAX_BYTES = 64 * 1024
_CREDENTIAL_MAX_BYTES = 16 * 1024


@app.command("security-key")
def security_key(
    person: Annotated[str, typer.Argument(help="Your id on the roster.")],
    out: Annotated[Path, typer.Option(help="The credential file to write, for the roster.")],
    device: Annotated[str, typer.Option(help="The key's serial number, as it stands on it.")],
    terminal: TerminalOption,
    number: Annotated[int, typer.Option(min=1, help="Which of your security keys it is.")] = 1,
    root: Annotated[
        list[Path] | None, typer.Option(help="The maker's root certificate (PEM), once for each.")
    ] = None,
    workspace: WorkspaceOption = Path(),
    *,
    unattested: Annotated[
        bool, typer.Option("--unattested", help="Take a key whose maker does not vouch for it.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Enrol the security key that is plugged in here; its file goes into the next roster."""
    ceremony = _ceremony(person, terminal, workspace)
    registration = enrol_key(only_key(plugged_keys()), ceremony, PROMPTS, known_handles=())
    roots = [read_file(path, limit_bytes=_ROOT_MAX_BYTES) for path in root or ()]
    enrolled = enrol(
        ceremony,
        registration,
        EnrolmentRule(
            roots=tuple(TrustRoot(fmt="packed", pem=pem) for pem in roots),
            attested_required=not unattested,
        ),
        credential_id=f"{person}-security-key-{number}",
        device=device,
        console_origin="",
        now=current_time(),
    )
    if enrolled.credential is None:
        raise Refused(enrolled.findings)
    write_new(out, canonical_bytes(credential_document(enrolled.credential)), mode=0o644)
    if json:
        put_json(
            {
                "credential": enrolled.credential.credential_id,
                "credential_file": str(out),
                "findings": findings_json(enrolled.findings),
            }
        )
        return
    put_findings(enrolled.findings, style="yellow")
    say(f"Enrolled {enrolled.credential.credential_id}; {out} goes into the next roster.")


def _ceremony(person: str, terminal: str, workspace: Path) -> Ceremony:
    """Return a fresh ceremony, for the genesis that is pinned here, if one is."""
    genesis = ""
    if (workspace / CONFIGURATION).exists():
        genesis = open_workspace(workspace).genesis_digest
    return Ceremony(
        genesis_digest=genesis or _BEFORE_GENESIS,
        person_id=person,
        terminal_id=terminal,
        kind=CredentialKind.FIDO2,
        nonce=secrets.token_bytes(32),
    )


@app.command("commit")
def commit(
    path: Annotated[Path, typer.Argument(help="A credential file: of a passkey or security key.")],
    out: Annotated[Path, typer.Option(help="The credential file to write, with its commitment.")],
    *,
    for_duress: Annotated[
        bool, typer.Option("--for-duress", help="Whoever uses this one is not free.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Commit to what a credential's use means, on its owner's machine and nowhere else.

    Key files have a commitment from the start; a roster lists one for every credential or none.
    OUT.openings is for the keepers of gate and watcher alone: hand it over, then delete it.
    """
    data = read_file(path, limit_bytes=_CREDENTIAL_MAX_BYTES)
    credential = read_credential(Fields(parse_json(data, str(path)), str(path)))
    if credential.kind is CredentialKind.ED25519 or credential.commitment:
        raise BadInputError(str(path), "has its commitment already")
    opening = Opening(
        public_key=credential.public_key,
        salt=secrets.token_bytes(KEY_BYTES),
        meaning=Meaning.FORCED if for_duress else Meaning.FREE,
        mark_key=b"",
    )
    openings_path = out.with_name(f"{out.name}.openings")
    written = replace(credential, commitment=commitment(opening))
    write_new(out, canonical_bytes(credential_document(written)), mode=0o644)
    write_new(openings_path, openings_bytes(joined([opening], "credential")), mode=0o600)
    if json:
        put_json({"credential_file": str(out), "openings_file": str(openings_path)})
        return
    say(
        f"Wrote {out}, for the roster.",
        f"Hand {openings_path} to the keepers of gate and watcher, then delete it.",
    )
