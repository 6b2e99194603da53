"""What a build of the Dockerfile does not see. Builds are in tests/buildkit."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError, VerificationError
from gomab_tasks.project import open_project
from gomab_tasks.tasks.dockerfiles import dockerfile
from tests.conftest import Git, ModuleFactory
from tests.generate.conftest import Make

NEVER_NEEDED = [
    "build/gomab",
    "Dockerfile",
    "Dockerfile.dockerignore",
    "**/.git",
    "**/.nox",
    "**/.tox",
    "**/.venv",
    "**/__pycache__",
]


def test_what_is_no_code(module: ModuleFactory, make: Make) -> None:
    """The output folder, git's and Python's own; nothing that Go may embed."""
    assert make(module("hello")).dockerignore.splitlines()[1:] == NEVER_NEEDED


def test_the_projects_own_lines(module: ModuleFactory, make: Make) -> None:
    """They come first and as they are, then what is copied by name all the same, then gomab's."""
    root = module("hello")
    (root / ".dockerignore").write_bytes(b"\xef\xbb\xbf# secrets\r\n.env\r\n\r\n*\n!cmd\n")
    (root / "zones").mkdir()
    (root / "pyproject.toml").write_text(
        "[tool.gomab.image]\ntimezones = 'zones'\n"
        "files = [{ from = './assets/', to = '/srv' }, { from = '.', to = '/all' }]\n"
    )
    (root / "assets").mkdir()
    lines = make(root).dockerignore.splitlines()[1:]
    assert lines == [
        *("# From .dockerignore:", "# secrets", ".env", "", "*", "!cmd"),
        *("# Needed all the same:", "!go.mod", "!zones", "!assets"),
        *("# In no image:", *NEVER_NEEDED),
    ]


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("workspace", ["go.work", "app/go.mod", "lib/go.mod"]),
        ("replaced", ["app/go.mod", "lib/go.mod"]),
        ("vendored", ["go.mod", "vendor"]),
    ],
)
def test_what_names_the_modules(name: str, needed: list[str], module: ModuleFactory, make: Make) -> None:
    """All that is copied before the code; vendored modules too, or Go would download them."""
    root = module(name)
    (root / ".dockerignore").write_text("*\n")
    lines = make(root).dockerignore.splitlines()
    assert [line[1:] for line in lines if line.startswith("!")] == needed


def test_a_stamp_needs_the_repository(everything: Path, make: Make) -> None:
    """With `vcs-stamp` git's folder is there, and committed files, or Go would see them as changed."""
    assert make(everything).dockerignore.splitlines()[1:3] == ["build/gomab", "**/.nox"]
    (everything / ".dockerignore").write_text(".git\n")
    assert "!.git" in make(everything).dockerignore.splitlines()


def test_a_stamp_of_a_repository_above(module: ModuleFactory, git: Git, make: Make) -> None:
    """The context begins at the project, and Go is silent where it finds no repository."""
    root = module("hello")
    git(root.parent, "init", "--quiet")
    assert "**/.git" in make(root).dockerignore
    (root / "pyproject.toml").write_text("[tool.gomab]\ngo.vcs-stamp = true\n")
    with pytest.raises(SettingsError) as raised:
        make(root)
    assert str(raised.value) == (
        "pyproject.toml:2: go.vcs-stamp is true, but the repository begins above the project, in "
        f"{root.parent}, which a Dockerfile's build does not see, so programs would have no stamp; "
        "the backend 'native' has no such limit"
    )


def test_a_stamp_needs_all_committed_files(module: ModuleFactory, git: Git, make: Make) -> None:
    """To git a hidden file is a change; what is not committed may be hidden."""
    root = module("hello")
    (root / "pyproject.toml").write_text("[tool.gomab.images.hello]\ngo.vcs-stamp = true\n")
    (root / ".dockerignore").write_text(".env\n*.md\n!KEEP.md\ndocs\n")
    (root / "docs").mkdir()
    names = ("A.md", "KEEP.md", "docs/b", "docs/c", "docs/d")
    for name in (*names, ".env"):
        (root / name).touch()
    git(root, "init", "--quiet")
    assert ".env" in make(root).dockerignore
    git(root, "add", *names)
    with pytest.raises(SettingsError) as raised:
        make(root)
    assert str(raised.value) == (
        "pyproject.toml:2: images.hello.go.vcs-stamp is true, but .dockerignore hides committed files, so "
        "programs would be stamped as modified: A.md, docs/b, docs/c and 1 more; let them through there; "
        "the backend 'native' has no such limit"
    )


def test_the_committed_file_follows(module: ModuleFactory) -> None:
    """A change of the project's own lines is a difference, and writing takes it over."""
    root = module("hello")
    dockerfile(open_project(root), write=True)
    (root / ".dockerignore").write_text("secrets/\n")
    with pytest.raises(
        VerificationError, match=r"(?m)^Dockerfile\.dockerignore: is not what .*\n[^$]*\+secrets/$"
    ):
        dockerfile(open_project(root), check=True)
    dockerfile(open_project(root), write=True)
    assert dockerfile(open_project(root), check=True).checked


def test_lines_that_are_no_text(module: ModuleFactory, make: Make) -> None:
    """Half of a pattern would leave out something else."""
    root = module("hello")
    (root / ".dockerignore").write_bytes(b"caf\xe9\n")
    with pytest.raises(SettingsError, match=r"^\.dockerignore: is not UTF-8 at byte 3; save it as UTF-8$"):
        make(root)
