from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from gomab_tasks.progress.github import GitHub
from gomab_tasks.progress.live import Live
from gomab_tasks.progress.plain import Plain
from gomab_tasks.progress.show import renderer


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ({"TERM": "xterm"}, Live),
        ({"TERM": "xterm", "CI": "false"}, Live),
        ({"TERM": "xterm", "NO_COLOR": "1"}, Live),
        ({"TERM": "dumb"}, Plain),
        ({}, Plain),
        ({"TERM": "xterm", "CI": "true"}, Plain),
        ({"TERM": "xterm", "TTY_COMPATIBLE": "0"}, Plain),
        ({"TERM": "xterm", "TTY_INTERACTIVE": "0"}, Plain),
        ({"TERM": "xterm", "GITHUB_ACTIONS": "true"}, GitHub),
    ],
)
def test_the_renderer_suits_the_terminal(environment: dict[str, str], kind: type) -> None:
    """On a terminal the environment decides."""
    assert isinstance(renderer(Tty(), environment, Path()), kind)


def test_a_pipe_gets_plain_lines() -> None:
    """Whatever is forced about colours: nobody watches a pipe."""
    assert isinstance(renderer(io.StringIO(), {"TERM": "xterm", "FORCE_COLOR": "1"}, Path()), Plain)


def test_quiet_is_never_live() -> None:
    """Warnings and failures need no view."""
    assert isinstance(renderer(Tty(), {"TERM": "xterm"}, Path(), quiet=True), Plain)


def test_rich_is_not_loaded_to_choose() -> None:
    """Its import costs more than a run in which nothing changed."""
    program = "import sys, gomab_tasks.progress.show; print('rich' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert output == "False\n"
