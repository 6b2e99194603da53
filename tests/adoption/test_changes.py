"""`init`: every change is known and shown before anything is written, and is made once."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.adoption.changes import Adoption, Change, find_adoption, write_adoption
from gomab_tasks.errors import SettingsError, StorageError
from gomab_tasks.project import HEADING, open_project
from tests.adoption.conftest import DOCKERFILE, TASKS, init, snapshot
from tests.conftest import TESTS


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b'[project]\nname = "x"\n',
        b'[project]\nname = "x"\n\n[tool.ruff]\nline-length = 100',
        b'[project]\r\nname = "x"\r\n',
        b"# only a comment\n",
        b"tool = { ruff = { line-length = 100 } }\n",
    ],
)
def test_existing_pyproject(hello: Path, before: bytes) -> None:
    """What stands in pyproject.toml is not rewritten; the table comes below it, with the same line ends."""
    (hello / "pyproject.toml").write_bytes(before)
    if before.startswith(b"tool"):
        with pytest.raises(SettingsError, match=r"^pyproject.toml: \[tool.gomab\] cannot be added below"):
            init(hello)
        return
    init(hello)
    after = (hello / "pyproject.toml").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\r\n") == (after.count(b"\n") if b"\r\n" in before else 0)
    assert open_project(hello).settings.shared.image.user == "1000:1000"


UNREAD = "Dockerfile: not read, since pyproject.toml has a [tool.gomab], which stays as it is"


@pytest.mark.parametrize("table", ["[tool.gomab]\nmodule = '.'\n", "tool = { gomab = {} }\n"])
def test_existing_table(hello: Path, table: str) -> None:
    """A table that is there is the user's: only the task files change, and the Dockerfile is said."""
    (hello / "pyproject.toml").write_text(table)
    (hello / "tasks.py").write_text("from invoke import task\n")
    (hello / "noxfile.py").write_text("import nox\n")
    assert find_adoption(open_project(hello), TASKS).remarks[0] == UNREAD
    assert init(hello) == ["noxfile.py", "tasks.py"]
    assert init(hello) == []


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("[tool.gomab]", "\n"),
        ("[tool.gomab]  # ours", "\n"),
        ("[project]\nname = 'x'\n\n[tool.gomab]", "\n# more\n\n[tool.ruff]\nline-length = 100\n"),
    ],
)
def test_empty_table(hello: Path, above: str, below: str, line_end: str) -> None:
    """An empty table is filled where it stands, once; all else stays."""
    parts = [part.replace("\n", line_end).encode() for part in (above, below)]
    (hello / "pyproject.toml").write_bytes(b"".join(parts))
    assert init(hello) == ["pyproject.toml", "noxfile.py"]
    after = (hello / "pyproject.toml").read_bytes()
    assert after.endswith(parts[1])
    assert after.count(b"\r\n") == (after.count(b"\n") if line_end == "\r\n" else 0)
    assert set(parts[0].splitlines()) <= set(after.splitlines())
    assert open_project(hello).settings.shared.image.user == "1000:1000"
    assert init(hello) == []


def test_an_empty_table_beside_a_text_like_it(hello: Path) -> None:
    """What cannot be told apart is left alone, with a line that says so."""
    text = "[tool.x]\ny = '''\n[tool.gomab]\n'''\n[ tool . gomab ]\n"
    (hello / "pyproject.toml").write_text(text)
    with pytest.raises(SettingsError, match="cannot be told from a text that holds it"):
        init(hello)
    assert (hello / "pyproject.toml").read_text() == text


def test_installing(hello: Path) -> None:
    """A task file that needs gomab from now on, and does not name it itself, is said, once."""
    (hello / "noxfile.py").write_text('# /// script\n# dependencies = ["nox"]\n# ///\nimport nox\n')
    (hello / "tasks.py").write_text("from invoke import task\n")
    adoption = find_adoption(open_project(hello), TASKS)
    assert adoption.remarks == (
        "tasks.py: imports gomab-tasks now: install it wherever the file runs, in CI too",
    )
    write_adoption(adoption)
    assert find_adoption(open_project(hello), TASKS).remarks == (UNREAD,)


