"""Read what a Python file says that it needs to be run: packaging.python.org, "Inline script metadata"."""

from __future__ import annotations

import re

import tomli

BLOCK = re.compile(r"(?m)^# /// script[ \t]*\r?$\n(?P<content>(^#(| .*)\r?$\n)+?)^# ///[ \t]*\r?$")


def read_dependencies(text: str) -> list[str]:
    """Give the requirements that a file's block names; none without a block that can be read."""
    block = BLOCK.search(text)
    return dependencies_of(block["content"]) or [] if block else []


def dependencies_of(content: str) -> list[str] | None:
    """Give the requirements in the lines of a block; None where they cannot be read."""
    lines = [line.removeprefix("#").removeprefix(" ") for line in content.splitlines()]
    try:
        found = tomli.loads("\n".join(lines)).get("dependencies", [])
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None
