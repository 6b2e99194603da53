"""What is written is TOML that says the same."""

from __future__ import annotations

import tomli

from gomab_tasks.adoption.findings import Path, Value
from gomab_tasks.adoption.table import write_table


def test_strings() -> None:
    """Any text comes back as it was, as a value and as a key."""
    text = "a \"b\" 'c' \\ \n\t\x00\x1b\x7f é \u2028 😀"
    table = tomli.loads(write_table({("image", "env", text): text, ("image", "labels", "a.b"): "x"}))
    assert table["tool"]["gomab"]["image"] == {"env": {text: text}, "labels": {"a.b": "x"}}


def test_order() -> None:
    """Keys of a table stand above the tables below it, in whatever order they were found."""
    keys: dict[Path, Value] = {
        ("image", "env", "image"): "x",
        ("images", "api", "env", "env"): "y",
        ("image", "user"): "1",
        ("images", "api", "main"): "cmd/api",
        ("module",): "a",
        ("image", "ca-certificates"): True,
        ("go", "tags"): ["one", "two"],
    }
    assert tomli.loads(write_table(keys))["tool"]["gomab"] == {
        "module": "a",
        "go": {"tags": ["one", "two"]},
        "image": {"user": "1", "ca-certificates": True, "env": {"image": "x"}},
        "images": {"api": {"main": "cmd/api", "env": {"env": "y"}}},
    }


def test_images() -> None:
    """The tables of an image stand below its own keys, image by image; a comment comes once."""
    keys: dict[Path, Value] = {}
    for name in ("worker", "api"):
        keys |= {("images", name, "go", "variables", "main.x"): "1", ("images", name, "main"): f"cmd/{name}"}
    keys[("images", "worker", "env", "A")] = "1"
    lines = write_table(keys).splitlines()
    assert [line for line in lines if line.startswith("[")] == [
        "[tool.gomab]",
        "[tool.gomab.images.worker]",
        "[tool.gomab.images.worker.go.variables]",
        "[tool.gomab.images.worker.env]",
        "[tool.gomab.images.api]",
        "[tool.gomab.images.api.go.variables]",
    ]
    assert "\n".join(lines).count("secrets") == 1


def test_empty() -> None:
    """Without keys there is the table alone."""
    assert write_table({}) == "[tool.gomab]\n"
