"""Draw docs/images/drill.svg: what `make drill` prints, as a picture for the README.

Run it after a change to the story: `.venv/bin/python docs/images/draw_drill.py`. The latency in it
is that of this run, on this machine.
"""

import io
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from sekisho.app import play_dmm_2024
from sekisho.cli.drill_live import play_live
from sekisho.cli.drill_live_story import live_story
from sekisho.cli.drill_story import story
from sekisho.drills.dmm_2024.records import Variant

HERE = Path(__file__).parent
PAPER = TerminalTheme(
    (255, 255, 255),
    (33, 37, 41),
    [(33, 37, 41), (176, 0, 32), (20, 108, 67), (138, 97, 22), (13, 71, 161), (106, 27, 154),
     (0, 96, 100), (117, 117, 117)],
)  # fmt: skip


def main() -> None:
    """Play the drill and draw its story."""
    with TemporaryDirectory() as scratch:
        played = play_dmm_2024(Path(scratch), Variant.PASS)
    console = Console(
        record=True, width=94, file=io.StringIO(), highlight=False, force_terminal=True
    )
    page = Path("build/drill/dmm-2024/index.html")
    console.print(story(played.outcome, [page], "en", live_story(play_live(), "en")))
    (HERE / "drill.svg").write_text(drawn(console, title="make drill"))


def drawn(console: Console, *, title: str) -> str:
    """Return what was printed as a picture, which fetches no fonts from anywhere."""
    picture = console.export_svg(title=title, theme=PAPER)
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code", "DejaVu Sans Mono")


if __name__ == "__main__":
    main()
