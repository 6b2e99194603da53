"""Offer the tasks as an Invoke collection, and as the `gomab` script.

from gomab_tasks.invoke import collection
ns.add_collection(collection(root=Path(__file__).parent), name="go")
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import functools
import gc
import inspect
import re
import sys
from collections.abc import Collection as Names
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.program import Program
from invoke.tasks import Task as InvokeTask
from msgspec.structs import replace

import gomab_tasks
from gomab_tasks.errors import SettingsError, StorageError
from gomab_tasks.frontdoor import Door, open_streams, printing, run_task
from gomab_tasks.project import find_root
from gomab_tasks.tasks import TASKS, Task, task_names
from gomab_tasks.tasks.options import GENERAL, TaskOption

_SCRIPT_OPTIONS = frozenset(
    {"complete", "debug", "help", "list", "list-depth", "list-format", "print-completion-script", "version"}
)
# What Invoke's parser says, and what it means.
_PARSER_WORDS = {
    r"Flag (\S+) needed value and was not given one!": "{} needs a value; `gomab TASK --help` shows which",
    r"Flag (\S+) doesn't take any value!": "{} takes no value",
}


def collection(
    *,
    root: str | Path | None = None,
    only: str | Names[str] = (),
    settings: Mapping[str, object] | None = None,
) -> Collection:
    """Make a namespace of all tasks; add it to yours, or use it as the namespace itself.

    Args:
        root: the folder of pyproject.toml; the current one if not given.
            Invoke looks upward for tasks.py without changing folder, so pass
            `Path(__file__).parent`.
        only: the tasks to offer, by name; all if empty.
        settings: an organisation's defaults, under the table.

    The table is read when a task runs, so listing works with a broken one.

    Ends Invoke with a line for names that are no tasks: an exception here would show as a traceback.
    """
    known = {task.name for task in TASKS}
    offered = task_names(only) or known
    if wrong := sorted(offered - known):
        raise _usage_error(
            f"collection() was asked for {', '.join(map(repr, wrong))}, which is no task; "
            f"tasks: {', '.join(sorted(known))}"
        )
    left_out = known - offered
    door = Door(Path(root or ".").resolve(), settings, "invoke {}", left_out)
    return Collection(*(_InvokeTask(door, task) for task in TASKS if task.name in offered))


def main() -> None:
    """Run the `gomab` script."""
    # Python's last search for garbage would walk through all modules, an eighth of a short run.
    atexit.register(gc.freeze)
    open_streams()
    namespace = collection(root=find_root(Path.cwd()))
    script = _Script(name="gomab", binary="gomab", namespace=namespace, version=gomab_tasks.__version__)
    try:
        with printing():
            script.run()
    except StorageError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)


class _InvokeTask(InvokeTask[Any]):
    """Be a task whose options come from gomab's declaration instead of a body's signature."""

    def __init__(self, door: Door, task: Task) -> None:
        def body(context: Context, **values: Any) -> None:  # noqa: ANN401 - as declared
            _run(replace(door, command=_command(task)), task, context, values)

        body.__doc__ = inspect.getdoc(task.function)
        super().__init__(body, name=task.name, positional=())
        self._options = (*task.options, *GENERAL)

    def get_arguments(
        self,
        ignore_unknown_help: bool | None = None,  # noqa: ARG002, FBT001 - Invoke's signature
    ) -> list[Argument]:
        """Give the options."""
        return [_argument(option) for option in self._options]


class _Argument(Argument):
    """Refuse a missing or wrong value, where Invoke takes the default in silence or shows a traceback."""

    def __init__(self, option: TaskOption, names: Sequence[str]) -> None:
        kinds = {"flag": bool, "number": int, "word": str, "words": list}
        default = None if option.kind == "words" else option.default
        attribute = option.name if option.name != names[0] else None  # an alias of itself would never end
        super().__init__(
            names=names, kind=kinds[option.kind], default=default, help=option.help, attr_name=attribute
        )
        self.raw_value = None
        self._option = option

    def __repr__(self) -> str:
        """Name the flag in Invoke's messages."""
        return f"--{self.names[0]}"

    def set_value(self, value: Any, cast: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002 - Invoke's
        readers = {"number": self._option.number, "word": self._option.word, "words": self._option.word}
        if read := readers.get(self._option.kind):
            try:
                read(value)
            except SettingsError as error:
                raise _usage_error(str(error)) from None
        super().set_value(value, cast)


def _argument(option: TaskOption) -> Argument:
    return _Argument(option, [name for name in (option.flag.removeprefix("--"), option.letter) if name])


def _run(door: Door, task: Task, context: Context, values: dict[str, Any]) -> None:
    if context.config.run.dry:
        plan = door.command.format("plan")
        raise _usage_error(f"--dry means nothing to gomab; `{plan}` shows what would happen")
    options = _filled(task, values)
    general = {option.name: options.pop(option.name) for option in GENERAL}
    outcome = run_task(door, task, options, as_json=general["json"], quiet=general["quiet"])
    if outcome.code:
        raise Exit(code=outcome.code)  # the message was shown


def _filled(task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give all options: Invoke's parser gives each, calls from tasks (`pre`, `call`) only some."""
    declared = {option.name: option for option in (*task.options, *GENERAL)}
    if unknown := sorted(set(values) - set(declared)):
        names = ", ".join(sorted(declared))
        raise _usage_error(f"{task.name} was called with {', '.join(unknown)}; its options: {names}")
    filled = {name: option.default for name, option in declared.items()} | dict(values)
    lists = [name for name, option in declared.items() if option.kind == "words"]
    return filled | {name: _words(filled[name]) for name in lists}


def _words(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _command(task: Task) -> str:
    """Spell how the user started this task, `{}` in its place: `invoke go.{}`."""
    called = Path(sys.argv[0])
    modules = {"gomab_tasks": "gomab", "invoke": "invoke"}  # python -m
    program = modules.get(called.parent.name, "") if called.name == "__main__.py" else called.name
    word = next((word for word in sys.argv[1:] if word == task.name or word.endswith(f".{task.name}")), None)
    if word is None:  # another task called it, or calls it otherwise: its namespace is not known
        return "gomab {}"
    return f"{program or 'invoke'} {word.removesuffix(task.name)}{{}}"


class _Script(Program):
    """Be `gomab`: Invoke's parser and help, without the options that run shell commands."""

    def core_args(self) -> list[Argument]:
        """Leave out what means nothing here."""
        kept = [argument for argument in super().core_args() if argument.name in _SCRIPT_OPTIONS]
        return [*kept, Argument(names=("write-pyc",), kind=bool, default=True)]

    def parse_core(self, argv: list[str] | None) -> None:
        """Refuse words after `--`, which Invoke would ignore in silence."""
        with _usage_errors():
            super().parse_core(argv)
        if self.core.remainder:
            raise _usage_error(f"gomab takes no words after --: {self.core.remainder}")

    def print_columns(self, tuples: Sequence[tuple[str, str | None]]) -> None:
        """Leave out of the help what the parser needs and nobody else does, and name the options' values."""
        super().print_columns(
            [(_with_value(flags), text) for flags, text in tuples if "write-pyc" not in flags]
        )

    def parse_tasks(self) -> None:
        """End with the code of wrong options."""
        with _usage_errors():
            super().parse_tasks()

    def update_config(self, merge: bool = True) -> None:  # noqa: FBT001, FBT002 - Invoke's
        """Take nothing from the options that are left out."""


def _with_value(flags: str) -> str:
    """Call an option's value as its declaration does; Invoke knows types alone, and shows none for a list."""
    names = [flag.partition("=")[0].partition(" ")[0] for flag in flags.split(", ")]
    value = _metavars().get(names[-1])
    spelled = (f"{name}{'=' if name.startswith('--') else ' '}{value}" for name in names)
    return ", ".join(spelled) if value else flags


@functools.cache
def _metavars() -> Mapping[str, str]:
    return {option.flag: option.metavar for task in TASKS for option in task.options if option.metavar}


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except ParseError as error:
        raise _usage_error(_explain(error)) from None


def _usage_error(message: str) -> Exit:
    return Exit(f"error: {message}", SettingsError.exit_code)


def _explain(error: ParseError) -> str:
    """Word what Invoke's parser found, with the nearest word that there is."""
    for pattern, words in _PARSER_WORDS.items():
        if found := re.fullmatch(pattern, str(error)):
            return words.format(found[1])
    unknown = re.fullmatch(r"No idea what '(.*)' is!", str(error))
    if not unknown:
        return str(error)
    word = unknown[1]
    if word.startswith("-"):
        from gomab_tasks.tasks.commandline import explain_unknown  # noqa: PLC0415 - loads another parser

        return explain_unknown(word, "see gomab --help")
    near = difflib.get_close_matches(word, [task.name for task in TASKS], 1, 0.7)
    return f"there is no task '{word}'; " + (f"did you mean '{near[0]}'?" if near else "see gomab --help")
