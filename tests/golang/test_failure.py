from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.golang.failure import explain_download, is_download_failure

# Blocks of lines: a module, what the first line of the message goes on with, and Go's own words.
CASES = (Path(__file__).parent / "failed-downloads.txt").read_text().strip().split("\n\n")


@pytest.mark.parametrize("case", CASES)
def test_a_failed_download_names_module_and_cure(case: str) -> None:
    """The first line says which module and what to do; Go's words follow."""
    head, _, words = case.partition("\n")
    module, _, cure = head.partition(" | ")
    first, _, rest = explain_download(f"go: downloading example.com/other v1.2.3\n{words}").partition("\n")
    of = "" if module == "unnamed" else f" of {module}"
    assert first.startswith(f"module download{of} failed: {cure}")
    assert rest == words


@pytest.mark.parametrize("case", CASES)
def test_failed_downloads_are_told_from_failed_compiles(case: str) -> None:
    """Words about modules are known where `go build` says them, too."""
    assert is_download_failure(case)


@pytest.mark.parametrize(
    "words",
    [
        "# example.com/broken\n./main.go:5:10: undefined: missing",
        "main.go:4:2: package example.com/app/nothing is not in std",
        "main.go:4:2: no required module provides package example.com/a; to add it:\n\tgo get example.com/a",
        "go: updates to go.mod needed; to update it:\n\tgo mod tidy",
        'error obtaining VCS status: exec: "git": executable file not found in $PATH',
        'go: error obtaining buildID for go tool compile: exec: "nosuch": executable file not found in $PATH',
    ],
)
def test_failed_compiles_are_no_downloads(words: str) -> None:
    """Errors of the code, and of a go.mod that lacks something, keep Go's own advice."""
    assert not is_download_failure(words)


def test_vendored_modules_are_not_downloaded() -> None:
    """What vendor/ lacks is mended there, and Go's own command is named where it names one."""
    lacking = "main.go:3:8: cannot find module providing package a.io: import lookup disabled by -mod=vendor"
    assert explain_download(lacking) == (
        f"vendor/ is not what go.mod and the code ask for; run `go mod vendor` and commit it\n{lacking}"
    )
    other = "go: inconsistent vendoring in /app:\n\tTo sync the vendor directory, run:\n\t\tgo work vendor"
    assert "; run `go work vendor` and commit it\n" in explain_download(other)
