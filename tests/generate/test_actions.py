"""The commits that actions are pinned to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gomab_tasks.generate.actions import ACTIONS, Action, keep_pins

GOLDEN = Path(__file__).parent / "golden"
MOVED = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_pins_are_whole(action: Action) -> None:
    """A full commit, a full version for bots to read, and where both were found."""
    assert re.fullmatch(r"[0-9a-f]{40}", action.commit)
    assert re.fullmatch(r"v\d+\.\d+\.\d+", action.version)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+ \.github/workflows/[\w.-]+\.ya?ml", action.source)


def test_every_action_is_pinned_and_used() -> None:
    """All of the workflows' actions are in the table, and no other is."""
    text = "".join(path.read_text() for path in GOLDEN.glob("*.yml"))
    uses = re.findall(r"uses: (.+)", text)
    assert set(uses) == {f"{action.name}@{action.commit} # {action.version}" for action in ACTIONS}


def test_what_a_bot_moved_is_kept() -> None:
    """For the same action alone, with its version; another line of the file stays as written."""
    text = f"uses: actions/cache@{'a' * 40} # v1.0.0\nuses: actions/checkout@{'b' * 40} # v2.0.0\n"
    committed = f"uses: actions/cache@{MOVED} # v1.1.0\nuses: other/checkout@{MOVED}\n"
    assert keep_pins(text, committed) == (
        f"uses: actions/cache@{MOVED} # v1.1.0\nuses: actions/checkout@{'b' * 40} # v2.0.0\n"
    )


def test_a_tag_is_no_pin() -> None:
    """Somebody who replaced a commit by a tag is not followed."""
    text = f"uses: actions/cache@{'a' * 40} # v1.0.0\n"
    assert keep_pins(text, "uses: actions/cache@v1\n") == text
