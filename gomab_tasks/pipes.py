"""Write what a program reads, and hear what it prints, as it comes."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import selectors
from collections.abc import Callable
from typing import IO

# As much as a pipe holds, so that one read takes all that a program left.
_PIPE_SIZE = 1 << 16


class _Heard:
    """Hold what came through a pipe, as text, and tell each line of it."""

    def __init__(self, on_line: Callable[[str], None] | None = None) -> None:
        self._on_line = on_line
        self._begun: list[str] = []
        self._parts: list[str] = []
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._parts)

    def take(self, chunk: bytes) -> None:
        """Take what came."""
        self._add(self._decoder.decode(chunk))

    def end(self) -> None:
        """Take what came as all there is."""
        self._add(self._decoder.decode(b"", final=True))
        if self._on_line and (line := "".join(self._begun)):
            self._on_line(line)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        if self._on_line:
            *ended, begun = text.split("\n")
            for line in ended:
                self._on_line("".join([*self._begun, line]))
                self._begun.clear()
            self._begun.append(begun)


class Pipes:
    """Hold the open pipes of a child; whoever has them serves them until they are closed."""

    def __init__(
        self,
        outputs: tuple[IO[str] | None, IO[str] | None],
        on_line: Callable[[str], None] | None,
        stdin: IO[str] | None,
        text: str,
    ) -> None:
        """Take over the pipes.

        Args:
            outputs: stdout and stderr.
            on_line: called with each line of stderr as it comes.
            stdin: gets the text, and is closed then.
        """
        self._unsent = memoryview(text.encode())
        self._heard = (_Heard(), _Heard(on_line))
        self._open = selectors.PollSelector()
        for pipe, heard in zip(outputs, self._heard, strict=True):
            assert pipe is not None
            self._open.register(pipe, selectors.EVENT_READ, heard)
        if stdin is not None:
            self._open.register(stdin, selectors.EVENT_WRITE)

    @property
    def are_open(self) -> bool:
        """Whether any is; the child closes all at its end, unless a descendant holds one."""
        return bool(self._open.get_map())

    def serve(self, patience: float) -> None:
        """Wait some seconds at most for pipes that are ready, and write and read these once.

        Raises what the listener raises.
        """
        for key, _ in self._open.select(patience):
            if key.data is None:
                self._send(key)
            else:
                self._hear(key)

    def end(self) -> tuple[str, str]:
        """Take what came as all there is, and give it: stdout and stderr."""
        for heard in self._heard:
            heard.end()
        stdout, stderr = (heard.text for heard in self._heard)
        return stdout, stderr

    def close(self) -> None:
        """Close those that are still open."""
        for key in list(self._open.get_map().values()):
            self._close(key)

    def _send(self, key: selectors.SelectorKey) -> None:
        # As much as a pipe that is ready takes without a wait.
        with contextlib.suppress(BrokenPipeError):
            self._unsent = self._unsent[os.write(key.fd, self._unsent[: select.PIPE_BUF]) :]
            if self._unsent:
                return
        self._close(key)

    def _hear(self, key: selectors.SelectorKey) -> None:
        if chunk := os.read(key.fd, _PIPE_SIZE):
            key.data.take(chunk)
        else:
            self._close(key)

    def _close(self, key: selectors.SelectorKey) -> None:
        self._open.unregister(key.fileobj)
        key.fileobj.close()  # type: ignore[union-attr]
