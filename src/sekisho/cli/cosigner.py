"""`sekisho gate cosigner`: the gate's own key of wallets that need it."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho.chains.bitcoin.networks import network_of_caip2, network_of_name
from sekisho.cli.options import JsonOption
from sekisho.cli.output import put_json, say
from sekisho.cli.wallet_keys import SheetArgument, read_proof_sheet, write_proof_sheet
from sekisho.edges.gates import create_cosigner, read_cosigner_key
from sekisho.edges.keys import write_new
from sekisho.gate.cosigner import sign_message
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.proof import wallet_keys
from sekisho.wallets.proof_sheet import with_signature

app = typer.Typer(help="The gate's own key of enforced wallets.", no_args_is_help=True)
GateOption = Annotated[Path, typer.Option("--gate", help="The gate's folder.")]


@app.command("new")
def new(
    gate: GateOption,
    out: Annotated[Path, typer.Option(help="The file for the public key.")],
    network: Annotated[
        str, typer.Option(help="mainnet, testnet3, testnet4, signet or regtest.")
    ] = "mainnet",
    *,
    json: JsonOption = False,
) -> None:
    """Draw the gate's own key, and write the public one: wallets whose script needs it name it."""
    key = create_cosigner(gate, network_of_name(network, "--network"))
    write_new(out, f"{key.expression}\n".encode(), mode=0o644)
    if json:
        put_json({"gate_key": key.expression, "file": str(out)})
        return
    say(
        f"Wrote {out}: {key.expression}",
        "The private key is in the gate's folder, and nowhere else. If it is lost, coins that "
        "need it wait for their recovery.",
        "Next: `sekisho wallets enforced`, with the holders' keys.",
    )


@app.command("prove")
def prove(sheet: SheetArgument, gate: GateOption, *, json: JsonOption = False) -> None:
    """Sign a wallet's proof sheet with the gate's own key, as each holder does with theirs."""
    asked, key = read_proof_sheet(sheet), read_cosigner_key(gate)
    if key is None:
        raise BadInputError(str(gate), "has no key of its own; `sekisho gate cosigner new`")
    named = next(
        (each for each in wallet_keys(asked.wallet) if each.expression == key.expression), None
    )
    if named is None:
        raise BadInputError(str(sheet), "is for a wallet that does not name this gate's key")
    signature = sign_message(
        key, named, asked.message(named), network_of_caip2(asked.wallet.chain, "chain")
    )
    write_proof_sheet(sheet, with_signature(asked, named.name, signature))
    if json:
        put_json({"key": named.name, "signature": signature})
    else:
        say(f"Key {named.name}: proven, by the gate that has it.")
