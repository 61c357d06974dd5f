"""`sekisho up`: serve the console on this machine. Tickets, with which passkeys are enrolled."""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from sekisho.app import Installation, checkpoint_of, console_secret, current_time, installation
from sekisho.cli.options import JsonOption, WorkspaceOption, read_file
from sekisho.cli.output import notes, put_json, say
from sekisho.cli.people import desk_of
from sekisho.console.tickets import (
    SECRET_BYTES,
    Ticket,
    Tickets,
    invited,
    judged_again,
    ticket_code,
    ticket_digest,
    why_not_invited,
)
from sekisho.edges.keys import replace_file, write_new
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Refused
from sekisho.kernel.instants import format_instant
from sekisho.passes.attestation import FORMATS, TrustRoot
from sekisho.passes.enrolment import EnrolmentRule
from sekisho.passes.flow import Desk
from sekisho.passes.records import Roster
from sekisho.passes.roster import credential_document

app = typer.Typer()
_ROOT_MAX_BYTES = 64 * 1024
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PORT = 8480
_ROOTS_MAX_BYTES = 1024 * 1024
RootOption = Annotated[
    list[str] | None,
    typer.Option(
        "--trust-root",
        help="FORMAT:FILE, a maker's root certificate (PEM) and the attestation it is for.",
    ),
]


def run(
    workspace: WorkspaceOption = Path(),
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0: the origin's at localhost, else 8480.")
    ] = 0,
    root: RootOption = None,
) -> None:
    """Serve the console, until it is stopped, at the origin that the roster in force names.

    It speaks plain HTTP, to this machine only unless --host says otherwise. TLS is the work of a
    reverse proxy in front of it, which keeps the Host header and says X-Forwarded-For.
    """
    roots = tuple(_trust_root(each) for each in root or ())
    with installation(workspace) as here:
        desk = desk_of(here)
        origin = _origin(desk.register.roster)
        port = _port(origin, port)
        say(f"The console of {desk.register.roster.exchange}: {origin}")
        say(f"It listens at {host}, port {port}. Stop it with Ctrl+C.")
        if host not in _LOOPBACK:
            notes().print("It speaks plain HTTP: put a reverse proxy with TLS in front of it.")
        if not roots:
            notes().print("No --trust-root: no new passkey will count as attested.")
        _keep_roots(here, roots)
        _serve(here, desk, roots, host=host, port=port)


