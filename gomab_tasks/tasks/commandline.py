"""Read a task's options from words, for front doors that have no parser of their own."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn

from gomab_tasks.errors import SettingsError
from gomab_tasks.tasks import TASKS, Task
from gomab_tasks.tasks.options import GENERAL, TaskOption


def parse_options(task: Task, words: Sequence[str]) -> dict[str, Any]:
    """Read the options of a task from words that may be meant for other tasks too.

    Options that only other tasks have are ignored, so that one command line
    serves several sessions.

    Raises `SettingsError` for words that no task knows, and `SystemExit` after
    `--help`.
    """
    every = {option.name: option for task in TASKS for option in task.options}
    own = {option.name: option for option in (*task.options, *GENERAL)}
    parser = _Parser(prog=task.name, description=task.help, allow_abbrev=False, argument_default=None)
    for option in (every | own).values():
        _add(parser, option, is_own=option.name in own)
    values = vars(parser.parse_args(list(words)))
    return {name: _value(option, values[name]) for name, option in own.items()}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of printing usage and ending the process."""
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown == message:
            raise SettingsError(f"{self.prog}: {message}")
        flags = [flag for action in self._actions for flag in action.option_strings]
        near = difflib.get_close_matches(unknown.split()[0].partition("=")[0], flags, 1)
        hint = f"did you mean {near[0]}?" if near else "`-- --help` lists them"
        raise SettingsError(f"{self.prog}: no task has an option '{unknown}'; {hint}")


def _add(parser: argparse.ArgumentParser, option: TaskOption, *, is_own: bool) -> None:
    shown = option.help if is_own else argparse.SUPPRESS
    if option.kind == "flag":
        parser.add_argument(option.flag, dest=option.name, action="store_true", default=None, help=shown)
        return
    kinds = {"number": {"type": option.number}, "word": {}, "words": {"action": "append"}}
    parser.add_argument(
        option.flag, dest=option.name, metavar=option.metavar, help=shown, **kinds[option.kind]
    )  # type: ignore[arg-type]


def _value(option: TaskOption, given: Any) -> Any:  # noqa: ANN401 - as declared
    if given is None:
        return option.default
    return tuple(given) if option.kind == "words" else given
