"""Keep generated files that are committed: write them, and hold them against the table.

What a bot moves in them, the digests behind `image:tag@`, is theirs: it makes
no difference, and is kept when the file is written anew.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.errors import SettingsError, VerificationError
from gomab_tasks.settings import HEADING

_PIN = r"@sha256:[0-9a-f]{64}"


def keep_pins(text: str, committed: str) -> str:
    """Give a text the digests that a committed file has for the same references."""
    pins = dict(re.findall(rf"([\w./:-]+)({_PIN})", committed))
    return re.sub(
        r"(?<=[ =])[\w./:-]+(?=\s)", lambda reference: reference[0] + pins.get(reference[0], ""), text
    )


def write_files(texts: Mapping[Path, str]) -> None:
    """Write generated files, but never over one that somebody else wrote.

    Args:
        texts: path -> what it shall hold.

    Raises `SettingsError`, before anything is written, for a file that does not begin as gomab's do.
    """
    for path in texts:
        if path.exists() and HEADING not in "".join(_read(path).splitlines(keepends=True)[:3]):
            raise SettingsError(f"{path.name}: was not written by gomab; move it away, or name another file")
    for path, text in texts.items():
        files.write(path, keep_pins(text, _read(path)))


def check_files(texts: Mapping[Path, str], root: Path, command: str) -> None:
    """Hold committed files against what the table says.

    Args:
        command: what writes them anew.

    Raises `VerificationError` with the differences, digests of images aside.
    """
    problems = [_difference(path.relative_to(root), _read(path), text) for path, text in texts.items()]
    if any(problems):
        raise VerificationError("\n".join([*filter(None, problems), f"write it anew: {command}"]))


def _difference(name: Path, committed: str, wanted: str) -> str:
    """Say how a file differs, as `diff -u` does."""
    old, new = (re.sub(_PIN, "", text).splitlines() for text in (committed, wanted))
    if old == new:
        return ""
    what = "is not what the table says" if committed else "is missing"
    lines = difflib.unified_diff(old, new, f"{name} (committed)", f"{name} (table)", lineterm="")
    return "\n".join([f"{name}: {what}", *lines])


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
