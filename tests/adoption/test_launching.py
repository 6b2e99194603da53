"""The command behind programs that only start another one, and what a shell reads."""

from __future__ import annotations

import pytest

from gomab_tasks.adoption.launching import command_place, shell_texts


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("api --port 8080", "api"),
        ("/sbin/tini -- api", "api"),
        ("/sbin/tini api", "api"),
        ("tini -g -p SIGTERM -- api -- x", "api"),
        ("dumb-init --single-child api", "api"),
        ("su-exec app:app api", "api"),
        ("tini -- gosu app api --x", "api"),
        ("docker-entrypoint.sh api", "docker-entrypoint.sh"),
        ("tini --", ""),
        ("tini -g", ""),
        ("gosu", ""),
    ],
)
def test_command_place(line: str, command: str) -> None:
    """Options of wrappers, and the user of some, are passed over."""
    words = line.split()
    assert "".join(words[command_place(words) :][:1]) == command


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["/bin/sh", "-c", "api"], ["api"]),
        (["tini", "--", "bash", "-ec", "a && b", "-c"], ["a && b"]),
        (["api", "-c", "config.yaml"], []),
        (["sh", "-c"], []),
        (["sh", "/start.sh"], []),
    ],
)
def test_shell_texts(words: list[str], texts: list[str]) -> None:
    """The word behind a shell's `-c` is its text; another program's `-c` is not."""
    assert [words[place] for place in shell_texts(words)] == texts
