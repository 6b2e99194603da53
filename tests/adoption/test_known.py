"""Certificates, time zones and accounts that an image gets from another stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.adoption.conftest import carried

LOCAL = "/etc/localtime is not in the image, so local times are UTC: set TZ = {} in image.env, with"
LOCAL += " image.timezones on scratch"
NO_ZONES = "gomab adds no time zones to a base: unless debian:13 has them, time.LoadLocation fails; scratch "
NO_ZONES += "gets them (image.timezones)"
OWN = "the project's own certificates are among them: set image.ca-certificates to a PEM file with all"
UPDATE = "RUN update-ca-certificates: gomab runs nothing in images"
PEM = "ca-certificates.crt"


def copied(words: str, base: str = "scratch", more: str = "") -> tuple[Mapping[str, object], list[str]]:
    """Give the keys and the remarks of a COPY from a stage."""
    text = (
        f"FROM golang:1.25 AS build\nCOPY . .\nRUN go build -o /out/api .\nFROM {base}\n"
        f"COPY --from=build {words}\n{more}\nCOPY --from=build /out/api /api\nUSER 5:5\nENTRYPOINT /api\n"
    )
    findings = carried(text).findings
    kept = ("timezones", "ca-certificates", "env")
    keys = {"/".join(path[1:]): value for path, value in findings.keys.items() if path[1] in kept}
    return keys, [remark for line, remark in findings.remarks if line == 5]


COPIES = {
    "/usr/share/zoneinfo /usr/share/zoneinfo": (["timezones"], []),
    "/usr/share/zoneinfo/Asia/Tokyo /usr/share/zoneinfo/Asia/Tokyo": (["timezones"], []),
    "/usr/share/zoneinfo/Europe/Berlin /etc/localtime": (["timezones"], [LOCAL.format('"Europe/Berlin"')]),
    "/etc/localtime /etc/": ([], [LOCAL.format("the zone's name")]),
    "/usr/local/go/lib/time/zoneinfo.zip /": (
        ["timezones"],
        ["/zoneinfo.zip is not in the image: time zones are in /usr/share/zoneinfo"],
    ),
    f"/etc/ssl/certs/{PEM} /etc/ssl/certs/": (["ca-certificates"], []),
    f"/etc/ssl/certs/{PEM} /ca.crt": (
        ["ca-certificates"],
        [f"/ca.crt is not in the image: certificates are in /etc/ssl/certs/{PEM}"],
    ),
    "/etc/passwd /etc/passwd": ([], []),
    "/etc_passwd /etc/passwd": ([], []),
    "/user/group /user/passwd /etc/": ([], []),
    "/etc/passwd /other": ([], ["/etc/passwd of build is no program and no file of the project"]),
    "/tmp /tmp": ([], []),
}


@pytest.mark.parametrize("words", COPIES)
def test_on_scratch(words: str) -> None:
    """Keys give what was copied; where it lies elsewhere, or is more, that is said."""
    keys, remarks = copied(words)
    assert (list(keys), remarks) == COPIES[words]


def test_local_time() -> None:
    """A zone that ENV names needs no /etc/localtime; a base is said to have zones itself."""
    words = "/usr/share/zoneinfo/Europe/Berlin /etc/localtime"
    keys, remarks = copied(words, more="ENV TZ=Europe/Berlin")
    assert (keys, remarks) == ({"timezones": True, "env/TZ": "Europe/Berlin"}, [])
    assert copied(words, "debian:13") == ({}, [NO_ZONES, LOCAL.format('"Europe/Berlin"')])


def test_accounts_of_others() -> None:
    """Where the user is none of them, what is not there is said."""
    text = "FROM golang AS b\nCOPY . .\nRUN go build -o /api\nFROM scratch\nCOPY --from=b /api /api\n"
    text += "COPY --from=b /u/passwd /u/group /etc/\nENTRYPOINT /api\nUSER web\n"
    assert [remark for line, remark in carried(text).findings.remarks if line == 6] == [
        "/etc/passwd has root and the user alone, whose home is /",
        "/etc/group has the groups of root and the user alone",
    ]


def test_accounts_on_a_base() -> None:
    """A base keeps its own."""
    remarks = [f"gomab adds no accounts to a base: {path} stays" for path in ("/etc/passwd", "/etc/group")]
    assert copied("/etc/passwd /etc/group /etc/", "debian:13") == ({}, remarks)


def test_own_certificates(tmp_path: Path) -> None:
    """A certificate of the project that an update puts into the bundle is said."""
    (tmp_path / "own.crt").touch()
    adding = "COPY own.crt /usr/local/share/ca-certificates/\nRUN update-ca-certificates\n"
    build = f"FROM golang:1.25 AS build\n{adding}COPY . .\nRUN go build -o /api .\n"
    end = (
        f"COPY --from=build /api /\nCOPY --from=build /etc/ssl/certs/{PEM} /etc/ssl/certs/\nENTRYPOINT /api\n"
    )
    assert (8, OWN) in carried(f"{build}FROM scratch\n{end}", tmp_path).findings.remarks
    plain = build.replace(adding, "\n\n")
    assert (8, OWN) not in carried(f"{plain}FROM scratch\n{end}", tmp_path).findings.remarks
    assert (8, UPDATE) in carried(f"{plain}FROM debian:13\n{adding}{end}", tmp_path).findings.remarks
    installing = "RUN apt-get install ca-certificates && update-ca-certificates\n\n"
    assert (7, UPDATE) not in carried(f"{plain}FROM debian:13\n{installing}{end}", tmp_path).findings.remarks
