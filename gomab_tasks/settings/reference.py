"""Make the reference page and the JSON Schema from the declaration.

`python -m gomab_tasks.settings.reference` writes both into `docs/`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.settings.key import Key, Table, keys_of
from gomab_tasks.settings.kind import Items
from gomab_tasks.settings.problem import dotted
from gomab_tasks.settings.schema import FileEntry
from gomab_tasks.settings.tables import ROOT, walk_tables
from gomab_tasks.settings.template import FIELDS

COMMAND = "python -m gomab_tasks.settings.reference"

EXAMPLE = """\
[tool.gomab]
platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"]

[tool.gomab.go]
tags = ["netgo"]
variables = { "main.version" = "{version}" }

[tool.gomab.image]
repository = "ghcr.io/acme/{image}"
tags = ["{git.short}", "{git.branch}"]
files = [{ from = "migrations", to = "/app/migrations" }]
expose = [8080]

[tool.gomab.image.labels]
"org.opencontainers.image.licenses" = "Apache-2.0"

[tool.gomab.size]
unpacked = "30 MiB"
growth = "5 %"
"""

IMAGES_EXAMPLE = """\
[tool.gomab.images.api]
main = "cmd/api"
expose = [8080]

[tool.gomab.images.worker]
main = "cmd/worker"
platforms = ["linux/amd64"]
go.tags = ["worker"]
size.unpacked = "40 MiB"
"""

_HEAD = f"""\
<!-- Made by `{COMMAND}` from gomab_tasks/settings/schema.py: change it there. -->

# Settings

gomab reads the table `[tool.gomab]` of `pyproject.toml`. Every key has a default: no table at all
is a good start.

```toml
{EXAMPLE}```

A relative path starts from the folder of `pyproject.toml` and stays inside it, with `/` between folders. A
size is a number and a unit: `kB`, `MB`, `GB` are powers of 1000, `KiB`, `MiB`, `GiB` of 1024.

A wrong table is reported whole: every problem with its line and what to write instead.
"""

_IMAGES = f"""\
## `[tool.gomab.images.NAME]`

A table for each image makes the images explicit: those are made and no others. NAME begins with a-z or
0-9; then a-z, 0-9, `.`, `_` and `-`. It has the keys of `[tool.gomab.image]`, and `platforms`, `go`,
`size` and `smoke` of its own. What it leaves out comes from the tables that all share; tables such as `env`
and `labels` merge key by key, lists are replaced. `image.main` then stands in these tables alone.

```toml
{IMAGES_EXAMPLE}```
"""

_TEMPLATES = """\
## Templates

Values that take templates may name these fields. A field is looked up when something needs the value, so
`images` works outside git as well. `-dirty` follows the fields about the commit where files differ from it.
`{{` and `}}` stand for the braces themselves.

| Field | Stands for |
|---|---|
"""

_TAIL = """\
## An organisation's own defaults

`register(settings={…})` in noxfile.py and `collection(settings={…})` in tasks.py take a mapping of the same
shape. It lies under the table: tables merge key by key, lists and single values are replaced.

## Editors and validation

[gomab.schema.json](gomab.schema.json) is the JSON Schema of `[tool.gomab]`. Where gomab-tasks is installed,
[validate-pyproject](https://validate-pyproject.readthedocs.io) finds it by itself. It cannot say all that
gomab checks: what it accepts may still be refused.
"""

_COLUMNS = "| Key | Type | Default | Meaning |\n|---|---|---|---|\n"


def json_schema() -> dict[str, object]:
    """Give the JSON Schema (draft 7) of `[tool.gomab]`."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "urn:gomab-tasks:settings",
        "title": "[tool.gomab]",
        "description": "Small multi-arch container images of Go services.",
        **ROOT.schema(),
    }


def validate_pyproject_schema(tool_name: str) -> dict[str, object]:  # noqa: ARG001 - the plugin's protocol
    """Give validate-pyproject the JSON Schema of `[tool.gomab]`."""
    return json_schema()


def reference_page() -> str:
    """Give the page about every key, in Markdown."""
    tables = (_describe_table(path, table) for path, table in walk_tables())
    fields = "".join(f"| `{{{field}}}` | {text} |\n" for field, text in FIELDS.items())
    return "\n".join([_HEAD, *tables, _IMAGES, _TEMPLATES + fields, _TAIL])


def write_reference(folder: Path) -> None:
    """Write the page and the schema into a folder."""
    files.write(folder / "settings.md", reference_page())
    files.write(folder / "gomab.schema.json", render_schema())


def render_schema() -> str:
    """Spell the JSON Schema as it is committed."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _describe_table(path: tuple[str | int, ...], table: Table) -> str:
    header = f"## `[{dotted(('tool', 'gomab', *path))}]`\n\n"
    return header + _COLUMNS + "".join(_describe_keys(table.keys))


def _describe_keys(keys: Mapping[str, Key]) -> Iterator[str]:
    for name, key in keys.items():
        if isinstance(key.kind, Table):
            continue
        yield f"| `{name}` | {_name_kind(key)} | {_show_default(key)} | {key.description} |\n"


def _name_kind(key: Key) -> str:
    if isinstance(key.kind, Items) and key.kind.item.name == "table":
        return f"list of tables: {' and '.join(f'`{name}`' for name in keys_of(FileEntry))}"
    return str(key.kind.name)


def _show_default(key: Key) -> str:
    if key.default is None:
        return f"unset: {key.unset}"
    return f"`{json.dumps(key.default)}`"


if __name__ == "__main__":
    write_reference(Path("docs"))
    sys.stdout.write("wrote docs/settings.md and docs/gomab.schema.json\n")
