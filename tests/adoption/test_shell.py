"""Commands of a RUN, and what of them a template can give."""

from __future__ import annotations

import pytest

from gomab_tasks.adoption.expansion import UnknownValueError
from gomab_tasks.adoption.programs import commands_of
from gomab_tasks.adoption.recipe import read_recipe
from gomab_tasks.adoption.shell import git_field, plain, read_commands, template
from gomab_tasks.adoption.syntax import read_source


@pytest.mark.parametrize(
    ("command", "field"),
    [
        ("git describe", "git.describe"),
        ("git describe --tags --always --dirty='-x'", "git.describe"),
        ("git describe --tags 2>/dev/null || echo dev", "git.describe"),
        ("git describe --tags | sed 's/^v//'", "version"),
        ("git describe --tags --exact-match", "git.tag"),
        ("git rev-parse HEAD", "git.sha"),
        ("git rev-parse --short HEAD", "git.short"),
        ("git rev-parse --short=8 HEAD", "git.short"),
        ("git rev-parse --abbrev-ref HEAD", "git.branch"),
        ("git branch --show-current", "git.branch"),
        ("git log -1 --format=%H", "git.sha"),
        ("git show -s --pretty=format:%h", "git.short"),
        ("git log -1 --format=%cI", ""),
        ("git rev-parse HEAD | cut -c1-8", ""),
        ("git status --porcelain", ""),
        ("date -u", ""),
        ("", ""),
    ],
)
def test_git_field(command: str, field: str) -> None:
    """Only what a template really gives is taken for one."""
    assert git_field(command) == field


def commands(run: str, above: str = "") -> list[tuple[tuple[str, ...], str]]:
    """Read the last RUN of a stage: the words and the folder of each command."""
    source = read_source("Dockerfile", f"FROM a\nWORKDIR /src\n{above}\nRUN {run}\n".encode())
    (stage,) = read_recipe(source).stages
    return [(command.words, command.folder) for command in read_commands(stage.steps[-1])]


def test_commands() -> None:
    """Operators divide, redirections and keywords go, `cd` holds for what follows."""
    assert commands("a 'b c' && if x >y 2>&1; then cd d && e; fi || f | g") == [
        (("a", "b c"), "/src"),
        (("x",), "/src"),
        (("e",), "/src/d"),
        (("f",), "/src/d"),
        (("g",), "/src/d"),
    ]
    assert commands('["a", "b && c"]') == [(("a", "b && c"), "/src")]


WRITES = {
    "echo a > f": [("echo a", ["f"])],
    "> f": [(":", ["f"])],
    "{ echo a; echo b; } >> f": [("echo a", []), ("echo b", []), (":", ["f"])],
    "[ -e f ] || echo a >f 2>&1": [("[ -e f ]", []), ("echo a", ["f"])],
    "F=f; echo a > $F": [("echo a", ["f"])],
    "a > /dev/null 2>&1 < b": [("a", [])],
    "a >&2 2>&-": [("a", [])],
    "cat <<E > f\na b\nE": [("cat", ["f"])],
    "<<E cat > f\na b\nE": [("cat", ["f"])],
    "python3 - <<E\nimport os\nE": [("python3 -", [])],
    "<<E\n#!/usr/bin/env python3\nimport os\nE": [("python3", [])],
    "bash -e <<E\na b\nE": [("a b", [])],
    "<<E\n#!/bin/sh\ncat<<'X'>f\na b\nX\nc\nE": [("cat", ["f"]), ("c", [])],
}


@pytest.mark.parametrize("run", WRITES)
def test_what_is_written(run: str) -> None:
    """A command has the files that its output goes to; what it reads from a here-document is no command."""
    source = read_source("Dockerfile", f"FROM a\nRUN {run}\n".encode())
    (stage,) = read_recipe(source).stages
    found = [(" ".join(one.words), list(one.writes)) for one in read_commands(stage.steps[-1])]
    assert found == WRITES[run]


