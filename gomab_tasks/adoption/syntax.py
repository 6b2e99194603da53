"""Read the syntax of a Dockerfile: lines become instructions, each with its line.

Source: docs.docker.com/reference/dockerfile, and BuildKit's
frontend/dockerfile/parser, whose tolerance is kept: comments and empty lines
within an instruction, white space after an escape, CRLF, a byte order mark.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator

from msgspec import Struct

from gomab_tasks.errors import SettingsError

_NAMES = (
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL "
    "USER VOLUME WORKDIR"
)
_WITH_FLAGS = frozenset({"ADD", "COPY", "FROM", "HEALTHCHECK", "RUN"})
_WITH_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})
HEREDOC = re.compile(r"""(?<!\S)\d*<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_.]*)\2(?!\S)""")
"""What announces a here-document."""
_DIRECTIVE = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(.*?)\s*$")


class Instruction(Struct, frozen=True):
    """Hold one instruction.

    Attributes:
        name: in upper case.
        text: what follows the flags, on one line, comments and escapes of line ends gone.
        flags: `--name=value`; a flag without a value has an empty one.
        documents: the contents of here-documents, in order.
        line: where it begins, from 1.
    """

    name: str
    text: str
    flags: tuple[tuple[str, str], ...]
    documents: tuple[str, ...]
    line: int

    def flag(self, name: str) -> str:
        """Give a flag's value, empty where there is none."""
        return dict(self.flags).get(name, "")

    @property
    def words(self) -> tuple[str, ...] | None:
        """The words of the JSON form; None for any other text, which a shell reads."""
        try:
            found = json.loads(self.text) if self.text.startswith("[") else None
        except (ValueError, RecursionError):
            return None
        if isinstance(found, list) and all(isinstance(word, str) for word in found):
            return tuple(found)
        return None


class Source(Struct, frozen=True):
    """Hold a Dockerfile as it was read.

    Attributes:
        name: what to call it, relative to the project.
        escape: the character that escapes: a backslash, or what a directive names.
    """

    name: str
    escape: str
    instructions: tuple[Instruction, ...]


def read_source(name: str, content: bytes) -> Source:
    """Read a Dockerfile.

    Raises `SettingsError` with the line of what is no Dockerfile.
    """
    lines = _decode(name, content).split("\n")
    escape = _escape(name, lines)
    instructions = tuple(_Reader(name, lines, escape).read())
    if not instructions:
        raise SettingsError(f"{name}: has no instructions; a Dockerfile begins with FROM")
    return Source(name, escape, instructions)


def _decode(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{name}:{line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None


def _escape(name: str, lines: list[str]) -> str:
    """Find the directive `escape`; directives stand above all else."""
    for number, line in enumerate(lines, 1):
        directive = _DIRECTIVE.match(line)
        if directive is None:
            break
        if directive[1].lower() == "escape":
            if directive[2] not in ("\\", "`"):
                raise SettingsError(f"{name}:{number}: escape is '{directive[2]}'; it can be \\ or ` alone")
            return directive[2]
    return "\\"


class _Reader:
    """Walk through the lines once."""

    def __init__(self, name: str, lines: list[str], escape: str) -> None:
        self._name = name
        self._lines = lines
        self._next = 0
        self._continued = re.compile(rf"{re.escape(escape)}[ \t]*$")

    def read(self) -> Iterator[Instruction]:
        while self._next < len(self._lines):
            start = self._next
            text = self._joined()
            if text:
                yield self._instruction(text, start + 1)

    def _joined(self) -> str:
        """Join the lines of one instruction, without the comments between them."""
        parts: list[str] = []
        while self._next < len(self._lines):
            line = self._lines[self._next]
            self._next += 1
            if line.lstrip().startswith("#") or (parts and not line.strip()):
                continue
            parts.append(self._continued.sub("", line))
            if not self._continued.search(line):
                break
        return "".join(parts).strip()

    def _instruction(self, text: str, line: int) -> Instruction:
        word, _, rest = text.partition(" ") if " " in text else text.partition("\t")
        name, rest = word.upper(), rest.strip()
        if name not in _NAMES.split():
            near = difflib.get_close_matches(name, _NAMES.split(), 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {_NAMES}"
            raise self._error(line, f"'{word}' is no instruction of a Dockerfile; {hint}")
        if not rest:
            raise self._error(line, f"{name} says nothing; write what it is for behind it, or take it out")
        flags, rest = _flags(rest) if name in _WITH_FLAGS else ((), rest)
        documents = tuple(self._documents(rest, line)) if name in _WITH_HEREDOCS else ()
        return Instruction(name, rest, flags, documents, line)

    def _documents(self, text: str, line: int) -> Iterator[str]:
        for dash, _, end in HEREDOC.findall(text):
            found: list[str] = []
            while True:
                if self._next == len(self._lines):
                    raise self._error(line, f"the here-document <<{end} has no end; write a line '{end}'")
                content = self._lines[self._next].lstrip("\t") if dash else self._lines[self._next]
                self._next += 1
                if content == end:
                    break
                found.append(content)
            yield "\n".join(found)

    def _error(self, line: int, text: str) -> SettingsError:
        return SettingsError(f"{self._name}:{line}: {text}")


def _flags(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Take `--name=value` off the front."""
    flags: list[tuple[str, str]] = []
    while match := re.match(r"--([a-z][a-z-]*)(?:=(\"[^\"]*\"|\S*))?(?:\s+|$)", text):
        flags.append((match[1], (match[2] or "").strip('"')))
        text = text[match.end() :]
    return tuple(flags), text
