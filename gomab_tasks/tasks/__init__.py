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
    """

    function: Callable[..., Result]
    each_platform: bool = False
    tags: tuple[str, ...] = ()
    asks: bool = False

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
    Task(images.build),
    Task(images.image, each_platform=True),
    Task(images.images, tags=("gomab",)),
    Task(sizes.size),
    Task(sboms.sbom),
    Task(delivery.smoke),
    Task(delivery.archive),
    Task(delivery.load),
    Task(delivery.push),
    Task(dockerfiles.dockerfile),
    Task(ci.workflow),
    Task(ci.matrix),
    Task(ci.cache_key),
    Task(start.init, asks=True),
    Task(checkout.clean),
)


def task_names(names: str | Iterable[str]) -> set[str]:
    """Read what `only` and `default` of a task file name, one task or several."""
    return {names} if isinstance(names, str) else set(names)
