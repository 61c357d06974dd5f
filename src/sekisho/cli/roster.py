"""`sekisho roster`: people, departments, keys, and the genesis that everything rests on."""

import re
from collections.abc import Sequence
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
    read_passphrase,
    unlock,
)
from sekisho.cli.output import notes, put_json, say
from sekisho.cli.people import Terms, ask_with, desk_of, owner_of
from sekisho.cli.standing import put_standing
from sekisho.edges.keys import (
    make_key,
    make_trial_key,
    public_file,
    read_public_file,
    write_new,
)
from sekisho.edges.workspace import open_workspace, pin_genesis
from sekisho.journal.witness.flow import read_witness_key
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Refused
from sekisho.kernel.instants import format_instant
from sekisho.kernel.names import normal_name
from sekisho.kernel.words import digest_words
from sekisho.passes.duress import commitment, joined, openings_bytes
from sekisho.passes.flow import file_document, open_desk
from sekisho.passes.fold import why_not_trusted
from sekisho.passes.records import (
    NOBODY,
    Admin,
    Credential,
    CredentialKind,
    Person,
    Quorum,
    Roster,
    SubjectType,
    Terminal,
)
from sekisho.passes.register import ROSTER_ID
from sekisho.passes.roster import read_credential, read_roster, roster_bytes, roster_digest
from sekisho.passes.shown import subject_of

app = typer.Typer(help="People, departments, keys and quorums.", no_args_is_help=True)
_ROSTER_MAX_BYTES = 1_000_000
_PUBLIC_KEY_MAX_BYTES = 16_384
RosterArgument = Annotated[Path, typer.Argument(help="The roster file.")]
RosterOutOption = Annotated[Path, typer.Option("--out", help="The roster file to write.")]
ValidDaysOption = Annotated[
    int, typer.Option("--days", min=1, max=3650, help="How long it is valid.")
]
_DIGEST = re.compile("[0-9a-f]{64}")


