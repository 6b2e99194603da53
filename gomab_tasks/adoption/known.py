"""Carry over what gomab has a key for, or puts into every image: certificates, time zones, accounts."""

from __future__ import annotations

import posixpath

from gomab_tasks.adoption.contents import Contents
from gomab_tasks.adoption.programs import read_copy
from gomab_tasks.adoption.recipe import Step

CERTIFICATES = ("/etc/ssl", "/etc/pki", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")
"""Where systems have certificates."""
_ZONE_FOLDER = "/usr/share/zoneinfo"
_LOCAL_TIME = "/etc/localtime"
_ZONES = (_ZONE_FOLDER, "/usr/local/go/lib/time")
_LEFT_TO_BASE = {
    "ca-certificates": ("certificates", "TLS fails; scratch gets them (image.ca-certificates)"),
    "timezones": ("time zones", "time.LoadLocation fails; scratch gets them (image.timezones)"),
}
_ACCOUNTS = {
    "/etc/passwd": "/etc/passwd has root and the user alone, whose home is /",
    "/etc/group": "/etc/group has the groups of root and the user alone",
}
_TEMPORARY = "/tmp"  # noqa: S108 - a path in an image


def carry_known(path: str, target: str, step: Step, contents: Contents) -> bool:
    """Carry a file or folder of another stage over; tell whether it is known.

    Args:
        target: where it lies in the image.
    """
    if target == _LOCAL_TIME:
        _carry_local_time(path, step, contents)
    elif path.startswith(CERTIFICATES):
        _carry_certificates(target, step, contents)
    elif path.startswith(_ZONES):
        _carry_zones(target, step, contents)
    elif target in _ACCOUNTS:
        _say_accounts(target, step, contents)
    else:
        return path == _TEMPORARY
    return True


def is_replaced(target: str) -> bool:
    """Tell whether keys stand for a file of the image, wherever it came from."""
    return target == _LOCAL_TIME or target in _ACCOUNTS


def keep_for_scratch(key: str, step: Step, contents: Contents) -> None:
    """Keep a key that only images on scratch heed; on a base, say what is not there unless it has it."""
    if not contents.has_base:
        contents.findings.keep(("image", key), value=True, line=step.instruction.line)
        return
    what, failing = _LEFT_TO_BASE[key]
    contents.findings.say(
        step.instruction.line,
        f"gomab adds no {what} to a base: unless {contents.stage.root.base} has them, {failing}",
    )


def has_own_certificates(contents: Contents) -> bool:
    """Tell whether files of the project are to be trusted, which an update would have put into the bundle."""
    return any(file["to"].startswith(CERTIFICATES) for file in contents.files)


def _carry_local_time(path: str, step: Step, contents: Contents) -> None:
    """Say that TZ gives what one zone in the place of /etc/localtime gave."""
    name = posixpath.relpath(path, _ZONE_FOLDER)
    zone = "the zone's name" if name.startswith("..") else f'"{name}"'
    if path.startswith(_ZONES):
        keep_for_scratch("timezones", step, contents)
    if "TZ" not in contents.stage.scope.environment:
        contents.findings.say(
            step.instruction.line,
            f"{_LOCAL_TIME} is not in the image, so local times are UTC: set TZ = {zone} in image.env, "
            "with image.timezones on scratch",
        )


def _carry_certificates(target: str, step: Step, contents: Contents) -> None:
    keep_for_scratch("ca-certificates", step, contents)
    if not target.startswith(CERTIFICATES):
        _say_elsewhere("certificates", "/etc/ssl/certs/ca-certificates.crt", target, step, contents)
    stage = contents.recipe.find(step.instruction.flag("from"))
    if stage and any(_adds_certificates(one, contents) for one in stage.all_steps()):
        cure = (
            "put a PEM file with all over the base's (image.files)"
            if contents.has_base
            else "set image.ca-certificates to a PEM file with all"
        )
        contents.findings.say(step.instruction.line, f"the project's own certificates are among them: {cure}")


def _adds_certificates(step: Step, contents: Contents) -> bool:
    is_copy = step.instruction.name in ("ADD", "COPY") and not step.instruction.flag("from")
    return is_copy and read_copy(step, contents.escape).target.startswith(CERTIFICATES)


def _carry_zones(target: str, step: Step, contents: Contents) -> None:
    keep_for_scratch("timezones", step, contents)
    if not target.startswith(_ZONE_FOLDER):
        _say_elsewhere("time zones", _ZONE_FOLDER, target, step, contents)


def _say_elsewhere(what: str, place: str, target: str, step: Step, contents: Contents) -> None:
    contents.findings.say(step.instruction.line, f"{target} is not in the image: {what} are in {place}")


def _say_accounts(target: str, step: Step, contents: Contents) -> None:
    """Say which accounts are not in the image, unless its user is."""
    if contents.has_base:
        text = f"gomab adds no accounts to a base: {target} stays"
        contents.findings.say(step.instruction.line, text)
    elif ("image", "user") not in contents.findings.keys:
        contents.findings.say(step.instruction.line, _ACCOUNTS[target])