@app.command("invite")
def invite(
    person: Annotated[str, typer.Argument(help="Their id, on the roster or soon to be.")],
    name: Annotated[str, typer.Option(help="Their name.")],
    device: Annotated[str, typer.Option(help="The device's serial number or asset tag.")],
    terminal: Annotated[str, typer.Option(help="The terminal at which they enrol.")],
    credential: Annotated[
        str, typer.Option(help="The new credential's id; else PERSON-passkey-1, 2, ...")
    ] = "",
    hours: Annotated[int, typer.Option(min=1, max=168, help="How long the ticket holds.")] = 24,
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Make a ticket with which one person enrols one passkey at the console.

    Hand it over in person, with the device. It puts nobody on the roster.
    """
    now = current_time()
    with installation(workspace) as here:
        roster = desk_of(here).register.roster
        origin = _origin(roster)
        if terminal not in {each.terminal_id for each in roster.terminals}:
            raise BadInputError(f"--terminal {terminal[:80]!r}", "is not on the roster")
        tickets = _tickets(here)
        held = {each.credential_id for who in roster.people for each in who.credentials}
        chosen = credential or _free_id(f"{person}-passkey", held | tickets.invited_ids)
        taken = why_not_invited(tickets, held, chosen)
        if taken:
            raise Refused(taken)
        code = ticket_code(secrets.token_bytes(SECRET_BYTES))
        ticket = Ticket(
            digest=ticket_digest(code),
            person_id=person,
            name=name,
            credential_id=chosen,
            device=device,
            terminal_id=terminal,
            expires_at=now + timedelta(hours=hours),
        )
        here.journal.append(invited(ticket, actor="sekisho roster invite", now=now))
    ends = format_instant(ticket.expires_at)
    link = f"{origin}/enrol#{code}"
    if json:
        put_json({"ticket": code, "link": link, "credential_id": chosen, "expires": ends})
        return
    say(f"A ticket for {person} to enrol {chosen}, once, until {ends}:", f"  {link}")


@app.command("enrolled")
def enrolled(
    credential: Annotated[str, typer.Argument(help="The credential's id.")],
    out: Annotated[Path, typer.Option(help="The credential file to write, for the roster.")],
    root: RootOption = None,
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Write the file of a passkey that was enrolled at the console. It has no power by itself.

    The registration that the journal holds is judged again, under the policy in force and the
    makers' roots: those given, else those that `sekisho up` was last given here.
    """
    roots = tuple(_trust_root(each) for each in root or ())
    with installation(workspace) as here:
        register = desk_of(here).register
        claim = _tickets(here).claims.get(credential)
        if claim is None:
            raise BadInputError(f"credential {credential[:80]!r}", "was not enrolled here")
        rule = EnrolmentRule(
            roots=roots or _kept_roots(here),
            attested_required=register.passkeys.attested_required,
            device_bound_required=register.passkeys.device_bound_required,
        )
        origin = _origin(register.roster)
        outcome = judged_again(
            claim, rule, genesis_digest=register.genesis_digest, console_origin=origin
        )
    if outcome.credential is None:
        raise Refused(outcome.findings)
    write_new(out, canonical_bytes(credential_document(outcome.credential)), mode=0o644)
    ticket = claim.ticket
    if json:
        put_json({"credential": credential, "credential_file": str(out)})
    else:
        say(f"Wrote {out}: {ticket.person_id}'s passkey {credential} on {ticket.device}.")
        say("Compare both with the ticket that you handed over; it goes into the next roster.")


def _serve(
    here: Installation, desk: Desk, roots: tuple[TrustRoot, ...], *, host: str, port: int
) -> None:
    """Serve until stopped. Nobody but a proxy on this machine may say whose request it is."""
    import uvicorn  # noqa: PLC0415 - half a second that no other command has to wait for

    from sekisho.console.office import Office  # noqa: PLC0415 - the same
    from sekisho.console.sessions import Sessions  # noqa: PLC0415 - the same
    from sekisho.console.web import create_app  # noqa: PLC0415 - the same

    office = Office(
        desk=desk,
        origin=desk.register.roster.console_origin,
        clock=current_time,
        checkpoint=lambda: checkpoint_of(here),
        roots=roots,
        secret=console_secret(here.workspace),
        sessions=Sessions(current_time),
    )
    uvicorn.run(
        create_app(office),
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        forwarded_allow_ips="127.0.0.1",
        limit_concurrency=200,
        timeout_keep_alive=10,
    )


def _origin(roster: Roster) -> str:
    if not roster.console_origin:
        raise BadInputError(
            "roster in force", "names no console_origin: `sekisho roster new --console` does"
        )
    return roster.console_origin


def _port(origin: str, given: int) -> int:
    """Return the port to listen at. At localhost the browser finds the console by the origin."""
    parts = urlsplit(origin)
    if parts.scheme == "https":
        return given or _PORT
    needed = parts.port or 80
    if given not in {0, needed}:
        raise BadInputError(f"--port {given}", f"is not that of the console's origin, {origin}")
    return needed


def _trust_root(text: str) -> TrustRoot:
    fmt, _, path = text.partition(":")
    if fmt not in FORMATS or not path:
        raise BadInputError(
            f"--trust-root {text[:80]!r}", f"is not FORMAT:FILE with one of {', '.join(FORMATS)}"
        )
    return TrustRoot(fmt=fmt, pem=read_file(Path(path), limit_bytes=_ROOT_MAX_BYTES))


def _keep_roots(here: Installation, roots: tuple[TrustRoot, ...]) -> None:
    """Keep which makers the console believes, for whoever judges its enrolments again here."""
    kept: list[Json] = [{"fmt": each.fmt, "pem": each.pem.hex()} for each in roots]
    replace_file(_roots_path(here), canonical_bytes({"roots": kept}))


def _kept_roots(here: Installation) -> tuple[TrustRoot, ...]:
    path = _roots_path(here)
    if not path.exists():
        return ()
    data = read_file(path, limit_bytes=_ROOTS_MAX_BYTES)
    fields = Fields(parse_canonical(data, str(path)), str(path))
    return fields.each("roots", _read_root, empty=True)


def _read_root(fields: Fields) -> TrustRoot:
    return TrustRoot(fmt=fields.choice("fmt", FORMATS), pem=fields.hex("pem"))


def _roots_path(here: Installation) -> Path:
    return here.workspace.console_secret_path.with_name("trust-roots.json")


def _tickets(here: Installation) -> Tickets:
    tickets = Tickets()
    for entry in here.journal.entries():
        tickets.follow(entry)
    return tickets


def _free_id(stem: str, taken: set[str]) -> str:
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"
