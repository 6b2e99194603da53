"""Task files get gomab's lines once, and keep everything else byte for byte."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.adoption.taskfiles import (
    NEW_NOXFILE,
    extend_noxfile,
    extend_tasks,
    is_for_invoke,
    names_package,
)
from gomab_tasks.errors import SettingsError

TASKS = ("build", "images", "clean")

NOXFILE = '''\
"""Sessions."""

import nox

nox.options.sessions = ["tests"]


@nox.session
def tests(session):
    session.run("true")
'''

TASKSFILE = """\
from invoke import task


@task(default=True)
def hello(c):
    print("hi")


@task
def bye(c):
    print("bye")
"""


def added(before: str | bytes, after: bytes) -> list[str]:
    """Give the lines that were added; nothing may be taken away, nor a line end changed."""
    old = before.encode() if isinstance(before, str) else before
    lines = list(
        difflib.ndiff(old.decode().splitlines(keepends=True), after.decode().splitlines(keepends=True))
    )
    assert not [line for line in lines if line.startswith("- ")]
    return [line[2:].rstrip("\n") for line in lines if line.startswith("+ ")]


def run(folder: Path, *words: str) -> str:
    """Run a module of the environment's own and give what it prints."""
    argv = [sys.executable, "-m", *words]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_noxfile() -> None:
    """The import stands with the others, the call comes last, two lines below a function."""
    made = extend_noxfile(NOXFILE.encode(), TASKS)
    assert added(NOXFILE, made) == ["from gomab_tasks.nox import register", "", "", "register()"]
    assert made.endswith(b'session.run("true")\n\n\nregister()\n')
    assert b"import nox\nfrom gomab_tasks.nox import register\n\nnox.options" in made


def test_noxfile_runs(tmp_path: Path) -> None:
    """Nox lists the user's session as before, selected alone, and gomab's beside it."""
    (tmp_path / "noxfile.py").write_bytes(extend_noxfile(NOXFILE.encode(), TASKS))
    listed = run(tmp_path, "nox", "-l")
    assert "* tests" in listed
    assert "\n- images " in listed


def test_new_noxfile(tmp_path: Path) -> None:
    """The file for a project without any is whole."""
    (tmp_path / "noxfile.py").write_text(NEW_NOXFILE)
    assert "\n- images " in run(tmp_path, "nox", "-l")


@pytest.mark.parametrize(
    "session",
    [
        "@nox.session\ndef build(session): ...",
        "@nox.session(python=False)\ndef build(session): ...",
        '@nox.session(name="build")\ndef _any(session): ...',
        "@session\ndef build(session): ...",
        "from nox import session as sess\n@sess\ndef build(session): ...",
        "import nox as n\n@n.session()\ndef build(session): ...",
    ],
)
def test_names_taken(session: str) -> None:
    """Where a session has a task's name, all of gomab's get a prefix."""
    made = extend_noxfile(f"import nox\nfrom nox import session\n\n{session}\n".encode(), TASKS)
    assert made.endswith(b'\nregister(prefix="go-")\n')


MADE = {
    "a loop": '@nox.session(name=f"{n}")\ndef _any(session): ...',
    "a call": "def _any(session): ...\nfor n in NAMES: nox.session(name=n)(_any)",
    "a call in a function": "def _add(f):\n    nox.session(name=f.x)(f)",
    "an alias": "from nox import session as sess\nsess(lambda s: 0)",
    "another's name": "make = nox.session\n@make\ndef _any(session): ...",
    "a variable": "@nox.session(name=NAME)\ndef _any(session): ...",
    "keywords": "@nox.session(**KEYWORDS)\ndef _any(session): ...",
    "a star import": "from sessions import *",
    "another decorator": '@add("build")\ndef _any(session): ...',
    "a list": 'for n in ["build", "x"]: add(n)',
}


@pytest.mark.parametrize("way", MADE)
def test_names_that_may_be_taken(way: str) -> None:
    """Where sessions may have any name, or are made of a task's name, gomab's get a prefix."""
    made = extend_noxfile(f"import nox\n\n{MADE[way]}\n".encode(), TASKS)
    assert made.endswith(b'register(prefix="go-")\n')


