"""Run loaded images in containers that never outlive their use."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from gomab_tasks.engines.engine import Engine, load_archive
from gomab_tasks.errors import ToolError
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Child, Processes

_CONNECT_SECONDS = 1.0
_REMOVAL_SECONDS = 30.0


class Container(Struct, frozen=True):
    """Hold a container that runs, in the engine's foreground, for a block.

    Attributes:
        note: what a trial in it leaves out: nothing.
    """

    child: Child
    name: str
    engine: Engine
    processes: Processes
    note: str = ""

    def published(self, port: int) -> tuple[str, int] | None:
        """Give the address on this machine where a port of the container is, once it is known."""
        asked = self.processes.run([self.engine.program, "port", self.name, f"{port}/tcp"])
        host, _, number = asked.stdout.partition("\n")[0].strip().rpartition(":")
        return None if asked.code or not number.isdecimal() else (host, int(number))

    def obstacle(self, port: int) -> str:
        """Say why a port of the container is out of reach from here; empty where the program may be to blame.

        As with an engine that has no network, or one that publishes on another
        machine whose socket it shares.
        """
        published = self.published(port)
        if published is None:
            return f"port {port} is not published" if self._inspect("{{.State.Running}}") == "true" else ""
        own = self._inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}").partition(" ")[0]
        if _is_listening(*published) or not own or not _is_listening(own, port):
            return ""
        return f"port {port} is published at {published[0]}:{published[1]}, but not reached there"

    def _inspect(self, form: str) -> str:
        words = [self.engine.program, "container", "inspect", "--format", form, self.name]
        return self.processes.run(words).stdout.strip()


def _is_listening(host: str, port: int) -> bool:
    """Tell whether something takes connections."""
    try:
        with socket.create_connection((host, port), _CONNECT_SECONDS):
            return True
    except OSError:
        return False


@contextmanager
def loaded(processes: Processes, engine: Engine, archive: Path, reference: str) -> Iterator[None]:
    """Have an archive's image in the engine for the block, and take it out afterwards.

    Args:
        reference: a name in the archive that is nobody else's.
    """
    try:
        load_archive(processes, engine, archive)
        yield
    finally:
        _remove(processes, engine, "image", "rm", "--force", reference)


class Wanted(Struct, frozen=True):
    """Hold what a container runs.

    Attributes:
        reference: a name that the engine has; nothing is pulled.
        command: entrypoint and arguments, instead of the image's.
        env: over the variables of the image. Public: it stands in argv.
        port: published at a free port of the loopback address.
    """

    reference: str
    platform: Platform
    command: Sequence[str]
    env: Mapping[str, str]
    port: int | None

    @property
    def words(self) -> list[str]:
        """The options and arguments of `run`."""
        words = ["--platform", str(self.platform), "--pull", "never"]
        words += [word for name, value in self.env.items() for word in ("--env", f"{name}={value}")]
        words += ["--publish", f"127.0.0.1::{self.port}"] if self.port else []
        return [*words, "--entrypoint", self.command[0], self.reference, *self.command[1:]]


@contextmanager
def container(processes: Processes, engine: Engine, wanted: Wanted) -> Iterator[Container]:
    """Run a loaded image for the block; its container is gone afterwards, whatever happens."""
    name = f"gomab-{secrets.token_hex(6)}"
    try:
        with processes.running([engine.program, "run", "--rm", "--name", name, *wanted.words]) as child:
            yield Container(child, name, engine, processes)
    finally:
        _remove(processes, engine, "rm", "--force", name)


def _remove(processes: Processes, engine: Engine, *words: str) -> None:
    # After Ctrl-C `processes` starts nothing more, and this must still be done; nor may what it
    # says hide why the block ended.
    with suppress(ToolError):
        Processes(processes.environment, processes.redact).run(
            [engine.program, *words], seconds=_REMOVAL_SECONDS
        )
