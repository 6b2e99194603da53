"""Decide which files of a project change, show how, and write them all or none."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import tomli
from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks import files
from gomab_tasks.adoption.carryover import Keys, Target, carry_over, table_keys
from gomab_tasks.adoption.programs import Ground
from gomab_tasks.adoption.recipe import read_recipe
from gomab_tasks.adoption.search import FOLDERS, find_dockerfiles, find_module, why_unread
from gomab_tasks.adoption.syntax import read_source
from gomab_tasks.adoption.table import EMPTY_TABLE, append_table, fill_table, write_table
from gomab_tasks.adoption.taskfiles import (
    INVOKE_IMPORT,
    NEW_NOXFILE,
    PACKAGE,
    PACKAGE_LINES,
    extend_noxfile,
    extend_tasks,
    find_prefix,
    is_for_invoke,
    names_package,
)
from gomab_tasks.errors import SettingsError
from gomab_tasks.facts import read_facts
from gomab_tasks.progress.text import wrapped
from gomab_tasks.project import Project
from gomab_tasks.settings import FILE
from gomab_tasks.settings.problem import WrongValueError
from gomab_tasks.settings.tables import ROOT

_MODE = 0o644
_NO_DOCKERFILE = f"no Dockerfile or Containerfile in {', '.join(FOLDERS)} or beside a main package"
_LEAST_COLUMNS = 20


class Change(Struct, frozen=True):
    """Hold one file's old and new bytes; the old ones of a new file are empty."""

    path: Path
    name: str
    before: bytes
    after: bytes

    def diff(self) -> str:
        """Show it as `diff -u` does; the ends of lines aside."""
        old, new = (side.decode("utf-8", "replace").splitlines() for side in (self.before, self.after))
        before = self.name if self.path.exists() else "/dev/null"
        return "\n".join(difflib.unified_diff(old, new, before, self.name, lineterm=""))


class Adoption(Struct, frozen=True):
    """Hold all changes, and what could not be carried over, a line each."""

    changes: tuple[Change, ...]
    remarks: tuple[str, ...]

    def text(self, columns: int = 0) -> str:
        """Show every difference, then the remarks.

        Args:
            columns: where remarks are wrapped, between words; 0 for nowhere.
        """
        remarks = (_wrapped(remark, columns) if columns else remark for remark in self.remarks)
        return "\n\n".join(filter(None, [*(change.diff() for change in self.changes), "\n".join(remarks)]))


class ChangedFile(Struct, frozen=True):
    """Hold a file that changed, relative to the root, and how."""

    path: str
    diff: str


class InitResult(Struct, frozen=True):
    """Hold what changed, and what of a Dockerfile could not be carried over.

    Attributes:
        written: whether the files were written; the user may have said no.
        next_command: what the user types now.
    """

    files: tuple[ChangedFile, ...]
    remarks: tuple[str, ...]
    written: bool
    next_command: str

    def text(self) -> str:
        """Give one line."""
        if not self.files:
            return f"nothing to change: {FILE} has its table, the task files have their lines"
        if not self.written:
            return "nothing is written"
        names = ", ".join(file.path for file in self.files)
        return f"wrote {names}; now: {self.next_command}"


def find_adoption(project: Project, tasks: Collection[str]) -> Adoption:
    """Decide what to write; nothing is written.

    Args:
        tasks: the names of gomab's tasks.

    Raises `SettingsError` for files that cannot be read, with the line.
    """
    keys, remarks = ({}, list(_unread(project))) if _is_settled(project.root) else _find_keys(project)
    changes = [
        change
        for change in (*_table_change(project.root, keys), *_task_changes(project.root, tasks))
        if change.after != change.before
    ]
    said = (*_task_remarks(changes, tasks), *_installing(changes), *_by_hand(project.root))
    return Adoption(tuple(changes), (*remarks, *said))


def write_adoption(adoption: Adoption) -> None:
    """Write all files, each whole; none if any of them cannot be written."""
    with ExitStack() as stack:
        for change in adoption.changes:
            path = change.path.resolve()  # a link stays one
            mode = path.stat().st_mode & 0o7777 if path.exists() else _MODE
            file = stack.enter_context(files.replacing(path, mode))
            file.write(change.after)
            file.flush()  # a full disk says so now, before any file has its name


def _wrapped(remark: str, columns: int) -> str:
    # The last column stays free: some terminals wrap there.
    width = max(columns - 1, _LEAST_COLUMNS)
    return "\n".join(wrapped(remark, width, hang=4))


def _is_settled(root: Path) -> bool:
    """Tell whether there is a table that is not for `init` to fill: of all forms, only an empty `[…]` is."""
    table = _tools(root).get("gomab")
    return table is not None and (table != {} or len(EMPTY_TABLE.findall(_text(root / FILE))) != 1)


def _tools(root: Path) -> Mapping[str, object]:
    tool = tomli.loads(_text(root / FILE)).get("tool", {})
    return tool if isinstance(tool, dict) else {}


def _unread(project: Project) -> Iterator[str]:
    """Say which Dockerfiles are not looked into, since the table is the user's."""
    for path in find_dockerfiles(project.root, sorted(project.root.glob("cmd/*"))):
        if not why_unread(path):
            yield f"{project.shown(path)}: not read, since {FILE} has a [tool.gomab], which stays as it is"


