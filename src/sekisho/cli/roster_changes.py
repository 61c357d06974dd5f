"""`sekisho roster`: the next roster, lost keys, suspensions."""

from dataclasses import replace
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
    ReasonOption,
    TerminalOption,
    WorkspaceOption,
    unlock,
)
from sekisho.cli.people import Terms, ask_to_put_in_force, ask_with, desk_of
from sekisho.cli.roster import (
    RosterOutOption,
    ValidDaysOption,
    put_roster,
    read_credential_file,
    read_people,
    read_quorum,
    roster_document,
)
from sekisho.cli.standing import put_standing
from sekisho.journal.witness.flow import read_witness_key
from sekisho.kernel.errors import BadInputError
from sekisho.passes.records import Admin, Person, Roster, SubjectType, Terminal
from sekisho.passes.register import ROSTER_ID
from sekisho.passes.shown import subject_of

app = typer.Typer()
PersonArgument = Annotated[str, typer.Argument(help="The person's id on the roster.")]

OfficersOption = Annotated[
    list[str] | None,
    typer.Option("--officer", help="All who may suspend others, if that changes."),
]
TerminalsOption = Annotated[
    list[str] | None, typer.Option("--terminal", help="All terminals, by id, if that changes.")
]
QuorumOption = Annotated[
    list[str] | None,
    typer.Option("--quorum", help="DEPARTMENT=COUNT, all of them, if that changes."),
]
RecoveryOption = Annotated[
    list[str] | None,
    typer.Option("--recovery", help="DEPARTMENT=COUNT for lost keys, if that changes."),
]
ConsoleOption = Annotated[
    str | None, typer.Option("--console", help="The origin for passkeys, if that changes.")
]
WitnessesOption = Annotated[
    list[Path] | None,
    typer.Option("--witness", help="All witnesses' verifier key files, if that changes."),
]


