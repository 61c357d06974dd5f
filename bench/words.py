"""What it would cost to find two passes with the same twelve words, for who writes both.

Two passes with the same words are a benign one to be read aloud and a malicious one to be signed.
Whoever writes both needs about the square root of all that the words can say: 2**66 digests for
twelve words, 2**33 for six. The peer is SHA-256 alone over as many bytes: what remains when only
hashing is done. `python bench/words.py` prints the rows.
"""

import hashlib
import json
import resource
import statistics
import time
from typing import Any

from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.words import digest_words

NAME = "words"
RUNS = 5
TRIED = 200_000
PASS_BYTES = 1_500
YEAR_SECONDS = 365 * 24 * 3600


def measure() -> list[dict[str, Any]]:
    ours, theirs = [], []
    document = b"x" * (PASS_BYTES - 8)
    for _ in range(RUNS):
        started = time.perf_counter()
        for number in range(TRIED):
            digest_words(tagged_digest("pass", document + number.to_bytes(8, "big")), "en")
        ours.append(TRIED / (time.perf_counter() - started))
        started = time.perf_counter()
        for number in range(TRIED):
            hashlib.sha256(document + number.to_bytes(8, "big")).digest()
        theirs.append(TRIED / (time.perf_counter() - started))
    pace, hashing = statistics.median(ours), statistics.median(theirs)
    years = 2**66 / hashing / YEAR_SECONDS
    return [
        {
            "name": "words.tried",
            "unit": "passes/s",
            "ours": round(pace),
            "peers": {"SHA-256 alone": round(hashing)},
            "ratio": round(pace / hashing, 3),
            "runs": RUNS,
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "note": "two passes of the same author with the same twelve words: about 2**66 "
            f"digests, {years:,.0f} years for this processor core at the peer's pace, and a "
            "store for as many digests; with six words 2**33, "
            f"{2**33 / hashing / 3600:,.1f} hours",
        }
    ]


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
