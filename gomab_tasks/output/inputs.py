"""Name what decides an image's bytes, so that a join can refuse platforms that differ in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from gomab_tasks.contents.provisions import wheel_versions
from gomab_tasks.facts import NETWORK_VARIABLES, Facts
from gomab_tasks.golang.compile import Flags
from gomab_tasks.plan import ImagePlan, Plan, go_flags
from gomab_tasks.secrets import is_secret_name
from gomab_tasks.settings import Group, Image
from gomab_tasks.settings.template import fields_of, fill_template

_UNSET = "null"
# What is published under, compared with or made of an image decides none of its bytes.
_WITHOUT_BYTES = ("repository", "tags", "immutable_tags", "sbom", "annotations")


def inputs_of(image: ImagePlan, plan: Plan, facts: Facts) -> dict[str, str]:
    """Name all that decides an image's bytes besides its sources and its platform."""
    flags = next(planned.build.flags for planned in plan.builds if image.name in planned.images)
    further = {"Go": facts.toolchain.version, **facts.byte_variables, **wheel_versions(image.group.image)}
    return _settings(flags, image.group.image) | further


def changed_inputs(inputs: Mapping[str, str], group: Group) -> Iterator[tuple[str, str, str]]:
    """Give name, then and now of what a table says otherwise than when `inputs` were named.

    Neither Go nor git is asked: what they or the environment decide, also
    through templates, is passed over.
    """
    variables, labels = group.go.variables, group.image.labels
    now = _settings(go_flags(group.go, _plain(variables)), replace(group.image, labels=_plain(labels)))
    filled = {f"go.variables.{name}" for name in variables} | {f"image.labels.{name}" for name in labels}
    settings = {name for name in inputs if name.startswith(("go.", "image."))}
    for name in sorted(now.keys() | (settings - filled)):
        if inputs.get(name, _UNSET) != now.get(name, _UNSET):
            yield name, shown_input(inputs, name), shown_input(now, name)


def shown_input(inputs: Mapping[str, str], name: str) -> str:
    """Spell the value of an input for people."""
    value = inputs.get(name, _UNSET)
    return "unset" if value == _UNSET else value


def _plain(templates: Mapping[str, str]) -> dict[str, str]:
    """Give the values of those that have no fields."""
    return {name: fill_template(text, str) for name, text in templates.items() if not fields_of(text)}


def _settings(flags: Flags, image: Image) -> dict[str, str]:
    """Leave out what is only between Go and the network: records are attached to what is pushed."""
    env = {
        name: value
        for name, value in flags.env.items()
        if name not in NETWORK_VARIABLES and not is_secret_name(name)
    }
    settings: dict[str, dict[str, object]] = {
        "go": msgspec.to_builtins(replace(flags, env=env)),
        "image": msgspec.to_builtins(image),
    }
    for key in _WITHOUT_BYTES:
        settings["image"].pop(key)
    return dict(_flatten(settings))


def _flatten(value: object, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key in sorted(value) for pair in _flatten(value[key], f"{name}.{key}".lstrip("."))]
    return [(name, msgspec.json.encode(value).decode())]
