"""The command line: nouns and verbs, `--json` everywhere, and four exit codes.

0 fine; 1 our fault or the world's; 2 usage or bad input; 3 the answer is no.
"""

import sys
import traceback

import typer
from typer.exceptions import Abort, Exit, TyperException

from sekisho.cli import (
    bundles,
    drill,
    enrol,
    gate,
    in_force,
    inbox,
    init,
    journal,
    lease,
    movements,
    orders,
    passes,
    policy,
    review,
    roster,
    roster_changes,
    scan,
    standing_passes,
    up,
    wallet_keys,
    wallets,
    watch,
    watchers,
)
from sekisho.cli.output import (
    EXIT_BAD_INPUT,
    EXIT_NO,
    EXIT_OUR_FAULT,
    notes,
    put_findings,
    put_json,
    say,
)
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.fields import visible
from sekisho.kernel.finding import Refused

app = typer.Typer(
    name="sekisho",
    help="The checkpoint that every coin leaving an exchange must pass.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("drill")(drill.run)
app.command("init")(init.run)
for more in (roster_changes, enrol):
    roster.app.add_typer(more.app)
roster.app.add_typer(up.app)
app.command("up")(up.run)
app.add_typer(roster.app, name="roster")
wallets.app.add_typer(wallet_keys.app)
app.add_typer(wallets.app, name="wallets")
for part in (bundles, review, standing_passes):
    passes.app.add_typer(part.app)
app.add_typer(passes.app, name="pass")
policy.app.add_typer(in_force.policy_app)
app.add_typer(policy.app, name="policy")
app.add_typer(in_force.documents_app, name="documents")
for orders_or_inbox in (orders, inbox):
    gate.app.add_typer(orders_or_inbox.app)
app.add_typer(gate.app, name="gate")
app.add_typer(lease.app, name="lease")
app.command("scan")(scan.run)
watch.app.add_typer(watchers.app)
watch.app.add_typer(movements.app)
app.add_typer(watch.app, name="watch")
app.add_typer(journal.app, name="journal")


def main() -> None:
    """Run the command line and exit with the code that tells what happened."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. Every failure is one clear sentence."""
    as_json = "--json" in arguments
    try:
        code = typer.main.get_command(app).main(
            args=arguments, prog_name="sekisho", standalone_mode=False
        )
    except Refused as refused:
        if as_json:
            put_json({"answer": "no", "findings": findings_json(refused.findings)})
        else:
            say("Refused.")
            put_findings(refused.findings)
        return EXIT_NO
    except BadInputError as error:
        return _failed(str(error), where=error.where, as_json=as_json, code=EXIT_BAD_INPUT)
    except WorldError as error:
        return _failed(str(error), where="", as_json=as_json, code=EXIT_OUR_FAULT)
    except Abort:
        return _failed("stopped", where="", as_json=as_json, code=EXIT_OUR_FAULT)
    except Exit as done:
        return done.exit_code
    except TyperException as error:
        message = f"{error.format_message()} (see `sekisho --help`)"
        return _failed(message, where="command line", as_json=as_json, code=EXIT_BAD_INPUT)
    except Exception:  # noqa: BLE001 - the last line of defence: never a half-said answer
        traceback.print_exc()
        message = "this is a fault of Sekisho's; nothing was allowed"
        return _failed(message, where="", as_json=as_json, code=EXIT_OUR_FAULT)
    return code if isinstance(code, int) else 0


def _failed(message: str, *, where: str, as_json: bool, code: int) -> int:
    # A name inside a file that somebody sent may stand in the message, as they wrote it.
    message = "\n".join(visible(line) for line in message.split("\n"))
    if as_json:
        put_json({"error": message, "where": visible(where)})
    notes().print(f"sekisho: {message}", markup=False)
    return code
