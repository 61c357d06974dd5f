"""Key files: what a guess at a passphrase costs a thief, and what unlocking costs the owner.

The peers are what else a stolen key may be sealed by: OpenSSH's format at its default of 16 rounds
of bcrypt, and encrypted PKCS #8 as `cryptography` writes it (PBKDF2-HMAC-SHA256).

Does the time that signing takes tell which passphrase was typed? Both are timed in pairs, in
random order: every second count is more work, so that taking turns would make a difference where
there is none. Of many pairs, the one for duress is the slower in half if nothing tells them apart.
"""

import random
import resource
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from sekisho.edges.keys import COST, UnlockedKey, load_key, make_key, take_sequence
from sekisho.kernel.errors import BadInputError
from sekisho.passes.records import Approval, Decision, Method
from sekisho.passes.sign import sign_approval

NAME = "keys"
RUNS = 9
PAIRS, PAIRS_UNLOCKED = 40, 4_000
RIGHT, WRONG = "correct horse battery", "incorrect horse battery"
DURESS = "paper lantern river"


def measure() -> list[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "alice.key"
        make_key(path, RIGHT, second_passphrase=DURESS)
        unlocked = _seconds(lambda: load_key(path, RIGHT))
        guessed = _seconds(lambda: _refused(lambda: load_key(path, WRONG)))
        duress = _duress_rows(path)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    key = Ed25519PrivateKey.generate()
    sealing = BestAvailableEncryption(RIGHT.encode())
    ssh = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, sealing)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing)
    wrong = WRONG.encode()
    peers = {
        "OpenSSH, bcrypt": _seconds(lambda: _refused(lambda: load_ssh_private_key(ssh, wrong))),
        "PKCS #8, PBKDF2": _seconds(lambda: _refused(lambda: load_pem_private_key(pem, wrong))),
    }
    # A thief tries one slot at a time; unlocking tries both at once.
    guesses = 2 / guessed
    return [
        {
            "name": "keys.guess",
            "unit": "guesses/s",
            "ours": guesses,
            "peers": {name: 1 / seconds for name, seconds in peers.items()},
            "ratio": 1 / peers["OpenSSH, bcrypt"] / guesses,
            "runs": RUNS,
            "peak_rss_mb": peak_mb,
            "note": f"fewer is better: scrypt with {2**COST.log2_n // 1024} MiB for each guess, "
            "on two cores; each peer on one core, and in next to no memory",
        },
        {
            "name": "keys.unlock",
            "unit": "s",
            "ours": unlocked,
            "peers": {},
            "ratio": None,
            "runs": RUNS,
            "peak_rss_mb": peak_mb,
            "note": "both slots at once, whichever opens; aim: 0.5 to 1 s",
        },
        *({**row, "peak_rss_mb": peak_mb} for row in duress),
    ]


def _duress_rows(path: Path) -> list[dict[str, Any]]:
    """Return how long a statement takes with each passphrase: all of it, and once unlocked."""
    ours, theirs = load_key(path, DURESS), load_key(path, RIGHT)
    return [
        _pairs_row(
            "keys.duress_timing",
            "ms",
            _pairs(
                lambda: _state(load_key(path, DURESS)),
                lambda: _state(load_key(path, RIGHT)),
                pairs=PAIRS,
                clock=time.perf_counter,
            ),
            "a statement under duress, from the passphrase to the signature",
        ),
        _pairs_row(
            "keys.duress_timing.unlocked",
            "ms of processor",
            _pairs(
                lambda: _state(ours),
                lambda: _state(theirs),
                pairs=PAIRS_UNLOCKED,
                clock=time.thread_time,
            ),
            "what follows the passphrase (count, mark, signature), without the wait for the disk",
        ),
    ]


def _state(key: UnlockedKey) -> None:
    sign_approval(
        Approval(
            pass_digest="ab" * 32,
            decision=Decision.APPROVE,
            genesis_digest="cd" * 32,
            approver="alice",
            sequence=take_sequence(key, at_least=1),
            method=Method.KEY_FILE,
            credential_id="alice-1",
            terminal_id="desk",
            words="",
            reason="",
            signed_at=datetime(2026, 1, 15, 9, tzinfo=UTC),
        ),
        key.private,
    )


def _pairs(
    one: Callable[[], None],
    other: Callable[[], None],
    *,
    pairs: int,
    clock: Callable[[], float],
) -> list[tuple[float, float]]:
    """Return how long each of the two took, pair after pair, whichever went first."""
    order = random.Random(1)  # noqa: S311 - an order of measurements is no secret
    taken = []
    for _ in range(pairs):
        seconds = {}
        for work in order.sample((one, other), 2):
            started = clock()
            work()
            seconds[work] = clock() - started
        taken.append((seconds[one], seconds[other]))
    return taken


def _pairs_row(
    name: str, unit: str, taken: list[tuple[float, float]], what: str
) -> dict[str, Any]:
    """Return the medians, and in how many of the pairs the first was slower (the sign test)."""
    duress, usual = (1000 * statistics.median(each) for each in zip(*taken, strict=True))
    slower = statistics.mean((one > other) + (one == other) / 2 for one, other in taken)
    by_chance = 1 / len(taken) ** 0.5
    return {
        "name": name,
        "unit": unit,
        "ours": duress,
        "peers": {"the usual passphrase": usual},
        "ratio": duress / usual,
        "runs": len(taken),
        "note": f"{what}. It was the slower of a pair in {slower:.1%} of {len(taken):,}; alike is "
        f"50 %, and by chance alone 19 of 20 measurements lie within {by_chance:.1%} of that",
    }


def _refused(attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except (BadInputError, ValueError):
        return
    raise RuntimeError("a wrong passphrase opened the key")


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
