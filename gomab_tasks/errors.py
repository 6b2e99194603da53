"""One tree of errors: a class for each exit code.

A message says where, what with its value, and what to do. Every class below
`GomabError` is something that the user can mend, so front doors print its
message and end with its code; any other exception is a bug and keeps its
traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
V = TypeVar("V")


class GomabError(Exception):
    """Report something the user can mend.

    `exit_code` is distinct for each kind and documented; 1 stays free for bugs.
    """

    exit_code = 1
    result: object = None
    """What the task had already made, where there is something to show."""

    @property
    def summary(self) -> str:
        """The first line, for where a step's end is told."""
        return str(self).partition("\n")[0]


class SettingsError(GomabError):
    """Report what is wrong in the table, the options or the project itself."""

    exit_code = 2

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class ToolchainError(GomabError):
    """Report that Go is missing, too old or misconfigured."""

    exit_code = 3


class CompileError(GomabError):
    """Report a failed `go build` or module download."""

    exit_code = 4


class BudgetError(GomabError):
    """Report an image over its size budget."""

    exit_code = 5


class NotMeasurableError(GomabError):
    """Report that there is nothing to measure or to compare with."""

    exit_code = 6


class VerificationError(GomabError):
    """Report bytes that are not what they should be."""

    exit_code = 7


class DamagedError(VerificationError):
    """Report what is wrong in an image's bytes, and is mended by making it again."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"{problem}; make the image again")


class RegistryError(GomabError):
    """Report a registry that refused, failed or could not be reached."""

    exit_code = 8


class ToolError(GomabError):
    """Report another program (git, docker, …) that is missing or failed."""

    exit_code = 9


class StorageError(GomabError):
    """Report a file or folder that cannot be read or written."""

    exit_code = 10


class StoppedError(GomabError):
    """Report the end by a signal: 130 for Ctrl-C, 143 for SIGTERM."""

    exit_code = 130


class TerminatedError(StoppedError):
    """Report the end by SIGTERM, which CI systems send."""

    exit_code = 143


def map_all(function: Callable[[T], V], items: Iterable[T]) -> list[V]:
    """Call a function for each item, and tell at the end what is wrong with all of them.

    Raises an error of the first one's kind for all `SettingsError`s,
    `VerificationError`s and `NotMeasurableError`s; any other ends it at once.
    """
    results: list[V] = []
    errors: list[GomabError] = []
    for item in items:
        try:
            results.append(function(item))
        except (SettingsError, VerificationError, NotMeasurableError) as error:
            errors.append(error)
    if errors:
        raise _merged(errors)
    return results


def _merged(errors: Sequence[GomabError]) -> GomabError:
    if isinstance(errors[0], SettingsError):
        every = (error.problems if isinstance(error, SettingsError) else [str(error)] for error in errors)
        return SettingsError(dict.fromkeys(problem for problems in every for problem in problems))
    kind = VerificationError if isinstance(errors[0], VerificationError) else NotMeasurableError
    return kind("\n".join(dict.fromkeys(map(str, errors))))


KINDS: tuple[type[GomabError], ...] = (
    SettingsError,
    ToolchainError,
    CompileError,
    BudgetError,
    NotMeasurableError,
    VerificationError,
    RegistryError,
    ToolError,
    StorageError,
    StoppedError,
    TerminatedError,
)
