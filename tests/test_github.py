"""Tests of what is handed to GitHub Actions."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks import github
from gomab_tasks.errors import StorageError


def _outputs(text: str) -> dict[str, str]:
    """Read a file of outputs as the runner does (actions/runner, FileCommandManager.cs)."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            name, delimiter = line.split("<<", 1)
            value: list[str] = []
            while (part := next(lines)) != delimiter:
                value.append(part)
            found[name] = "\n".join(value)
        elif equals >= 0:
            name, found[name] = line.split("=", 1)
    return found


def test_outputs_come_back_as_they_were(tmp_path: Path) -> None:
    """Also with several lines, with `=` and with what looks like another output."""
    path = tmp_path / "output"
    wanted = {"digest": "sha256:ab", "reference-api.v2": "a=b\nevil=1\ntoken<<EOF\nx\nEOF", "empty": ""}
    assert github.set_outputs({"GITHUB_OUTPUT": str(path)}, wanted)
    assert _outputs(path.read_text()) == wanted


def test_outputs_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_text("first=1\n")
    github.set_outputs({"GITHUB_OUTPUT": str(path)}, {"second": "2"})
    assert _outputs(path.read_text()) == {"first": "1", "second": "2"}


def test_delimiters_cannot_be_known_before(tmp_path: Path) -> None:
    """A fixed one could be written into a value, which then sets what it likes."""
    path = tmp_path / "output"
    github.set_outputs({"GITHUB_OUTPUT": str(path)}, {"one": "", "two": ""})
    delimiters = [line.partition("<<")[2] for line in path.read_text().splitlines() if "<<" in line]
    assert len(set(delimiters)) == 2


@pytest.mark.parametrize("name", ["", "a=b", "a<<b", "a\nb", "1a"])
def test_names_that_would_write_other_outputs_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "output"
    with pytest.raises(ValueError, match="name of an output"):
        github.set_outputs({"GITHUB_OUTPUT": str(path)}, {"good": "1", name: "1"})
    assert not path.exists()


def test_elsewhere_nothing_is_written() -> None:
    assert not github.set_outputs({}, {"digest": "x"})
    assert not github.append_summary({"GITHUB_STEP_SUMMARY": ""}, "text")


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        github.set_outputs({"GITHUB_OUTPUT": str(tmp_path)}, {"digest": "x"})


def test_summaries_follow_one_another(tmp_path: Path) -> None:
    """With an empty line between, or a table would swallow the next heading."""
    path = tmp_path / "summary"
    environment = {"GITHUB_STEP_SUMMARY": str(path)}
    assert github.append_summary(environment, "# Sizes\n")
    assert github.append_summary(environment, "# Pushed")
    assert path.read_text() == "# Sizes\n\n# Pushed\n\n"


def test_a_summary_stays_within_the_limit(tmp_path: Path) -> None:
    """GitHub would drop it whole; so whole lines are left out, and a character is never cut in two."""
    path = tmp_path / "summary"
    path.write_text("before\n")
    line = "ü" * 50 + "\n"
    github.append_summary({"GITHUB_STEP_SUMMARY": str(path)}, line * 20_000)
    kept = path.read_text()
    assert len(kept.encode()) <= github.SUMMARY_LIMIT
    assert kept.endswith("ü" * 50 + "\n\nThe rest is left out: GitHub shows no more than 1 MiB.\n")


def test_a_full_summary_takes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("x" * github.SUMMARY_LIMIT)
    github.append_summary({"GITHUB_STEP_SUMMARY": str(path)}, "more")
    assert path.stat().st_size == github.SUMMARY_LIMIT


def test_cells_are_plain_text() -> None:
    """A tag or a path must not become a link, a tag of HTML or a cell of its own."""
    text = github.table(["Image", "Size"], [["a|b <img src=x> [c](d)\n`e` & f_g", "1"]])
    assert text.splitlines() == [
        "| Image | Size |",
        "| --- | --- |",
        r"| a\|b &lt;img src=x> \[c\](d) \`e\` &amp; f\_g | 1 |",
    ]


@pytest.mark.parametrize(
    ("event", "branch"),
    [('{"repository": {"default_branch": "trunk"}}', "trunk"), ("{}", ""), ("[]", ""), ("{", ""), (None, "")],
)
def test_the_default_branch(event: str | None, branch: str, tmp_path: Path) -> None:
    """It stands in the event that started the run; whatever else is there, nothing is raised."""
    path = tmp_path / "event.json"
    if event is not None:
        path.write_text(event)
    assert github.default_branch({"GITHUB_EVENT_PATH": str(path)}) == branch
    assert github.default_branch({}) == ""
