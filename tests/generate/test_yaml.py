"""The YAML that is written, read by a YAML library."""

from __future__ import annotations

import io
from typing import Any

import pytest
from ruamel.yaml import YAML

from gomab_tasks.generate import yaml


def read(text: str, version: tuple[int, int] = (1, 2)) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    return reader.load(io.StringIO(text))


@pytest.mark.parametrize("version", [(1, 1), (1, 2)])
@pytest.mark.parametrize(
    "text",
    [
        *(
            "plain",
            "two words",
            "",
            " ",
            "3.13",
            "010",
            "1e3",
            "0x1F",
            "12:30",
            ".5",
            "2026-01-02",
            "-",
            "v*",
        ),
        *(
            "*",
            "&a",
            "!x",
            "yes",
            "No",
            "ON",
            "null",
            "~",
            "true",
            "a: b",
            "a #b",
            "#",
            "{x}",
            "[x]",
            "'",
            '"',
        ),
        *("${{ a && 'b' }}", "${{ a }}: b", "a\nb\n", "ü ☃", "a\tb", "%x", "@x", "`x`", "a\\b", ".inf", "?"),
        *('gomab image --arch "$ARCH"', "a, b", "==", "a=b", "- a", "<<", "é", "y", "a:", "> a", "| a"),
    ],
)
def test_strings_come_back(text: str, version: tuple[int, int]) -> None:
    """Whatever they look like, as values and in lists, also to a reader of YAML 1.1."""
    wanted: dict[str, Any] = {"key": {"value": text, "list": [text, {"of": text, "more": "x"}]}}
    assert read(yaml.dump(wanted), version) == wanted


def test_other_values_come_back() -> None:
    wanted: dict[str, Any] = {
        "yes": True,
        "no": False,
        "number": 30,
        "empty": {},
        "deep": {"a": [{"b": {"c": 1}}]},
    }
    assert read(yaml.dump(wanted)) == wanted


def test_remarks_are_comments() -> None:
    text = yaml.dump({"uses": yaml.Remarked("a/b@c", "v1")})
    assert text == "uses: a/b@c # v1\n"
    assert read(text) == {"uses": "a/b@c"}
