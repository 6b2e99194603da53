"""The tasks: plain functions, one row each in the table of contents.

Front doors are made from these rows. A task takes a `Project` and keyword
options that it declares in its signature, and gives a result with `text()`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct

from gomab_tasks.tasks import checkout, ci, delivery, dockerfiles, images, sboms, sizes, start
from gomab_tasks.tasks.options import TaskOption, options_of


class Result(Protocol):
    """Be what a task gives: a value for JSON, with a text for people."""

    def text(self) -> str:
        """Give what a terminal shows, without a last newline."""
        ...


class Task(Struct, frozen=True):
    """Hold a row of the table of contents.

    Attributes:
        each_platform: Nox offers one session for each platform of the table.
        tags: Nox's tags; `nox -t gomab` does the whole job, and once.
        asks: it may ask the user, so nothing else is shown meanwhile.
        exact: its result names what it made, for others to go on with, and quotes
            nothing that may hold a secret; so it is told as it is, never redacted.
        removes: it empties the output folder, so it leaves no outcome there once it is done.
    """

    function: Callable[..., Result]
    each_platform: bool = False
    tags: tuple[str, ...] = ()
    asks: bool = False
    exact: bool = False
    removes: bool = False

    @property
    def name(self) -> str:
        """The name in every front door: the function's, with dashes."""
        return self.function.__name__.replace("_", "-")

    @property
    def help(self) -> str:
        """The first line of the docstring."""
        return inspect.getdoc(self.function).partition("\n")[0]  # type: ignore[union-attr]

    @property
    def options(self) -> tuple[TaskOption, ...]:
        """The options, from the signature."""
        return options_of(self.function)


TASKS: tuple[Task, ...] = (
    Task(checkout.doctor),
    Task(checkout.plan),
    Task(images.mod_download),
    Task(images.build, exact=True),
    Task(images.image, each_platform=True, exact=True),
    Task(images.images, tags=("gomab",), exact=True),
    Task(sizes.size, exact=True),
    Task(sboms.sbom, exact=True),
    Task(delivery.smoke),
    Task(delivery.archive, exact=True),
    Task(delivery.load, exact=True),
    Task(delivery.push, exact=True),
    Task(dockerfiles.dockerfile, exact=True),
    Task(ci.workflow, exact=True),
    Task(ci.matrix, exact=True),
    Task(ci.cache_key, exact=True),
    Task(start.init, asks=True),
    Task(checkout.clean, removes=True),
)


def task_names(names: str | Iterable[str]) -> set[str]:
    """Read what `only` and `default` of a task file name, one task or several."""
    return {names} if isinstance(names, str) else set(names)
