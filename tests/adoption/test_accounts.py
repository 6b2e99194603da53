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
    ("true", "1000"): "1000",
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
