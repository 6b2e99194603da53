"""Read a task's options from words, for front doors that have no parser of their own."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from gomab_tasks.errors import SettingsError
from gomab_tasks.tasks import TASKS, Task
from gomab_tasks.tasks.options import GENERAL, TaskOption


def parse_options(task: Task, words: Sequence[str], command: str) -> dict[str, Any] | None:
    """Read the options of a task from words that may be meant for other tasks too.

    Options that only other tasks have are ignored, so that one command line
    serves several sessions. Nothing after `--help`, which prints them.

    Args:
        command: what stands before the options, for help: `nox -s images --`.

    Raises `SettingsError` for words that no task knows.
    """
    own = {option.name: option for option in (*task.options, *GENERAL)}
    every = {option.name: option for task in TASKS for option in task.options} | own
    parser = _Parser(prog=command, description=task.help, allow_abbrev=False, add_help=False)
    parser.add_argument("-h", "--help", action="store_true", help="show this help, and run nothing")
    for option in every.values():
        _add(parser, option, is_own=option.name in own)
    found, unknown = parser.parse_known_args(list(words))
    if found.help:
        parser.print_help()
        return None
    if unknown:
        raise SettingsError(explain_unknown(unknown[0], "`-- --help` lists them"))
    values = vars(found)
    return {name: _value(option, values[name]) for name, option in own.items()}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of printing usage and ending the process."""
        found = re.fullmatch(r"argument (\S+): (.*)", message)
        if not found:
            raise SettingsError(message)
        flag = found[1].partition("/")[0]  # --arch/-a
        refuses = found[2].startswith("ignored explicit")
        raise SettingsError(
            f"{flag} takes no value" if refuses else f"{flag} needs a value; `-- --help` shows which"
        )


def explain_unknown(word: str, otherwise: str) -> str:
    """Word an option that is not there, with the tasks that have it, or the nearest that there is."""
    flag = word.partition("=")[0]
    flags = {option.flag: task.name for task in TASKS for option in (*task.options, *GENERAL)}
    if flag in flags:
        return f"there is no option '{flag}' here; {flags[flag]} has it"
    near = difflib.get_close_matches(flag, flags, 1, 0.7)
    return f"there is no option '{word}'; " + (f"did you mean '{near[0]}'?" if near else otherwise)


def _flags(option: TaskOption) -> list[str]:
    return [option.flag, *([f"-{option.letter}"] if option.letter else [])]


def _add(parser: argparse.ArgumentParser, option: TaskOption, *, is_own: bool) -> None:
    shown = option.help if is_own else argparse.SUPPRESS
    if option.kind == "flag":
        parser.add_argument(*_flags(option), dest=option.name, action="store_true", default=None, help=shown)
        return
    kinds = {
        "number": {"type": option.number},
        "word": {"type": option.word},
        "words": {"type": option.word, "action": "append"},
    }
    parser.add_argument(
        *_flags(option), dest=option.name, metavar=option.metavar, help=shown, **kinds[option.kind]
    )  # type: ignore[arg-type]


def _value(option: TaskOption, given: Any) -> Any:  # noqa: ANN401 - as declared
    if given is None:
        return option.default
    return tuple(given) if option.kind == "words" else given
