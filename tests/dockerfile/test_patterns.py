"""Lines of a .dockerignore leave out what BuildKit leaves out."""

from __future__ import annotations

import pytest

from gomab_tasks.dockerfile.patterns import find_hidden

FILES = ["a.md", "docs/a.md", "docs/deep/b.go", "src/docs/c.txt", "x[1].md"]


CASES = [
    ("docs", "docs/a.md docs/deep/b.go"),
    ("/docs/", "docs/a.md docs/deep/b.go"),
    ("./src/../docs", "docs/a.md docs/deep/b.go"),
    ("*.md", "a.md x[1].md"),
    ("?.md", "a.md"),
    ("*/*.md", "docs/a.md"),
    ("**/*.md", "a.md docs/a.md x[1].md"),
    ("**/docs", "docs/a.md docs/deep/b.go src/docs/c.txt"),
    ("docs/**", "docs/a.md docs/deep/b.go"),
    ("[a-c].md", "a.md"),
    ("[^b].md", "a.md"),
    (r"x\[1\].md", "x[1].md"),
    ("aXmd", ""),
    ("# docs", ""),
    ("", ""),
    ("!", ""),
    ("docs[", ""),
    ("docs\n!docs/deep", "docs/a.md"),
    ("!docs/deep\ndocs", "docs/a.md docs/deep/b.go"),
    ("*\n! *.md", "docs/a.md docs/deep/b.go src/docs/c.txt"),
    ("docs\n!docs/a.md\n!nothing", "docs/deep/b.go"),
    ("**", "a.md docs/a.md docs/deep/b.go src/docs/c.txt x[1].md"),
    ("**\n!**/*.md", "docs/deep/b.go src/docs/c.txt"),
    ("*/**/*.go", "docs/deep/b.go"),
    ("docs/*/b.go", "docs/deep/b.go"),
    ("  docs  ", "docs/a.md docs/deep/b.go"),
    (" # docs", ""),
    ("../docs", ""),
    ("do*s", "docs/a.md docs/deep/b.go"),
    ("**c", "src/docs/c.txt"),
    ("**cs", "docs/a.md docs/deep/b.go src/docs/c.txt"),
    ("**c*", "src/docs/c.txt"),
    ("src\n!src/docs/c.txt\nsrc/docs", ""),
]


@pytest.mark.parametrize(("lines", "hidden"), CASES)
def test_what_lines_hide(lines: str, hidden: str) -> None:
    """From the root, with folders, and with what later lines let through."""
    assert find_hidden(lines.split("\n"), FILES) == hidden.split()