def _find_keys(project: Project) -> tuple[Keys, list[str]]:
    """Read what every Dockerfile says of the main packages that Go finds."""
    given = project.settings.module  # of an organisation's defaults
    module = given if given != "." else find_module(project.root)
    project = replace(project, settings=replace(project.settings, module=module))
    facts = read_facts(project)
    mains = tuple(main for found in facts.mains.values() for main in found)
    targets: list[Target] = []
    paths = find_dockerfiles(project.root, [main.folder for main in mains])
    remarks = [] if paths else [_NO_DOCKERFILE]
    for path in paths:
        if reason := why_unread(path):
            remarks.append(f"{project.shown(path)}: {reason}")
            continue
        ground = Ground(project.root, path.parent, project.module, mains)
        source = read_source(project.shown(path), path.read_bytes())
        found, others = carry_over(read_recipe(source), ground)
        remarks += [*others, *_take(found, targets)]
    ground = Ground(project.root, project.root, project.module, mains)
    keys: Keys = {("module",): module} if module != given else {}
    keys |= table_keys(targets, ground) if targets else {}
    said = [line for target in targets for line in target.findings.lines()]
    return keys, list(dict.fromkeys([*said, *remarks, *_left(targets, ground)]))


def _take(found: Sequence[Target], targets: list[Target]) -> Iterator[str]:
    """Add images whose main package no earlier Dockerfile starts; say which are left out."""
    for target in found:
        earlier = next((known for known in targets if known.mains[0] == target.mains[0]), None)
        if earlier:
            name = target.findings.name
            yield f"{name}: starts {target.name}, as {earlier.findings.name} does; it is left out"
        else:
            targets.append(target)


def _left(targets: Sequence[Target], ground: Ground) -> Iterator[str]:
    """Say which main packages get no image, since only those of Dockerfiles do."""
    used = {main for target in targets for main in target.mains}
    for main in ground.mains if targets else ():
        if main not in used:
            yield f"{ground.below_module(main)}: no Dockerfile starts it, so it gets no image"


def _table_change(root: Path, keys: Keys) -> Iterator[Change]:
    path = root / FILE
    if _is_settled(root):
        return
    before = path.read_bytes() if path.exists() else b""
    line_end = b"\r\n" if b"\r\n" in before else b"\n"
    table = write_table(keys).encode().replace(b"\n", line_end)
    after = fill_table(before, table) if "gomab" in _tools(root) else append_table(before, table, line_end)
    yield Change(path, FILE, before, _checked(before, after))


def _checked(before: bytes, after: bytes) -> bytes:
    """Hold the new text against the old: it is TOML, and says the same besides."""
    old = tomli.loads(before.decode())
    try:
        new = tomli.loads(after.decode())
    except tomli.TOMLDecodeError as error:
        raise SettingsError(
            f"{FILE}: [tool.gomab] cannot be added below what is there ({error.msg}); "
            "write [tool] as tables of its own"
        ) from None
    if _without_table(new) != _without_table(old):  # a line of a text may look like the table's head
        raise SettingsError(
            f"{FILE}: the empty [tool.gomab] cannot be told from a text that holds it; remove it, then "
            "repeat this"
        )
    _check_table(new["tool"]["gomab"])
    return after


def _without_table(document: dict[str, Any]) -> dict[str, Any]:
    tools = {name: table for name, table in document.get("tool", {}).items() if name != "gomab"}
    return {**document, "tool": tools}


def _check_table(table: object) -> None:
    """Hold the table as a whole against the settings; key by key it was already."""
    try:
        ROOT.read(table, ())
    except WrongValueError as error:
        raise SettingsError(
            f"the Dockerfile cannot become a table: {error}; write [tool.gomab] by hand, then repeat this"
        ) from None


def _task_changes(root: Path, tasks: Collection[str]) -> Iterator[Change]:
    noxfile, own = (_task_file(root / name) for name in ("noxfile.py", "tasks.py"))
    is_there = own.exists() and is_for_invoke(own.read_bytes())
    if noxfile.exists():
        content = noxfile.read_bytes()
        yield Change(noxfile, noxfile.name, content, extend_noxfile(content, tasks))
    if is_there:
        content = own.read_bytes()
        yield Change(own, own.name, content, extend_tasks(content))
    if not noxfile.exists() and not is_there:
        yield Change(noxfile, noxfile.name, b"", NEW_NOXFILE.encode())


def _task_file(path: Path) -> Path:
    """Raise `SettingsError` for a folder in the place of a file."""
    if path.is_dir():
        raise SettingsError(f"{path.name} is a folder; Nox and Invoke read a file there: rename the folder")
    return path


def _task_remarks(changes: Sequence[Change], tasks: Collection[str]) -> Iterator[str]:
    """Say what of the task files is not as one would expect."""
    for change in changes:
        if (
            change.name == "noxfile.py"
            and not change.path.exists()
            and change.path.with_name("tasks.py").exists()
        ):
            yield f"tasks.py: does not import invoke, so it stays as it is; {change.name} has gomab's tasks"
        elif change.name == "noxfile.py" and (prefix := find_prefix(change.before, tasks)):
            yield (
                f"{change.name}: its sessions have, or may have, names that gomab's tasks have too, "
                f"so those begin with {prefix}: nox -s {prefix}plan"
            )


def _installing(changes: Sequence[Change]) -> Iterator[str]:
    """Say where gomab must be installed now, since the task file itself does not name it."""
    for change in changes:
        if change.name != FILE and not names_package(change.after):
            yield f"{change.name}: imports {PACKAGE} now: install it wherever the file runs, in CI too"


def _by_hand(root: Path) -> Iterator[str]:
    """Say what a package of Invoke tasks lacks: which of its modules makes the namespace is not known."""
    package = Path("tasks", "__init__.py")
    text = _text(root / package)
    if INVOKE_IMPORT.search(text) and "gomab_tasks" not in text:
        yield f"{package}: a package is not changed; add by hand: {'; '.join(PACKAGE_LINES)}"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
