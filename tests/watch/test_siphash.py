"""SipHash-1-3 against the published vectors, and against CPython, which hashes bytes with it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from sekisho.watch.siphash import siphash

VECTORS = Path(__file__).parents[1] / "vectors" / "watch" / "siphash13.json"


def hashed(data: bytes, key: bytes) -> bytes:
    sip0, sip1 = np.frombuffer(key, np.uint64)
    array = np.array(list(data), np.uint8)
    return int(siphash(array, sip0, sip1)).to_bytes(8, "little")


def test_published_vectors() -> None:
    published = json.loads(VECTORS.read_text())["hashes"]
    key = bytes(range(16))
    assert [hashed(bytes(range(size)), key).hex() for size in range(64)] == published


def test_the_interpreters_own() -> None:
    if sys.hash_info.algorithm != "siphash13":
        pytest.skip(f"this interpreter hashes with {sys.hash_info.algorithm}")
    random = Random(1)  # noqa: S311 - the same lengths and bytes each time
    texts = [random.randbytes(size) for size in range(1, 300)]
    code = "import sys\nfor line in sys.stdin: print(hash(bytes.fromhex(line)) % 2**64)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(each.hex() for each in texts),
        env={**os.environ, "PYTHONHASHSEED": "0"},  # a key of zeros
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = [int(line).to_bytes(8, "little") for line in ran.stdout.split()]
    assert [hashed(each, bytes(16)) for each in texts] == theirs
