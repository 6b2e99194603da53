"""Start the `gomab` script, also as `python -m gomab_tasks`."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the script; its modules are loaded without searching for garbage, a tenth of a start."""
    gc.disable()
    from gomab_tasks.invoke import main as run  # noqa: PLC0415 - what is loaded here

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