SHOWN = {
    'adduser --gecos "" "$USER"': ['adduser --gecos "" "$USER"'],
    "a  'b \\\n c' && T=ghp_x sudo d": ["a 'b c'", "d"],
    "a 2>&1 >/dev/null;b;; c": ["a 2>&1 >/dev/null", "b", "c"],
    "if ! a; then b; fi": ["a", "b"],
    "make V=$(git describe) W=`date`": ["make V=$(git describe) W=`date`"],
    "find . -exec a {} \\; -print && b": ["find . -exec a {} \\; -print", "b"],
    "echo $USER > $USER.txt >> 'b c'": ["writes $USER.txt, b c"],
    "git clone https://me:ghp_x@h/x": ["git clone https://***@h/x"],
    "sh -c 'echo ghp_x > ~/.netrc'": ["sh -c …"],
    '["a", "b c"]': ['["a", "b c"]'],
    '["sh", "-ec", "a \'$USER\' && b"]': ["a '$USER'", "b"],
    "a 'b": ["a 'b"],
}


@pytest.mark.parametrize("run", SHOWN)
def test_what_is_shown(run: str) -> None:
    """People see a command as it is written, values not put in, and nothing that may be secret."""
    source = read_source("Dockerfile", f"FROM a\nENV USER=hunter2\nRUN {run}\n".encode())
    (stage,) = read_recipe(source).stages
    assert [one.text for one in commands_of(stage.steps[-1])] == SHOWN[run]


LOOPS = {
    "for c in a b; do x $c; y; done; z": ["x a", "y", "x b", "y", "z"],
    "for c in a b\ndo x $c\ndone": ["x a", "x b"],
    "for c in a b; do for d in a b; do x $d": ["x a", "x b"],
    "for c in $ALL; do x ${c}.go; done": ["x a.go", "x b.go"],
    "L='a b'; for c in $L; do x $c; done": ["x a", "x b"],
    "for c in a b; do for d in 1 2; do x $c$d; done; y $c; done": [
        "x a1",
        "x a2",
        "y a",
        "x b1",
        "x b2",
        "y b",
    ],
    "for c in a b; do if t; then while u; do v $c; done; fi; done; z": [
        "t",
        "u",
        "v a",
        "t",
        "u",
        "v b",
        "z",
    ],
    "c=1; for c in cmd/*; do x $c; done": ["x $c"],
    "for c in a $(ls cmd); do x $c; done; z": ["x $c", "z"],
    "for c in $UNKNOWN; do x $c; done": ["x $c"],
    "for c; do x $c; done": ["x $c"],
    "for c in a b; do x $c": ["x a", "x b"],
    "for": ["for"],
}


@pytest.mark.parametrize("run", LOOPS)
def test_loops(run: str) -> None:
    """The body of a loop is there once for each word, or once where they are not known."""
    found = commands(f"<<E\n{run}\nE", "ARG ALL='a b'")
    assert [" ".join(words) for words, _ in found] == LOOPS[run]


def test_variables() -> None:
    """Values come from ARG, ENV, words before a command and lines before it; others stay."""
    above = "ARG A=1\nENV B=$A-2"
    assert commands("C=3 d $A ${B} $C $X ${Y:-z}", above) == [(("d", "1", "1-2", "3", "$X", "z"), "/src")]
    first, second = commands('export V=$(git rev-parse HEAD) && e -X=$V; f `date -d "$A"; g` h', above)
    assert first == (("e", "-X=\ue000git.sha\ue001"), "/src")
    assert [plain(word) for word in second[0]] == ["f", '$(date -d "$A"; g)', "h"]


def test_template() -> None:
    """Fields become a template's, braces stand for themselves, what is lost is an error."""
    assert template("v\ue000git.sha\ue001{x}") == "v{git.sha}{{x}}"
    ((words, _),) = commands('a "$(date)"')
    with pytest.raises(UnknownValueError, match=r"no template gives \$\(date\)"):
        template(words[1])
    with pytest.raises(UnknownValueError, match=r"\$X has no value .*; {env.X} would take it"):
        template("a$X")
