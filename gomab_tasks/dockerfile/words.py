"""Quote for the three languages in a Dockerfile: its own, the shell's, and JSON.

Source: BuildKit, frontend/dockerfile/docs/reference.md, "Parser directives" and
"Environment replacement".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from gomab_tasks.errors import SettingsError
from gomab_tasks.settings.template import fields_of, fill_template

_PLAIN = re.compile(r"[\w@%+:,./-]+")
_LINE_BREAK = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")
# Private characters mark where an argument's value goes, until the text around
# them is quoted. The space makes Go's -ldflags quote the value too, for it may
# hold spaces when the file is built.
_OPEN, _CLOSE = "\ue000 ", "\ue001"


def argument_name(field: str) -> str:
    """Name the build argument that carries a template's field: `git.short` is GIT_SHORT."""
    return field.upper().replace(".", "_") if not field.startswith("env.") else f"ENV_{field[4:]}"


def argument_fields(texts: Iterable[str]) -> tuple[str, ...]:
    """Name the fields of templates that build arguments carry, each once: all but the image's name."""
    return tuple(dict.fromkeys(field for text in texts for field in fields_of(text) if field != "image"))


def mark_fields(text: str, image: str) -> str:
    """Put marks into the places of a template's fields, and the image's name into its own."""
    return fill_template(text, lambda field: image if field == "image" else mark(argument_name(field)))


def mark(variable: str) -> str:
    """Mark where the value of a variable goes, once the text around it is quoted."""
    return f"{_OPEN}{variable}{_CLOSE}"


def marked(text: str) -> tuple[str, ...]:
    """Name the variables whose values go into a text, each once."""
    return tuple(dict.fromkeys(re.findall(f"{_OPEN}(.*?){_CLOSE}", text)))


def quote(text: str, where: str) -> str:
    """Quote a value of ENV or LABEL, or a word where Docker replaces variables."""
    return _escaped(text, '$"\\', where)


def quote_name(text: str, where: str) -> str:
    """Quote the name of a label or variable where it needs that."""
    return text if _PLAIN.fullmatch(text) else quote(text, where)


def quote_for_shell(text: str, where: str) -> str:
    """Quote a word of RUN; of `-flag=value` the value alone, which reads better."""
    if _PLAIN.fullmatch(text.replace("=", "")):
        return text
    flag, equals, value = text.partition("=")
    if equals and re.fullmatch(r"-\w+", flag):
        return f"{flag}={quote_for_shell(value, where)}"
    if _OPEN not in text and "'" not in text:
        return f"'{_checked(text, where)}'"
    return _escaped(text, '$"\\`', where)


def quote_list(words: Iterable[str]) -> str:
    """Write JSON, the form in which CMD, COPY and others take words as they are."""
    return json.dumps(list(words), ensure_ascii=False)


def path(text: str, where: str) -> str:
    """Give a path that Docker takes as it is; raises `SettingsError` where it would not."""
    # COPY takes patterns, and replaces variables.
    if re.search(r"[*?\[\]\\$]", text):
        raise SettingsError(
            f"{where}: '{text}' has one of *?[]\\$, which mean something else in a Dockerfile"
        )
    return _checked(text, where)


def copy(sources: Iterable[str], target: str, stage: str = "") -> str:
    """Write a COPY from the context, or from a stage."""
    words = [*sources, target]
    option = f"--from={stage} " if stage else ""
    plain = all(_PLAIN.fullmatch(word) for word in words)
    return f"COPY {option}{' '.join(words) if plain else quote_list(words)}"


def run(steps: Iterable[str], mounts: Iterable[str] = ()) -> str:
    """Write one RUN: a line for each mount and step."""
    return "RUN " + " \\\n    ".join([*mounts, " && \\\n    ".join(steps)])


def _checked(text: str, where: str) -> str:
    if _LINE_BREAK.search(text):
        raise SettingsError(f"{where} holds a line break, which a Dockerfile cannot carry; take it out")
    return text


def _escaped(text: str, special: str, where: str) -> str:
    escaped = "".join(
        f"\\{character}" if character in special else character for character in _checked(text, where)
    )
    # The marks become variables only now, so that they alone are none of the escaped ones.
    return f'"{_expand(escaped)}"'


def _expand(text: str) -> str:
    return re.sub(f"{_OPEN}(.*?){_CLOSE}", r"${\1}", text)
