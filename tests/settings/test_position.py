from __future__ import annotations

import pytest

from gomab_tasks.settings.position import find_lines

TEXT = """\
# gomab
[project]
name = "x"

[tool.gomab]
platforms = [
  "linux/amd64", "linux/arm64",
  # a comment
  "linux/arm",
]
go.tags = ["a"]
image.files = [
  { from = "a", to = "/a" },
  { from = "b",
    to = "/b" },
]
image.labels = { a = "1", b = "2" }
module = \"\"\"
multi
line\"\"\"
image.entrypoint = ['''
x''', "y"]
[[tool.gomab.list]]
a = 1
[[tool.gomab.list]]
a = 2
[tool.gomab.images.api]
size.unpacked = "1 B"\
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("platforms",), 6),
        (("platforms", 0), 7),
        (("platforms", 1), 7),
        (("platforms", 2), 9),
        (("go",), 11),
        (("go", "tags", 0), 11),
        (("image", "files"), 12),
        (("image", "files", 0, "to"), 13),
        (("image", "files", 1), 14),
        (("image", "files", 1, "from"), 14),
        (("image", "files", 1, "to"), 15),
        (("image", "labels", "b"), 17),
        (("module",), 18),
        (("image", "entrypoint"), 21),
        (("image", "entrypoint", 1), 22),
        (("list", 1, "a"), 26),
        (("images", "api"), 27),
        (("images", "api", "size", "unpacked"), 28),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_keys_and_items_are_found(path: tuple[str | int, ...], line: int, newline: str) -> None:
    """A key is on the line where it begins, an item of a list on its own line."""
    path = ("tool", "gomab", *path)
    assert find_lines(TEXT.replace("\n", newline), [path], first="gomab") == {path: line}


def test_keys_that_are_not_there_are_left_out() -> None:
    """What the text does not hold has no line."""
    assert find_lines(TEXT, [("tool", "other"), ("tool", "gomab", "platforms", 7)]) == {}


def test_the_search_begins_at_the_key() -> None:
    """Names that only contain the key are no place to begin at; what is above it is not searched."""
    text = "[other]\na = 1\n[project]\ndependencies = ['gomab-tasks']\n[tool.gomab]\na = 1\n"
    paths = [("other", "a"), ("tool", "gomab", "a")]
    assert find_lines(text, paths, first="gomab")["tool", "gomab", "a"] == 6


def test_a_first_word_that_is_nowhere_is_ignored() -> None:
    """Without the word the search begins at the top."""
    assert find_lines("a = 1\nb = 2\n", [("b",)], first="gomab") == {("b",): 2}
