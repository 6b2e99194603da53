"""Declare keys: one line each gives name, type, default and description of a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.settings.kind import Kind, Schema
from gomab_tasks.settings.problem import (
    KeyPath,
    Problem,
    WrongValueError,
    collecting,
    dotted,
    show,
    wrong,
)

T = TypeVar("T")


class Key(Struct, frozen=True, kw_only=True):
    """Hold what one key of a table is.

    Attributes:
        kind: what its value must be.
        default: as a user would write it in TOML; None where the key is unset.
        unset: what holds while the key is unset; empty for a key that is required.
        also: other words that people try for it.
        name: as in TOML, with dashes.
        field: as in the settings, with underscores.
    """

    kind: Kind[Any]
    description: str
    default: object = None
    unset: str = ""
    also: tuple[str, ...] = ()
    name: str = ""
    field: str = ""


def key(kind: Kind[T], default: object, description: str, *, also: tuple[str, ...] = ()) -> T:
    """Declare a key; its default is written as in TOML."""
    declared = Key(kind=kind, default=default, description=description, also=also)
    return cast("T", _field(declared, lambda: kind.read(default, ())))


def optional(kind: Kind[T], unset: str, description: str, *, also: tuple[str, ...] = ()) -> T | None:
    """Declare a key without a default; `unset` says what holds without it."""
    declared = Key(kind=kind, unset=unset, description=description, also=also)
    return cast("T | None", _field(declared, lambda: None))


def required(kind: Kind[T], description: str, *, name: str = "") -> T:
    """Declare a key that must be there."""
    return cast("T", _field(Key(kind=kind, description=description, name=name), _refuse))


def table(record: type[T], description: str, *, also: tuple[str, ...] = ()) -> T:
    """Declare a table of keys."""
    declared = Key(kind=Table(keys_of(record)), description=description, also=also)
    return cast("T", _field(declared, record))


class _Default(Struct, frozen=True):
    """Make the default of a field, and keep what was declared of it."""

    key: Key
    make: Callable[[], object]

    def __call__(self) -> object:
        return self.make()


def _field(declared: Key, default: Callable[[], object]) -> object:
    return msgspec.field(default_factory=_Default(declared, default))


def _refuse() -> object:
    raise TypeError("a required key has no default")


def keys_of(record: type[object]) -> Mapping[str, Key]:
    """Give the keys that a record's fields declare, by their names in TOML."""
    fields = cast("type[Struct]", record)
    defaults = fields.__struct_defaults__  # those of the last fields
    keys = {}
    for field, default in zip(fields.__struct_fields__[-len(defaults) :], defaults, strict=True):
        declared = getattr(default, "factory", None)
        if isinstance(declared, _Default):
            name = declared.key.name or field.replace("_", "-")
            keys[name] = replace(declared.key, name=name, field=field)
    return keys


class Table:
    """Read a table of known keys into those that are given, by the names of their fields."""

    name = "table"

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self.keys = keys

    def read(self, value: object, path: KeyPath) -> dict[str, object]:
        """Read every key; the problems of all of them are raised at once."""
        if not isinstance(value, Mapping):
            raise wrong(path, f"is {show(value)}; write a table: [{dotted(('tool', 'gomab', *path))}]")
        read: dict[str, object] = {}
        with collecting() as part:
            for name, item in value.items():
                with part():
                    declared = self._find(str(name), path)
                    read[declared.field] = declared.kind.read(item, (*path, str(name)))
        return read

    def schema(self) -> Schema:
        """Describe a table."""
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: describe(declared) for name, declared in self.keys.items()},
        }

    def _find(self, name: str, path: KeyPath) -> Key:
        if name in self.keys:
            return self.keys[name]
        raise WrongValueError([Problem((*path, name), "is no key", words(self.keys))])


class Record(Generic[T]):
    """Read a table of required keys into a record."""

    name = "table"

    def __init__(self, record: type[T]) -> None:
        self._record = record
        self._table = Table(keys_of(record))

    def read(self, value: object, path: KeyPath) -> T:
        """Read a table and make the record of it."""
        if not isinstance(value, Mapping):
            raise wrong(path, f"is {show(value)}; write {self._example()}")
        given = self._table.read(value, path)
        if missing := [name for name, key in self._table.keys.items() if key.field not in given]:
            raise wrong(path, f"is {show(value)}, without {' and '.join(missing)}; write {self._example()}")
        return self._record(**given)

    def schema(self) -> Schema:
        """Describe the table."""
        return self._table.schema() | {"required": list(self._table.keys)}

    def _example(self) -> str:
        pairs = ", ".join(f"{name} = '…'" for name in self._table.keys)
        return f"{{ {pairs} }}"


def words(keys: Mapping[str, Key]) -> dict[str, str]:
    """Give the words that people try for keys, the keys themselves included."""
    names = {name: name for name in keys}
    return names | {word: name for name, key in keys.items() for word in key.also if word not in keys}


def describe(declared: Key) -> Schema:
    """Describe a key for a JSON Schema: its kind, description and default."""
    schema: Schema = {"description": declared.description} | declared.kind.schema()
    return schema if declared.default is None else schema | {"default": declared.default}
