from __future__ import annotations

from gomab_tasks.progress.failures import Failures


def test_a_message_is_shown_once_for_each_platform() -> None:
    """The same words about another platform are news, the same about the whole run are not."""
    failures = Failures()
    assert failures.whole("no", "linux/386") == ["no"]
    assert failures.whole("no", "linux/386") == []
    assert failures.whole("no", "linux/arm64") == ["no"]
    assert failures.whole("no") == []
