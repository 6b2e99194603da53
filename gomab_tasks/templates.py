"""Fill templates such as `{git.short}` in values of the table.

A field is looked up only when a template that is needed names it, so a build
outside git works until something asks for a revision.
"""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path

from gomab_tasks.errors import SettingsError, ToolError
from gomab_tasks.process import Processes
from gomab_tasks.settings import FILE
from gomab_tasks.settings.refusal import Where, refusal_at
from gomab_tasks.settings.template import fill_template

_SHORT = 12
_VERSION = re.compile(r"v?\d")


class Templates:
    """Fill templates for one project; git's answers are kept.

    `_git_sha` and the other methods named after them give the values of the
    fields that settings/template.py declares.
    """

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder

    def fill(self, text: str, where: Where, image: str = "") -> str:
        """Replace the fields of `text`.

        Args:
            where: what holds it, for messages; a key's path is as if all images shared the table.
            image: the value of `{image}`.

        Raises `SettingsError` with all fields that have no value here, the line and the cures.
        """
        problems: list[str] = []

        def value(field: str) -> str:
            try:
                return image if field == "image" else self._look_up(field)
            except ToolError as error:
                problem = f"takes {{{field}}}, which has no value: {error}"
                problems.extend(refusal_at(self._folder / FILE, where, problem, image).problems)
                return ""

        filled = fill_template(text, value)
        if problems:
            raise SettingsError(dict.fromkeys(problems))
        return filled

    def commit(self) -> str | None:
        """Give the commit as `{git.sha}` spells it; none outside git."""
        try:
            return self._git_sha()
        except ToolError:
            return None

    def _look_up(self, field: str) -> str:
        if field.startswith("env."):
            return self._variable(field.removeprefix("env."))
        value: str = getattr(self, f"_{field.replace('.', '_')}")()
        return value

    def _variable(self, name: str) -> str:
        try:
            return self._processes.environment[name]
        except KeyError:
            raise ToolError(f"set the variable {name}") from None

    def _git_sha(self) -> str:
        return self._revision + self._dirty

    def _git_short(self) -> str:
        return short_revision(self._git_sha())

    def _git_tag(self) -> str:
        if not self._tag:
            self._require_history()
            raise ToolError("the commit has no tag; git tag vX.Y.Z")
        return self._tag + self._dirty

    def _git_describe(self) -> str:
        description = self._tag or self._describe
        if not description:
            self._require_history()
        return (description or self._revision[:_SHORT]) + self._dirty

    def _version(self) -> str:
        return self._git_describe().removeprefix("v")

    def _git_branch(self) -> str:
        branch = self._git("branch", "--show-current")
        if not branch:
            raise ToolError("HEAD is on no branch; check one out, or use {env.…} of the CI system")
        return branch

    @functools.cached_property
    def _revision(self) -> str:
        return self._git("rev-parse", "--verify", "HEAD")

    @functools.cached_property
    def _dirty(self) -> str:
        return "-dirty" if self._git("status", "--porcelain") else ""

    @functools.cached_property
    def _tag(self) -> str:
        """Give the commit's tag, empty without one; of several the highest version, a release first.

        `git describe` would take an annotated one, or the newest.
        """
        revision = self._revision  # outside git, and without a commit, this says why
        order = ["-c", "versionsort.suffix=-", "tag", "--sort=-version:refname", "--points-at"]
        tags = self._git(*order, revision).splitlines()
        return next(filter(_VERSION.match, tags), tags[0] if tags else "")

    @functools.cached_property
    def _describe(self) -> str:
        """Give the nearest tag and how far it is, as git does, empty where it finds none."""
        try:
            return self._git("describe", "--tags", f"--abbrev={_SHORT}", self._revision)
        except ToolError:
            return ""

    def _require_history(self) -> None:
        """Refuse to call a tag missing where history was cut off, as CI systems do."""
        if self._git("rev-parse", "--is-shallow-repository") == "true":
            raise ToolError("this clone is shallow and has no tag; git fetch --tags --unshallow")

    @functools.cache  # noqa: B019 - one object lives for one run
    def _git(self, *words: str) -> str:
        # In C, since messages are matched below.
        completed = self._processes.run(["git", *words], cwd=self._folder, env={"LC_ALL": "C"})
        if completed.code:
            raise ToolError(explain_git(completed.stderr.strip()))
        return completed.stdout.strip()


def short_revision(revision: str) -> str:
    """Shorten a commit for people; `-dirty` stays."""
    commit, dash, dirty = revision.partition("-")
    return f"{commit[:_SHORT]}{dash}{dirty}"


def explain_git(words: str) -> str:
    """Say what git's refusal means, and what mends it."""
    if distrusted := re.search(r"dubious ownership in repository at '(.+)'", words):
        folder = shlex.quote(distrusted[1])
        return f"git does not trust this folder's owner; git config --global --add safe.directory {folder}"
    if "not a git repository" in words:
        return "this is no git repository; git init and commit, or set the key to a fixed value"
    if "Needed a single revision" in words:
        return "there is no commit yet; git commit"
    return f"git says: {words}"
