"""Read one TOML value: each kind of value knows its form, its name and its JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from gomab_tasks.settings.problem import (
    KeyPath,
    Problem,
    WrongValueError,
    collecting,
    dotted,
    nearest,
    quoted_key,
    show,
    wrong,
)

T = TypeVar("T")
V_co = TypeVar("V_co", covariant=True)
Schema = dict[str, object]


class Kind(Protocol[V_co]):
    """Say what a value must be."""

    @property
    def name(self) -> str:
        """Name the kind for people: `list of strings`; an `s` makes its plural."""

    def read(self, value: object, path: KeyPath) -> V_co:
        """Turn a TOML value into what the settings hold; raise `WrongValueError` with all its problems."""

    def schema(self) -> Schema:
        """Give the JSON Schema; what it accepts may still be refused by `read`, never the reverse."""


class Text(Generic[T]):
    """Read a string of a certain form."""

    def __init__(
        self,
        name: str,
        check: Callable[[str], T],
        *,
        example: str = "",
        pattern: str = "",
        integers: bool = False,
    ) -> None:
        """Declare the form.

        Args:
            name: in messages and documentation.
            check: gives the value, or raises `ValueError` with what follows the
                key's name in a message: "is 'x'; write …".
            example: for messages about values that are no string.
            pattern: a regular expression for the JSON Schema.
            integers: whether a TOML integer may stand for its digits.
        """
        self.name = name
        self.check = check
        self.example = example
        self.pattern = pattern
        self.integers = integers

    def read(self, value: object, path: KeyPath) -> T:
        """Read a string."""
        if self.integers and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise wrong(path, f"is {show(value, path)}; write a {self.name}{self._suggest(value, path)}")
        if "\0" in value:
            raise wrong(path, f"is {show(value, path)}; leave out the NUL character")
        try:
            return self.check(value)
        except ValueError as error:
            raise wrong(path, str(error)) from None

    def schema(self) -> Schema:
        """Describe a string."""
        schema: Schema = {"type": ["string", "integer"] if self.integers else "string"}
        if self.pattern:
            schema["pattern"] = self.pattern
        return schema | ({"examples": [self.example]} if self.example else {})

    def _suggest(self, value: object, path: KeyPath) -> str:
        if isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        example = f" such as {show(self.example)}" if self.example else ""
        if isinstance(value, Mapping | list | tuple):
            return example
        text = value if isinstance(value, str) else show(value)
        try:
            self.check(text)
        except ValueError:
            return example
        return f": {show(text, path)}"


STRING = Text("string", str)


class Flag:
    """Read true or false."""

    name = "true or false"

    def read(self, value: object, path: KeyPath) -> bool:
        """Read a boolean."""
        if isinstance(value, bool):
            return value
        raise wrong(path, f"is {show(value)}; write {_boolean(value) or 'true or false'}")

    def schema(self) -> Schema:
        """Describe a boolean."""
        return {"type": "boolean"}


class FlagOr:
    """Read true, false or a text."""

    def __init__(self, text: Text[str]) -> None:
        self.text = text
        self.name = f"true, false or a {text.name}"

    def read(self, value: object, path: KeyPath) -> bool | str:
        """Read a boolean or a text."""
        if isinstance(value, bool):
            return value
        if not isinstance(value, str) or _boolean(value):
            raise wrong(path, f"is {show(value)}; write {_boolean(value) or self.name}")
        return self.text.read(value, path)

    def schema(self) -> Schema:
        """Describe both."""
        return self.text.schema() | {"type": ["boolean", "string"]}


def _boolean(value: object) -> str | None:
    words = {"true": "true", "yes": "true", "on": "true", "1": "true"}
    words |= {"false": "false", "no": "false", "off": "false", "0": "false"}
    word = words.get(str(value).lower())
    return f"it without quotes: {word}" if word and isinstance(value, str) else word


class Number:
    """Read a whole number of a range."""

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most
        self.name = f"number from {least} to {most}"

    def read(self, value: object, path: KeyPath) -> int:
        """Read an integer."""
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return value
        is_digits = isinstance(value, str) and value.isascii() and value.isdecimal()
        raise wrong(
            path, f"is {show(value)}; write a {self.name}" + (", without quotes" if is_digits else "")
        )

    def schema(self) -> Schema:
        """Describe an integer."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Choice(Generic[T]):
    """Read one of a few words."""

    def __init__(self, *words: T) -> None:
        self.words = words
        self.name = " or ".join(f"'{word}'" for word in words)

    def read(self, value: object, path: KeyPath) -> T:
        """Read a word."""
        for word in self.words:
            if value == word:
                return word
        near = nearest(str(value).lower(), map(str, self.words)) if isinstance(value, str) else None
        advice = f"did you mean '{near}'?" if near else f"write {self.name}"
        raise wrong(path, f"is {show(value)}; {advice}")

    def schema(self) -> Schema:
        """Describe the words."""
        return {"enum": list(self.words)}


