"""Follow BuildKit's own progress: `--progress=rawjson`, one JSON document a line.

Source: BuildKit, client/graph.go, SolveStatus; a vertex is one step of a build.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from gomab_tasks.secrets import Redact

_SHOWN = 100


class Vertex(Struct):
    """Hold a step, what it printed, and its error if it failed."""

    name: str
    error: str = ""
    pieces: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        """What the step printed."""
        return "".join(self.pieces)

    @property
    def lines(self) -> list[str]:
        """What the step printed, line by line, empty ones left out."""
        return [line for line in self.output.splitlines() if line.strip()]

    @property
    def platform(self) -> str:
        """What the step is for: `[linux/amd64->arm64 build 1/1]` is `linux/arm64`."""
        match = re.match(r"\[(\w+)/(?:\S+->)?(\S+) ", self.name)
        return f"{match[1]}/{match[2]}" if match else ""

    @property
    def shown(self) -> str:
        """Give one short line for people."""
        for command in ("go mod download", "go build"):
            if command in self.name:
                return f"{self.platform}: {command}" if self.platform else command
        return self.name.partition("\n")[0][:_SHOWN]


class Vertices:
    """Take BuildKit's lines as they come, and keep what people may want to read, redacted.

    What a step prints is base64, so secrets show only once that is read; a piece may end within one.
    """

    def __init__(self, on_progress: Callable[[str], None], redact: Redact) -> None:
        self._on_progress = on_progress
        self._redact = redact
        self._vertices: dict[str, Vertex] = {}
        self._other: list[str] = []

    def read(self, line: str) -> None:
        """Take one line of stderr."""
        try:
            document = json.loads(line)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            self._other.append(line)
            return
        for item in document.get("vertexes") or ():
            self._note(item)
        for item in document.get("logs") or ():
            self._append(item)

    @property
    def failed(self) -> Vertex | None:
        """The step that failed, not those that were then given up."""
        failed = [vertex for vertex in self._vertices.values() if vertex.error]
        first = next((one for one in failed if "canceled" not in one.error), None)
        return first and replace(first, pieces=[self._redact(first.output)])

    @property
    def last_words(self) -> list[str]:
        """What the client itself said of a failure: no empty lines, none of its own log."""
        return [line for line in self._other if line.strip() and not line.startswith("time=")]

    @property
    def text(self) -> str:
        """Give everything as a log for people."""
        parts = []
        for vertex in self._vertices.values():
            parts += [f"{vertex.name}\n", vertex.output, f"ERROR: {vertex.error}\n" if vertex.error else ""]
        return self._redact("".join(parts)) + "".join(f"{line}\n" for line in self._other)

    def _note(self, item: dict[str, Any]) -> None:
        vertex = self._vertices.setdefault(item["digest"], Vertex(self._redact(item.get("name", ""))))
        vertex.error = self._redact(item.get("error") or "") or vertex.error
        if item.get("started") and not item.get("completed") and not vertex.name.startswith("[internal]"):
            self._on_progress(vertex.shown)

    def _append(self, item: dict[str, Any]) -> None:
        try:
            piece = base64.b64decode(item.get("data") or "").decode(errors="replace")
        except binascii.Error:
            return
        vertex = self._vertices.setdefault(item["vertex"], Vertex(""))
        vertex.pieces.append(piece)
