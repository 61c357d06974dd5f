"""The drill as a whole process, environment ready: from the command to the last file written."""

import resource
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

NAME = "drill"
RUNS = 5
SEKISHO = Path(sys.executable).with_name("sekisho")


def measure() -> list[dict[str, object]]:
    """Return how long `sekisho drill` takes. Nobody else has such a drill, so there is no peer."""
    seconds = []
    for _ in range(RUNS):
        with TemporaryDirectory() as out:
            started = perf_counter()
            subprocess.run(
                [SEKISHO, "drill", "dmm-2024", "--out", out], check=True, capture_output=True
            )
            seconds.append(perf_counter() - started)
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return [
        {
            "name": "drill, whole process",
            "unit": "s",
            "ours": statistics.median(seconds),
            "peers": {},
            "ratio": None,
            "runs": RUNS,
            "peak_rss_mb": peak_kib / 1024,
            "note": "target: under 20 s; includes starting Python and writing the page",
        }
    ]
