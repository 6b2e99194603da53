"""What a Python file names for itself, as PEP 723 has it."""

from __future__ import annotations

import pytest

from gomab_tasks.script_block import read_dependencies


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('# /// script\n# dependencies = ["nox", "acme>=2"]\n# ///\nimport nox\n', ["nox", "acme>=2"]),
        ("# /// script\n# dependencies = [\n#   'nox', # sessions\n# ]\n# ///\n", ["nox"]),
        ('# /// script\n# requires-python = ">=3.11"\n# ///\n', []),
        ("# /// script\n# dependencies = [\n# ///\n", []),
        ("# /// script\n# dependencies = [1]\n# ///\n", []),
        ("import nox\n", []),
    ],
)
def test_dependencies(text: str, named: list[str]) -> None:
    """A file without a block, or with one that cannot be read, names none; line ends are of any kind."""
    assert read_dependencies(text) == named
    assert read_dependencies(text.replace("\n", "\r\n")) == named
