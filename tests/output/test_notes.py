"""What is noted comes back; what is damaged, missing or of another kind is none."""

from __future__ import annotations

from pathlib import Path

from gomab_tasks.output.notes import read_note, write_note


def test_a_note_comes_back(tmp_path: Path) -> None:
    """In a folder that may not be there yet; a second one takes the place of the first."""
    path = tmp_path / "pushed" / "api.json"
    write_note(path, {"a": "1"})
    write_note(path, {"b": "2"})
    assert read_note(path, dict[str, str]) == {"b": "2"}


def test_what_is_no_note(tmp_path: Path) -> None:
    """Nothing there, cut off, or of another kind."""
    path = tmp_path / "api.json"
    assert read_note(path, dict[str, str]) is None
    path.write_bytes(b'{"a": ')
    assert read_note(path, dict[str, str]) is None
    path.write_bytes(b'["a"]')
    assert read_note(path, dict[str, str]) is None
