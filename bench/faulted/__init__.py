"""The random fault harness: what is played, on which stage, and who looks whether it was seen."""

import sys
from pathlib import Path

# The exchange, its node and its watcher are those of the tests, whose folder is no package.
_TESTS = str(Path(__file__).parents[2] / "tests")
if _TESTS not in sys.path:
    sys.path.append(_TESTS)