@app.command("key")
def key(
    path: Annotated[Path, typer.Argument(help="The key file to make.")],
    passphrase_file: PassphraseFileOption = None,
    second_passphrase_file: Annotated[
        Path | None,
        typer.Option(help="Read a second passphrase, for duress, from this file."),
    ] = None,
    *,
    no_passphrase: Annotated[
        bool, typer.Option("--no-passphrase", help="Leave the key unprotected (trials only).")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make your signing key, what goes into the roster (PATH.pub), and what the keepers need.

    PATH.openings is for the keepers of gate and watcher alone: hand it over, then delete it. A key
    for trials has none. PATH.count beside the key belongs to it: keep both together.
    """
    public_path = path.with_name(f"{path.name}.pub")
    if no_passphrase:
        if passphrase_file is not None or second_passphrase_file is not None:
            raise BadInputError("--no-passphrase", "does not go with a passphrase")
        public, committed, openings_file = make_trial_key(path), b"", ""
        warning = f"{path} is for trials only: whoever can read it can sign with it."
        notes().print(warning, markup=False)
    else:
        first, second = _passphrases(passphrase_file, second_passphrase_file)
        opening = make_key(path, first, second_passphrase=second)
        public, committed = opening.public_key, commitment(opening)
        openings_file = f"{path}.openings"
        write_new(Path(openings_file), openings_bytes(joined([opening], "key")), mode=0o600)
    write_new(public_path, public_file(public, committed), mode=0o644)
    if json:
        put_json(
            {
                "key": str(path),
                "public_key": public.hex(),
                "public_key_file": str(public_path),
                "commitment": committed.hex(),
                "openings_file": openings_file,
            }
        )
        return
    say(f"Made {path}. Its public key, also in {public_path}: {public.hex()}")
    if openings_file:
        say(f"Hand {openings_file} to the keepers of gate and watcher, then delete it.")


def _passphrases(first_file: Path | None, second_file: Path | None) -> tuple[str, str | None]:
    """Return the passphrase and, where the key's owner wants one, the second one for duress."""
    if first_file is not None:
        second = None if second_file is None else read_passphrase(second_file)
        return read_passphrase(first_file), second
    first = _typed("Passphrase")
    if second_file is not None:
        return first, read_passphrase(second_file)
    return first, _typed("Second passphrase, for duress (empty: none)", default="") or None


def _typed(what: str, default: str | None = None) -> str:
    typed: str = typer.prompt(
        what,
        default=default,
        show_default=False,
        hide_input=True,
        confirmation_prompt=True,
        err=True,
    )
    return typed


@app.command("new")
def new(
    out: RosterOutOption,
    exchange: Annotated[str, typer.Option(help="The exchange's name.")],
    person: Annotated[
        list[str],
        typer.Option(help="ID:DEPARTMENT:FILE, once for each key; FILE is PATH.pub or a passkey."),
    ],
    terminal: Annotated[list[str], typer.Option(help="A terminal's id, once for each.")],
    quorum: Annotated[
        list[str], typer.Option(help="DEPARTMENT=COUNT, once for each department that must agree.")
    ],
    officer: Annotated[
        list[str] | None, typer.Option(help="A person who may suspend others, once for each.")
    ] = None,
    recovery: Annotated[
        list[str] | None,
        typer.Option(help="DEPARTMENT=COUNT of the wider quorum that replaces lost keys."),
    ] = None,
    console: Annotated[
        str, typer.Option(help="The origin at which passkeys are used, such as https://host.")
    ] = "",
    witness: Annotated[
        list[Path] | None, typer.Option(help="A witness's verifier key file, once for each.")
    ] = None,
    days: ValidDaysOption = 365,
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Write a roster for people to read and compare. It has no power until its quorum signs it."""
    now = current_time()
    people = read_people(person, officers=officer or ())
    needed = read_quorum(quorum, "--quorum")
    roster = Roster(
        version=1,
        previous_digest="",
        exchange=normal_name(exchange),
        created_at=now,
        expires_at=now + timedelta(days=days),
        departments=tuple(sorted({each.department for each in people})),
        people=people,
        terminals=tuple(Terminal(terminal_id=each, name=each) for each in terminal),
        quorum_transfer=needed,
        quorum_admin=needed,
        quorum_recovery=read_quorum(recovery, "--recovery") if recovery else NOBODY,
        console_origin=console,
        journal_key=journal_key(workspace),
        witnesses=tuple(str(read_witness_key(each)) for each in witness or ()),
    )
    put_roster(roster, out, as_json=json)


@app.command("digest")
def digest(path: RosterArgument, *, json: JsonOption = False) -> None:
    """Print a roster file's digest, computed on this machine from its bytes."""
    found = roster_digest(roster_document(path))
    if json:
        put_json({"roster": str(path), "digest": found})
    else:
        say(found)


@app.command("adopt")
def adopt(
    path: RosterArgument,
    key: KeyOption,
    terminal: TerminalOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """File the genesis roster and ask its own quorum to adopt it. Others then approve the pass."""
    document = roster_document(path)
    roster = read_roster(document, str(path))
    if roster.version != 1:
        raise BadInputError(f"{path}: version", "is not 1; only a genesis roster is adopted")
    unlocked = unlock(key, passphrase_file)
    owner = owner_of(roster, unlocked.public_key, str(key))
    now = current_time()
    with installation(workspace) as here:
        genesis = file_document(here.journal, "roster", document, actor=owner, now=now)
        action = Admin(
            subject_type=SubjectType.ROSTER,
            subject_id=ROSTER_ID,
            previous_digest="",
            new_digest=genesis,
        )
        terms = Terms(
            terminal_id=terminal,
            purpose=f"Adopt the genesis roster of {roster.exchange}",
            valid_for=timedelta(days=30),
        )
        desk = open_desk(here.journal, genesis_digest=genesis)
        standing = ask_with(desk, unlocked, action=action, terms=terms, now=now)
        subject = subject_of(desk.register, standing)
    put_standing(standing, as_json=json, only_id=only_id, subject=subject)


@app.command("pin")
def pin(
    digest: Annotated[str, typer.Argument(help="The digest that you compared in person.")],
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Pin the genesis digest on this machine, once its own quorum has adopted the roster."""
    if not _DIGEST.fullmatch(digest):
        raise BadInputError(f"{digest[:80]!r}", "is not a digest: 64 characters of hex")
    with installation(workspace) as here:
        register = open_desk(here.journal, genesis_digest=digest).register
        reasons = why_not_trusted(register, now=current_time())
        if reasons:
            raise Refused(reasons)
        pin_genesis(here.workspace, digest)
    if json:
        put_json({"genesis_digest": digest, "exchange": register.roster.exchange})
    else:
        say(f"Pinned the genesis of {register.roster.exchange}.", *_spoken(digest))


@app.command("show")
def show(workspace: WorkspaceOption = Path(), *, json: JsonOption = False) -> None:
    """Show the roster in force: who is in which department, and how many must agree."""
    with installation(workspace) as here:
        register = desk_of(here).register
    roster = register.roster
    if json:
        document = parse_json(roster_bytes(roster), "roster")
        suspended: list[Json] = list(register.suspended)
        put_json({"roster": document, "suspended": suspended})
        return
    spoken = _spoken(register.genesis_digest)
    say(f"{roster.exchange}, roster version {roster.version}, genesis:", *spoken)
    for person in roster.people:
        marks = " (officer)" * person.officer + " SUSPENDED" * (
            person.person_id in register.suspended
        )
        say(f"  {person.person_id:<20} {person.department}{marks}")
        for each in person.credentials:
            device = f", device {each.device}" if each.device else ""
            say(f"    {each.credential_id:<22} {each.kind.value}{device}")
    for name, quorum in (
        ("A pass", roster.quorum_transfer),
        ("A change of what is in force", roster.quorum_admin),
        ("Replacing lost keys", roster.quorum_recovery),
    ):
        needed = ", ".join(f"{count} of {each}" for each, count in quorum.at_least)
        say(f"{name} needs {needed or 'what nobody can give'}; the requester does not count.")
    ends = format_instant(roster.expires_at)
    say(f"It ends at {ends}. Terminals: {', '.join(t.terminal_id for t in roster.terminals)}.")


def put_roster(roster: Roster, out: Path, *, as_json: bool) -> None:
    """Write a roster file that is one, and say by which words people compare it."""
    document = roster_bytes(roster)
    read_roster(document, "roster")
    write_new(out, document, mode=0o644)
    digest = roster_digest(document)
    if as_json:
        put_json({"roster": str(out), "digest": digest})
    else:
        say(f"Wrote {out}.", f"Digest: {digest}", *_spoken(digest))


def roster_document(path: Path) -> bytes:
    """Return the canonical bytes of a roster file, which must be a roster."""
    data = read_file(path, limit_bytes=_ROSTER_MAX_BYTES)
    document = canonical_bytes(parse_json(data, str(path)))
    read_roster(document, str(path))
    return document


def read_people(given: Sequence[str], *, officers: Sequence[str]) -> tuple[Person, ...]:
    """Return the people that `ID:DEPARTMENT:FILE` texts name; a person may have several keys."""
    people: dict[str, Person] = {}
    for text in given:
        parts = text.split(":", 2)
        if len(parts) != 3:
            raise BadInputError(f"--person {text[:80]!r}", "is not ID:DEPARTMENT:FILE")
        person_id, department, path = parts
        before = people.get(person_id)
        if before is not None and before.department != department:
            raise BadInputError(f"--person {text[:80]!r}", "is in another department already")
        held = () if before is None else before.credentials
        credential = read_credential_file(Path(path), f"{person_id}-key-{len(held) + 1}")
        people[person_id] = Person(
            person_id=person_id,
            name=person_id,
            department=department,
            credentials=(*held, credential),
            officer=person_id in officers,
        )
    unknown = set(officers) - set(people)
    if unknown:
        raise BadInputError(f"--officer {min(unknown)[:80]!r}", "is not among the people")
    return tuple(people.values())


def read_credential_file(path: Path, credential_id: str) -> Credential:
    """Return the credential in a PATH.pub of `sekisho roster key`, or in an enrolment's JSON."""
    written = read_file(path, limit_bytes=_PUBLIC_KEY_MAX_BYTES)
    if written.lstrip().startswith(b"{"):
        return read_credential(Fields(parse_json(written, str(path)), str(path)))
    public, committed = read_public_file(written, str(path))
    return Credential(
        credential_id=credential_id,
        kind=CredentialKind.ED25519,
        public_key=public,
        commitment=committed,
    )


def read_quorum(given: Sequence[str], where: str) -> Quorum:
    """Return the quorum that `DEPARTMENT=COUNT` texts name."""
    at_least: list[tuple[str, int]] = []
    for text in given:
        department, separator, count = text.partition("=")
        if not separator or not count.isascii() or not count.isdigit():
            raise BadInputError(f"{where} {text[:80]!r}", "is not DEPARTMENT=COUNT")
        at_least.append((department, int(count)))
    return Quorum(at_least=tuple(sorted(at_least)))


def journal_key(workspace: Path) -> str:
    """Return the verifier key of the workspace's journal, which the roster names for verifiers."""
    path = open_workspace(workspace).vkey_path
    return read_file(path, limit_bytes=_PUBLIC_KEY_MAX_BYTES).decode("ascii", "replace").strip()


def _spoken(digest: str) -> tuple[str, str]:
    """Return the twelve words of a digest in both languages, to be compared by voice."""
    raw = bytes.fromhex(digest)
    return (
        "Twelve words to compare by voice: " + " ".join(digest_words(raw, "en")),
        "口頭で照合する十二語：" + "　".join(digest_words(raw, "ja")),
    )
