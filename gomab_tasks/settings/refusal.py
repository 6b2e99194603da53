"""Refuse values of a table that was read well: what only the project, Go or a base image shows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gomab_tasks.errors import SettingsError
from gomab_tasks.settings.problem import KeyPath, Problem

Where = KeyPath | str
"""Where a value came from: a key of the table, or an option of the command line."""


def refusal(source: Path, problems: Iterable[Problem], image: str | None = None) -> SettingsError:
    """Make the error of problems, each with the line on which the table has its key.

    Args:
        source: the pyproject.toml; a key that it lacks has no line.
        problems: with paths as if all images shared the table: `image.user`.
        image: whose own table may have the keys: `images.api.user`.
    """
    from gomab_tasks.settings import report  # noqa: PLC0415 - costs only those who need it

    return SettingsError(report.of_file(list(problems), source, image))


def refusal_at(source: Path, where: Where, text: str, image: str | None = None) -> SettingsError:
    """Make the error of one value; `text` goes on behind what names it."""
    if isinstance(where, str):
        return SettingsError(f"{where} {text}")
    return refusal(source, [Problem(where, text)], image)
