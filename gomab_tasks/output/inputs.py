"""Name what decides an image's bytes, so that a join can refuse platforms that differ in it."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from gomab_tasks.contents.rootfs import wheel_versions
from gomab_tasks.facts import NETWORK_VARIABLES, Facts
from gomab_tasks.golang.compile import Flags
from gomab_tasks.plan import ImagePlan, Plan, go_flags
from gomab_tasks.secrets import is_secret_name
from gomab_tasks.settings import Group, Image

# What is published under, compared with or made of an image decides none of its bytes.
_FILLED = ("go.variables", "image.labels")
_WITHOUT_BYTES = ("repository", "tags", "immutable_tags", "sbom", "annotations")


def inputs_of(image: ImagePlan, plan: Plan, facts: Facts) -> dict[str, str]:
    """Name all that decides an image's bytes besides its sources and its platform."""
    flags = next(planned.build.flags for planned in plan.builds if image.name in planned.images)
    further = {"Go": facts.toolchain.version, **facts.byte_variables, **wheel_versions(image.group.image)}
    return _settings(flags, image.group.image) | further


def inputs_of_table(group: Group) -> dict[str, str]:
    """Name the same of an image's table, as far as neither Go nor git is needed for it."""
    named = _settings(go_flags(group.go, {}), group.image)
    return {name: value for name, value in named.items() if not name.startswith(_FILLED)}


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
    if isinstance(value, dict) and value:
        return [pair for key in sorted(value) for pair in _flatten(value[key], f"{name}.{key}".lstrip("."))]
    return [(name, msgspec.json.encode(value).decode())]
