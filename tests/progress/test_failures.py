from __future__ import annotations

from gomab_tasks.progress.events import Event
from gomab_tasks.progress.failures import Failures


def failed(platform: str, text: str) -> Event:
    return Event("failed", "compile", "api", platform, text)


def test_lines_shown_for_another_platform_are_only_counted() -> None:
    """One mistake in the source fails everywhere: its lines are worth showing once."""
    failures = Failures()
    assert failures.news(failed("linux/386", "386 failed\na.go:1: no\nb.go:2: no\nLog: 386"), "…") == [
        "386 failed",
        "a.go:1: no",
        "b.go:2: no",
        "Log: 386",
    ]
    assert failures.news(failed("linux/arm64", "arm64 failed\na.go:1: no\nb.go:2: no\nLog: arm64"), "…") == [
        "arm64 failed",
        "… 2 lines, the same as for linux/386",
        "Log: arm64",
    ]


def test_a_single_repeated_line_is_shown() -> None:
    """Counting it would take the same room."""
    failures = Failures()
    failures.news(failed("linux/386", "386 failed\na.go:1: no"), "…")
    assert failures.news(failed("linux/arm64", "arm64 failed\na.go:1: no"), "…") == [
        "arm64 failed",
        "a.go:1: no",
    ]


def test_a_failure_of_shown_lines_is_not_repeated() -> None:
    """Six platforms that fail by one line show it once."""
    failures = Failures()
    assert failures.news(failed("linux/386", "a.go:1: no"), "…") == ["a.go:1: no"]
    assert failures.news(failed("linux/arm64", "a.go:1: no"), "…") == []


def test_a_message_is_shown_once_for_each_platform() -> None:
    """The same words about another platform are news, the same about the whole run are not."""
    failures = Failures()
    assert failures.whole("no", "linux/386") == ["no"]
    assert failures.whole("no", "linux/386") == []
    assert failures.whole("no", "linux/arm64") == ["no"]
    assert failures.whole("no") == []
