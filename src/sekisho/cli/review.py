"""`sekisho pass review`: read a pass from its bytes on your own machine, and sign it there.

Nothing here asks the server anything. What is shown is computed from the bundle's signed bytes,
and what is signed binds the words that two people compared by voice.

A server that withholds what was written since shows an old journal. So the bundle must be as fresh
as the policy in force wants, it must add to the last checkpoint that was seen here (kept beside
the key, or in the user's data folder for a security key), and the screen says what it knows of
its age.
"""

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from sekisho.app import clock_number, current_time, installation
from sekisho.cli.bundles import BundleArgument, GenesisOption, open_pinned, pinned
from sekisho.cli.options import (
    JsonOption,
    PassphraseFileOption,
    SeenOption,
    TerminalOption,
    WorkspaceOption,
    read_file,
    unlock,
)
from sekisho.cli.output import EXIT_NO, notes, put_findings, put_json, say, terminal
from sekisho.cli.people import desk_of, signer_of
from sekisho.cli.policy import put_outcomes
from sekisho.cli.standing import put_standing
from sekisho.edges.keys import write_new
from sekisho.edges.security_key import Prompts, only_key, plugged_keys, sign_with_key
from sekisho.journal.entries import read_entry
from sekisho.journal.exports import export_rows
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Refused
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_btc, format_jpy, value_floor_jpy
from sekisho.kernel.words import digest_words
from sekisho.passes.adoption import tally_of
from sekisho.passes.ballots import same_words
from sekisho.passes.bundle import BUNDLE_MAX_BYTES, Opened
from sekisho.passes.documents import approval_bytes
from sekisho.passes.draft import draft_approval, next_number, owner_of_key
from sekisho.passes.evidence import read_statement, statement_body
from sekisho.passes.flow import Signer, record_statements
from sekisho.passes.judge import case_of
from sekisho.passes.policy.case import Case, Destination
from sekisho.passes.records import (
    Automatic,
    Claims,
    Credential,
    CredentialKind,
    Decision,
    SignedApproval,
    Transfer,
)
from sekisho.passes.register import Register
from sekisho.passes.shown import standing_json, subject_of
from sekisho.passes.verify import Standing, standing_of, time_findings
from sekisho.wallets.records import Segregation

app = typer.Typer()
KeyFileOption = Annotated[
    Path | None, typer.Option("--key", help="Your key file (made by `sekisho roster key`).")
]
SecurityKeyOption = Annotated[
    str,
    typer.Option(
        "--security-key", help="Sign with your security key: its credential id on the roster."
    ),
]
StatementOption = Annotated[
    Path | None,
    typer.Option("--out", help="Where to write your statement; else FILE.statement."),
]
WordsOption = Annotated[
    str, typer.Option("--words", help="The twelve words as your colleague read them to you.")
]
_STATEMENT_MAX_BYTES = 64 * 1024
_GROUP = 4


