"""Certificates and time zones: those of wheels, or the project's own."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest

from gomab_tasks.contents.provisions import CERTIFICATES, wheel_versions
from gomab_tasks.contents.rootfs import root_entries
from gomab_tasks.errors import SettingsError, StorageError, VerificationError
from gomab_tasks.settings import Image
from gomab_tasks.settings.problem import WrongValueError
from tests.contents.conftest import by_path

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def _install(
    site: Path, monkeypatch: pytest.MonkeyPatch, wheel: str, files: dict[str, bytes], **changed: bytes
) -> None:
    """Make a wheel that Python finds first; `changed` replaces files after RECORD was written."""
    rows = []
    for name, content in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(changed.get(path.stem, content))
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}\n")
    info = site / f"{wheel}-7.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {wheel}\nVersion: 7.0\n")
    (info / "RECORD").write_text("".join(rows))
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])


def test_certificates_are_those_of_the_wheel(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read from where it is installed; its version is told."""
    _install(tmp_path, monkeypatch, "certifi", {"certifi/cacert.pem": PEM.encode()})
    entry = by_path(root_entries(Image(), root))[CERTIFICATES]
    assert entry.source == tmp_path / "certifi" / "cacert.pem"
    assert (entry.mode, entry.uid) == (0o644, 0)
    assert wheel_versions(Image()) == {"certifi": "7.0"}
    assert wheel_versions(Image(base="alpine")) == {}


def test_changed_certificates_are_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever adds an authority to the machine's certifi must not add it to images."""
    content = PEM.encode()
    _install(tmp_path, monkeypatch, "certifi", {"certifi/cacert.pem": content}, cacert=content * 2)
    with pytest.raises(
        VerificationError, match=r"certifi/cacert\.pem: is not what the certifi wheel was.*pip"
    ):
        root_entries(Image(), root)


def test_a_wheel_without_its_files_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some distributions package certifi, with a bundle of their own."""
    _install(tmp_path, monkeypatch, "certifi", {"certifi/where.py": b""})
    with pytest.raises(VerificationError, match="the installed certifi lacks its files"):
        root_entries(Image(), root)


def test_certificates_of_ones_own(root: Path) -> None:
    """A PEM file of the project stands where Go's crypto/x509 looks first; no wheel is used."""
    (root / "ca.pem").write_text(PEM)
    image = Image(ca_certificates="ca.pem")
    assert by_path(root_entries(image, root))[CERTIFICATES].source == root / "ca.pem"
    assert wheel_versions(image) == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.pem", "which is no file in the project"),
        ("data", "which is no file in the project"),
        ("outside.pem", "which is no file in the project"),
        ("data/a.txt", "which holds no certificate in PEM form"),
    ],
)
def test_what_is_no_pem_is_refused(name: str, words: str, root: Path) -> None:
    """Go would start without any certificate, and every TLS connection would fail later."""
    (root.parent / "outside.pem").write_text(PEM)
    (root / "outside.pem").symlink_to(root.parent / "outside.pem")
    with pytest.raises(SettingsError, match=f"image.ca-certificates is '{name}', {words}"):
        root_entries(Image(ca_certificates=name), root)


@pytest.mark.usefixtures("locked_root", "nobody")
def test_certificates_that_cannot_be_read_are_named(locked_root: Path) -> None:
    """Their file is there."""
    with pytest.raises(StorageError, match=r"/ca\.pem: cannot be read: permission denied$"):
        root_entries(Image(ca_certificates="ca.pem"), locked_root)


@pytest.mark.usefixtures("locked_root", "nobody")
def test_zones_that_cannot_be_read_are_named(locked_root: Path) -> None:
    """As files are."""
    with pytest.raises(StorageError, match=r"/data/deep\b.*: cannot be read: permission denied$"):
        root_entries(Image(ca_certificates=False, timezones="data"), locked_root)


def test_zones_are_those_of_the_wheel(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data only, where Go's time package looks; no Python."""
    names = ("__init__.py", "UTC", "Europe/__init__.py", "Europe/Berlin", "zone.tab")
    _install(tmp_path, monkeypatch, "tzdata", {f"tzdata/zoneinfo/{name}": name.encode() for name in names})
    image = Image(ca_certificates=False, timezones=True)
    zones = [entry.path for entry in root_entries(image, root) if "zoneinfo" in entry.path]
    assert zones == [f"usr/share/zoneinfo/{name}" for name in ("Europe/Berlin", "UTC", "zone.tab")]
    assert wheel_versions(image) == {"tzdata": "7.0"}


def test_zones_of_ones_own(root: Path) -> None:
    """A folder of the project; another place is refused."""
    found = by_path(root_entries(Image(ca_certificates=False, timezones="data"), root))
    assert found["usr/share/zoneinfo/deep/b.txt"].source == root / "data" / "deep" / "b.txt"
    with pytest.raises(SettingsError, match=r"image\.timezones is 'data/a\.txt', which is no folder"):
        root_entries(Image(ca_certificates=False, timezones="data/a.txt"), root)


def test_all_that_is_wrong_is_said(root: Path) -> None:
    """A user, certificates and zones, and each link of theirs that leads nowhere."""
    for name in ("one", "two"):
        (root / "data" / name).symlink_to("nowhere")
    image = Image(user="app", ca_certificates="nix.pem", timezones="data")
    with pytest.raises(WrongValueError) as caught:
        root_entries(image, root)
    keys = [problem.path[-1] for problem in caught.value.keyed]
    assert keys == ["user", "ca-certificates", "timezones", "timezones"]
