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
    paths = [("tool", "gomab", "nothing"), ("tool", "gomab", "platforms", 7)]
    assert find_lines(TEXT, paths, first="gomab") == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("dependencies = ['gomab-tasks']\n[tool.gomab]\na = 1\n", 3),
        ("[tool]\ngomab.a = 1\n[tool.gomab.image]\n", 2),
        ("tool.gomab.a = 1\n", 1),
        ("doc = '''\n[tool.gomab]\n'''\n[tool.gomab]\na = 1\n", 5),
        ("[tool . 'gomab']\na = 1\n", 2),
    ],
)
def test_keys_are_found_however_they_are_headed(text: str, line: int) -> None:
    """The search begins at the header, but finds what has none, or only seems to."""
    assert find_lines(text, [("tool", "gomab", "a")], first="gomab") == {("tool", "gomab", "a"): line}
