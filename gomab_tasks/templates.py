"""Fill templates such as `{git.short}` in values of the table.

A field is looked up only when a template that is needed names it, so a build
outside git works until something asks for a revision.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from gomab_tasks.errors import SettingsError, ToolError
from gomab_tasks.process import Processes

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_SHORT = 12


class Templates:
    """Fill templates for one project; git is asked at most once for each thing."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder

    def fill(self, text: str, where: str, image: str = "") -> str:
        """Replace the fields of `text`.

        Args:
            where: the key that holds it, for messages.
            image: the value of `{image}`.

        Raises `SettingsError` when a field has no value here, with the cure.
        """

        def value(match: re.Match[str]) -> str:
            if match[0] in ("{{", "}}"):
                return match[0][0]
            return self._value(match[1], where, image)

        return _FIELD.sub(value, text)

    def _value(self, field: str, where: str, image: str) -> str:
        if field == "image":
            return image
        if field.startswith("env."):
            return self._variable(field.removeprefix("env."), where)
        try:
            return self._git_fields[field]()
        except KeyError:
            raise SettingsError(f"{where}: no field {{{field}}}") from None
        except ToolError as error:
            raise SettingsError(f"{where}: {{{field}}} has no value: {error}") from None

    def _variable(self, name: str, where: str) -> str:
        try:
            return self._processes.environment[name]
        except KeyError:
            raise SettingsError(f"{where}: {{env.{name}}} has no value: set the variable {name}") from None

    @property
    def _git_fields(self) -> Mapping[str, Callable[[], str]]:
        return {
            "git.sha": lambda: self._revision + self._dirty,
            "git.short": lambda: self._revision[:_SHORT] + self._dirty,
            "git.tag": lambda: self._tag() + self._dirty,
            "git.describe": lambda: self._describe() + self._dirty,
            "git.branch": self._branch,
            "version": lambda: self._describe().removeprefix("v") + self._dirty,
        }

    @functools.cached_property
    def _revision(self) -> str:
        return self._git("rev-parse", "--verify", "HEAD")

    @functools.cached_property
    def _dirty(self) -> str:
        return "-dirty" if self._git("status", "--porcelain") else ""

    def _describe(self) -> str:
        return self._git("describe", "--tags", "--always", f"--abbrev={_SHORT}")

    def _tag(self) -> str:
        try:
            return self._git("describe", "--tags", "--exact-match", "HEAD")
        except ToolError:
            shallow = self._git("rev-parse", "--is-shallow-repository") == "true"
            cure = "fetch tags and history: git fetch --tags --unshallow" if shallow else "git tag vX.Y.Z"
            raise ToolError(f"the commit has no tag; {cure}") from None

    def _branch(self) -> str:
        try:
            return self._git("symbolic-ref", "--short", "HEAD")
        except ToolError:
            raise ToolError("HEAD is on no branch; check one out, or use {env.…} of the CI system") from None

    @functools.cache  # noqa: B019 - one object lives for one run
    def _git(self, *words: str) -> str:
        completed = self._processes.run(["git", *words], cwd=self._folder)
        if completed.code:
            raise ToolError(_explain(completed.stderr.strip()))
        return completed.stdout.strip()


def _explain(words: str) -> str:
    if "dubious ownership" in words:
        return "git does not trust this folder's owner; git config --global --add safe.directory FOLDER"
    if "not a git repository" in words:
        return "this is no git repository; git init and commit, or set the key to a fixed value"
    if "Needed a single revision" in words or "unknown revision" in words:
        return "there is no commit yet; git commit"
    return f"git says: {words}"
