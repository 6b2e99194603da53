from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli
from validate_pyproject.api import Validator
from validate_pyproject.errors import ValidationError
from validate_pyproject.plugins import PluginWrapper
from validate_pyproject.types import Schema

from gomab_tasks.settings import Settings, reader, reference
from gomab_tasks.settings.key import Key, Table
from gomab_tasks.settings.tables import walk_tables

Read = Callable[..., Settings]

ROOT = Path(__file__).parents[2]
REFRESH = f"refresh it: {reference.COMMAND}"


@pytest.fixture(scope="module")
def validate() -> Callable[[str], object]:
    """Validate a pyproject.toml's text with our plugin, as validate-pyproject loads it."""

    def load(tool: str) -> Schema:
        return Schema(reference.validate_pyproject_schema(tool))

    validator = Validator(plugins=[PluginWrapper("gomab", load)])
    return lambda text: validator(tomli.loads(text))


def declared() -> Iterator[tuple[tuple[str | int, ...], Key]]:
    for path, table in walk_tables():
        for name, key in table.keys.items():
            yield (*path, name), key


def test_the_committed_page_is_the_generated_one() -> None:
    """docs/settings.md follows from the declaration."""
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == reference.reference_page(), REFRESH


def test_the_committed_schema_is_the_generated_one() -> None:
    """docs/gomab.schema.json follows from the declaration."""
    assert (ROOT / "docs/gomab.schema.json").read_text(encoding="utf-8") == reference.render_schema(), REFRESH


def test_the_command_writes_both(tmp_path: Path) -> None:
    """What the message says refreshes the files."""
    (tmp_path / "docs").mkdir()
    words = [sys.executable, "-m", "gomab_tasks.settings.reference"]
    subprocess.run(words, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    assert (tmp_path / "docs/settings.md").read_text(encoding="utf-8") == reference.reference_page()
    assert (tmp_path / "docs/gomab.schema.json").read_text(encoding="utf-8") == reference.render_schema()


def test_the_page_shows_every_key_once() -> None:
    """Each key has a row with its description."""
    page = reference.reference_page()
    for (*_, name), key in declared():
        if not isinstance(key.kind, Table):
            assert f"| `{name}` | " in page
            assert page.count(f" | {key.description} |") == 1


def test_rows_of_the_page_are_whole() -> None:
    """No description breaks its row."""
    rows = [line for line in reference.reference_page().splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {3, 5}


@pytest.mark.parametrize("example", [reference.EXAMPLE, reference.IMAGES_EXAMPLE])
def test_the_examples_are_right(read: Read, validate: Callable[[str], object], example: str) -> None:
    """What the page shows can be copied."""
    assert read(example) != read("")
    validate(example)


def test_defaults_of_the_schema_are_those_of_the_settings(tmp_path: Path) -> None:
    """A table with every default written out gives the same settings as none."""

    def defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
        properties = schema["properties"].items()
        given = {name: defaults(part) for name, part in properties if "properties" in part}
        return given | {name: part["default"] for name, part in properties if "default" in part}

    written = defaults(reference.json_schema())
    assert written["go"]["ldflags"] == ["-s", "-w"]
    assert reader.read_settings(tmp_path, written) == reader.read_settings(tmp_path)


def test_every_key_has_a_default_or_says_what_holds_without() -> None:
    """No key has to be there, and the page never leaves open what its lack means."""
    for path, key in declared():
        if not isinstance(key.kind, Table):
            assert (key.default is None) == bool(key.unset), path
        assert key.description.endswith("."), path


def test_right_tables_pass_validate_pyproject(validate: Callable[[str], object]) -> None:
    """The plugin accepts what gomab reads: every key, and the other ways to write some."""
    validate("[tool.gomab]\n")
    validate((Path(__file__).parent / "every-key.toml").read_text(encoding="utf-8"))
    validate("""
[tool.gomab]
platforms = [" Linux/ARM/7 "]
image.main = "cmd/api"
image.expose = [8080, " 53/UDP"]
image.timezones = "zones"
image.stop-signal = 15
size.growth = "200 KiB"
images.api.go.env.GODEBUG = "x=1"
images.api.size.unpacked = "30mib"
""")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("plattforms = []", "tool.gomab"),
        ("platforms = 'linux/amd64'", "tool.gomab.platforms"),
        ("platforms = []", "tool.gomab.platforms"),
        ("platforms = ['amd64']", "tool.gomab.platforms"),
        ("backend = 'docker'", "tool.gomab.backend"),
        ("go.vcs-stamp = 'yes'", "tool.gomab.go.vcs-stamp"),
        ("go.variables.main.version = 'x'", "tool.gomab.go.variables"),
        ("image.files = [{ from = 'a' }]", "tool.gomab.image.files"),
        ("image.tags = []", "tool.gomab.image.tags"),
        ("image.entrypoint = []", "tool.gomab.image.entrypoint"),
        ("image.expose = ['http']", "tool.gomab.image.expose"),
        ("image.workdir = 'app'", "tool.gomab.image.workdir"),
        ("size.unpacked = '25'", "tool.gomab.size.unpacked"),
        ("images.API.main = '.'", "tool.gomab.images"),
        ("images.api.module = '.'", "tool.gomab.images.api"),
        ("images.api.platforms = 'all'", "tool.gomab.images.api.platforms"),
    ],
)
def test_wrong_tables_fail_validate_pyproject(
    validate: Callable[[str], object], text: str, where: str
) -> None:
    """The plugin refuses what the JSON Schema can tell, and names the place."""
    with pytest.raises(ValidationError) as caught:
        validate(f"[tool.gomab]\n{text}\n")
    assert f"`{where}" in caught.value.summary


def test_the_entry_point_is_declared() -> None:
    """pyproject.toml names the function that the plugin is made of."""
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    function = reference.validate_pyproject_schema
    assert project["entry-points"]["validate_pyproject.tool_schema"] == {
        "gomab": f"{function.__module__}:{function.__qualname__}"
    }
