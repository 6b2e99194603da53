"""Hold the image that another one stands on, and what is inherited from it.

An image inherits what `FROM` of a Dockerfile inherits, with ports and volumes.
Labels are left behind, since they tell of the base and not of the image, and so
is what calls programs of the base (entrypoint, args, health check, triggers): the
program of the image takes their place, and where a Dockerfile sets an
entrypoint, the arguments of the base go too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.contents.rootfs import User
from gomab_tasks.oci.accounts import Accounts
from gomab_tasks.oci.descriptor import Layer
from gomab_tasks.oci.image import Config, History, ImageSpec
from gomab_tasks.oci.tree import GROUP, PASSWD, Tree
from gomab_tasks.output.record import BaseRecord
from gomab_tasks.settings import Image
from gomab_tasks.settings.problem import wrong


class Base(Struct, frozen=True):
    """Hold a base for one platform; layers from its first to its last."""

    origin: BaseRecord
    layers: tuple[Layer, ...]
    config: Config
    tree: Tree

    @property
    def history(self) -> tuple[History, ...]:
        """What made its layers: its own words, unless they do not fit its layers."""
        filled = sum(not step.empty_layer for step in self.config.history)
        if filled == len(self.layers):
            return self.config.history
        return tuple(History(created_by=f"base: {self.origin.name}") for _ in self.layers)

    @property
    def runs_as_root(self) -> bool:
        """Whether programs on it are root's, unless the table names another user."""
        return _text(self.config.execution, "User").partition(":")[0] in ("", "0", "root")


def inherit(own: ImageSpec, image: Image, base: Base) -> ImageSpec:
    """Put what the table says of an image over what its base says.

    Args:
        own: what the table says; its user, workdir and stop signal count only where `image` sets them.

    Raises `WrongValueError` for a user that the base does not know.
    """
    given = base.config.execution
    return replace(
        own,
        user=_user(image, base),
        workdir=image.workdir or _text(given, "WorkingDir") or "/",
        stop_signal=image.stop_signal or _text(given, "StopSignal"),
        env=_merge(_texts(given, "Env"), own.env),
        exposed_ports=tuple(dict.fromkeys([*_keys(given, "ExposedPorts"), *own.exposed_ports])),
        volumes=tuple(dict.fromkeys([*_keys(given, "Volumes"), *own.volumes])),
    )


def owner_of(image: Image, base: Base) -> User:
    """Give the numbers that a container's process runs under.

    Raises `WrongValueError` for a user that the base does not know.
    """
    accounts = Accounts.read(base.tree.passwd, base.tree.group)
    text = image.user or _text(base.config.execution, "User") or "0"
    name, _, group = text.partition(":")
    # Where the table leaves it to the base, only the base's key has a line.
    key = ("image", "user" if image.user else "base")
    if not name.isdecimal() and name not in accounts.users:
        raise wrong(key, _unknown("user", name, accounts.users, base, PASSWD))
    if group and not group.isdecimal() and group not in accounts.groups:
        raise wrong(key, _unknown("group", group, accounts.groups, base, GROUP))
    uid = int(name) if name.isdecimal() else accounts.users[name].uid
    if group:
        return User(uid, int(group) if group.isdecimal() else accounts.groups[group])
    known = accounts.users[name].gid if name in accounts.users else accounts.group_of(uid)
    # As on scratch; what the base says of itself means to engines the group 0.
    return User(uid, known if known is not None else uid if image.user else 0)


def _user(image: Image, base: Base) -> str:
    """Give numbers, which Kubernetes can tell from root; a base without a user stays so."""
    if not image.user and not _text(base.config.execution, "User"):
        return ""
    return str(owner_of(image, base))


def _unknown(kind: str, name: str, known: Iterable[str], base: Base, path: str) -> str:
    names = ", ".join(sorted(known))
    found = f"knows only {names}" if names else f"has no readable /{path}"
    return f"names the {kind} '{name}', but {base.origin.name} {found}; set image.user to numbers, 'UID:GID'"


def _merge(below: Iterable[str], above: Iterable[str]) -> tuple[str, ...]:
    """Put variables over others; each keeps the place where it first stood."""
    return tuple({variable.partition("=")[0]: variable for variable in (*below, *above)}.values())


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _texts(fields: Mapping[str, object], key: str) -> list[str]:
    value = fields.get(key)
    return [str(item) for item in value] if isinstance(value, list) else []


def _keys(fields: Mapping[str, object], key: str) -> list[str]:
    value = fields.get(key)
    return list(cast("dict[str, object]", value)) if isinstance(value, dict) else []
