"""Start the `gomab` script, also as `python -m gomab_tasks`."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

_MOCK = "unittest.mock"


def main() -> None:
    """Run the script; its modules are loaded without searching for garbage, a tenth of a start."""
    try:
        _run()
    except KeyboardInterrupt:  # before a task began, which would end with the same
        sys.exit(130)


def _run() -> None:
    gc.disable()
    with _without_mock():
        from gomab_tasks.invoke import main as run  # noqa: PLC0415 - what is loaded here

    gc.freeze()
    gc.enable()
    run()


@contextlib.contextmanager
def _without_mock() -> Iterator[None]:
    """Keep Invoke from loading unittest.mock, and with it asyncio: a seventh of a start.

    Only its MockContext needs that, which is for the tests of task files; this
    script has none. Whatever else it should ask for one day it gets.
    """

    def load(name: str) -> object:
        if name.startswith("__"):  # importing asks for some of its own
            raise AttributeError(name)
        del sys.modules[_MOCK]
        return getattr(importlib.import_module(_MOCK), name)

    stand_in = ModuleType(_MOCK)
    vars(stand_in).update(Mock=object, __getattr__=load)
    sys.modules.setdefault(_MOCK, stand_in)
    try:
        yield
    finally:
        if sys.modules.get(_MOCK) is stand_in:
            del sys.modules[_MOCK]


if __name__ == "__main__":
    main()
