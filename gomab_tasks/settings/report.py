"""Turn the problems of a table into lines for people. Imported only when there are some."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from gomab_tasks.settings.key import words
from gomab_tasks.settings.position import find_lines
from gomab_tasks.settings.problem import FILE, KeyPath, Problem, dotted, nearest, show
from gomab_tasks.settings.tables import IMAGE_TABLE, walk_tables

DEFAULTS = "settings given to register()/collection()"
_TOP = ("tool", "gomab")
_IMAGE_DEPTH = 2  # images.NAME
_NameTable = Callable[[KeyPath], str]


def of_table(problems: Sequence[Problem], text: str) -> list[str]:
    """Give a line for each problem of pyproject.toml, in the order of its lines."""
    if not problems:
        return []
    lines = find_lines(text, {_TOP + problem.path for problem in problems}, first=_TOP[-1])
    placed = [(lines.get(_TOP + problem.path, 0), _say(problem, _name_table)) for problem in problems]
    placed.sort(key=lambda pair: pair[0])
    return [f"{FILE}:{line}: {text}" if line else f"{FILE}: {text}" for line, text in dict.fromkeys(placed)]


def of_file(problems: Sequence[Problem], source: Path, image: str | None = None) -> list[str]:
    """Give a line for each problem that showed after the table was read, an image's own keys first."""
    try:
        text = source.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    if image is None:
        return of_table(problems, text)
    own = {problem.path: _path_of_image(image, problem.path) for problem in problems}
    lines = find_lines(text, {_TOP + path for path in own.values()}, first=_TOP[-1])
    return of_table(
        [
            replace(problem, path=own[problem.path]) if _TOP + own[problem.path] in lines else problem
            for problem in problems
        ],
        text,
    )


def of_defaults(problems: Sequence[Problem]) -> list[str]:
    """Give a line for each problem of an organisation's defaults."""
    return [f"{DEFAULTS}: {_say(problem, _name_mapping)}" for problem in problems]


def _path_of_image(image: str, path: KeyPath) -> KeyPath:
    """Spell a path of the shared tables as it is in an image's own."""
    return ("images", image, *(path[1:] if path[:1] == ("image",) else path))


def _say(problem: Problem, name_table: _NameTable) -> str:
    if problem.known is None:
        return f"{dotted(problem.path) or name_table(()).strip('[]')} {problem.text}"
    *parents, key = problem.path
    table = name_table(tuple(parents))
    return f"{table} has no key {show(key)}; {_advise(str(key), tuple(parents), problem.known, name_table)}"


def _name_table(path: KeyPath) -> str:
    """Name a table by its header, an item by its index."""
    if any(isinstance(part, int) for part in path):
        return dotted(path)
    return f"[{dotted(_TOP + path)}]"


def _name_mapping(path: KeyPath) -> str:
    return dotted(path) or "the mapping"


def _advise(key: str, path: KeyPath, known: Mapping[str, str], name_table: _NameTable) -> str:
    """Name the key that was meant: here or in another table, spelled as there or nearly so."""
    word = _normal(key)
    if word in known:
        return f"did you mean '{known[word]}'?"
    if len(path) == _IMAGE_DEPTH and path[0] == "images" and word == "image":
        return f"write the keys of {name_table(('image',))} in it directly"
    if elsewhere := list(_find_elsewhere(word, path)):
        return _advise_elsewhere(key, elsewhere, name_table)
    if near := nearest(word, known):
        return f"did you mean '{known[near]}'?"
    return f"its keys are: {', '.join(dict.fromkeys(known.values()))}"


def _advise_elsewhere(key: str, found: Iterable[tuple[KeyPath, str]], name_table: _NameTable) -> str:
    tables: dict[str, list[str]] = {}
    for path, name in found:
        tables.setdefault(name, []).append(name_table(path))
    if key in tables:
        return f"{show(key)} belongs to {' or '.join(tables[key])}"
    meant = (f"'{name}' in {' or '.join(places)}" for name, places in tables.items())
    return f"did you mean {' or '.join(meant)}?"


def _find_elsewhere(word: str, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if any(isinstance(part, int) for part in path):
        return
    own = path[:_IMAGE_DEPTH] if path[:1] == ("images",) else ()
    for place, table in walk_tables():
        if name := words(table.keys).get(word):
            yield _place_for_image(own, place, name), name


def _place_for_image(own: KeyPath, place: KeyPath, name: str) -> KeyPath:
    """Spell a place of the shared tables as it is in an image's own table."""
    if not own or (not place and name not in IMAGE_TABLE.keys):
        return place
    return own + (() if place == ("image",) else place)


def _normal(key: str) -> str:
    """Spell a key as those here: lower case, with dashes."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", key).replace("_", "-").lower()