@app.command("next")
def next_roster(
    out: RosterOutOption,
    add: Annotated[
        list[str] | None, typer.Option(help="ID:DEPARTMENT:FILE, a person who joins.")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="The id of one who leaves.")] = None,
    add_key: Annotated[
        list[str] | None, typer.Option(help="ID:FILE, one more key of a person who is there.")
    ] = None,
    remove_key: Annotated[list[str] | None, typer.Option(help="The id of a credential.")] = None,
    officer: OfficersOption = None,
    terminal: TerminalsOption = None,
    quorum: QuorumOption = None,
    recovery: RecoveryOption = None,
    console: ConsoleOption = None,
    witness: WitnessesOption = None,
    days: ValidDaysOption = 365,
    workspace: WorkspaceOption = Path(),
    *,
    keep_end: Annotated[
        bool, typer.Option("--keep-end", help="Keep the end of the roster in force (recovery).")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write the next roster, made from the one in force, for people to read and compare."""
    now = current_time()
    with installation(workspace) as here:
        register = desk_of(here).register
    old = register.roster
    people = _changed(old, add or [], remove or [], add_key or [], remove_key or [])
    if officer:
        people = _with_officers(people, officer)
    put_roster(
        replace(
            _with_terms(old, terminal, quorum, recovery, console, witness),
            version=old.version + 1,
            previous_digest=register.roster_digest,
            created_at=now,
            expires_at=old.expires_at if keep_end else now + timedelta(days=days),
            departments=tuple(sorted({*old.departments, *(each.department for each in people)})),
            people=people,
        ),
        out,
        as_json=json,
    )


@app.command("rotate")
def rotate(
    path: Annotated[Path, typer.Argument(help="The next roster's file.")],
    key: KeyOption,
    terminal: TerminalOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    lost_keys: Annotated[
        bool, typer.Option("--lost-keys", help="A recovery: the wider quorum replaces lost keys.")
    ] = False,
    only_id: OnlyIdOption = False,
    json: JsonOption = False,
) -> None:
    """Ask for the next roster: the quorum of the one in force agrees, and its own."""
    document = roster_document(path)
    unlocked = unlock(key, passphrase_file)
    subject_type = SubjectType.RECOVERY if lost_keys else SubjectType.ROSTER
    terms = Terms(
        terminal_id=terminal,
        purpose="Replace lost keys" if lost_keys else "Put the next roster in force",
        valid_for=timedelta(days=7),
    )
    with installation(workspace) as here:
        desk = desk_of(here)
        standing = ask_to_put_in_force(
            desk,
            unlocked,
            subject_type=subject_type,
            subject_id=ROSTER_ID,
            document=document,
            terms=terms,
            now=current_time(),
        )
        subject = subject_of(desk.register, standing)
    put_standing(standing, as_json=json, only_id=only_id, subject=subject)


@app.command("suspend")
def suspend(
    person: PersonArgument,
    reason: ReasonOption,
    key: KeyOption,
    terminal: TerminalOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Take a person's approvals away, at once. One officer is enough, in ordinary times."""
    _about_person(
        SubjectType.SUSPENSION, person, reason, key, terminal, workspace, passphrase_file, json
    )


@app.command("reinstate")
def reinstate(
    person: PersonArgument,
    reason: ReasonOption,
    key: KeyOption,
    terminal: TerminalOption,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Ask a quorum to let a suspended person approve again, with a new key.

    What they signed before stays void. The old key does not come back: replace it by the next
    roster (`--add-key`, `--remove-key`), before or after this.
    """
    _about_person(
        SubjectType.REINSTATEMENT, person, reason, key, terminal, workspace, passphrase_file, json
    )


def _about_person(
    subject_type: SubjectType,
    person: str,
    reason: str,
    key: Path,
    terminal: str,
    workspace: Path,
    passphrase_file: Path | None,
    as_json: bool,  # noqa: FBT001 - the same
) -> None:
    unlocked = unlock(key, passphrase_file)
    terms = Terms(terminal_id=terminal, purpose=reason, valid_for=timedelta(days=1))
    with installation(workspace) as here:
        desk = desk_of(here)
        action = Admin(
            subject_type=subject_type,
            subject_id=person,
            previous_digest="",
            new_digest=desk.register.roster_digest,
        )
        standing = ask_with(desk, unlocked, action=action, terms=terms, now=current_time())
        subject = subject_of(desk.register, standing)
    put_standing(standing, as_json=as_json, subject=subject)


def _with_terms(
    old: Roster,
    terminal: list[str] | None,
    quorum: list[str] | None,
    recovery: list[str] | None,
    console: str | None,
    witness: list[Path] | None,
) -> Roster:
    """Return the roster with what was given in place of what it had."""
    new = old
    if terminal:
        names = {each.terminal_id: each.name for each in old.terminals}
        terminals = (Terminal(terminal_id=each, name=names.get(each, each)) for each in terminal)
        new = replace(new, terminals=tuple(terminals))
    if quorum:
        needed = read_quorum(quorum, "--quorum")
        new = replace(new, quorum_transfer=needed, quorum_admin=needed)
    if recovery:
        new = replace(new, quorum_recovery=read_quorum(recovery, "--recovery"))
    if console is not None:
        new = replace(new, console_origin=console)
    if witness:
        new = replace(new, witnesses=tuple(str(read_witness_key(each)) for each in witness))
    return new


def _with_officers(people: tuple[Person, ...], officers: list[str]) -> tuple[Person, ...]:
    unknown = set(officers) - {each.person_id for each in people}
    if unknown:
        raise BadInputError(f"--officer {min(unknown)[:80]!r}", "is not among the people")
    return tuple(replace(each, officer=each.person_id in officers) for each in people)


def _changed(
    old: Roster, add: list[str], remove: list[str], add_key: list[str], remove_key: list[str]
) -> tuple[Person, ...]:
    """Return the people of the next roster."""
    people = {each.person_id: each for each in old.people}
    held = {each.credential_id for person in old.people for each in person.credentials}
    for gone in remove:
        if people.pop(gone, None) is None:
            raise BadInputError(f"--remove {gone[:80]!r}", "is not on the roster")
    for name in remove_key:
        if name not in held:
            raise BadInputError(f"--remove-key {name[:80]!r}", "is no credential of the roster")
    for person_id, person in people.items():
        kept = tuple(each for each in person.credentials if each.credential_id not in remove_key)
        people[person_id] = replace(person, credentials=kept)
    _add_keys(people, add_key, held)
    for person in read_people(add, officers=()):
        if person.person_id in people:
            raise BadInputError(f"--add {person.person_id!r}", "is on the roster already")
        people[person.person_id] = person
    return tuple(people.values())


def _add_keys(people: dict[str, Person], add_key: list[str], held: set[str]) -> None:
    """Add each `ID:FILE` key to its person, under an id that no credential has or had."""
    for text in add_key:
        person_id, separator, path = text.partition(":")
        if not separator or person_id not in people:
            raise BadInputError(f"--add-key {text[:80]!r}", "is not ID:FILE of somebody there")
        number = 1
        while f"{person_id}-key-{number}" in held:
            number += 1
        credential = read_credential_file(Path(path), f"{person_id}-key-{number}")
        held.add(credential.credential_id)
        person = people[person_id]
        people[person_id] = replace(person, credentials=(*person.credentials, credential))
