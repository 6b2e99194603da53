from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.process import Processes
from gomab_tasks.secrets import redactor
from gomab_tasks.settings.refusal import Where
from gomab_tasks.settings.template import FIELDS
from gomab_tasks.templates import Templates
from tests.conftest import Git


def fill(folder: Path, text: str, **env: str) -> str:
    variables = {**os.environ, **env}
    return Templates(Processes(variables, redactor({})), folder).fill(text, ("image", "tags", 0), "api")


def refusal(folder: Path, text: str, **env: str) -> str:
    with pytest.raises(SettingsError) as caught:
        fill(folder, text, **env)
    return str(caught.value)


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_has_a_value(git: Git, checkout: Path, field: str) -> None:
    """What the settings accept and the reference lists can be looked up."""
    git(checkout, "tag", "v1")
    value = fill(checkout, f"{{{field}}}", NAME="value")
    assert value
    assert "{" not in value


def test_a_tagged_commit(git: Git, checkout: Path) -> None:
    """Fields say the commit, 40 or 12 characters of it, its tag and branch; doubled braces are braces."""
    git(checkout, "tag", "v1.2.3")
    commit = git(checkout, "rev-parse", "HEAD")
    assert fill(checkout, "{git.sha} {git.short}") == f"{commit} {commit[:12]}"
    assert fill(checkout, "{git.tag} {git.describe} {version}") == "v1.2.3 v1.2.3 1.2.3"
    assert fill(checkout, "{image}-{git.branch}-{{x}}") == "api-main-{x}"


@pytest.mark.parametrize(
    ("tags", "taken"),
    [
        (["v3.0.0", "v3.0.0-rc.1"], "v3.0.0"),
        (["v3.0.0", "stable", "weekly"], "v3.0.0"),
        (["v1.9.0", "v1.10.0"], "v1.10.0"),
        (["stable", "latest"], "stable"),
    ],
)
def test_of_several_tags_the_release_is_taken(git: Git, checkout: Path, tags: list[str], taken: str) -> None:
    """Whichever came last, and whichever is annotated."""
    first, *others = tags
    git(checkout, "tag", first)
    for tag in others:
        git(checkout, "tag", "--annotate", "--message=x", tag)
    assert fill(checkout, "{git.tag} {git.describe}") == f"{taken} {taken}"


def test_a_commit_after_a_tag(git: Git, checkout: Path) -> None:
    """The description counts commits since the nearest tag, as git does; `git.tag` wants one right here."""
    git(checkout, "tag", "v1.2.3")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message=second")
    short = git(checkout, "rev-parse", "HEAD")[:12]
    assert fill(checkout, "{version}") == f"1.2.3-1-g{short}"
    assert refusal(checkout, "{git.tag}") == (
        "pyproject.toml: image.tags[0] takes {git.tag}, which has no value: "
        "the commit has no tag; git tag vX.Y.Z"
    )


def test_no_tag_at_all(git: Git, checkout: Path) -> None:
    """Without any tag the commit itself is the version, as `git describe --always` has it."""
    assert fill(checkout, "{version}") == git(checkout, "rev-parse", "HEAD")[:12]


@pytest.mark.parametrize("field", ["git.sha", "git.short", "git.tag", "git.describe", "version"])
@pytest.mark.parametrize("change", ["file", "new"])
def test_a_dirty_tree_shows(git: Git, checkout: Path, field: str, change: str) -> None:
    """A changed or a new file marks everything that stands for the commit."""
    git(checkout, "tag", "v1")
    (checkout / change).write_text("changed")
    assert fill(checkout, f"{{{field}}}").endswith("-dirty")


def test_ignored_files_are_not_dirt(git: Git, checkout: Path) -> None:
    """What git ignores, such as the output folder, changes no value."""
    (checkout / "out").mkdir()
    (checkout / "out" / ".gitignore").write_text("*\n")
    assert fill(checkout, "{git.sha}") == git(checkout, "rev-parse", "HEAD")


def test_a_shallow_clone(git: Git, checkout: Path, tmp_path: Path) -> None:
    """Where the history is cut off, neither tags nor a version are guessed; the cure is named."""
    git(checkout, "tag", "v1")
    for message in ("second", "third"):
        git(checkout, "commit", "--quiet", "--allow-empty", f"--message={message}")
    git(tmp_path, "clone", "--quiet", "--depth=1", checkout.as_uri(), "shallow")
    shallow = tmp_path / "shallow"
    assert fill(shallow, "{git.sha}") == git(checkout, "rev-parse", "HEAD")
    for field in ("git.tag", "git.describe", "version"):
        assert "git fetch --tags --unshallow" in refusal(shallow, f"{{{field}}}")
    git(shallow, "fetch", "--quiet", "--tags", "--unshallow")
    assert fill(shallow, "{git.describe}").startswith("v1-2-g")


