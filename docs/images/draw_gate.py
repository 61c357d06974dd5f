"""Draw docs/images/gate_cleared.svg and gate_refused.svg: what `sekisho gate check` prints.

Both are of the drill: the transfer that was asked for, and the one that was to be signed. Run it
after a change to the steps or their words: `.venv/bin/python docs/images/draw_gate.py`.
"""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from draw_drill import HERE, drawn
from rich.console import Console

from sekisho.app import BUNDLE, play_dmm_2024
from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import TxOut
from sekisho.cli.gate_account import put_no, put_yes
from sekisho.drills.dmm_2024 import facts
from sekisho.drills.dmm_2024.flow import HONEST_FEE_SAT
from sekisho.drills.dmm_2024.psbt import psbt_of, unsigned
from sekisho.drills.dmm_2024.records import Variant
from sekisho.drills.dmm_2024.stage import drill_id
from sekisho.drills.dmm_2024.timeline import GATE_AT
from sekisho.gate.account import account_of
from sekisho.gate.flow import Records, check_psbt
from sekisho.gate.gathered import Gathered
from sekisho.gate.leases.flow import ask_lease, begin_memory
from sekisho.gate.reading import read_psbt
from sekisho.gate.records import Gate, Mode, Papers
from sekisho.gate.steps import evidence
from sekisho.journal.merkle import EMPTY_ROOT
from sekisho.journal.store import create_journal
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.passes.lease import Extent, Lease, sign_lease, signed_lease_bytes

GRANTER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def main() -> None:
    """Play the drill, and show both transactions to a gate."""
    with TemporaryDirectory() as scratch:
        played = play_dmm_2024(Path(scratch), Variant.PASS)
        bundle = (Path(scratch) / "dmm-2024" / BUNDLE).read_bytes()
        genesis = played.outcome.genesis_digest
        for name, psbt in (
            ("gate_cleared", honest(played.outcome.psbt)),
            ("gate_refused", played.outcome.psbt),
        ):
            console = Console(
                record=True, width=100, file=io.StringIO(), highlight=False, force_terminal=True
            )
            tell(psbt, bundle, genesis, Path(scratch) / name, console)
            (HERE / f"{name}.svg").write_text(drawn(console, title="sekisho gate check"))


def honest(psbt: bytes) -> bytes:
    """Return the PSBT of the transfer that was asked for, from the same coins."""
    read, _ = read_psbt(psbt, "outflow")
    if read is None:
        raise RuntimeError("the drill's PSBT reads well")
    outflow, funding = facts.outflow(), facts.funding()
    held = sum(funding.outputs[each.outpoint.vout].amount_sat for each in outflow.inputs)
    paid = outflow.outputs[0].amount_sat
    outputs = [
        TxOut(amount_sat=Sat(amount), script=script_of(address, Network.MAIN, "address"))
        for amount, address in (
            (paid, facts.USUAL_ADDRESS),
            (held - paid - HONEST_FEE_SAT, facts.WALLET_ADDRESS),
        )
    ]
    claimed = read.inputs[0]
    return psbt_of(
        unsigned(outflow, outputs),
        funding=funding,
        redeem_script=claimed.redeem_script,
        witness_script=claimed.witness_script,
    )


def tell(psbt: bytes, bundle: bytes, genesis: str, at: Path, console: Console) -> None:
    """Ask a gate that has just begun, and print the account of its answer."""
    gate = Gate(
        gate_id="gate-1",
        genesis_digest=genesis,
        granter_key=GRANTER.public_key().public_bytes_raw(),
        mode=Mode.ISOLATED,
    )
    gathered: list[Gathered] = []
    memory = create_journal(at)
    begin_memory(memory, gate, now=GATE_AT)
    lease = Lease(
        genesis_digest=genesis,
        gate_id=gate.gate_id,
        number=1,
        memory=ask_lease(memory, gate).memory,
        journal=Extent(size=0, root=EMPTY_ROOT.hex()),
        granted_at=GATE_AT,
        expires_at=GATE_AT.replace(minute=GATE_AT.minute + 10),
    )
    signed = signed_lease_bytes(sign_lease(lease, GRANTER))
    try:
        cleared = check_psbt(
            psbt,
            Papers(bundle=bundle, lease=signed, seen=None),
            gate=gate,
            records=Records(memory=memory, journal=None),
            entry_id=drill_id(GATE_AT, 200),
            now=GATE_AT,
            keep_seen=lambda _: None,
            onlooker=gathered.append,
        )
    except Refused as refused:
        put_no(account_of(gathered[0], refused.findings), console)
    else:
        put_yes(account_of(gathered[0], ()), evidence("cleared", txid=cleared.txid), console)
    memory.close()


if __name__ == "__main__":
    main()
