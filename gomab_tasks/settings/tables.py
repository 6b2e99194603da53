"""Put the declared keys together into the tables that users write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gomab_tasks.settings import form
from gomab_tasks.settings.key import Key, Table, keys_of
from gomab_tasks.settings.kind import Schema
from gomab_tasks.settings.problem import KeyPath, collecting, show, wrong
from gomab_tasks.settings.schema import Group, Image, Settings

IMAGE_FIELDS = frozenset(key.field for key in keys_of(Image).values())
"""Fields of an `Image`: `[tool.gomab.images.NAME]` has them beside those of a `Group`."""

GROUP_FIELDS = frozenset(key.field for key in keys_of(Group).values())

_SHARED = keys_of(Group)
IMAGE_TABLE = Table({name: key for name, key in _SHARED.items() if name != "image"} | dict(keys_of(Image)))


class ImageTables:
    """Read the tables below `[tool.gomab.images]`, shaped like a `Group`'s."""

    name = "tables"

    def read(self, value: object, path: KeyPath) -> dict[str, dict[str, object]]:
        """Read every table; the problems of all of them are raised at once."""
        if not isinstance(value, Mapping):
            raise wrong(path, f"is {show(value)}; write a table for each image: [tool.gomab.images.NAME]")
        read: dict[str, dict[str, object]] = {}
        with collecting() as part:
            for name, item in value.items():
                here = (*path, str(name))
                with part():
                    _check_name(str(name), here)
                with part():
                    read[str(name)] = _as_group(IMAGE_TABLE.read(item, here))
        return read

    def schema(self) -> Schema:
        """Describe the tables; they have no defaults of their own."""
        names = {"pattern": form.IMAGE_NAME_PATTERN}
        table = _without_defaults(IMAGE_TABLE.schema())
        return {"type": "object", "propertyNames": names, "additionalProperties": table}


IMAGES = Key(
    kind=ImageTables(),
    unset="the main packages that are found",
    description="A table for each image, by its name: the keys of `[tool.gomab.image]`, and its own "
    "`platforms`, `go`, `size` and `smoke`, over those that all share.",
    name="images",
    field="images",
)
ROOT = Table(dict(keys_of(Settings)) | dict(_SHARED) | {"images": IMAGES})


def walk_tables(table: Table = ROOT, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Table]]:
    """Give every table of keys with its path, `[tool.gomab]` first; those of single images left aside."""
    yield path, table
    for name, key in table.keys.items():
        if isinstance(key.kind, Table):
            yield from walk_tables(key.kind, (*path, name))


def _check_name(name: str, path: KeyPath) -> None:
    try:
        form.image_name(name)
    except ValueError as error:
        raise wrong(path, str(error)) from None


def _as_group(read: Mapping[str, object]) -> dict[str, object]:
    image = {field: value for field, value in read.items() if field in IMAGE_FIELDS}
    rest = {field: value for field, value in read.items() if field not in IMAGE_FIELDS}
    return rest | {"image": image}


def _without_defaults(schema: object) -> Schema:
    assert isinstance(schema, dict)
    return {
        name: _without_defaults(value) if isinstance(value, dict) else value
        for name, value in schema.items()
        if name != "default"
    }