def test_modes_and_links(hello: Path) -> None:
    """A file keeps its mode, and a link stays one."""
    (hello / "shared.py").write_text("import nox\n")
    (hello / "shared.py").chmod(0o755)
    (hello / "noxfile.py").symlink_to("shared.py")
    init(hello)
    assert (hello / "noxfile.py").is_symlink()
    assert "register()" in (hello / "shared.py").read_text()
    assert (hello / "shared.py").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(("name", "content"), [("Dockerfile", "FROM a\nOOPS\n"), ("noxfile.py", "def (\n")])
def test_unreadable(hello: Path, name: str, content: str) -> None:
    """A file that cannot be read is an error with its line, and nothing is half written."""
    (hello / name).write_text(content)
    before = snapshot(hello)
    with pytest.raises(SettingsError, match=rf"^{name}:[12]: "):
        init(hello)
    assert snapshot(hello) == before


def test_all_or_none(hello: Path) -> None:
    """Where one file cannot be written, none is."""
    (hello / "noxfile.py").write_text("import nox\n")
    before = snapshot(hello)
    adoption = find_adoption(open_project(hello), TASKS)
    broken = adoption.changes[1].path.parent / "file" / "noxfile.py"
    (hello / "file").write_text("in the way")
    first, second, *others = adoption.changes
    changes = (first, replace(second, path=broken), *others)
    with pytest.raises(StorageError):
        write_adoption(replace(adoption, changes=changes))
    assert snapshot(hello) == before | {"file": b"in the way"}


def test_a_full_disk_leaves_none_of_the_files(tmp_path: Path) -> None:
    """Not even those that had room: small files wait in memory, and are refused late."""
    changes = tuple(
        Change(tmp_path / name, name, b"", b"x" * size) for name, size in (("large", 4000), ("small", 10))
    )
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(StorageError, match=f"^{tmp_path}/large: cannot be written"):
            write_adoption(Adoption(changes, ()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_without_dockerfile(hello: Path) -> None:
    """A project without a Dockerfile gets an empty table, which is all that is needed."""
    (hello / "Dockerfile").unlink()
    (remark,) = find_adoption(open_project(hello), TASKS).remarks
    assert remark == (
        "no Dockerfile or Containerfile in ., build, build/package, docker, deploy, deploy/docker, "
        "deployments or beside a main package"
    )
    assert init(hello) == ["pyproject.toml", "noxfile.py"]
    assert (hello / "pyproject.toml").read_text() == "[tool.gomab]\n"


@pytest.mark.parametrize(
    "folder", ["build", "build/package", "docker", "deploy", "deploy/docker", "deployments"]
)
def test_where_dockerfiles_are(hello: Path, folder: str) -> None:
    """A Dockerfile is found where people put it, and named in the guide."""
    (hello / folder).mkdir(parents=True)
    (hello / "Dockerfile").rename(hello / folder / "Dockerfile")
    init(hello)
    assert open_project(hello).settings.shared.image.user == "1000:1000"
    assert f"`{folder}/`" in (TESTS.parent / "docs" / "guide.md").read_text()


def test_several_dockerfiles(hello: Path) -> None:
    """The likeliest one for a main package is taken; the others are said."""
    for name, text in {
        "Dockerfile.debug": DOCKERFILE,
        "build/Dockerfile": DOCKERFILE,
        "docker/db.Dockerfile": "FROM postgres:18\n",
        "Dockerfile.tmpl": "{{ not a Dockerfile }}",
    }.items():
        (hello / name).parent.mkdir(exist_ok=True)
        (hello / name).write_text(text)
    remarks = find_adoption(open_project(hello), TASKS).remarks
    assert remarks == (
        "Dockerfile.debug: starts hello, as Dockerfile does; it is left out",
        "build/Dockerfile: starts hello, as Dockerfile does; it is left out",
        "docker/db.Dockerfile:1: its image starts none of the main packages found",
    )


def test_what_is_not_read(hello: Path) -> None:
    """What gomab itself wrote, a link that leads nowhere and a folder are said and passed over."""
    (hello / "Dockerfile").unlink()
    (hello / "Dockerfile").symlink_to("gone/Dockerfile")
    (hello / "Containerfile").mkdir()
    (hello / "docker").mkdir()
    (hello / "docker" / "Dockerfile").write_text(f"# syntax=docker/dockerfile:1\n{HEADING}: …\n{DOCKERFILE}")
    adoption = find_adoption(open_project(hello), TASKS)
    assert adoption.remarks == (
        "Dockerfile: a link to what is not there: gone/Dockerfile",
        "Containerfile: is a folder, no Dockerfile",
        "docker/Dockerfile: gomab wrote it, from a table that is not here; it is not read back",
    )
    assert adoption.changes[0].after == b"[tool.gomab]\n"


def test_tasks_package(hello: Path) -> None:
    """A package of Invoke tasks is left to the user, and the lines for it are said, until they are there."""
    package = hello / "tasks"
    package.mkdir()
    (package / "__init__.py").write_text("")  # anybody's package
    assert find_adoption(open_project(hello), TASKS).remarks == ()
    (package / "__init__.py").write_text("import invoke\n")
    (remark,) = find_adoption(open_project(hello), TASKS).remarks
    assert remark.startswith(
        "tasks/__init__.py: a package is not changed; add by hand: from pathlib import Path; from gomab_tasks"
    )
    lines = remark.partition("by hand: ")[2].replace("; ", "\n")
    (package / "__init__.py").write_text(f"import invoke\nns = invoke.Collection()\n{lines}\n")
    assert find_adoption(open_project(hello), TASKS).remarks == ()
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "-l"], cwd=hello, capture_output=True, text=True, check=False
    )
    assert "go.images" in done.stdout, done.stderr


