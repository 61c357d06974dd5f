"""Approvals: verified and recorded, and a bundle verified offline.

The peer verifies the same signatures with the library alone and inserts the same bytes with plain
sqlite3, each on the disk before the next: no roster, no quorum, no policy, no chain of hashes.
Each run is a process of its own. `python bench/approvals.py` prints the rows.
"""

import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.drills.dmm_2024 import cast, facts
from sekisho.drills.dmm_2024.flow import enrol
from sekisho.drills.dmm_2024.stage import Stage, real_wallet, set_up
from sekisho.journal.checkpoints import sign_checkpoint
from sekisho.journal.merkle import Frontier, leaf_hash
from sekisho.journal.notes import SignerKey
from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore, create_journal
from sekisho.kernel.money import Jpy, Sat
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.bundle import bundle_lines, open_bundle
from sekisho.passes.documents import approval_digest
from sekisho.passes.draft import draft_approval
from sekisho.passes.flow import file_pass, open_desk, record_statement, record_statements
from sekisho.passes.records import (
    AnyInputs,
    ChangeAllowance,
    Claims,
    Decision,
    FeeRule,
    HeldBalance,
    Pass,
    Payment,
    PriceQuote,
    Replacement,
    SignedApproval,
    TransactionRule,
    Transfer,
)
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.passes.verify import Standing, standing_of
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import ChangeRule

NAME = "approvals"
RUNS = 5
PASSES = 250
BATCH = 50
"""So many statements does a person hand in together."""
WARM = 10
"""So many passes go before, as on a server that has been up for a minute."""
SMALL, LARGE = 100, 10_000
_WORK = (
    f"{PASSES} passes under jp-psa, each asked for, and approved by three departments, with key "
    f"files. Each person hands in {BATCH} statements at a time, as with `sekisho pass submit "
    "FILE...`; every statement is verified, the policy asked, the pass issued"
)
_SINGLY = (
    "the same as the console records it: one key file and three passkeys, each statement on the "
    "disk before the next is looked at"
)
AT = datetime(2024, 5, 31, 2, 0, tzinfo=UTC)
KEY = SignerKey(name="bench/journal", private_key=Ed25519PrivateKey.from_private_bytes(b"b" * 32))


def measure() -> list[dict[str, Any]]:
    found = [json.loads(_in_a_child("approve")) for _ in range(RUNS)]
    bundles = [json.loads(_in_a_child("bundle")) for _ in range(RUNS)]
    return [
        *(
            _row(
                f"approvals.{name}",
                "approvals/s",
                found,
                ours=name,
                peers={"sqlite3 and cryptography": "peer"},
                note=note,
            )
            for name, note in (("recorded", _WORK), ("recorded_singly", _SINGLY))
        ),
        *(
            _row(
                f"approvals.bundle_{size}",
                "ms",
                bundles,
                ours=str(size),
                peers={},
                note=f"one file with {size:,} journal entries, verified from the genesis: hashes, "
                "chain, Merkle root, checkpoint, every statement, every rule",
            )
            for size in (SMALL, LARGE)
        ),
    ]


def _row(
    name: str,
    unit: str,
    runs: list[dict[str, float]],
    *,
    ours: str,
    peers: dict[str, str],
    note: str,
) -> dict[str, Any]:
    pace = statistics.median(each[ours] for each in runs)
    others = {peer: statistics.median(each[key] for each in runs) for peer, key in peers.items()}
    return {
        "name": name,
        "unit": unit,
        "ours": round(pace, 1),
        "peers": {peer: round(value, 1) for peer, value in others.items()},
        "ratio": round(pace / max(others.values()), 3) if others else None,
        "runs": len(runs),
        "peak_rss_mb": round(max(each["peak_rss_mb"] for each in runs), 1),
        "note": note,
    }


def _in_a_child(work: str) -> str:
    command = [sys.executable, __file__, work]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def approve() -> dict[str, float]:
    with TemporaryDirectory(dir=_build(), prefix="bench-approvals-") as folder:
        key_files = tuple(replace(each, passkey=False) for each in cast.CAST)
        together, statements = _recorded(Path(folder) / "together.sqlite", BATCH, key_files)
        singly, _ = _recorded(Path(folder) / "singly.sqlite", 1, cast.CAST)
        peer = _peer(Path(folder) / "peer.sqlite", statements)
    return {
        "recorded": together,
        "recorded_singly": singly,
        "peer": peer,
        "peak_rss_mb": _peak_mb(),
    }


def _recorded(
    path: Path, batch: int, roles: tuple[cast.Role, ...]
) -> tuple[float, list[SignedApproval]]:
    """Return how many statements a second were recorded, and the statements."""
    with closing(create_journal(path)) as journal:
        actors = cast.gather_cast(roles)
        founding = roster_bytes(cast.roster(actors, journal_key=str(KEY.verifier)))
        desk = open_desk(journal, genesis_digest=roster_digest(founding))
        stage = set_up(desk, actors, founding)
        digests = [_asked(stage, number) for number in range(WARM + PASSES)]
        for digest in digests[:WARM]:
            _say(stage, digest)
        said = [_said(stage, digest) for digest in digests[WARM:]]
        statements = [each for one in zip(*said, strict=True) for each in one]
        started = time.perf_counter()
        for at in range(0, len(statements), batch):
            for answer in record_statements(stage.desk, statements[at : at + batch], now=AT):
                if not isinstance(answer, Standing):
                    raise answer
        took = time.perf_counter() - started
        if len(stage.desk.issued) != WARM + PASSES:
            raise RuntimeError(f"{len(stage.desk.issued)} of {PASSES} passes were issued")
    return len(statements) / took, statements


