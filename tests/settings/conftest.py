"""Read tables that stand in a pyproject.toml of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.settings import Settings, read_settings

Read = Callable[..., Settings]
Problems = Callable[..., list[str]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Give the settings of a pyproject.toml's text."""

    def of(text: str, defaults: Mapping[str, object] | None = None) -> Settings:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        return read_settings(tmp_path, defaults)

    return of


@pytest.fixture
def problems(read: Read) -> Problems:
    """Give the problems of a pyproject.toml's text."""

    def of(text: str, defaults: Mapping[str, object] | None = None) -> list[str]:
        with pytest.raises(SettingsError) as caught:
            read(text, defaults)
        assert str(caught.value) == "\n".join(caught.value.problems)
        return list(caught.value.problems)

    return of
