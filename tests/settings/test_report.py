"""What users read when their table is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.settings.problem import Problem, dotted
from gomab_tasks.settings.refusal import refusal
from gomab_tasks.settings.tables import walk_tables

Problems = Callable[..., list[str]]

PROBLEMS = Path(__file__).parent / "problems"

VALUES = (PROBLEMS / "any-values.txt").read_text(encoding="utf-8").splitlines()


def cases(name: str) -> list[list[str]]:
    """Read pairs of lines: what stands below `[tool.gomab]`, and its problem."""
    text = (PROBLEMS / name).read_text(encoding="utf-8")
    return [pair.splitlines() for pair in text.strip().split("\n\n")]


@pytest.mark.parametrize(("text", "problem"), cases("unknown-keys.txt"))
def test_unknown_keys_name_the_right_one(problems: Problems, text: str, problem: str) -> None:
    """An unknown key is answered with the nearest, the table it belongs to, or the keys there are."""
    assert problems(f"[tool.gomab]\n{text}\n") == [f"pyproject.toml:2: {problem}"]


@pytest.mark.parametrize(("text", "problem"), cases("wrong-types.txt"))
def test_wrong_types_say_what_to_write(problems: Problems, text: str, problem: str) -> None:
    """A value of the wrong type is shown with the one that was most likely meant."""
    assert problems(f"[tool.gomab]\n{text}\n") == [f"pyproject.toml:2: {problem}"]


@pytest.mark.parametrize(("text", "problem"), cases("wrong-values.txt"))
def test_wrong_values_say_what_to_write(problems: Problems, text: str, problem: str) -> None:
    """A value that cannot be is shown with its reason and the way out; logins are blanked."""
    assert problems(f"[tool.gomab]\n{text}\n") == [f"pyproject.toml:2: {problem}"]


def test_every_problem_is_reported_at_once_by_line(problems: Problems) -> None:
    """A wrong table is reported whole, in the order of its lines, with the lines of list items."""
    lines = (PROBLEMS / "whole-table.txt").read_text(encoding="utf-8").splitlines()
    assert problems((PROBLEMS / "whole-table.toml").read_text(encoding="utf-8")) == lines


def test_main_packages_are_named_by_images_or_by_all(problems: Problems) -> None:
    """`image.main` beside tables of images is an error, whichever of the two sources has it."""
    table = "[tool.gomab.image]\nmain = 'cmd/api'\n[tool.gomab.images.api]\n"
    advice = "image.main is 'cmd/api' beside tables for single images; move it to [tool.gomab.images.api]"
    assert problems(table) == [f"pyproject.toml:2: {advice}"]
    assert problems("[tool.gomab.images.api]\n", {"image": {"main": "cmd/api"}}) == [
        f"settings given to register()/collection(): {advice}"
    ]


def test_long_values_are_cut(problems: Problems) -> None:
    """A message stays one readable line."""
    [problem] = problems(f"[tool.gomab]\nmodule = [{'1, ' * 500}]\n")
    assert problem == f"pyproject.toml:2: module is [{'1, ' * 19}1…; write a relative path"


LATER = """\
[tool.gomab.image]
user = 'app'
files = [
  { from = 'a', to = '/a' },
  { from = 'b', to = '/b' },
]

[tool.gomab.images.api]
user = 'api'

[tool.gomab.images.worker]
"""


@pytest.mark.parametrize(
    ("image", "path", "place"),
    [
        (None, ("image", "user"), "pyproject.toml:2: image.user"),
        ("api", ("image", "user"), "pyproject.toml:9: images.api.user"),
        ("worker", ("image", "user"), "pyproject.toml:2: image.user"),
        ("api", ("image", "files", 1), "pyproject.toml:5: image.files[1]"),
        ("api", ("image", "workdir"), "pyproject.toml: image.workdir"),
    ],
)
def test_what_shows_later_has_its_line(
    tmp_path: Path, image: str | None, path: tuple[str | int, ...], place: str
) -> None:
    """Of an image's own key, else of the one that all share; an organisation's own has none."""
    source = tmp_path / "pyproject.toml"
    source.write_text(LATER)
    problem = Problem(path, "is wrong")
    assert refusal(source, [problem, problem], image).problems == (f"{place} is wrong",)
    source.unlink()
    assert refusal(source, [problem]).problems == (f"pyproject.toml: {dotted(path)} is wrong",)


@pytest.mark.parametrize("value", VALUES)
def test_no_value_of_any_key_is_a_crash(read: Callable[..., object], value: str) -> None:
    """Whatever stands in the table is read, or is a problem on one line that names its key and line."""
    keys = [".".join(map(str, (*path, name))) for path, table in walk_tables() for name in table.keys]
    for key in [*keys, "images.api", "images.api.env", "images.api.size.growth", "unknown", "go.unknown"]:
        try:
            read(f"[tool.gomab]\n\n{key} = {value}\n")
        except SettingsError as error:
            for problem in error.problems:
                assert re.match(r"pyproject\.toml:3: (\[tool\.gomab|[a-z])", problem)
                assert problem.isprintable()
