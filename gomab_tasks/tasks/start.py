"""Bring gomab into a project."""

from typing import TYPE_CHECKING, Annotated

from gomab_tasks.tasks.options import Option

if TYPE_CHECKING:
    from gomab_tasks.adoption.changes import InitResult
    from gomab_tasks.project import Project


def init(project: "Project", *, yes: Annotated[bool, Option("write without asking")] = False) -> "InitResult":
    """Write the table and the task files' lines, from the Dockerfile that is there.

    What no key stands for is said, with its line. Files that exist are only
    added to; a second run changes nothing.
    """
    from gomab_tasks.adoption.changes import ChangedFile, InitResult, find_adoption, write_adoption
    from gomab_tasks.asking import terminal_columns
    from gomab_tasks.errors import SettingsError
    from gomab_tasks.tasks import TASKS

    adoption = find_adoption(project, [task.name for task in TASKS])
    shown = adoption.text(terminal_columns())
    agreed = yes or not adoption.changes or project.ask(f"{shown}\n\nWrite this?")
    if yes or agreed is None or not adoption.changes:
        for line in shown.splitlines():
            project.say(line)
    if agreed is None:
        raise SettingsError(
            f"nobody can be asked here, so nothing is written; to write it: {project.type('init --yes')}"
        )
    if agreed:
        write_adoption(adoption)
    return InitResult(
        tuple(ChangedFile(change.name, change.diff()) for change in adoption.changes),
        adoption.remarks,
        agreed,
        project.type("plan"),
    )
