"""Words after `--` become the options of a task."""

from __future__ import annotations

from typing import Any

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.tasks import TASKS
from gomab_tasks.tasks.commandline import parse_options

BY_NAME = {task.name: task for task in TASKS}


def parse(name: str, *words: str) -> dict[str, Any]:
    options = parse_options(BY_NAME[name], words, f"nox -s {name} --")
    assert options is not None
    return options


def test_defaults() -> None:
    """Without words there are the defaults, and those of general options."""
    assert parse("image") == {"arch": (), "jobs": 0, "json": False, "quiet": False}


def test_values() -> None:
    """Words repeat, with or without `=`; flags take nothing."""
    found = parse("images", "--arch", "arm64", "--arch=386,arm", "--jobs", "3", "--join", "--json")
    assert (found["arch"], found["jobs"], found["join"]) == (("arm64", "386,arm"), 3, True)
    assert (found["json"], found["quiet"]) == (True, False)


def test_short_flags() -> None:
    """They are those of the script."""
    found = parse("images", "-a", "arm64", "-qj3", "-t", "v1")
    assert (found["arch"], found["jobs"], found["quiet"]) == (("arm64",), 3, True)


def test_options_of_other_tasks() -> None:
    """They are read over, with their values."""
    assert parse("clean", "--update", "--arch", "arm64", "--jobs=2") == {"json": False, "quiet": False}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--arhc", "arm64"], "there is no option '--arhc'; did you mean '--arch'?"),
        (["--arhc=arm64"], "there is no option '--arhc=arm64'; did you mean '--arch'?"),
        (["--zzz"], "there is no option '--zzz'; `-- --help` lists them"),
        (["-run", "X"], "there is no option '-run'; `-- --help` lists them"),
        (["word"], "there is no option 'word'; `-- --help` lists them"),
        (["--arc", "arm64"], "there is no option '--arc'; did you mean '--arch'?"),
        (["--arch"], "--arch needs a value; `-- --help` shows which"),
        (["-a"], "--arch needs a value; `-- --help` shows which"),
        (["--join=yes"], "--join takes no value"),
        (["--repository", ""], "--repository is empty; give it a value, or leave it out"),
        (["--arch="], "--arch is empty; give it a value, or leave it out"),
        (["--jobs", "many"], "--jobs is 'many'; write a whole number, 0 or more"),
        (["--jobs=-1"], "--jobs is '-1'; write a whole number, 0 or more"),
    ],
)
def test_wrong_words(words: list[str], message: str) -> None:
    """What no task knows, and what lacks its value, is an error and no exit."""
    with pytest.raises(SettingsError) as caught:
        parse("images", *words)
    assert str(caught.value) == message


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Help shows the task's own options, not those that are read over."""
    assert parse_options(BY_NAME["size"], ["--zzz", "--help"], "nox -s size --") is None
    shown = capsys.readouterr().out
    assert shown.startswith("usage: nox -s size -- [-h] ")
    assert "--update" in shown
    assert "--arch PLATFORM, -a PLATFORM" in shown
    assert "--join" not in shown
