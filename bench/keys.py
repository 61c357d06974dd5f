"""Key files: what a guess at a passphrase costs a thief, and what unlocking costs the owner.

The peers are what else a stolen key may be sealed by: OpenSSH's format at its default of 16 rounds
of bcrypt, and encrypted PKCS #8 as `cryptography` writes it (PBKDF2-HMAC-SHA256).
"""

import resource
import statistics
import time
from collections.abc import Callable
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

from sekisho.edges.keys import COST, load_key, make_key
from sekisho.kernel.errors import BadInputError

NAME = "keys"
RUNS = 9
RIGHT, WRONG = "correct horse battery", "incorrect horse battery"


def measure() -> list[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "alice.key"
        make_key(path, RIGHT, second_passphrase="paper lantern river")
        unlocked = _seconds(lambda: load_key(path, RIGHT))
        guessed = _seconds(lambda: _refused(lambda: load_key(path, WRONG)))
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
    ]


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