def test_sessions_made_in_a_loop(tmp_path: Path) -> None:
    """Nox lists them beside gomab's."""
    loop = 'for n in ["push", "x"]:\n\n    @nox.session(name=f"{n}")\n    def _run(session): ...\n'
    (tmp_path / "noxfile.py").write_bytes(extend_noxfile(f"import nox\n\n{loop}".encode(), ["push"]))
    listed = run(tmp_path, "nox", "-l")
    assert "\n* push" in listed
    assert "\n- go-push " in listed


@pytest.mark.parametrize(
    "session",
    [
        '@nox.session\ndef tests(session):\n    session.run("go", "build")',
        '@nox.session(name=None)\ndef tests(session: nox.Session):\n    """build"""',
        '@nox.session(python=["3.12"])\n@nox.parametrize("x", [1])\ndef tests(session, x): ...',
    ],
)
def test_names_that_are_free(session: str) -> None:
    """What a session does with its body takes no name."""
    made = extend_noxfile(f"import nox\n\n{session}\n".encode(), TASKS)
    assert made.endswith(b"\nregister()\n")


def test_prefix_taken() -> None:
    """A prefix that would give the name of another session is not used."""
    sessions = "".join(
        f'@nox.session(name="{name}")\ndef _{number}(session): ...\n'
        for number, name in enumerate(["build", "go-clean", "gomab-images"])
    )
    made = extend_noxfile(f"import nox\n\n{sessions}".encode(), TASKS)
    assert made.endswith(b'\nregister(prefix="gomab-2-")\n')


@pytest.mark.parametrize(
    "imported",
    [
        "from gomab_tasks import {door} as gn",
        "from gomab_tasks import {door}",
        "import gomab_tasks.{door}",
        "from gomab_tasks.{door} import register, collection",
    ],
)
def test_there_already(imported: str) -> None:
    """A file that has gomab, however it is imported, stays as it is."""
    noxfile = f"{imported.format(door='nox')}\n\ngn.register()\n".encode()
    assert extend_noxfile(noxfile, TASKS) == noxfile
    tasks = f"{imported.format(door='invoke')}\n\nns = gn.collection()\n".encode()
    assert extend_tasks(tasks) == tasks


def test_name_of_the_function_counts_only_without_another() -> None:
    """A function that makes a session of another name takes nothing."""
    made = extend_noxfile(b'import nox\n\n@nox.session(name="x")\ndef build(session): ...\n', TASKS)
    assert made.endswith(b"\nregister()\n")


def test_register_taken() -> None:
    """A function of the user's own that is called `register` stays what it is."""
    made = extend_noxfile(b"import nox\n\ndef register(): ...\n\nregister()\n", TASKS)
    assert b"from gomab_tasks.nox import register as gomab_register\n" in made
    assert made.endswith(b"\nregister()\n\ngomab_register()\n")


GUARD = '\n\n# Run it alone.\nif __name__ == "__main__":\n    nox.main()\n'


def test_main_guard() -> None:
    """The call comes above what runs the file by itself."""
    made = extend_noxfile(f"{NOXFILE}{GUARD}".encode(), TASKS)
    assert made.endswith(f'session.run("true")\n\n\nregister()\n{GUARD}'.encode())


