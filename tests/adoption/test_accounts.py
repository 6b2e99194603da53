"""Users and groups that commands make, and what USER means then."""

from __future__ import annotations

import pytest

from tests.adoption.conftest import carried

BUILD = "FROM golang:1.25 AS build\nCOPY . .\nRUN go build -o /api .\n"
IMAGE = 'COPY --from=build /api /app/api\nENTRYPOINT ["/app/api"]\n'


def user_of(base: str, run: str, user: str) -> tuple[object, list[str]]:
    """Give image.user, and the remarks about it."""
    target = carried(f"{BUILD}FROM {base}\nRUN {run}\nUSER {user}\n{IMAGE}")
    remarks = [remark for line, remark in target.findings.remarks if line == 6]
    return target.findings.keys.get(("image", "user")), remarks


NUMBERS = {
    # BusyBox
    ("addgroup -g 2000 -S web && adduser -S -u 1000 -G web svc", "svc"): "1000:2000",
    ("adduser -D -u 1000 svc", "svc"): "1000:1000",
    ("adduser -DHu 1000 svc && adduser svc wheel", "svc"): "1000:1000",
    ("adduser -D -g 'A name' -u 1000 svc", "svc:svc"): "1000:1000",
    # shadow
    ("groupadd --gid 3000 web && useradd --uid=1000 --gid 3000 svc", "svc:web"): "1000:3000",
    ("groupadd -r -g 3000 web && useradd -rm -u1000 -g web -G root svc", "svc"): "1000:3000",
    ("groupadd -rg 3000 web && useradd -u 1000 -g web svc", "svc"): "1000:3000",
    ("useradd -u 1000 svc", "svc"): "1000:1000",
    ("useradd -u 1000 -g root svc", "svc"): "1000:0",
    # Debian
    ("addgroup --gid 3000 web && adduser --system --uid 1000 --ingroup web svc", "svc"): "1000:3000",
    ("adduser --system --group --uid 1000 --disabled-password svc", "svc"): "1000:1000",
    ("useradd -u 1000 svc", "svc:root"): "1000:0",
    ("useradd -u 1000 svc", "svc:7"): "1000:7",
    ("useradd -u 1000 svc", "1000:svc"): "1000:1000",
    ("groupadd -g 3000 web && useradd -u 1000 -g web svc", "1000"): "1000:3000",
    ("groupadd -g 3000 web", "1000:web"): "1000:3000",
    ("true", "1000:2000"): "1000:2000",
}


@pytest.mark.parametrize("base", ["scratch", "alpine:3.22"])
@pytest.mark.parametrize(("run", "user"), NUMBERS)
def test_known(run: str, user: str, base: str) -> None:
    """The numbers of a user and its first group are taken from the commands, or from USER itself."""
    assert user_of(base, run, user) == (NUMBERS[run, user], [])


UNKNOWN = {
    ("useradd -u 999 -g nogroup svc", "svc"): ("999:999", "of svc's group is not known, 999 is taken"),
    ("addgroup -S web && adduser -S -u 9 -G web svc", "svc"): (
        "9:9",
        "of svc's group is not known, 9 is taken",
    ),
    ("adduser -S -u 9 svc", "svc"): ("9:9", "of svc's group is not known, 9 is taken"),
    ("useradd -u 9 svc", "svc:www"): ("9:9", "of the group www is not known, 9 is taken"),
    ("useradd --strange -u 9 svc", "svc"): ("65532:65532", "has no number here: image.user is 65532:65532"),
    ("adduser -S svc", "svc"): ("65532:65532", "has no number here: image.user is 65532:65532"),
    ("groupadd web", "1000:web"): ("65532:65532", "has no number here: image.user is 65532:65532"),
}


@pytest.mark.parametrize(("run", "user"), UNKNOWN)
def test_unknown(run: str, user: str) -> None:
    """What has no number in the Dockerfile is said."""
    number, end = UNKNOWN[run, user]
    found, (remark,) = user_of("alpine:3.22", run, user)
    assert found == number
    assert remark.startswith(f"USER {user}")
    assert remark.endswith(end)


def test_of_the_base() -> None:
    """Names that no command makes are a base's; scratch has none of them."""
    assert user_of("alpine:3.22", "true", "guest:users") == ("guest:users", [])
    assert user_of("scratch", "true", "guest") == (
        None,
        ["USER guest has no number here: image.user is 65532:65532"],
    )


COPIED = "USER {0}: its group in the /etc/passwd that is copied is not known, {0}; Docker takes 0 where it "
COPIED += "finds none"
OF_BASE = "USER {0}: its group is that in debian:13, or else {0}; Docker takes 0 where it finds none"
SINGLE = "USER {0}: its group in golang:1.25 is not known, {0}; Docker takes 0 where it finds none"
PASSWD = "COPY --from=build /etc/passwd /etc/\n"


@pytest.mark.parametrize(
    ("base", "user", "number", "remark"),
    [
        ("scratch", "1000", "1000:0", ""),
        ("scratch", "65532", "65532:0", ""),
        ("scratch", "0", "0:0", ""),
        (f"scratch\n{PASSWD}", "7", "7:7", ""),  # a command made it
        (f"scratch\n{PASSWD}", "1000", "1000", COPIED),
        (f"scratch\n{PASSWD}", "65534", "65534", ""),
        ("debian:13", "1000", "1000", OF_BASE),
        ("debian:13", "7", "7", OF_BASE),  # in another stage
        ("debian:13", "65534", "65534", ""),
        ("gcr.io/distroless/static", "65532", "65532", ""),
        ("build", "1000", "1000:0", ""),
        ("build", "3", "3", SINGLE),
    ],
)
def test_numbers_without_a_group(base: str, user: str, number: str, remark: str) -> None:
    """Where no account can have the number its group is 0, as by Docker; what is not sure is said."""
    build = BUILD.replace("COPY", "RUN adduser -D -u 7 app\nCOPY") if base != "build" else BUILD
    findings = carried(f"{build}FROM {base}\nUSER {user}\n{IMAGE}").findings
    said = [text for _, text in findings.remarks if text.startswith("USER")]
    assert findings.keys[("image", "user")] == number
    assert said == [remark.format(user)] * bool(remark)
