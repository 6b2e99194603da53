"""Ask the user at the terminal."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

from gomab_tasks.progress.text import LineWriter, printable_lines

_WAKE_SECONDS = 0.1


def terminal_columns() -> int:
    """Give how many columns the terminal behind stderr has; 0 without one."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return 0


def ask(check: Callable[[], None], question: str) -> bool | None:
    """Show a question on stderr and wait for yes or no; anything but yes is no.

    Gives None without a terminal for both.

    Args:
        check: called all the while; what it raises ends the wait.
    """
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    LineWriter(sys.stderr).write([*printable_lines(question), "[y/N] (and Enter)"])
    # Reading itself could not be interrupted from another thread.
    while not select.select([sys.stdin], [], [], _WAKE_SECONDS)[0]:
        check()
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except OSError:  # the terminal is gone
        return False
