"""Options are declared once, in the signatures of tasks."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.tasks import TASKS
from gomab_tasks.tasks.options import GENERAL, Arch, Jobs, Option, TaskOption, options_of


def _annotated(annotation: Any) -> Any:
    def function(project: object, *, dry_run: Any = False) -> None: ...

    function.__annotations__["dry_run"] = annotation
    return function


def test_kinds() -> None:
    """The annotated type decides how an option is written; the name gets dashes."""
    (option,) = options_of(_annotated(Annotated[bool, Option("only look")]))
    assert option == TaskOption("dry_run", "flag", default=False, help="only look", metavar="")
    assert option.flag == "--dry-run"
    assert [options_of(_annotated(one))[0].kind for one in (Arch, Jobs)] == ["words", "number"]


def test_undeclared() -> None:
    """A parameter without help text is a mistake of the task's author."""
    with pytest.raises(TypeError, match="'dry_run' has no Annotated"):
        options_of(_annotated(bool))


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", " 1", "²", "٣", "1_0"])
def test_wrong_numbers(text: str) -> None:
    """What is no plain whole number is refused with the flag and the value."""
    (jobs,) = options_of(_annotated(Jobs))
    with pytest.raises(SettingsError) as caught:
        jobs.number(text)
    assert str(caught.value) == f"--dry-run is '{text}'; write a whole number, 0 or more"


def test_numbers() -> None:
    """Leading zeros do no harm."""
    (jobs,) = options_of(_annotated(Jobs))
    assert [jobs.number(text) for text in ("0", "8", "016")] == [0, 8, 16]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_tasks(task: Any) -> None:
    """Every task has a help line, options with help and a word for a value; general ones hide none."""
    assert task.help.endswith(".")
    assert len(task.help) <= 90
    assert all(option.help for option in task.options)
    assert all(bool(option.metavar) == (option.kind != "flag") for option in task.options)
    assert not {option.name for option in task.options} & {option.name for option in GENERAL}


def test_letters() -> None:
    """A short flag means one thing in all tasks, and leaves -h to help."""
    letters = {(option.letter, option.name) for task in TASKS for option in (*task.options, *GENERAL)}
    found = sorted((letter, name) for letter, name in letters if letter)
    assert found == [("a", "arch"), ("j", "jobs"), ("q", "quiet"), ("t", "tag")]


def test_one_meaning() -> None:
    """An option of one name is of one kind in all tasks: one command line may serve several."""
    kinds: dict[str, set[str]] = {}
    for task in TASKS:
        for option in task.options:
            kinds.setdefault(option.name, set()).add(option.kind)
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}
