from __future__ import annotations

import io
from pathlib import Path

import pytest

from gomab_tasks.errors import CompileError
from gomab_tasks.progress.events import Event
from gomab_tasks.progress.github import GitHub, annotation, inert

AMD64, ARM64 = "linux/amd64", "linux/arm64"
FAILURE = "after 3.2 s: cmd/api/main.go:41:7: undefined: cfg\n100% sure"


def shown(*events: Event, quiet: bool = False, error: str = "") -> str:
    stream = io.StringIO()
    view = GitHub(stream, {}, Path(), quiet=quiet)
    with view as emit:
        for event in events:
            emit(event)
    if error:
        view.report(error)
    return stream.getvalue()


EVENTS = (
    Event("finished", "download", text="61 modules", seconds=8.2),
    *(
        Event("planned", name, "api", platform)
        for platform in (AMD64, ARM64)
        for name in ("compile", "assemble")
    ),
    Event("started", "compile", "api", AMD64),
    Event("started", "compile", "api", ARM64),
    Event("finished", "compile", "api", AMD64, "18.4 MiB", 0.01),
    Event("warned", "assemble", "api", AMD64, "migrations/.env is ignored by git"),
    Event("finished", "compile", "api", ARM64, "17.2 MiB", 0.01),
    Event("finished", "assemble", "api", ARM64, "6.1 MiB", 0.01),
    Event("finished", "assemble", "api", AMD64, "6.5 MiB", 0.01),
    Event("finished", "join", "api", "", "sha256:0123", 0.01),
)


def test_a_platform_is_a_group_once_it_is_through() -> None:
    """Golden: groups neither nest nor interleave although the platforms did; the rest is not folded."""
    assert (
        shown(*EVENTS)
        == """\
download  8.2 s  61 modules
::warning title=assemble api linux/amd64::migrations/.env is ignored by git
::group::linux/arm64  done  0.0 s
compile   linux/arm64    api  0.0 s  17.2 MiB
assemble  linux/arm64    api  0.0 s  6.1 MiB
::endgroup::
::group::linux/amd64  done  0.0 s
compile   linux/amd64    api  0.0 s  18.4 MiB
assemble  linux/amd64    api  0.0 s  6.5 MiB
::endgroup::
join      api  0.0 s  sha256:0123
done in 0.0 s
"""
    )


def test_a_failure_is_annotated_at_its_line_of_source_once() -> None:
    """Golden: below the group, escaped; the same line failing elsewhere takes no further annotation."""
    text = shown(
        Event("failed", "compile", "api", AMD64, FAILURE, 0.01),
        Event("failed", "compile", "api", ARM64, FAILURE, 0.01),
        error=f"api {AMD64}, {ARM64}: {FAILURE}",
    )
    assert (
        text
        == """\
::group::linux/amd64  failed  0.0 s
compile   linux/amd64    api  failed after 0.0 s  after 3.2 s: cmd/api/main.go:41:7: undefined: cfg
  100% sure
::endgroup::
::error title=compile api linux/amd64,file=cmd/api/main.go,line=41,col=7::after 3.2 s: \
cmd/api/main.go:41:7: undefined: cfg%0A100%25 sure
::group::linux/arm64  failed  0.0 s
compile   linux/arm64    api  failed after 0.0 s  after 3.2 s: cmd/api/main.go:41:7: undefined: cfg
  100% sure
::endgroup::
compile api linux/arm64: failed, the same error as above
failed after 0.0 s
error: api linux/amd64, linux/arm64: after 3.2 s: cmd/api/main.go:41:7: undefined: cfg
100% sure
"""
    )


def test_a_step_that_ends_after_the_end() -> None:
    """The run has told of it already."""
    stream = io.StringIO()
    view = GitHub(stream, {}, Path())
    view(Event("started", "push", "api"))
    with pytest.raises(KeyboardInterrupt), view:
        raise KeyboardInterrupt
    told = stream.getvalue()
    view(Event("stopped", "push", "api"))
    assert stream.getvalue() == told


def test_quiet_leaves_annotations() -> None:
    """No groups, no lines: only what went wrong."""
    assert shown(*EVENTS, quiet=True) == (
        "::warning title=assemble api linux/amd64::migrations/.env is ignored by git\n"
    )


def test_what_was_cut_off_is_in_its_group() -> None:
    """A run that is stopped prints the groups that were waiting."""
    stream = io.StringIO()
    view = GitHub(stream, {}, Path())
    view(Event("finished", "verify", "", AMD64))
    view(Event("started", "compile", "api", ARM64))
    with pytest.raises(KeyboardInterrupt), view:
        raise KeyboardInterrupt
    assert (
        stream.getvalue()
        == """\
::group::linux/amd64  done  0.0 s
verify    linux/amd64    0.0 s
::endgroup::
::group::linux/arm64  stopped  0.0 s
compile   linux/arm64    api  stopped after 0.0 s
::endgroup::
stopped after 0.0 s
"""
    )


def commands(text: str) -> list[str]:
    """Give the lines that GitHub's runner would obey (ActionCommand.cs)."""
    return [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]


INJECTIONS = (
    "::set-output name=a::b",
    "  ::add-path::/tmp/evil",
    "\u00a0::error::no",
    "log ##[error]no",
    "::endgroup::\r::debug::no",
    "ok\n::stop-commands::evil",
)


@pytest.mark.parametrize("injection", INJECTIONS)
def test_output_of_others_cannot_give_commands(injection: str) -> None:
    """A compiler quotes source: nothing in it may be obeyed, in any place it can reach."""
    text = shown(
        Event("said", text=injection),
        Event("finished", injection, injection, "", injection),
        Event("finished", "compile", injection, AMD64, injection),
        Event("warned", text=injection),
        Event("failed", "compile", injection, ARM64, injection),
        Event("failed", "compile", injection, "linux/386", f"x\n{injection}"),
        error=f"whole\n{injection}",
    )
    own = ("::group::linux/", "::endgroup::", "::warning", "::error")
    assert all(line.startswith(own) for line in commands(text))
    assert "##[" not in text
    assert text.count("::endgroup::\n") == 3


def test_inert_lines_stay_readable() -> None:
    """Only what would be obeyed gets a backslash."""
    assert inert("cmd/a.go:1:2: std::vector") == "cmd/a.go:1:2: std::vector"
    assert inert(" ::error::x") == r" \::error::x"
    assert inert("a ##[group]") == r"a ##\[group]"


def test_properties_are_escaped() -> None:
    """Colons and commas divide properties, so they are written as numbers there."""
    written = annotation("error", Event("failed", "compile", "a:b, c", text="50%\r\nx"))
    assert written == "::error title=compile a%3Ab%2C c::50%25%0Ax"


def test_files_are_relative_to_the_repository(tmp_path: Path) -> None:
    """A project in a folder of the repository: GitHub looks from the repository's root."""
    stream = io.StringIO()
    view = GitHub(stream, {"GITHUB_WORKSPACE": str(tmp_path)}, tmp_path / "services/api")
    with pytest.raises(CompileError), view:
        raise CompileError
    view.report("./main.go:3: no")
    assert stream.getvalue() == "::error file=services/api/main.go,line=3::./main.go:3: no\n"
