"""Read `[tool.gomab]` of a pyproject.toml, over an organisation's own defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli
from msgspec import Struct

from gomab_tasks.errors import SettingsError
from gomab_tasks.settings.containerfile import BuildKit, Dockerfile
from gomab_tasks.settings.problem import FILE, Problem, WrongValueError, show
from gomab_tasks.settings.schema import Go, Group, Image, Registries, Settings, Size
from gomab_tasks.settings.smoke import Smoke
from gomab_tasks.settings.tables import GROUP_FIELDS, ROOT

_Partial = Mapping[str, Any]
_ROOT_TABLES: Mapping[str, Callable[..., object]] = {
    "registry": Registries,
    "dockerfile": Dockerfile,
    "buildkit": BuildKit,
}
_GROUP_TABLES: Mapping[str, Callable[..., object]] = {"go": Go, "image": Image, "size": Size, "smoke": Smoke}


def read_settings(root: Path, defaults: Mapping[str, object] | None = None) -> Settings:
    """Read the settings of the project in `root`; without a table, all are defaults.

    Args:
        root: the folder of pyproject.toml.
        defaults: an organisation's own, shaped like `[tool.gomab]`, under the
            table: tables merge key by key, anything else is replaced.

    Raises `SettingsError` with every problem of both.
    """
    path = root / FILE
    text = _read_text(path)
    table = _find_table(_parse(text), text)
    layers = [_read_layer({} if defaults is None else defaults), _read_layer(table)]
    _check_main(layers)
    if any(layer.problems for layer in layers):
        from gomab_tasks.settings import report  # noqa: PLC0415 - costs only those who need it

        raise SettingsError(
            [*report.of_defaults(layers[0].problems), *report.of_table(layers[1].problems, text)]
        )
    return build(merge(layers[0].read, layers[1].read), path)


def has_table(root: Path) -> bool:
    """Tell whether the pyproject.toml of a folder, however broken, has a table `[tool.gomab…]`."""
    try:
        text = _read_text(root / FILE)
    except SettingsError:
        return False
    return bool(re.search(r"^[ \t]*\[+[ \t]*tool[ \t]*\.[ \t]*gomab[ \t]*[.\]]", text, re.MULTILINE))


def misnamed_tables(root: Path) -> tuple[str, ...]:
    """Say which tables of a folder's pyproject.toml are nearly, but not, named as `[tool.gomab]`."""
    from gomab_tasks.settings.misnamed import explain_misnamed  # noqa: PLC0415 - no cost for `nox -l`

    return tuple(explain_misnamed(_read_text(root / FILE)))


def merge(under: _Partial, over: _Partial) -> dict[str, Any]:
    """Lay one table over another: tables merge key by key, anything else is replaced."""
    merged = dict(under)
    for field, value in over.items():
        below = merged.get(field)
        merged[field] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def build(partial: _Partial, source: Path) -> Settings:
    """Make the settings of what was read; what is missing gets its default."""
    fields = dict(partial)
    images = fields.pop("images", {})
    tables: _Partial = {field: record(**fields.pop(field, {})) for field, record in _ROOT_TABLES.items()}
    shared = {field: fields.pop(field) for field in GROUP_FIELDS if field in fields}
    return Settings(
        **fields,
        **tables,
        shared=_build_group(shared, None),
        images={name: _build_group(merge(shared, own), name) for name, own in images.items()},
        source=source,
    )


class _Layer(Struct, frozen=True):
    """Hold what one source gave, and its problems."""

    raw: object
    read: _Partial
    problems: list[Problem]

    def table(self, name: str) -> Mapping[str, object]:
        """Give one table as it was written, empty where it is none."""
        found = self.raw.get(name) if isinstance(self.raw, Mapping) else None
        return found if isinstance(found, Mapping) else {}


def _read_layer(raw: object) -> _Layer:
    try:
        return _Layer(raw, ROOT.read(raw, ()), [])
    except WrongValueError as error:
        return _Layer(raw, {}, list(error.keyed))


def _check_main(layers: Sequence[_Layer]) -> None:
    """Add a problem where the shared table names main packages beside tables of images."""
    images = [name for layer in layers for name in layer.table("images")]
    for layer in layers:
        if images and "main" in layer.table("image"):
            main = show(layer.table("image")["main"])
            where = " or ".join(f"[tool.gomab.images.{name}]" for name in dict.fromkeys(images))
            layer.problems.append(
                Problem(("image", "main"), f"is {main} beside tables for single images; move it to {where}")
            )


def _find_table(document: Mapping[str, object], text: str) -> object:
    tool = document.get("tool", {})
    if isinstance(tool, Mapping):
        return tool.get("gomab", {})
    from gomab_tasks.settings.position import find_lines  # noqa: PLC0415 - costs only those who need it

    line = find_lines(text, [("tool",)], first="tool")[("tool",)]
    raise SettingsError(f"{FILE}:{line}: tool is {show(tool)}; write a table: [tool.gomab]")


def _build_group(partial: _Partial, name: str | None) -> Group:
    tables = {field: record(**partial.get(field, {})) for field, record in _GROUP_TABLES.items()}
    return Group(name=name, **{**partial, **tables})


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingsError(f"{FILE}: cannot be read: {error.strerror}") from None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise SettingsError(
            f"{FILE}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        ) from None


def _parse(text: str) -> dict[str, Any]:
    if text.startswith("\ufeff"):
        raise SettingsError(f"{FILE}:1:1: begins with a byte order mark, which TOML has not; save it without")
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        from gomab_tasks.settings.syntax import explain_syntax  # noqa: PLC0415 - costs only those who need it

        raise SettingsError(explain_syntax(text, error)) from None
    except (ValueError, RecursionError) as error:
        # Numbers of thousands of digits, brackets hundreds deep.
        raise SettingsError(f"{FILE}: cannot be read: {error}") from None
