"""Hand values and a summary to GitHub Actions, where a run happens there.

Both go into files that the runner names in variables of the environment
(docs.github.com, "Workflow commands", "Environment files"). Elsewhere nothing
is written.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from gomab_tasks import files

SUMMARY_LIMIT = 1 << 20
"""Bytes; GitHub drops a step's summary whole when it is larger."""

_CUT = "\n\nThe rest is left out: GitHub shows no more than 1 MiB.\n"
# No `=`, no `<<`, no line break: such a name would write other outputs.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def set_outputs(environment: Mapping[str, str], outputs: Mapping[str, str]) -> bool:
    """Set outputs of the step; tell whether there is a step.

    Values may be anything that UTF-8 can hold: each stands between delimiters
    that nobody can guess, so none can set an output of its own.

    Raises `ValueError` for a name that is no output's, and `StorageError`.
    """
    for name in outputs:
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' cannot be the name of an output")
    return _append(environment, "GITHUB_OUTPUT", "".join(map(_assignment, outputs, outputs.values())))


def append_summary(environment: Mapping[str, str], markdown: str) -> bool:
    """Add Markdown to the summary of the step; tell whether there is one.

    What is over GitHub's limit is left out, and that is said there.

    Raises `StorageError`.
    """
    path = environment.get("GITHUB_STEP_SUMMARY")
    if not path:
        return False
    text = f"{markdown.rstrip()}\n\n"
    room = SUMMARY_LIMIT - _size(Path(path))
    return _append(environment, "GITHUB_STEP_SUMMARY", _fit(text, room))


def default_branch(environment: Mapping[str, str]) -> str:
    """Give the repository's main branch out of the event that started the run; nothing elsewhere."""
    try:
        event = json.loads(Path(environment.get("GITHUB_EVENT_PATH", "")).read_bytes())
        return str(event["repository"]["default_branch"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table; cells are plain text, and whatever Markdown means by it is escaped."""
    lines = [header, ["---"] * len(header)]
    escaped = [[escape(cell) for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in (*lines, *escaped))


def escape(text: str) -> str:
    """Make one line of plain text mean the same in Markdown."""
    text = " ".join(text.splitlines()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", text)


def _assignment(name: str, value: str) -> str:
    delimiter = f"gomab_{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _append(environment: Mapping[str, str], variable: str, text: str) -> bool:
    name = environment.get(variable)
    if not name:
        return False
    path = Path(name)
    with files.storage_errors(path), path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _fit(text: str, room: int) -> str:
    """Cut whole lines off the end of a text that has more bytes than there is room for."""
    if len(text.encode()) <= room:
        return text
    space = room - len(_CUT.encode())
    if space < 0:
        return ""
    kept = text.encode()[:space].rpartition(b"\n")[0]
    return kept.decode() + _CUT
