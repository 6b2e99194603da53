"""Say what is wrong with a value: which key, what it is, what to write instead."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from gomab_tasks.errors import SettingsError
from gomab_tasks.files import spell_bytes
from gomab_tasks.secrets import is_secret_name, redactor

KeyPath = tuple[str | int, ...]
"""Keys and list indexes from `[tool.gomab]` down to a value."""

FILE = "pyproject.toml"
"""The file that holds the table."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 60
_HIDDEN = "***"
_redact = redactor({})


class Problem(Struct, frozen=True):
    """Hold one problem.

    Attributes:
        path: of the value, or of a key that its table does not have.
        text: follows the key's name: "is 'x'; write …".
        known: for such a key, the words that people try in that table, and the
            key that each stands for; None for a value.
    """

    path: KeyPath
    text: str
    known: Mapping[str, str] | None = None


class WrongValueError(SettingsError):
    """Carry every problem of one value by its key, for whoever knows the lines of the table."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.keyed = tuple(problems)
        super().__init__(f"{dotted(problem.path)} {problem.text}" for problem in self.keyed)


def wrong(path: KeyPath, text: str) -> WrongValueError:
    """Make the error of a single problem."""
    return WrongValueError([Problem(path, text)])


@contextlib.contextmanager
def collecting() -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """Read several parts, so that a wrong one keeps none of the others from being read.

        with collecting() as part:
            with part():
                ...

    Raises `WrongValueError` with the problems of all parts, at the end of the block.
    """
    problems: list[Problem] = []

    @contextlib.contextmanager
    def part() -> Iterator[None]:
        try:
            yield
        except WrongValueError as error:
            problems.extend(error.keyed)

    yield part
    if problems:
        raise WrongValueError(problems)


def dotted(path: KeyPath) -> str:
    """Spell a path as TOML does, with indexes: `image.files[0].from`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{quoted_key(key)}"
    return text.removeprefix(".")


def quoted_key(key: str) -> str:
    """Put a key in quotes where TOML needs them."""
    return key if _BARE_KEY.fullmatch(key) else f'"{_escape(key)}"'


def show(value: object, path: KeyPath = ()) -> str:
    """Spell a value for a message: on one line, not too long, without logins and what names call secret.

    Names are those in the value, and the last one of its path.
    """
    text = _redact(_spell(value, is_hidden=bool(path) and is_secret_name(str(path[-1]))))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Give the word that was most likely meant, if any is near."""
    match = difflib.get_close_matches(word, tuple(words), 1, 0.6)
    return match[0] if match else None


def _spell(value: object, *, is_hidden: bool) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = _escape(_HIDDEN if is_hidden else _hide_assigned(value))
            return f"'{text}'" if "'" not in text else f'"{text}"'
        case Mapping():
            return (
                f"{{{', '.join(_spell_entry(str(key), value[key], is_hidden=is_hidden) for key in value)}}}"
            )
        case list() | tuple():
            return f"[{', '.join(_spell(item, is_hidden=is_hidden) for item in value)}]"
        case _:
            return _HIDDEN if is_hidden else _escape(str(value))


def _spell_entry(key: str, value: object, *, is_hidden: bool) -> str:
    return f"{quoted_key(key)} = {_spell(value, is_hidden=is_hidden or is_secret_name(key))}"


def _hide_assigned(text: str) -> str:
    """Read `NAME=value` as the entry that it was to be."""
    name, sign, _ = text.partition("=")
    return f"{name}={_HIDDEN}" if sign and is_secret_name(name) else text


def _escape(text: str) -> str:
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in spell_bytes(text))
    return "".join(escaped)
