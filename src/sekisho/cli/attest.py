"""`sekisho gate attest`: a Coldcard in HSM mode that signs only what this gate attests."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho.chains.bitcoin.networks import Network
from sekisho.cli.options import JsonOption, read_file
from sekisho.cli.output import put_json, say
from sekisho.edges.attesters import (
    attestation_public_key,
    create_attester,
    pin_device_policy,
)
from sekisho.edges.gates import read_gate
from sekisho.edges.keys import write_new
from sekisho.gate.attest import key_address
from sekisho.gate.device_policy import (
    PERIOD_MAX_MINUTES,
    POLICY_MAX_BYTES,
    Caps,
    DevicePolicy,
    device_policy_bytes,
    device_policy_findings,
    read_device_policy,
)
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import format_btc, parse_btc

app = typer.Typer(help="Attestations for a Coldcard in HSM mode.", no_args_is_help=True)
GateOption = Annotated[Path, typer.Option("--gate", help="The gate's folder.")]
WalletOption = Annotated[str, typer.Option("--wallet", help="The wallet's id, as registered.")]
NetworkOption = Annotated[
    str, typer.Option(help="mainnet, testnet4 or regtest: as the device is set.")
]
_NETWORKS = {str(each): each for each in (Network.MAIN, Network.TESTNET4, Network.REGTEST)}
"""Those that the device has."""


@app.command("init")
def init(
    gate: GateOption,
    wallet: WalletOption,
    device_wallet: Annotated[
        str,
        typer.Option(help="The wallet's name on the device; 1 for a wallet with a single key."),
    ],
    amount_max: Annotated[str, typer.Option(help="In one transaction, in BTC.")],
    per_period: Annotated[str, typer.Option(help="In a period, in BTC.")],
    period_minutes: Annotated[
        int, typer.Option(min=1, max=PERIOD_MAX_MINUTES, help="How long a period is.")
    ],
    out: Annotated[Path, typer.Option(help="The policy to be loaded on the device.")],
    network: NetworkOption = "mainnet",
    *,
    json: JsonOption = False,
) -> None:
    """Make a key that attests one wallet's outputs, and the policy that asks for it."""
    caps = Caps(
        amount_max_sat=parse_btc(amount_max, "--amount-max"),
        period_max_sat=parse_btc(per_period, "--per-period"),
        period_minutes=period_minutes,
    )
    notes = f"Sekisho {read_gate(gate).gate_id}, {wallet}"[:80]

    on = _network(network)

    def written(public_key: bytes) -> bytes:
        address = key_address(public_key, on)
        data = device_policy_bytes(
            address=address, device_wallet=device_wallet, caps=caps, notes=notes
        )
        _judged(data, "the policy", address)
        return data

    if out.exists():
        raise BadInputError(str(out), "exists already and is never overwritten")
    data = create_attester(gate, wallet, written)
    write_new(out, data, mode=0o644)
    address = key_address(attestation_public_key(gate, wallet), on)
    policy = _judged(data, "the policy", address)
    if json:
        put_json({**_document(policy, address), "policy": str(out)})
        return
    say(f"Wrote {out}. Load it on the device: Advanced/Tools > Enable HSM, then start it.")
    _tell(policy, address)


@app.command("policy")
def policy(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A policy for the device.")],
    gate: GateOption,
    wallet: WalletOption,
    network: NetworkOption = "mainnet",
    *,
    pin: Annotated[
        bool, typer.Option("--pin", help="It is on the device now: hold payments to its caps.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Judge a policy: all that it lets the device sign must depend on this gate's key."""
    address = key_address(attestation_public_key(gate, wallet), _network(network))
    data = read_file(path, limit_bytes=POLICY_MAX_BYTES)
    judged = _judged(data, str(path), address)
    if pin:
        pin_device_policy(gate, wallet, data)
    if json:
        put_json({**_document(judged, address), "pinned": pin})
    else:
        _tell(judged, address)


def _judged(data: bytes, where: str, address: str) -> DevicePolicy:
    """Return a policy; raises `Refused` with every way around the attestations."""
    read = read_device_policy(data, where)
    findings = device_policy_findings(read, address=address)
    if findings:
        raise Refused(findings)
    return read


def _network(text: str) -> Network:
    if text not in _NETWORKS:
        raise BadInputError("--network", f"{text[:40]!r} is not one of {', '.join(_NETWORKS)}")
    return _NETWORKS[text]


def _document(policy: DevicePolicy, address: str) -> dict[str, Json]:
    (rule,) = policy.rules
    return {
        "address": address,
        "device_wallet": rule.wallet,
        "device_hash": policy.device_hash,
        "amount_max_sat": str(rule.caps.amount_max_sat),
        "per_period_sat": str(rule.caps.period_max_sat),
        "period_minutes": rule.caps.period_minutes,
        "findings": [],
    }


def _tell(policy: DevicePolicy, address: str) -> None:
    """Say what the device must show before anybody lets it start."""
    (rule,) = policy.rules
    caps = rule.caps
    whose = "non multisig" if rule.wallet == "1" else f"from multisig wallet {rule.wallet!r}"
    say(
        "Before you press the last key, compare what the device shows, word for word:",
        f"  one rule: up to {format_btc(caps.period_max_sat)} BTC per period, and up to "
        f"{format_btc(caps.amount_max_sat)} BTC per transaction, {whose}, if outputs are attested "
        f"by one of:",
        f"  {address}",
        f"  a period of {caps.period_minutes} minutes; message signing not allowed; a MicroSD "
        "card must receive log entries",
        f"  policy hash {policy.device_hash}",
        "An attested output can be paid again until the caps are reached. Fees are not counted.",
    )
