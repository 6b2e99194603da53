"""Ask the credential helpers of Docker.

Source: github.com/docker/docker-credential-helpers: `docker-credential-NAME get`
reads a registry from stdin and answers `{"Username": …, "Secret": …}`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable

from gomab_tasks.errors import ToolError
from gomab_tasks.process import Completed, Processes
from gomab_tasks.registry.login import Credentials

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_NOT_FOUND = "credentials not found"
# The user name that helpers give for an identity token.
_TOKEN_USER = "<token>"  # noqa: S105 - a word of the protocol
# Some ask the user, in a window that may be hidden, or a service that is gone.
_LIMIT_SECONDS = 60.0
_PATIENT_SECONDS = 2.0


class HelperError(Exception):
    """Report a helper that cannot be used; others may still have what is needed."""


def ask_helper(
    name: object, server: str, processes: Processes, where: str, warn: Callable[[str], None]
) -> Credentials | None:
    """Ask one helper for a registry; none when it has nothing for it.

    Args:
        warn: told of a helper that takes long, while it does.

    Raises `HelperError`.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise HelperError(f"{name!r} is no name of a credential helper; it has letters, digits, '-' and '_'")
    program = f"docker-credential-{name}"
    timer = threading.Timer(_PATIENT_SECONDS, warn, [f"waiting for {program}, at most {_LIMIT_SECONDS:g} s"])
    timer.start()
    try:
        done = processes.run(
            [program, "get"], stdin=f"{server}\n", secret_stdout=True, seconds=_LIMIT_SECONDS
        )
    except ToolError as error:
        cure = "install or mend it, or take its name out of there"
        raise HelperError(f"{error}; {cure}") from None
    finally:
        timer.cancel()
    if done.code:
        _require_not_found(program, done, processes)
        return None
    return _read(program, done.stdout, f"{program} ({where})")


def _require_not_found(program: str, done: Completed, processes: Processes) -> None:
    said = f"{processes.redact(done.stdout)} {done.stderr}".strip()
    if _NOT_FOUND not in said:
        first = said.partition("\n")[0] or f"exit code {done.code}"
        raise HelperError(f"{program} get failed: {first}")


def _read(program: str, text: str, where: str) -> Credentials | None:
    try:
        answer = json.loads(text)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise HelperError(f"{program} get did not answer with Username and Secret as JSON") from None
    if username == _TOKEN_USER:
        return Credentials(where, identity_token=secret) if secret else None
    return Credentials(where, username, secret) if secret else None