@app.command("review")
def review(
    path: BundleArgument,
    terminal_id: TerminalOption,
    key: KeyFileOption = None,
    security_key: SecurityKeyOption = "",
    out: StatementOption = None,
    words: WordsOption = "",
    reject: Annotated[str, typer.Option(help="Reject the pass, for this reason.")] = "",
    genesis: GenesisOption = "",
    seen: SeenOption = None,
    workspace: WorkspaceOption = Path(),
    passphrase_file: PassphraseFileOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show a pass from its own bytes, compare the words by voice, and sign on this machine.

    The statement that it writes goes back to the server: `sekisho pass submit`.
    """
    if (key is None) == (not security_key):
        raise BadInputError("--key", "or --security-key: name one of them")
    genesis = pinned(genesis, workspace)
    kept = seen or _seen_beside(key, genesis)
    opened, age = _read(path, genesis, kept, shown=not json)
    register, digest = opened.register, opened.pass_digest
    if not reject:
        words = _compared(words or _heard(digest), digest)
    signer = _signer(register, key, security_key, passphrase_file)
    person, credential = owner_of_key(register, digest, signer.public_key)
    approval = draft_approval(
        register,
        digest,
        Decision.REJECT if reject else Decision.APPROVE,
        person=person,
        credential=credential,
        terminal_id=terminal_id,
        now=current_time(),
        sequence=signer.take_sequence(next_number(register, credential)),
        words=" ".join(words.split()),
        reason=reject,
    )
    signed = signer.sign(approval)
    statement = canonical_bytes(statement_body(signed, parse_json(signed.document, "approval")))
    written = out or path.with_name(f"{path.name}.statement")
    write_new(written, statement, mode=0o644)
    if json:
        put_json({"statement": str(written), "decision": approval.decision.value, **age})
    else:
        say(f"Signed: {approval.decision.value}. Carry {written} to the server.")


@app.command("submit")
def submit(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Statement files that `review` wrote."),
    ],
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Record statements that were signed on another machine, each answered apart.

    A file that cannot be read stops all of them; one that would not count stops only itself, and
    the exit code is 3.
    """
    statements = [_statement_in(path) for path in paths]
    with installation(workspace) as here:
        desk = desk_of(here)
        answers = record_statements(desk, statements, now=current_time())
        if len(answers) == 1:
            (answer,) = answers
            if not isinstance(answer, Standing):
                raise answer
            put_standing(answer, as_json=json, subject=subject_of(desk.register, answer))
            return
    if json:
        each = [_answer_json(*pair) for pair in zip(paths, answers, strict=True)]
        put_json({"statements": each})
    else:
        for path, answer in zip(paths, answers, strict=True):
            _put_answer(path, answer)
    if not all(isinstance(each, Standing) for each in answers):
        raise typer.Exit(EXIT_NO)


def _statement_in(path: Path) -> SignedApproval:
    data = read_file(path, limit_bytes=_STATEMENT_MAX_BYTES)
    return read_statement(Fields(parse_json(data, str(path)), str(path)))


def _answer_json(path: Path, answer: Standing | Refused | BadInputError) -> Json:
    match answer:
        case Standing():
            return {"statement": str(path), "answer": "recorded", **standing_json(answer)}
        case Refused():
            found = findings_json(answer.findings)
            return {"statement": str(path), "answer": "no", "findings": found}
        case BadInputError():
            return {"statement": str(path), "answer": "no", "error": str(answer)}


def _put_answer(path: Path, answer: Standing | Refused | BadInputError) -> None:
    match answer:
        case Standing():
            asked, lacking = answer.asked, len(answer.findings)
            lacks = f"it lacks {lacking} more" if lacking else "nothing is lacking"
            say(f"{path}: recorded on pass {asked.pass_id}, {asked.purpose}; {lacks}.")
        case Refused():
            say(f"{path}: refused.")
            put_findings(answer.findings)
        case BadInputError():
            say(f"{path}: {answer}")


def put_review(register: Register, standing: Standing) -> None:
    """Write everything that an approver must see, from the pass's own bytes."""
    put_standing(standing, as_json=False, subject=subject_of(register, standing))
    action = standing.asked.action
    if not isinstance(action, Transfer | Automatic):
        return
    wallet = register.wallets.get(action.wallet_id)
    if isinstance(action, Transfer) and wallet is not None:
        heard = tally_of(register, standing.digest)
        case = case_of(register, standing.digest, action, wallet=wallet, heard=heard)
        for each in case.destinations:
            say("", *destination_lines(each, standing.asked.claims))
        say("", *share_lines(case))
    say("", "What the policy in force says:")
    put_outcomes(standing.outcomes)


def _read(
    path: Path, genesis: str, kept: Path, *, shown: bool
) -> tuple[Opened, Mapping[str, Json]]:
    """Open a bundle as of now, show it, and return it with what is known of its age."""
    now = current_time()
    if not kept.exists():
        notes().print(Text(f"No checkpoint was seen here yet; {kept} keeps it from now on."))
    opened = open_pinned(path, genesis, kept, now=now)
    standing = standing_of(opened.register, opened.pass_digest)
    ends_at, timely = _ends_at(path), time_findings(standing, now=now)
    if shown:
        put_review(opened.register, standing)
        put_findings(timely, style="yellow")
        say("", *age_lines(opened, ends_at, now))
    return opened, {
        "as_of": format_instant(ends_at),
        "entries": opened.seen.checkpoint.size,
        "witnesses": [each.witness.name for each in opened.cosignatures],
        "time": findings_json(timely),
        "seen": str(kept),
    }


def _compared(words: str, digest: str) -> str:
    if not same_words(words, digest):
        raise BadInputError("the words", "are not those of this pass: do not approve it")
    return words


def age_lines(opened: Opened, ends_at: datetime, now: datetime) -> list[str]:
    """Return how old what was shown is, and who besides the journal's own key says so."""
    size = f"{opened.seen.checkpoint.size:,}"
    lines = [
        f"As of {format_instant(ends_at)}, the last of {size} journal entries.",
        f"  It is {format_instant(now)} now.",
    ]
    lines.extend(
        f"  {each.witness.name} saw nothing newer at {format_instant(each.at)}"
        for each in opened.cosignatures
    )
    if not opened.cosignatures:
        lines.append("  ! No witness says that nothing newer was withheld: ask a colleague")
        lines.append("    whether the pass was voided, or anybody suspended, since then.")
    return lines


def destination_lines(each: Destination, claims: Claims) -> list[str]:
    """Return what an approver reads of one payment: the address in groups, whole."""
    groups = [each.address[at : at + _GROUP] for at in range(0, len(each.address), _GROUP)]
    lines = [f"Pays {format_btc(each.amount_sat)} BTC to", f"  {' '.join(groups)}"]
    if claims.prices:
        highest = max(price.price_jpy for price in claims.prices)
        lines.append(f"  worth ¥{format_jpy(value_floor_jpy(each.amount_sat, price_jpy=highest))}")
    if each.own_wallet_id:
        lines.append(f"  our own wallet {each.own_wallet_id}")
    elif each.first_time:
        lines.append("  ! never paid before")
    if each.listed_at is not None:
        lines.append(f"  on the allow-list since {format_instant(each.listed_at)}")
    if each.resembles:
        lines.append(f"  ! LOOKS LIKE {each.resembles} AND IS ANOTHER ADDRESS")
        lines.append(f"    ({each.resembles_bits} bits: no accident)")
    return lines


def share_lines(case: Case) -> list[str]:
    """Return how much of the wallet and of all customers' coins leaves, by the claims."""
    leaves = sum(each.amount_sat for each in case.destinations)
    held = {each.wallet_id: each.amount_sat for each in case.claims.balances}
    customers = sum(
        held.get(wallet_id, 0)
        for wallet_id, wallet in case.wallets.items()
        if wallet.segregation is Segregation.CUSTOMER
    )
    lines = [f"In all {format_btc(leaves)} BTC leave wallet {case.wallet.wallet_id}:"]
    own = held.get(case.wallet.wallet_id, 0)
    for name, whole in (("the wallet", own), ("all customers' coins", customers)):
        percent, hundredths = divmod(leaves * 10_000 // whole if whole else 0, 100)
        share = f"{percent}.{hundredths:02d} %" if whole else "an unknown share"
        lines.append(f"  {share} of {name}")
    return lines


def _heard(digest: str) -> str:
    """Ask for the twelve words, having shown them; without a person there is nobody to ask."""
    if not sys.stdin.isatty():
        raise BadInputError("--words", "are missing: compare them by voice, then give them")
    raw = bytes.fromhex(digest)
    terminal().rule("Compare by voice with a colleague at another machine")
    say(" ".join(digest_words(raw, "en")), "　".join(digest_words(raw, "ja")))
    typed: str = typer.prompt("Type the twelve words that your colleague reads to you", err=True)
    return typed


def _signer(
    register: Register, key: Path | None, security_key: str, passphrase_file: Path | None
) -> Signer:
    """Return what signs: the key file, or the security key that is plugged in."""
    if key is not None:
        return signer_of(unlock(key, passphrase_file))
    credential = _security_key(register, security_key)
    device = only_key(plugged_keys())
    prompts = Prompts(
        ask_pin=lambda: str(typer.prompt("PIN of your security key", hide_input=True, err=True)),
        say_touch=lambda: notes().print("Touch your security key."),
    )
    return Signer(
        public_key=credential.public_key,
        sign=lambda approval: sign_with_key(device, approval_bytes(approval), credential, prompts),
        # The key counts nothing that we could read, and the bundle may be old: two reviews of one
        # bundle must not sign under one number, for only the first would count.
        take_sequence=lambda at_least: max(at_least, clock_number()),
    )


def _seen_beside(key: Path | None, genesis: str) -> Path:
    """Return where the last checkpoint seen is kept: beside the key file, else in the user's data.

    A security key holds no file: there it is one for each installation and user of this machine.
    """
    if key is not None:
        return key.with_name(f"{key.name}.seen")
    data = os.environ.get("XDG_DATA_HOME", "")
    folder = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return folder / "sekisho" / f"{genesis[:16]}.seen"


def _ends_at(path: Path) -> datetime:
    """Return when the last entry of a bundle, which was opened before, was written."""
    line = read_file(path, limit_bytes=BUNDLE_MAX_BYTES).rstrip(b"\n").rpartition(b"\n")[2]
    (row,) = export_rows([line + b"\n"])
    return read_entry(row.document, str(path)).at


def _security_key(register: Register, credential_id: str) -> Credential:
    for person in register.roster.people:
        for each in person.credentials:
            if each.credential_id == credential_id and each.kind is CredentialKind.FIDO2:
                return each
    raise BadInputError(f"--security-key {credential_id[:80]!r}", "is none on the roster")
