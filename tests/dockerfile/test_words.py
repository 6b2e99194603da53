"""Words come out of a Dockerfile's three languages as they went in; tests/buildkit has real builds."""

from __future__ import annotations

import json
import subprocess

import pytest

from gomab_tasks.dockerfile import words
from gomab_tasks.errors import SettingsError

AWKWARD = ["", "plain/v1.2", "a b", "it's", '"x"', "$HOME", "`id`", "a\\b", "\\", "tab\there", "ü%", "a=b"]


@pytest.mark.parametrize("text", AWKWARD)
def test_a_shell_gives_the_word_back(text: str) -> None:
    """A real shell reads each quoted word as it was, alone and as the value of a flag."""
    for word in (text, f"-ldflags={text}"):
        script = f"printf %s {words.quote_for_shell(word, 'here') or repr('')}"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == word


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("a b", '"a b"'), ('say "hi"', r'"say \"hi\""'), ("$5", r'"\$5"'), ("a\\b", r'"a\\b"'), ("`", '"`"')],
)
def test_docker_words(text: str, quoted: str) -> None:
    """Docker's own quotes keep variables from being replaced; a backtick means nothing to it."""
    assert words.quote(text, "here") == quoted


def test_fields_become_build_arguments() -> None:
    """Only fields do: a dollar sign of the table's stays one."""
    template = "{image} v{version} $x {env.Build_ID} {{}}"
    marked = words.mark_fields(template, "api")
    assert words.quote(marked, "here") == r'"api v${VERSION} \$x ${ENV_Build_ID} {}"'
    assert words.argument_fields([template, template]) == ("version", "env.Build_ID")
    script = f"VERSION=1 ENV_Build_ID='a b'; printf %s {words.quote_for_shell(f'-X={marked}', 'here')}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    # The spaces in marks are no text: they only make Go's own quoting see that a value may have some.
    assert done.stdout == "-X=api v1 $x a b {}"


@pytest.mark.parametrize("line_break", ["\n", "\r", "\u2028", "\x0b"])
def test_line_breaks_are_refused(line_break: str) -> None:
    """An instruction ends with its line, so a break could start another one."""
    with pytest.raises(SettingsError, match="here holds a line break"):
        words.quote(f"a{line_break}USER root", "here")
    with pytest.raises(SettingsError, match="here holds a line break"):
        words.quote_for_shell(f"a{line_break}USER root", "here")


def test_commands_carry_any_word() -> None:
    """JSON escapes what ends a line."""
    text = words.quote_list(["a\nb", '"', "ü"])
    assert "\n" not in text
    assert json.loads(text) == ["a\nb", '"', "ü"]


def test_copies_with_spaces_are_json() -> None:
    """COPY splits at spaces otherwise."""
    assert words.copy(["a", "b/c"], "./") == "COPY a b/c ./"
    assert words.copy(["a b"], "/x", "build") == 'COPY --from=build ["a b", "/x"]'