def test_tasks_of_another_program(hello: Path) -> None:
    """A tasks.py that is not Invoke's stays; a noxfile is written, and that is said."""
    (hello / "tasks.py").write_text("from celery import shared_task\n")
    adoption = find_adoption(open_project(hello), TASKS)
    assert [change.name for change in adoption.changes] == ["pyproject.toml", "noxfile.py"]
    assert adoption.remarks == (
        "tasks.py: does not import invoke, so it stays as it is; noxfile.py has gomab's tasks",
    )
    write_adoption(adoption)
    assert find_adoption(open_project(hello), TASKS).remarks == (UNREAD,)


def test_prefix_is_said(hello: Path) -> None:
    """Where gomab's sessions get a prefix, the command to type is said."""
    (hello / "noxfile.py").write_text("import nox\n\n\n@nox.session\ndef build(session): ...\n")
    remarks = find_adoption(open_project(hello), TASKS).remarks
    assert remarks[0] == (
        "noxfile.py: its sessions have, or may have, names that gomab's tasks have too, "
        "so those begin with go-: nox -s go-plan"
    )


@pytest.mark.parametrize("name", ["noxfile.py", "tasks.py"])
def test_folders_in_the_place_of_task_files(hello: Path, name: str) -> None:
    """A folder of that name is an error, and nothing is written."""
    (hello / name).mkdir()
    with pytest.raises(SettingsError, match=rf"^{name} is a folder; "):
        init(hello)
    assert not (hello / "pyproject.toml").exists()


def test_names_that_no_image_has(hello: Path) -> None:
    """Where a table cannot be made, the reason and the cure are said, and nothing is written."""
    for name in ("_a", "_b"):
        (hello / "cmd" / name).mkdir(parents=True)
        (hello / "main.go").rename(hello / "cmd" / name / "main.go")
        shutil.copy(hello / "cmd" / name / "main.go", hello)
    (hello / "main.go").unlink()
    text = DOCKERFILE.replace("-o /out/hello .", "-o /out/ ./cmd/_a ./cmd/_b")
    (hello / "Dockerfile").write_text(
        text.replace("/out/hello /app/hello", "/out/ /app/").replace("hello", "_a")
    )
    with pytest.raises(SettingsError, match=r"cannot become a table: images._a is no name for an image"):
        init(hello)
    assert not (hello / "pyproject.toml").exists()


def test_module_below(hello: Path) -> None:
    """A module in a folder below is found, and named in the table."""
    service = hello / "services" / "api"
    service.mkdir(parents=True)
    for name in ("go.mod", "main.go"):
        (hello / name).rename(service / name)
    (hello / "Dockerfile").unlink()
    init(hello)
    assert 'module = "services/api"' in (hello / "pyproject.toml").read_text()
    assert open_project(hello).module == service


def test_several_modules(hello: Path) -> None:
    """Of several modules none is guessed."""
    for name in ("a", "b"):
        (hello / name).mkdir()
        shutil.copy(hello / "go.mod", hello / name)
    (hello / "go.mod").unlink()
    with pytest.raises(SettingsError, match=r"^no go\.mod here, and several below: a, b; start this in"):
        init(hello)
