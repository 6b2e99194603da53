"""Collect what is carried over, and what cannot be."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from gomab_tasks.settings.problem import WrongValueError
from gomab_tasks.settings.tables import ROOT

Value = str | bool | list[str] | list[dict[str, str]]
Path = tuple[str, ...]


class Findings(Struct):
    """Hold keys of the table and remarks, as they are found.

    Attributes:
        name: of the Dockerfile, for remarks.
        keys: by path from `[tool.gomab]` down.
        remarks: what is not carried over, behind the line that says it.
    """

    name: str
    keys: dict[Path, Value] = field(default_factory=dict)
    remarks: list[tuple[int, str]] = field(default_factory=list)

    def keep(self, path: Path, value: Value, line: int) -> bool:
        """Keep a key, unless the settings would refuse it: then say why."""
        try:
            ROOT.read(_nested(path, value), ())
        except WrongValueError as error:
            for problem in error.problems:
                self.say(line, problem)
            return False
        self.keys[path] = value
        return True

    def say(self, line: int, text: str) -> None:
        """Say what is not carried over, once."""
        if (line, text) not in self.remarks:
            self.remarks.append((line, text))

    def lines(self) -> list[str]:
        """Spell the remarks for people, in the order of the Dockerfile."""
        return [f"{self.name}:{line}: {text}" for line, text in sorted(self.remarks, key=lambda one: one[0])]


def _nested(path: Path, value: Value) -> Mapping[str, object]:
    nested: object = value
    for key in reversed(path):
        nested = {key: nested}
    assert isinstance(nested, dict)
    return nested
