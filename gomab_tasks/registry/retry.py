"""Try again what may go right next time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from gomab_tasks.errors import RegistryError
from gomab_tasks.registry.failure import TransientError
from gomab_tasks.registry.transport import Patience

Result = TypeVar("Result")


def tell_nobody(_error: TransientError) -> None:
    """Try again in silence."""


def retry(
    act: Callable[[], Result],
    patience: Patience,
    pause: Callable[[float], None],
    tell: Callable[[TransientError], None] = tell_nobody,
) -> Result:
    """Call a function until it raises no `TransientError`, or patience ends.

    Waits exponentially longer, with full jitter, or as long as the registry asks.
    At the end the error is a plain `RegistryError`: retries never multiply.

    Args:
        tell: told why, before each further try.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return act()
        except TransientError as error:
            if tries >= min(patience.attempts, error.attempts or patience.attempts):
                raise RegistryError(str(error)) from error
            wait = error.wait_seconds
            if wait is not None and wait > patience.longest_wait_seconds:
                raise RegistryError(f"{error} (it asks for {wait:.0f} s)") from error
            tell(error)
        # Many runs of one pipeline must not come back at the same moment.
        jitter = random.uniform(0, patience.backoff_seconds * 2 ** (tries - 1))  # noqa: S311 - no secret
        pause(max(wait or 0.0, min(jitter, patience.longest_wait_seconds)))
