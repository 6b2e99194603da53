"""Hold what every task needs: where, with which settings, and whom to tell."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import SettingsError, StorageError
from gomab_tasks.places import out_lock
from gomab_tasks.process import Processes
from gomab_tasks.progress.events import Emit, Event, silent
from gomab_tasks.secrets import redactor
from gomab_tasks.settings import FILE, Settings, has_table, misnamed_tables, read_settings
from gomab_tasks.settings.problem import Problem, show
from gomab_tasks.settings.refusal import refusal
from gomab_tasks.templates import Templates

HEADING = f"# Written by gomab from [tool.gomab] in {FILE}"
"""How files begin that tasks write from the table."""

_FILES = (FILE, "go.mod", "go.work")
Ask = Callable[[str], bool | None]
"""Ask the user whether to do something; None where nobody can answer."""


def ask_nobody(_question: str) -> None:
    """Be the `Ask` of programs."""


class Project(Struct, frozen=True):
    """Hold one project for one run of a task.

    Attributes:
        root: absolute; the folder of pyproject.toml.
        emit: takes the events of progress.
        processes: starts other programs, with the environment of the run.
        command: how the user starts tasks, `{}` for the task: `nox -s {}`.
        templates: fills values of the table; git is asked once for the whole run.
        ask: asks the user yes or no.
        left_out: the tasks that the user's task file does not offer.
    """

    root: Path
    settings: Settings
    emit: Emit
    processes: Processes
    command: str
    templates: Templates
    ask: Ask = ask_nobody
    left_out: Collection[str] = ()

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables of the run."""
        return self.processes.environment

    @property
    def module(self) -> Path:
        """The folder of go.mod or go.work, absolute."""
        return self.root / self.settings.module

    @property
    def out(self) -> Path:
        """The folder of everything that gomab writes, absolute."""
        return self.root / self.settings.out

    def prepare_output(self) -> Path:
        """Make the output folder and give it."""
        self.check_output()
        files.prepare_output(self.out)
        return self.out

    def check_output(self) -> None:
        """Raise what stops `prepare_output`; for files of somebody else with the line of the table."""
        try:
            files.check_output(self.out)
        except files.ForeignFilesError:
            text = f"is {show(self.settings.out)}, which holds files that gomab did not write; set another"
            named = refusal(self.settings.source, [Problem(("out",), text)])
            raise StorageError(str(named)) from None

    @contextlib.contextmanager
    def locked(self, path: Path, *, shared: bool = False) -> Iterator[None]:
        """Hold a lock as `files.locked` does; the user is told of a wait, and may interrupt it.

        Meanwhile `clean` removes nothing, and OUT is marked, whatever it removed before.
        """
        with self._in_use(), self._waiting(path, shared=shared):
            yield

    @contextlib.contextmanager
    def locked_if_free(self, path: Path) -> Iterator[bool]:
        """Hold a lock as `files.locked_if_free` does, and keep `clean` away as `locked` does."""
        with self._in_use(), files.locked_if_free(path) as is_free:
            yield is_free

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        with self._waiting(out_lock(self.out), shared=True):
            files.mark_output(self.out)
            yield

    def _waiting(self, path: Path, *, shared: bool) -> contextlib.AbstractContextManager[None]:
        def on_wait() -> None:
            self.say(f"waiting for another run, which holds {self.shown(path)}")

        return files.locked(path, self.processes.check, shared=shared, on_wait=on_wait)

    def shown(self, path: Path) -> str:
        """Spell a path for people: relative to the root where it lies inside."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def type(self, words: str) -> str:
        """Spell what the user types to start another task, with options: `size --update`."""
        task, space, options = words.partition(" ")
        # The script has all tasks, also those that a task file leaves out.
        command = "gomab {}" if task in self.left_out else self.command
        dashes = "-- " if options and command.startswith("nox ") else ""
        return f"{command.format(task)}{space}{dashes}{options}"

    def heading(self, words: str) -> str:
        """Write the first line of a file that a task writes from the table."""
        return f"{HEADING}: change that, and run `{self.type(words)}` again."

    def say(self, text: str) -> None:
        """Remark something."""
        self.emit(Event("said", text=text))

    def warn(self, text: str) -> None:
        """Warn of something that does not stop the task."""
        self.emit(Event("warned", text=text))


def find_root(start: Path) -> Path:
    """Find the project that a folder lies in, from there upward.

    It is the nearest folder whose pyproject.toml has a `[tool.gomab]`, else the
    nearest with a pyproject.toml, go.mod or go.work, else `start` itself.
    """
    folders = (start, *start.parents)
    with_table = (folder for folder in folders if has_table(folder))
    with_files = (folder for folder in folders if any((folder / name).is_file() for name in _FILES))
    return next(with_table, None) or next(with_files, start)


def open_project(
    root: str | Path = ".",
    *,
    settings: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    emit: Emit = silent,
    processes: Processes | None = None,
    command: str = "gomab {}",
) -> Project:
    """Read `[tool.gomab]` of the pyproject.toml in `root`.

    Args:
        root: the folder of pyproject.toml.
        settings: an organisation's defaults, under the table.
        environment: the variables of the run; the process's own if not given.

    Raises `SettingsError` with every problem of the table at once.
    """
    root = Path(root).resolve()
    if not root.is_dir():
        raise SettingsError(f"{root}: is no folder; set `root` in the task file to that of pyproject.toml")
    variables = os.environ if environment is None else environment
    processes = processes or Processes(variables, redactor(variables))
    read = read_settings(root, settings)
    processes.hide(*(group.go.env for group in (read.shared, *read.images.values())))
    project = Project(
        root=root,
        settings=read,
        emit=emit,
        processes=processes,
        command=command,
        templates=Templates(processes, root),
    )
    _require_inside(project, "out", project.out)
    _require_inside(project, "module", project.module)
    for line in misnamed_tables(root):
        project.warn(line)
    return project


def _require_inside(project: Project, key: str, folder: Path) -> None:
    """Follow links: a folder that only looks like one inside the project is refused."""
    if not folder.resolve().is_relative_to(project.root):
        text = (
            f"is '{folder.relative_to(project.root)}', a link out of the project to {folder.resolve()}; "
            "name a folder inside it"
        )
        raise refusal(project.settings.source, [Problem((key,), text)])
