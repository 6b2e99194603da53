"""Split a Dockerfile's text into words, and put values into the place of variables.

Source: docs.docker.com/reference/dockerfile, "Environment replacement".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

_OPERATORS = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+?])((?:\$\{[^}]*\}|[^}])*))?\})")
_QUOTES = "\"'"


class UnknownValueError(ValueError):
    """Say which variable has no value before an image is built."""


def split_words(text: str, escape: str) -> list[str]:
    """Split at white space outside of quotes; quotes and escapes stay in the words."""
    sign = re.escape(escape)
    quoted = rf"\"(?:{sign}.|[^\"{sign}])*\"|'[^']*'|{sign}.|[^\s]"
    return [match[0] for match in re.finditer(rf"(?:{quoted})+", text)]


def split_pairs(text: str, escape: str) -> list[tuple[str, str]]:
    """Read the `NAME=VALUE …` of ENV and LABEL, or their old form `NAME VALUE`.

    Raises `ValueError` with the word that has no `=`.
    """
    words = split_words(text, escape)
    if "=" not in words[0] and len(words) > 1:
        name, _, value = text.replace("\t", " ").partition(" ")
        return [(name, value.strip())]
    pairs = [word.partition("=") for word in words]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise ValueError(f"'{name}' has no value; write NAME=VALUE")
    return [(name.strip(_QUOTES), value) for name, _, value in pairs]


def expand(
    word: str, values: Mapping[str, str], escape: str, literal: Callable[[str], str] = lambda text: text
) -> str:
    """Take quotes and escapes away and put values in.

    Args:
        literal: applied to what is no variable.

    Raises `UnknownValueError` for a variable that has no value.
    """
    return "".join(_pieces(word, values, escape, literal))


def _pieces(
    word: str, values: Mapping[str, str], escape: str, literal: Callable[[str], str]
) -> Iterator[str]:
    position, quote = 0, ""
    while position < len(word):
        character = word[position]
        if character == escape and quote != "'" and position + 1 < len(word):
            yield literal(
                word[position + 1] if _is_escapable(word[position + 1], quote) else word[position:][:2]
            )
            position += 2
        elif character in _QUOTES and quote in ("", character):
            quote = "" if quote else character
            position += 1
        elif character == "$" and quote != "'":
            value, position = _variable(word, position, values, (escape, literal))
            yield value
        else:
            yield literal(character)
            position += 1


def _is_escapable(character: str, quote: str) -> bool:
    return not quote or character in '"$\\`'


def _variable(
    word: str,
    position: int,
    values: Mapping[str, str],
    rest: tuple[str, Callable[[str], str]],
) -> tuple[str, int]:
    match = _OPERATORS.match(word, position)
    if match is None:
        if word.startswith("${", position):
            raise UnknownValueError(f"{word[position:]} is no plain variable")
        return rest[1]("$"), position + 1
    name, operator, other = match[1] or match[2], match[3] or "", match[4] or ""
    has_value = bool(values.get(name)) if operator.startswith(":") else name in values
    if operator.endswith("+"):
        return (expand(other, values, *rest) if has_value else ""), match.end()
    if operator.endswith("-") and not has_value:
        return expand(other, values, *rest), match.end()
    if name not in values:
        raise UnknownValueError(f"${name} has no value before the image is built")
    return values[name], match.end()