def _asked(stage: Stage, number: int) -> str:
    wallet, register = real_wallet(), stage.desk.register
    asked = Pass(
        pass_id=make_ulid(AT, number.to_bytes(10, "big")),
        requester=cast.REQUESTER.person_id,
        terminal_id=cast.DESK,
        purpose="Bench",
        not_before_at=AT,
        expires_at=AT + timedelta(days=1),
        genesis_digest=register.genesis_digest,
        roster_digest=register.roster_digest,
        policy_digest=register.policy_digest,
        action=Transfer(
            chain=wallet.chain,
            wallet_id=wallet.wallet_id,
            wallet_digest=wallet_digest(wallet),
            payments=(
                Payment(
                    address=facts.USUAL_ADDRESS,
                    script=script_of(facts.USUAL_ADDRESS, Network.MAIN, "usual"),
                    amount_sat=Sat(1_000_000),
                ),
            ),
            anchor=OutPoint(txid="ab" * 32, vout=number),
            inputs=AnyInputs(inputs_max=10),
            change=ChangeAllowance(rule=ChangeRule.SAME_ADDRESS, outputs_max=1),
            transaction=TransactionRule(
                versions=(2,), locktime_min=0, locktime_max=0, sequence_min=0, sequence_max=0
            ),
            fee=FeeRule(fee_max_sat=Sat(100_000), feerate_max_sat_per_kvb=200_000),
            replacement=Replacement(fee_bump=False, replaces=""),
        ),
        claims=Claims(
            prices=tuple(
                PriceQuote(source=source, price_jpy=Jpy(10_800_000), quoted_at=AT)
                for source in ("one", "another")
            ),
            balances=(HeldBalance(wallet_id=wallet.wallet_id, amount_sat=Sat(450_300_000_000)),),
        ),
    )
    return file_pass(stage.desk, asked, now=AT)


def _said(stage: Stage, digest: str) -> list[SignedApproval]:
    people = {person.person_id: person for person in stage.desk.register.roster.people}
    return [
        actor.sign(
            draft_approval(
                stage.desk.register,
                digest,
                Decision.ASK
                if actor.role.person_id == cast.REQUESTER.person_id
                else Decision.APPROVE,
                person=people[actor.role.person_id],
                credential=actor.credential,
                terminal_id=actor.terminal_id,
                now=AT,
                sequence=actor.take_sequence(1),
            )
        )
        for actor in stage.actors
    ]


def _say(stage: Stage, digest: str) -> None:
    for each in _said(stage, digest):
        record_statement(stage.desk, each, now=AT)


def _peer(path: Path, statements: list[SignedApproval]) -> float:
    """Return how many a second the library and plain SQLite do, with no rule at all.

    The signatures are Ed25519, the fastest of those that approvers may use.
    """
    private = Ed25519PrivateKey.generate()
    public: Ed25519PublicKey = private.public_key()
    signed = [
        (each, digest, private.sign(digest))
        for each in statements
        for digest in [approval_digest(each.document)]
    ]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE said (document BLOB, signature BLOB)")
        started = time.perf_counter()
        for each, digest, signature in signed:
            public.verify(signature, digest)
            row = (each.document, signature)
            connection.execute("INSERT INTO said VALUES (?, ?)", row)
        return len(signed) / (time.perf_counter() - started)


def bundle() -> dict[str, float]:
    found: dict[str, float] = {}
    with TemporaryDirectory(dir=_build(), prefix="bench-bundle-") as folder:
        for size in (SMALL, LARGE):
            with closing(create_journal(Path(folder) / f"{size}.sqlite")) as journal:
                data, genesis = _bundle_of(journal, size)
            started = time.perf_counter()
            opened = open_bundle(data, genesis_digest=genesis, seen=None, now=None, where="bench")
            if standing_of(opened.register, opened.pass_digest).findings:
                raise RuntimeError("the bundle's pass is not good")
            found[str(size)] = (time.perf_counter() - started) * 1000
    return {**found, "peak_rss_mb": _peak_mb()}


def _bundle_of(journal: JournalStore, size: int) -> tuple[bytes, str]:
    """Return a bundle of `size` entries: a busy journal, in which passes are some of many."""
    stage = enrol(journal, journal_key=str(KEY.verifier))
    digest = _asked(stage, 0)
    _say(stage, digest)
    for number in range(1, size // 25):
        _say(stage, _asked(stage, number))
    others = [
        Draft(
            entry_id=make_ulid(AT, b"bench" + number.to_bytes(5, "big")),
            at=AT,
            kind="watch.judged",
            actor="watch",
            body={"txid": "ab" * 32, "verdict": "deposit", "findings": [], "left_sat": "0"},
        )
        for number in range(size - journal.size())
    ]
    journal.append_all(others)
    tree = Frontier()
    rows = list(journal.rows())
    for row in rows:
        tree.append(leaf_hash(row.hash))
    note = sign_checkpoint(size=tree.size, root=tree.root(), signer=KEY)
    return b"".join(bundle_lines(digest, note, rows)), stage.desk.register.genesis_digest


def _build() -> Path:
    folder = Path(__file__).parents[1] / "build"
    folder.mkdir(exist_ok=True)
    return folder


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps({"approve": approve, "bundle": bundle}[sys.argv[1]]()))
    else:
        print(json.dumps(measure(), indent=1))
