"""The drill as a whole process, environment ready: from the command to the last file written."""

import os
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
    seconds, peaks_kib = [], []
    for _ in range(RUNS):
        with TemporaryDirectory() as out:
            started = perf_counter()
            command = [str(SEKISHO), "drill", "dmm-2024", "--out", out]
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            # Of this child alone: RUSAGE_CHILDREN remembers whatever else was measured before.
            _, status, used = os.wait4(child.pid, 0)
            seconds.append(perf_counter() - started)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                raise RuntimeError(f"the drill ended with {child.returncode}")
            peaks_kib.append(used.ru_maxrss)
    return [
        {
            "name": "drill, whole process",
            "unit": "s",
            "ours": statistics.median(seconds),
            "peers": {},
            "ratio": None,
            "runs": RUNS,
            "peak_rss_mb": max(peaks_kib) / 1024,
            "note": "target: under 20 s; includes starting Python and writing the page",
        }
    ]
