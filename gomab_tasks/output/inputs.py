"""Name what decides an image's bytes, so that a join can refuse platforms that differ in it."""

from __future__ import annotations

import msgspec

from gomab_tasks.contents.rootfs import wheel_versions
from gomab_tasks.facts import Facts
from gomab_tasks.plan import ImagePlan, Plan

# What is published under, compared with or made of an image decides none of its bytes.
_WITHOUT_BYTES = ("repository", "tags", "immutable_tags", "sbom", "annotations")


def inputs_of(image: ImagePlan, plan: Plan, facts: Facts) -> dict[str, str]:
    """Name all that decides an image's bytes besides its sources and its platform."""
    flags = next(planned.build.flags for planned in plan.builds if image.name in planned.images)
    settings: dict[str, dict[str, object]] = {
        "go": msgspec.to_builtins(flags),
        "image": msgspec.to_builtins(image.group.image),
    }
    for key in _WITHOUT_BYTES:
        settings["image"].pop(key)
    flat = dict(_flatten(settings))
    flat |= {"Go": facts.toolchain.version, **facts.byte_variables, **wheel_versions(image.group.image)}
    return flat


def _flatten(value: object, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [pair for key in sorted(value) for pair in _flatten(value[key], f"{name}.{key}".lstrip("."))]
    return [(name, msgspec.json.encode(value).decode())]
