"""Declare a task's options in its signature, for all front doors at once.

Modules of tasks do without `from __future__ import annotations`: the signature
is read at run time, before the types that tasks import locally exist.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Struct

from gomab_tasks.errors import SettingsError

Kind = Literal["flag", "number", "word", "words"]
_KINDS: dict[object, Kind] = {bool: "flag", int: "number", str: "word", tuple[str, ...]: "words"}
# One letter means one thing in all tasks; the other options are for scripts, which write them out.
_LETTERS = {"arch": "a", "jobs": "j", "quiet": "q", "tag": "t"}


class Option(Struct, frozen=True):
    """Annotate a parameter with its help text, and what its value is called in help."""

    help: str
    metavar: str = ""


class TaskOption(Struct, frozen=True):
    """Hold one option of a task.

    Attributes:
        name: the parameter; on a command line with dashes.
        kind: `words` can be given several times.
    """

    name: str
    kind: Kind
    default: Any
    help: str
    metavar: str

    @property
    def flag(self) -> str:
        """Spell the option for a command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def letter(self) -> str:
        """The short flag, without its dash; empty for most."""
        return _LETTERS.get(self.name, "")

    def number(self, text: str) -> int:
        """Read the value of a number; raises `SettingsError` for what is none."""
        if not text.isascii() or not text.isdecimal():
            raise SettingsError(f"{self.flag} is '{text}'; write a whole number, 0 or more")
        return int(text)

    def word(self, text: str) -> str:
        """Read the value of a word; raises `SettingsError` for an empty one, of an unset variable perhaps."""
        if not text:
            raise SettingsError(f"{self.flag} is empty; give it a value, or leave it out")
        return text


Arch = Annotated[
    tuple[str, ...],
    Option("only these platforms: arm64, arm/v7, linux/riscv64, or all; repeat it or use commas", "PLATFORM"),
]
Jobs = Annotated[int, Option("how many cores to use; 0 is all that this process may use", "N")]


def options_of(function: Callable[..., object]) -> tuple[TaskOption, ...]:
    """Read the keyword-only parameters of a task."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(_option(p) for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


def _option(parameter: inspect.Parameter) -> TaskOption:
    if get_origin(parameter.annotation) is not Annotated:
        raise TypeError(f"parameter '{parameter.name}' has no Annotated[…, Option(…)]")
    value_type, option = get_args(parameter.annotation)
    return TaskOption(parameter.name, _KINDS[value_type], parameter.default, option.help, option.metavar)


GENERAL: tuple[TaskOption, ...] = (
    TaskOption("json", "flag", default=False, help="print the result as one JSON document", metavar=""),
    TaskOption("quiet", "flag", default=False, help="show only warnings, and what failed", metavar=""),
)
"""Options that every task has in every front door."""