BLOCKS = {
    '# dependencies = ["nox"]\n': '# dependencies = ["nox", "gomab-tasks"]\n',
    "# dependencies = []\n": '# dependencies = ["nox", "gomab-tasks"]\n',
    '# dependencies = ["tomli"]\n': '# dependencies = ["tomli", "nox", "gomab-tasks"]\n',
    '# dependencies = [\n#   "x",\n# ]\n': (
        '# dependencies = [\n#   "x",\n#     "nox",\n#     "gomab-tasks",\n# ]\n'
    ),
    '# dependencies = ["nox[uv]>=2024", "tomli"] # ok\n': (
        '# dependencies = ["nox[uv]>=2024", "tomli", "gomab-tasks"] # ok\n'
    ),
    '# dependencies = [\n#   "nox[uv]",\n#   "x"\n# ]\n# x = 1\n': (
        '# dependencies = [\n#   "nox[uv]",\n#   "x",\n#     "gomab-tasks",\n# ]\n# x = 1\n'
    ),
    '# requires-python = ">=3.11"\n': (
        '# requires-python = ">=3.11"\n# dependencies = ["nox", "gomab-tasks"]\n'
    ),
    '# dependencies = ["Gomab_Tasks[go]>=0.1"]\n': '# dependencies = ["Gomab_Tasks[go]>=0.1"]\n',
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("block", BLOCKS)
def test_script_block(block: str, line_end: str) -> None:
    """The dependencies that a noxfile names for itself get gomab, once, and Nox, which asks for itself."""
    head = f"#!/usr/bin/env python\n# /// script\n{block}# ///\n\n"
    before = f"{head}{NOXFILE}".replace("\n", line_end)
    made = extend_noxfile(before.encode(), TASKS).decode()
    assert made.startswith(f"{head.replace(block, BLOCKS[block])}".replace("\n", line_end))
    assert made.count("\n") == made.count(line_end)
    assert extend_noxfile(made.encode(), TASKS).decode() == made


def test_script_block_unreadable() -> None:
    """What cannot be changed safely is left to the user, and nothing is written."""
    block = "# /// script\n# dependencies = [\n#   'nox', # ]\n# ]\n# ///\n"
    with pytest.raises(SettingsError, match=r'^noxfile.py: add "gomab-tasks" to the dependencies'):
        extend_noxfile(f"{block}import nox\n".encode(), TASKS)


def test_no_script_block() -> None:
    """Where the noxfile names no dependencies, none are named; gomab has to be installed then."""
    made = extend_noxfile(NOXFILE.encode(), TASKS)
    assert b"gomab-tasks" not in made
    assert not names_package(made)
    assert names_package(NEW_NOXFILE.encode())


@pytest.mark.parametrize(
    ("content", "is_invokes"),
    [
        ("from invoke import task\n", True),
        ("import invoke.tasks as t\n", True),
        ("", True),
        ("# to be written\n", True),
        ("from celery import shared_task\n", False),
        ("x = 1\n", False),
    ],
)
def test_tasks_of_others(content: str, *, is_invokes: bool) -> None:
    """A tasks.py is Invoke's where it imports that, or where nothing is in it yet."""
    assert is_for_invoke(content.encode()) == is_invokes


def test_tasks_without_namespace(tmp_path: Path) -> None:
    """The tasks of the file stay, the default one too, and gomab's are below `go`."""
    made = extend_tasks(TASKSFILE.encode())
    assert added(TASKSFILE, made) == [
        "import sys",
        "from invoke import Collection",
        "from pathlib import Path",
        "from gomab_tasks.invoke import collection",
        "",
        "",
        "ns = Collection.from_module(sys.modules[__name__])",
        'ns.add_collection(collection(root=Path(__file__).parent), name="go")',
    ]
    (tmp_path / "tasks.py").write_bytes(made)
    (tmp_path / "below").mkdir()
    listed = run(tmp_path / "below", "invoke", "-l")
    assert "hello" in listed
    assert "bye" in listed
    assert "go.images" in listed
    assert run(tmp_path, "invoke") == "hi\n"
    assert run(tmp_path, "invoke", "bye") == "bye\n"


@pytest.mark.parametrize("name", ["ns", "namespace"])
def test_tasks_with_namespace(tmp_path: Path, name: str) -> None:
    """A namespace of the user's own gets one collection more."""
    before = (
        f"{TASKSFILE}\n\nfrom pathlib import Path\nfrom invoke import Collection\n{name} = Collection(bye)\n"
    )
    made = extend_tasks(before.encode())
    assert added(before, made)[-1] == (
        f'{name}.add_collection(collection(root=Path(__file__).parent), name="go")'
    )
    (tmp_path / "tasks.py").write_bytes(made)
    listed = run(tmp_path, "invoke", "-l")
    assert "hello" not in listed
    assert "bye" in listed
    assert "go.images" in listed


def test_imports_are_used_as_they_are() -> None:
    """What the file imports already, under whatever name, is not imported again."""
    head = "import sys as system\nfrom pathlib import Path as P\nfrom invoke import Collection as C, task\n"
    made = extend_tasks(f"{head}\n@task\ndef hi(c): ...\n".encode()).decode()
    assert "ns = C.from_module(system.modules[__name__])\n" in made
    assert "collection(root=P(__file__).parent)" in made
    assert made.count("import") == 4


def test_names_of_other_things() -> None:
    """A name that means something else in the file is not touched."""
    before = "from collections.abc import Collection\nfrom invoke import task\nPath = str\ncollection = 1\n"
    made = extend_tasks(before.encode()).decode()
    assert "from invoke import Collection as gomab_Collection\n" in made
    assert "gomab_collection(root=gomab_Path(__file__).parent)" in made


def test_collection_go_taken() -> None:
    """A task or collection `go` of the user's own keeps its name."""
    made = extend_tasks(b"from invoke import task\n\n\n@task\ndef go(c): ...\n")
    assert made.endswith(b', name="gomab")\n')


def test_collections_taken() -> None:
    """Of names that gomab's collection may have the first free one is taken."""
    made = extend_tasks(
        b"from invoke import task\n\n\n@task\ndef go(c): ...\n\n\n@task(name='gomab')\ndef x(c): ...\n"
    )
    assert made.endswith(b', name="gomab-2")\n')


AWKWARD = {
    "empty": b"",
    "no line end": b"import nox",
    "crlf": NOXFILE.replace("\n", "\r\n").encode(),
    "comment at the end": f"{NOXFILE}\n# the end".encode(),
    "blank lines at the end": f"{NOXFILE}\n\n\n".encode(),
    "byte order mark": b"\xef\xbb\xbf" + NOXFILE.encode(),
    "latin-1": b"# -*- coding: latin-1 -*-\nname = '\xfc'\n",
    "future": b'"""Text."""\nfrom __future__ import annotations\nx: int = 1\n',
    "form feed": b"import nox\n\x0c\nx = '''\n\x0c\n'''\n",
    "docstring alone": b'"""Text\n\nmore."""\nx = 1\n',
    "semicolons": b"import nox; import sys; x = 1\ny = 2\n",
    "guarded import": b"try:\n    import nox\nexcept ImportError:\n    nox = None\n",
    "open string": b'x = """\n\n\nif __name__ == "__main__":\n"""\n',
    "only a guard": b'if __name__ == "__main__":\n    print()\n',
}


@pytest.mark.parametrize("extend", [lambda content: extend_noxfile(content, TASKS), extend_tasks])
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_files(name: str, extend: Callable[[bytes], bytes]) -> None:
    """Whatever the file looks like, Python reads the new one, and it differs by whole new lines."""
    before = AWKWARD[name]
    made = extend(before)
    compile(made, name, "exec")
    kept = iter(made.replace(b"\r\n", b"\n").split(b"\n"))
    assert all(line in kept for line in before.replace(b"\r\n", b"\n").split(b"\n") if line)
    assert extend(made) == made


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"import nox\ndef tests(:\n", "noxfile.py:2: Python cannot read this: invalid syntax"),
        (b"x = '\xff'\n", "noxfile.py:1: Python cannot read this"),
        (b"# coding: none\n", "noxfile.py:1: Python cannot read this: unknown encoding"),
        (b"x = 1\0\n", "noxfile.py"),
    ],
)
def test_unreadable(content: bytes, problem: str) -> None:
    """A file that Python cannot read is an error with its line."""
    with pytest.raises(SettingsError) as caught:
        extend_noxfile(content, TASKS)
    assert str(caught.value).startswith(problem)