class Items(Generic[T]):
    """Read a list."""

    def __init__(
        self, item: Kind[T], *, filled: bool = False, unique: bool | str = False, single: bool = False
    ) -> None:
        """Declare the list.

        Args:
            item: the kind of its items.
            filled: whether an empty list is refused.
            unique: whether two items may not read alike, or the key in which two tables may not.
            single: whether one item may stand without its list.
        """
        self.item = item
        self.filled = filled
        self.unique = unique
        self.single = single
        self.name = f"{item.name} or a list of {item.name}s" if single else f"list of {item.name}s"

    def read(self, value: object, path: KeyPath) -> tuple[T, ...]:
        """Read every item; the problems of all of them are raised at once."""
        if self.single and isinstance(value, str):
            return (self.item.read(value, path),)
        if not isinstance(value, list | tuple):
            raise wrong(path, f"is {show(value)}; write a {self.name}{self._suggest(value)}")
        if self.filled and not value:
            raise wrong(path, "is an empty list; name one at least, or leave the key out")
        read: dict[int, T] = {}
        with collecting() as part:
            for index, item in enumerate(value):
                with part():
                    read[index] = self.item.read(item, (*path, index))
            with part():
                _refuse_repetitions(self._comparable(read, value, path))
        return tuple(read.values())

    def schema(self) -> Schema:
        """Describe a list."""
        schema: Schema = {"type": "array", "items": self.item.schema()}
        if self.filled:
            schema["minItems"] = 1
        if self.unique:
            schema["uniqueItems"] = True
        return {"anyOf": [self.item.schema(), schema]} if self.single else schema

    def _comparable(
        self, read: Mapping[int, T], value: Sequence[Any], path: KeyPath
    ) -> Iterator[tuple[KeyPath, object, object]]:
        for index, item in read.items():
            if isinstance(self.unique, str):
                written = value[index][self.unique]
                yield (*path, index, self.unique), written, written
            elif self.unique:
                yield (*path, index), value[index], item

    def _suggest(self, value: object) -> str:
        """Put a lone value into a list, and words into several items."""
        if isinstance(value, Mapping | bool):
            return ""
        words = _split(value) if isinstance(value, str) else [value]
        try:
            self.item.read(words[0], ())
        except (WrongValueError, IndexError):
            return ""
        return f": {show(words)}"


def _refuse_repetitions(items: Iterable[tuple[KeyPath, object, object]]) -> None:
    """Refuse items that read alike; each is its place, what is written there, and how that reads."""
    first: dict[object, KeyPath] = {}
    problems = [
        Problem(path, f"is {show(written)}, the same as {dotted(first[item])}; keep one of them")
        for path, written, item in items
        if first.setdefault(item, path) != path
    ]
    if problems:
        raise WrongValueError(problems)


def _split(text: str) -> list[str]:
    """Split as a shell does, at commas otherwise."""
    import shlex  # noqa: PLC0415 - for messages only

    try:
        words = shlex.split(text)
    except ValueError:
        return [text]
    if len(words) == 1:
        words = text.split(",")
    return [stripped for word in words if (stripped := word.strip(","))]


class Entries(Generic[T]):
    """Read a table whose keys are the user's own."""

    def __init__(
        self,
        value: Text[T],
        check_key: Callable[[str, object], None],
        *,
        key_pattern: str,
        dotted: bool = False,
    ) -> None:
        """Declare the table.

        Args:
            value: the kind of its values.
            check_key: gets key and value, and raises `ValueError` with what
                follows the key's name in a message.
            key_pattern: of the keys, for the JSON Schema.
            dotted: whether keys often hold dots, which nest unless quoted.
        """
        self.value = value
        self.check_key = check_key
        self.key_pattern = key_pattern
        self.dotted = dotted
        self.name = f"table of {value.name}s"

    def read(self, value: object, path: KeyPath) -> dict[str, T]:
        """Read every entry; the problems of all of them are raised at once."""
        if not isinstance(value, Mapping):
            raise wrong(path, f"is {show(value)}; write a table: {{ NAME = 'value' }}")
        read: dict[str, T] = {}
        with collecting() as part:
            for key, item in value.items():
                with part():
                    read[str(key)] = self._read_entry(str(key), item, (*path, str(key)))
        return read

    def schema(self) -> Schema:
        """Describe a table."""
        names = {"pattern": self.key_pattern}
        return {"type": "object", "propertyNames": names, "additionalProperties": self.value.schema()}

    def _read_entry(self, key: str, item: object, path: KeyPath) -> T:
        if self.dotted and isinstance(item, Mapping):
            whole = quoted_key(".".join(_first_leaf(key, item)))
            raise wrong(
                path, f"is a table, since bare keys nest at their dots; put the key in quotes: {whole} = …"
            )
        try:
            self.check_key(key, item)
        except ValueError as error:
            raise wrong(path, str(error)) from None
        return self.value.read(item, path)


def _first_leaf(key: str, value: object) -> list[str]:
    if isinstance(value, Mapping) and value:
        inner, item = next(iter(value.items()))
        return [key, *_first_leaf(str(inner), item)]
    return [key]
