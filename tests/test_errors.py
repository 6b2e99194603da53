"""What is wrong in several things is told together."""

from __future__ import annotations

import pytest

from gomab_tasks.errors import NotMeasurableError, StorageError, VerificationError, map_all


def test_all_results_or_all_problems() -> None:
    """In order, each once, with the exit code of the first; what is no such problem ends it at once."""
    assert map_all(str.upper, ["a", "b"]) == ["A", "B"]
    errors = {"a": NotMeasurableError("x"), "b": VerificationError("y"), "c": VerificationError("x")}

    def fail(name: str) -> str:
        if name in errors:
            raise errors[name]
        return name

    with pytest.raises(NotMeasurableError, match=r"^x\ny$"):
        map_all(fail, "abcd")
    with pytest.raises(StorageError, match=r"^full$"):
        map_all(lambda _: (_ for _ in ()).throw(StorageError("full")), "ab")
