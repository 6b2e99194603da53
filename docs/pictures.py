"""Take the README's pictures from a real run in a real terminal.

`python docs/pictures.py` copies sample/, builds it for four platforms with an
empty Go cache inside tmux, and writes docs/pictures/*.svg. It takes minutes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
COLUMNS, LINES = 108, 24
ARCHES = "amd64,arm64,arm/v7,riscv64"
DONE = "build done"
# Colours that read well on white and on dark pages, since the picture brings its own background.
THEME = TerminalTheme(
    (24, 26, 31),
    (214, 218, 224),
    [
        (24, 26, 31),
        (240, 113, 120),
        (152, 195, 121),
        (229, 192, 123),
        (97, 175, 239),
        (198, 120, 221),
        (86, 194, 204),
        (214, 218, 224),
    ],
)
# As rich's own, without fonts from the network and without a window's decoration.
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
<rect width="{width}" height="{height}" rx="8" fill="rgb(24,26,31)" />
<g transform="translate({terminal_x}, 12)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def main() -> None:
    """Write both pictures."""
    with tempfile.TemporaryDirectory() as folder, _terminal(_sample(Path(folder))) as capture:
        _write("live", _wait(capture, _is_telling))
        _write("sizes", _table(_wait(capture, lambda screen: DONE in screen.plain)))


def _sample(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("build", "__pycache__", ".nox")
    return Path(shutil.copytree(ROOT / "sample", folder / "shortlinks", ignore=ignored))


@contextlib.contextmanager
def _terminal(project: Path) -> Iterator[Callable[[], Text]]:
    """Run gomab in a terminal of its own and give a function that reads the screen."""
    server = ["tmux", "-L", f"pictures-{os.getpid()}"]
    gomab = Path(sys.executable).parent / "gomab"
    command = f"{gomab} images --arch {ARCHES}; echo; echo {DONE}; sleep 600"
    cache = f"GOCACHE={project.parent / 'cache'}"
    size = ["-x", str(COLUMNS), "-y", str(LINES)]
    start = ["new-session", "-d", *size, "-c", str(project), "-e", cache, command]
    subprocess.run([*server, "-f", os.devnull, *start], check=True)

    def capture() -> Text:
        screen = subprocess.run(
            [*server, "capture-pane", "-e", "-p", "-S", "-200"], check=True, capture_output=True, text=True
        )
        return Text.from_ansi(screen.stdout.rstrip())

    try:
        yield capture
    finally:
        subprocess.run([*server, "kill-server"], check=True)


def _wait(capture: Callable[[], Text], is_wanted: Callable[[Text], bool]) -> Text:
    while not is_wanted(screen := capture()):
        time.sleep(0.1)
    return screen


def _is_telling(screen: Text) -> bool:
    """Tell whether half of the platforms are finished."""
    return screen.plain.count("✓ linux/") * 2 == len(ARCHES.split(","))


def _table(screen: Text) -> Text:
    """Cut out what stands on stdout: the table of sizes and the digests."""
    lines = screen.split("\n")
    start = next(i for i, line in enumerate(lines) if line.plain.startswith("image "))
    end = next(i for i, line in enumerate(lines) if line.plain.startswith(DONE))
    return Text("\n").join(lines[start:end])


def _write(name: str, screen: Text) -> None:
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(screen)
        PICTURES.mkdir(exist_ok=True)
        picture = console.export_svg(theme=THEME, code_format=SVG, unique_id=name, title="")
    (PICTURES / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
