"""A Dockerfile's syntax: what BuildKit tolerates is read, all else is an error with its line."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gomab_tasks.adoption.carryover import carry_over, table_keys
from gomab_tasks.adoption.expansion import UnknownValueError, expand, split_pairs, split_words
from gomab_tasks.adoption.programs import Ground
from gomab_tasks.adoption.recipe import read_recipe
from gomab_tasks.adoption.syntax import read_source
from gomab_tasks.adoption.table import write_table
from gomab_tasks.errors import SettingsError
from gomab_tasks.golang.module import MainPackage

PROBLEMS = {
    b"": "Dockerfile: has no instructions; a Dockerfile begins with FROM",
    b"# only a comment\n": "Dockerfile: has no instructions; a Dockerfile begins with FROM",
    b"ARG A=1\n": "Dockerfile: has no FROM, so there is no image",
    b"FROM scratch\n\nCOPPY a b\n": "Dockerfile:3: 'COPPY' is no instruction of a Dockerfile; did you mean",
    b"FROM scratch\nQQQQ\n": "Dockerfile:2: 'QQQQ' is no instruction of a Dockerfile; there are: ADD ARG CMD",
    b"FROM scratch\nEXPOSE\n": "Dockerfile:2: EXPOSE says nothing; write what it is for behind it",
    b"RUN true\nFROM scratch\n": "Dockerfile:1: RUN stands above the first FROM",
    b"FROM a b\n": "Dockerfile:1: FROM a b: write FROM IMAGE, or FROM IMAGE AS NAME",
    b"FROM a TO b\n": "Dockerfile:1: FROM a TO b: write FROM IMAGE, or FROM IMAGE AS NAME",
    b"FROM a\nENV A=1 B\n": "Dockerfile:2: 'B' has no value; write NAME=VALUE",
    b"FROM a\nLABEL a=b =c\n": "Dockerfile:2: '' has no value; write NAME=VALUE",
    b"FROM a\nCOPY here\n": "Dockerfile:2: COPY here: write sources and a target",
    b'FROM a\nCOPY ["here"]\n': 'Dockerfile:2: COPY ["here"]: write sources and a target',
    b"FROM a\n\nRUN <<END\nx\n": "Dockerfile:3: the here-document <<END has no end; write a line 'END'",
    b"# escape=/\nFROM a\n": "Dockerfile:1: escape is '/'; it can be \\ or ` alone",
    b"FROM a\nLABEL a=\xff\n": "Dockerfile:2: byte 0xff is not UTF-8; save the file as UTF-8",
    b"\n\n# x\nFROM a\nRUN a && \\\n  b\nWRONG it\n": "Dockerfile:7: 'WRONG' is no instruction",
}


@pytest.mark.parametrize("content", PROBLEMS)
def test_problems(content: bytes) -> None:
    """What is no Dockerfile is an error that names its line and the cure."""
    with pytest.raises(SettingsError) as caught:
        read_recipe(read_source("Dockerfile", content))
    assert str(caught.value).startswith(PROBLEMS[content])


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("$A", "one"),
        ("${A}two", "onetwo"),
        ("${B:-$A}", "one"),
        ("${E:-x}", "x"),
        ("${E-x}", ""),
        ("${A:+yes}${B:+no}", "yes"),
        (r"\$A", "$A"),
        ("'$A'", "$A"),
        ('"$A b"', "one b"),
        (r'"a\"b\n"', r'a"b\n'),
        (r"a\ b", "a b"),
        ("$", "$"),
        ("a$1", "a$1"),
    ],
)
def test_expand(word: str, value: str) -> None:
    """Quotes, escapes and variables are those of the reference."""
    assert expand(word, {"A": "one", "E": ""}, "\\") == value


@pytest.mark.parametrize("word", ["$B", "${B}", "${A#o}", "${A"])
def test_expand_unknown(word: str) -> None:
    """What nobody knows before the build is an error to its caller."""
    with pytest.raises(UnknownValueError):
        expand(word, {"A": "one"}, "\\")


def test_split() -> None:
    """White space in quotes and behind an escape divides nothing."""
    assert split_words(r"""a "b c" d\ e 'f g'h""", "\\") == ["a", '"b c"', r"d\ e", "'f g'h"]
    assert split_pairs("A=1 B='2 3'", "\\") == [("A", "1"), ("B", "'2 3'")]
    assert split_pairs("A 1 = 2", "\\") == [("A", "1 = 2")]


def test_a_quote_without_end() -> None:
    """It is a character like others, found so without trying all ways to read what follows."""
    assert split_words('"' + r"\a" * 100 + " b", "\\") == ['"' + r"\a" * 100, "b"]


def test_brackets_without_end() -> None:
    """A shell reads what is no JSON."""
    text = b"FROM scratch\nCMD " + b"[" * 100_000
    (stage,) = read_recipe(read_source("Dockerfile", text)).stages
    assert stage.steps[0].instruction.words is None


def test_an_argument_that_may_have_no_value() -> None:
    """Declared again in a stage, it is what it was above the first FROM."""
    text = b"ARG VERSION\nARG X=${VERSION:+$SUFFIX}\nFROM golang\nARG X\n"
    (stage,) = read_recipe(read_source("Dockerfile", text)).stages
    assert stage.scope.values["X"] == ""
    assert "X" not in stage.scope.templates


def test_no_text_is_a_bug(tmp_path: Path) -> None:
    """However a Dockerfile is damaged, there is a table or an error that the user can mend."""
    choice = random.Random(7)
    files = sorted((Path(__file__).parent / "cases").rglob("Dockerfile"))
    mains = (MainPackage("example.com/a", "a", tmp_path), MainPackage("example.com/a/b", "b", tmp_path / "b"))
    ground = Ground(tmp_path, tmp_path, tmp_path, mains)
    read = 0
    for _ in range(600):
        text = choice.choice(files).read_text(encoding="utf-8")
        for _ in range(choice.randrange(1, 6)):
            at = choice.randrange(len(text))
            text = (
                text[:at] + choice.choice("\"'\\$`{}[](),=\n #<&|;-~*\0é") + text[at + choice.randrange(3) :]
            )
        try:
            targets, _ = carry_over(read_recipe(read_source("Dockerfile", text.encode())), ground)
        except SettingsError:
            continue
        if targets:
            write_table(table_keys(targets, ground))
        read += 1
    assert read > 100
