"""Start the `gomab` script, also as `python -m gomab_tasks`."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the script; its modules are loaded without searching for garbage, a tenth of a start."""
    try:
        _run()
    except KeyboardInterrupt:  # before a task began, which would end with the same
        sys.exit(130)


def _run() -> None:
    gc.disable()
    from gomab_tasks.invoke import main as run  # noqa: PLC0415 - what is loaded here

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
