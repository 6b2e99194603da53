"""A table that nobody reads is said to be one."""

from __future__ import annotations

import pytest

from gomab_tasks.settings.misnamed import explain_misnamed


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("tool.gomap", "tool.gomab"),
        ("tool.gomap.image.labels", "tool.gomab.image.labels"),
        ("tool.gomab-tasks", "tool.gomab"),
        ("tool . 'Gomab'", "tool.gomab"),
        ("tools.gomab.images.api", "tool.gomab.images.api"),
        ("gomab", "tool.gomab"),
        ("gomab.go", "tool.gomab.go"),
    ],
)
def test_near_misses(header: str, meant: str) -> None:
    """The right name is said, once for all tables that share the wrong one."""
    plain = header.replace(" ", "").replace("'", "")
    text = f"[project]\n\n[{header}]\nmodule = '.'\n[{header}.more]\n"
    assert list(explain_misnamed(text)) == [
        f"pyproject.toml:3: [{plain}] means nothing; did you mean [{meant}]?"
    ]


@pytest.mark.parametrize(
    "header", ["tool.gomab", "tool.gomab.go", "tool.ruff", "tool", "project", "tool.go", "other.gomab"]
)
def test_names_of_others(header: str) -> None:
    """They are left in peace."""
    assert list(explain_misnamed(f"[{header}]\n[[{header}.x]]\n")) == []
