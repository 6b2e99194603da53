"""List what every program may need of the world: certificates and time zones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.contents.sources import folder_entries
from gomab_tasks.oci.tar import Entry
from gomab_tasks.settings import SCRATCH, Image
from gomab_tasks.settings.problem import KeyPath, wrong
from gomab_tasks.wheels import wheel_files, wheel_version

CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
ZONES = "usr/share/zoneinfo"


def certificates(image: Image, root: Path) -> Iterator[Entry]:
    """List the file of certificates, where Go's crypto/x509 looks first.

    Raises `WrongValueError` for a path of the table that is no PEM file, and
    `VerificationError` when a wheel's file is not the one it was published with.
    """
    if image.ca_certificates is True:
        paths = wheel_files("certifi", lambda name: name == "certifi/cacert.pem")
    else:
        paths = [_own_certificates(image.ca_certificates, root)] if image.ca_certificates else []
    for path in paths:
        yield Entry(path=CERTIFICATES, kind="file", mode=0o644, source=path)


def zones(image: Image, root: Path) -> Iterator[Entry]:
    """List the time zones, where Go's time package looks.

    Raises as `certificates` does, for a path that is no folder.
    """
    if image.timezones is True:
        yield from _wheel_zones()
    elif image.timezones:
        key = ("image", "timezones")
        yield from folder_entries(_own_folder(str(image.timezones), key, root), ZONES, key, root)


def wheel_versions(image: Image) -> dict[str, str]:
    """Give the versions of the wheels whose files an image holds."""
    if image.base != SCRATCH:
        return {}
    used = {"certifi": image.ca_certificates is True, "tzdata": image.timezones is True}
    return {name: wheel_version(name) for name, is_used in used.items() if is_used}


def _wheel_zones() -> Iterator[Entry]:
    prefix = "tzdata/zoneinfo/"
    for path in wheel_files(
        "tzdata", lambda name: name.startswith(prefix) and not name.endswith((".py", ".pyc"))
    ):
        name = path.as_posix().rpartition(prefix)[2]
        yield Entry(path=f"{ZONES}/{name}", kind="file", mode=0o644, source=path)


def _own_certificates(text: str, root: Path) -> Path:
    path = (root / text).resolve()
    key = ("image", "ca-certificates")
    if not path.is_file() or not path.is_relative_to(root):
        raise wrong(key, f"is '{text}', which is no file in the project; name a PEM file there")
    with files.read_errors(path):
        content = path.read_bytes()
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise wrong(
            key, f"is '{text}', which holds no certificate in PEM form; openssl x509 converts other forms"
        )
    return path


def _own_folder(text: str, key: KeyPath, root: Path) -> Path:
    path = (root / text).resolve()
    if not path.is_dir() or not path.is_relative_to(root):
        raise wrong(key, f"is '{text}', which is no folder in the project; name one there")
    return path
