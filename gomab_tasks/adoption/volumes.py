"""Tell which folders of a Dockerfile are volumes of the table, which belong to the image's user."""

from __future__ import annotations

from gomab_tasks.adoption.contents import Contents
from gomab_tasks.adoption.modes import is_within
from gomab_tasks.contents.rootfs import SCRATCH_USERS


def volumes(contents: Contents) -> list[str]:
    """List those that the table has by now."""
    found = contents.findings.keys.get(("image", "volumes"), [])
    assert isinstance(found, list)
    return [str(path) for path in found]


def is_given(path: str, owner: str, contents: Contents) -> bool:
    """Tell whether a path is a volume without files, which would belong to root, and has that owner."""
    has_files = any(is_within(file["to"], path) for file in contents.files)
    return path in volumes(contents) and not has_files and _is_user(owner, contents)


def _is_user(owner: str, contents: Contents) -> bool:
    """Tell whether an owner is the user of the image, by name or number."""
    name, _, group = owner.partition(":")
    uid, _, gid = str(contents.findings.keys.get(("image", "user"), "")).partition(":")
    its_name, _, its_group = contents.user.partition(":")
    is_its = bool(name) and _number(name, contents) in {_number(one, contents) for one in (uid, its_name)}
    user = contents.accounts.user(its_name)
    is_named = group == (its_group or (user.group if user else ""))
    return is_its and (not group or not gid or is_named or contents.accounts.gid(group) == gid)


def _number(name: str, contents: Contents) -> str:
    """Give a user's number; where it is not known, the name stands for it."""
    user = contents.accounts.user(name)
    return (user.uid if user else str(SCRATCH_USERS.get(name, ""))) or name