@pytest.mark.parametrize("field", [field for field in FIELDS if field.startswith(("git.", "version"))])
def test_no_commit_yet(git: Git, tmp_path: Path, field: str) -> None:
    """A new repository is told to commit; only its branch is known."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    if field == "git.branch":
        assert fill(tmp_path, "{git.branch}") == "main"
    else:
        assert "there is no commit yet; git commit" in refusal(tmp_path, f"{{{field}}}")


@pytest.mark.usefixtures("git")
@pytest.mark.parametrize("field", [field for field in FIELDS if field.startswith(("git.", "version"))])
def test_outside_of_git(tmp_path: Path, field: str) -> None:
    """Only templates that ask git fail there, and say what to do."""
    assert "this is no git repository" in refusal(tmp_path, f"{{{field}}}")
    assert fill(tmp_path, "{image}-{env.CI}", CI="7") == "api-7"


def test_a_detached_head_has_no_branch(git: Git, checkout: Path) -> None:
    """CI systems check out commits; their own variables know the branch."""
    git(checkout, "checkout", "--quiet", "--detach")
    assert "HEAD is on no branch" in refusal(checkout, "{git.branch}")


def test_dubious_ownership_names_the_command(checkout: Path) -> None:
    """Git's distrust of a folder is answered with the whole command that mends it."""
    message = refusal(checkout, "{git.sha}", GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert message.endswith(f"git config --global --add safe.directory {checkout}")


def test_without_git(tmp_path: Path) -> None:
    """A machine without git is told so."""
    message = refusal(tmp_path, "{git.sha}", PATH=str(tmp_path))
    assert message.startswith("pyproject.toml: image.tags[0] takes {git.sha}, which has no value: ")
    assert "git" in message.partition("value: ")[2]


def test_git_is_asked_in_one_language(git: Git, checkout: Path, tmp_path: Path) -> None:
    """Messages are understood whatever the user's language."""
    shim = tmp_path / "bin" / "git"
    shim.parent.mkdir()
    real = git(checkout, "--exec-path") + "/git"
    shim.write_text(
        f'#!/bin/sh\n[ "$LC_ALL" = C ] || {{ echo "kein Repo" >&2; exit 128; }}\nexec {real} "$@"\n'
    )
    shim.chmod(0o755)
    message = refusal(tmp_path, "{git.sha}", PATH=f"{shim.parent}:{os.environ['PATH']}", LC_ALL="de_DE.UTF-8")
    assert "this is no git repository" in message


def test_an_unset_variable(tmp_path: Path) -> None:
    """The message names key and variable."""
    assert refusal(tmp_path, "v{env.GOMAB_UNSET}") == (
        "pyproject.toml: image.tags[0] takes {env.GOMAB_UNSET}, which has no value: "
        "set the variable GOMAB_UNSET"
    )


@pytest.mark.parametrize(
    ("where", "image", "message"),
    [
        (("go", "variables", "main.build"), "api", 'pyproject.toml:3: go.variables."main.build" takes '),
        (("go", "variables", "main.build"), "worker", "pyproject.toml:6: images.worker.go.variables."),
        (("image", "labels", "run"), "api", "pyproject.toml: image.labels.run takes "),
        ("--tag", "api", "--tag takes "),
    ],
)
def test_a_missing_value_is_told_with_its_line(
    tmp_path: Path, where: Where, image: str, message: str
) -> None:
    """That of the image's own table, where it has the key."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.gomab]\n[tool.gomab.go.variables]\n"main.build" = "{env.BUILD}"\n'
        '\n[tool.gomab.images.worker]\ngo.variables."main.build" = "{env.BUILD}"\n'
    )
    templates = Templates(Processes({}, redactor({})), tmp_path)
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}.*set the variable BUILD$"):
        templates.fill("{env.BUILD}", where, image)


def test_git_is_asked_once(git: Git, checkout: Path, processes: Processes) -> None:
    """All values of a run speak of one commit, even when another one appears in between."""
    templates = Templates(processes, checkout)
    before = templates.fill("{git.sha}", ("image", "tags", 0))
    git(checkout, "commit", "--quiet", "--allow-empty", "--message=second")
    assert templates.fill("{git.sha}", ("image", "labels", "revision")) == before
