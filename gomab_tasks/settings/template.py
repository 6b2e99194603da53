"""Check the syntax of templates such as `v{version}`; `{{` and `}}` stand for braces."""

from __future__ import annotations

import re
from collections.abc import Callable

from gomab_tasks.secrets import is_secret_name
from gomab_tasks.settings.problem import nearest, show

FIELDS = {
    "image": "the image's name",
    "git.sha": "the commit, 40 characters",
    "git.short": "the commit, 12 characters",
    "git.tag": "the tag of the commit; of several the highest version, a release over its candidates",
    "git.describe": "what `git describe --tags --always` says",
    "git.branch": "the branch; in tags, `-` for what no tag may have: `feature-login` for `feature/login`",
    "version": "as git.describe, without a leading `v`",
    "env.NAME": "the environment variable NAME; none that is named like a secret",
}
"""Every field and what it stands for."""

_PART = r"\{\{|\}\}|\{(?P<field>[^{}]*)\}|(?P<brace>[{}])"
_VARIABLE = r"env\.[A-Za-z_][A-Za-z0-9_]*"


def check_template(text: str) -> str:
    """Give the text back when its syntax is right and its fields are known.

    Raises `ValueError` with the nearest field.
    """
    for part in re.finditer(_PART, text):
        if part["brace"]:
            raise ValueError(_explain_brace(text, part["brace"]))
        if part["field"] is not None:
            _check_field(text, part["field"])
    return text


def fill_template(text: str, value: Callable[[str], str]) -> str:
    """Put what `value` gives for a field into its place, and braces for doubled ones."""
    return re.sub(_PART, lambda part: part[0][0] if part["field"] is None else value(part["field"]), text)


def fields_of(text: str) -> tuple[str, ...]:
    """Name the fields of a template, each once."""
    return tuple(dict.fromkeys(part["field"] for part in re.finditer(_PART, text) if part["field"]))


def hide_fields(text: str) -> str:
    """Put an `x` into every field: to check the form of the rest."""
    return fill_template(text, lambda _: "x")


def _check_field(text: str, field: str) -> None:
    variable = field.removeprefix("env.")
    if variable != field and is_secret_name(variable):
        raise ValueError(
            f"is {show(text)}, and {variable} is named like a secret, which tags, labels and programs would "
            "tell everybody; take it out, or give what is no secret another name"
        )
    if (field in FIELDS and field != "env.NAME") or re.fullmatch(_VARIABLE, field):
        return
    guess = _guess(field)
    advice = f"did you mean '{{{guess}}}'?" if guess else f"there are: {', '.join(FIELDS)}"
    raise ValueError(f"is {show(text)}, and there is no field '{{{field}}}'; {advice}")


def _guess(field: str) -> str | None:
    name = field.strip()
    if name.isidentifier() and name.isupper():
        return f"env.{name}"
    known = {known.rpartition(".")[2]: known for known in FIELDS} | {known: known for known in FIELDS}
    known |= {"commit": "git.sha", "revision": "git.sha", "env": "env.NAME", "git": "git.sha"}
    match = nearest(name.lower().replace("_", "."), known)
    return known[match] if match else None


def _explain_brace(text: str, brace: str) -> str:
    other = {"{": "}", "}": "{"}[brace]
    lone = f"with a '{brace}' that has no '{other}'"
    return f"is {show(text)}, {lone}; write '{brace * 2}' for the character itself"
