"""Keep generated files that are committed: write them, and hold them against the table.

What a bot moves in them, the digests behind `image:tag@`, is theirs: it makes
no difference, and is kept when the file is written anew. Nor does it matter
which front door wrote a file, where that shows in its first line alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import SettingsError, VerificationError
from gomab_tasks.grammar import DIGEST
from gomab_tasks.project import HEADING

_PIN = f"@{DIGEST}"
_COMMAND = re.compile(rf"(?m)^{re.escape(HEADING)}: .*`(?P<command>.+)`.*$")
_FIRST_LINES = 3


class Generated(Struct, frozen=True):
    """Hold files that a task writes.

    Attributes:
        texts: path -> what it shall hold.
        root: the folder that messages spell paths from.
        command: what writes them.
        setting: the key that gives them another name, if there is one.
    """

    texts: Mapping[Path, str]
    root: Path
    command: str
    setting: str = ""


def keep_pins(text: str, committed: str) -> str:
    """Give a text the digests that a committed file has for the same references."""
    pins = dict(re.findall(rf"([\w./:-]+)({_PIN})", committed))
    return re.sub(
        r"(?<=[ =])[\w./:-]+(?=\s)", lambda reference: reference[0] + pins.get(reference[0], ""), text
    )


def refuse_both(*, write: bool, check: bool) -> None:
    """Raise `SettingsError` where a file is to be written and checked: the check would see no drift."""
    if write and check:
        raise SettingsError("--write --check: what was just written is never out of date; give only one")


def write_files(generated: Generated) -> None:
    """Write generated files, but never over one that somebody else wrote.

    Raises `SettingsError` for such a file, before anything is written.
    """
    if foreign := list(_foreign(generated)):
        raise SettingsError(foreign)
    for path, text in generated.texts.items():
        files.write(path, keep_pins(text, _read(path)))


def check_files(generated: Generated) -> None:
    """Hold committed files against what the table says.

    Raises `VerificationError` with the differences, digests of images aside.
    """
    if foreign := list(_foreign(generated)):
        raise VerificationError("\n".join(foreign))
    root = generated.root
    problems = [
        _difference(path.relative_to(root), _read(path), text) for path, text in generated.texts.items()
    ]
    if any(problems):
        raise VerificationError("\n".join([*filter(None, problems), _advise(generated)]))


def _foreign(generated: Generated) -> Iterator[str]:
    """Name the files that are not gomab's."""
    cure = f", or name another: {generated.setting} in [tool.gomab]" if generated.setting else ""
    for path in generated.texts:
        if path.exists() and HEADING not in "".join(_read(path).splitlines(keepends=True)[:_FIRST_LINES]):
            yield f"{path.relative_to(generated.root)}: was not written by gomab; move it away{cure}"


def _advise(generated: Generated) -> str:
    """Say how to write files anew, and who wrote them: another front door may have other settings."""
    found = (_COMMAND.search(_read(path)) for path in generated.texts)
    writers = {written["command"] for written in found if written} - {generated.command}
    others = "".join(f"; it was written by: {writer}" for writer in sorted(writers))
    return f"write it anew: {generated.command}{others}"


def _difference(name: Path, committed: str, wanted: str) -> str:
    """Say how a file differs, as `diff -u` does."""
    old, new = (
        _COMMAND.sub(HEADING, re.sub(_PIN, "", text), count=1).splitlines() for text in (committed, wanted)
    )
    if old == new:
        return ""
    what = "is not what the table says" if committed else "is missing"
    lines = difflib.unified_diff(old, new, f"{name} (committed)", f"{name} (table)", lineterm="")
    return "\n".join([f"{name}: {what}", *lines])


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
