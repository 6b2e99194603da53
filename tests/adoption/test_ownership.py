"""Owners, modes, folders, accounts and files that commands make: what images lack of them is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adoption.conftest import carried

MODES = "modes are 0755 for folders and executable files, else 0644: everybody may read them"
OWNERS = (
    "files belong to 0:0 and everybody may read them; image.volumes makes folders that belong to the user"
)
FOLDERS = "image.volumes makes folders that belong to the user"
RUNS_NOTHING = "gomab runs nothing in images"
BEFORE = "gomab runs go build alone; run it before"
LOGINS = "with dockerfile.netrc = true, logins for private modules are read from a secret"
NO_ACCOUNTS = "gomab adds no accounts; HOME is / unless image.env sets it"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project with files."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "key.pem").write_text("secret")
    return tmp_path


def remarks_of_image(root: Path, run: str, more: str = "") -> list[str]:
    """Give what is said of a RUN in the last stage, which has a program, files and a volume."""
    text = (
        "FROM golang:1.25 AS build\nCOPY . .\nRUN go build -o /out/api .\nFROM alpine:3.22\nWORKDIR /srv\n"
        "COPY --from=build /out/api /usr/bin/api\nCOPY conf /etc/api\nCOPY missing /opt/tool\n"
        f"RUN {run}\nVOLUME /data\nENTRYPOINT api\n{more or 'USER 1000:1000'}\n"
    )
    return [remark for line, remark in carried(text, root).findings.remarks if line == 9]


SAID = {
    "chown -R app:app /etc/api": OWNERS,
    "chown 1000 /srv": OWNERS,
    "chown app /usr/bin/api": OWNERS,
    "chown root:app /etc/api": OWNERS,
    "chgrp app /etc/api": OWNERS,
    "chown 999 /data": OWNERS,
    "chown 1000:7 /data": OWNERS,
    "chown --reference=/etc /data": OWNERS,
    "chmod 0600 /etc/api/key.pem": MODES,
    "chmod -R go-rwx /etc/api": MODES,
    "chmod 4755 /usr/bin/api": MODES,
    "chmod u+s /usr/bin/api": MODES,
    "chmod 777 /data": MODES,
    "chmod g=u /srv": MODES,
    "chmod +x /usr/bin/of-the-base": MODES,
    "chmod +x /srv/unknown": MODES,
    "chown root /var/www": OWNERS,
    "mkdir -p /cache": FOLDERS,
    "mkdir -p cache": FOLDERS,
    "mkdir -m 777 /data": FOLDERS,
    "rm -rf /usr/bin/wget": RUNS_NOTHING,
    "rm /etc/api/key.pem": RUNS_NOTHING,
    "unlink /bin/x": RUNS_NOTHING,
    "apk upgrade --no-cache": RUNS_NOTHING,
    "apt-get update && apt-get -y dist-upgrade": RUNS_NOTHING,
    "dnf -y update": RUNS_NOTHING,
    "apk del wget": RUNS_NOTHING,
}


@pytest.mark.parametrize("run", SAID)
def test_said(run: str, project: Path) -> None:
    """What images do not have is said with the command."""
    assert remarks_of_image(project, run) == [f"RUN {run.rpartition(' && ')[2]}: {SAID[run]}"]


UNSAID = [
    "chown root:root /etc/api",
    "chown -R 0:0 /usr/bin/api",
    "chown 1000:1000 /data",
    "chown -R 1000 /data",
    "chmod 755 /usr/bin/api",
    "chmod a+rx,go-w /usr/bin/*",
    "chmod -R u=rwX,go=rX /etc/api",
    "chmod 0644 /etc/api/key.pem",
    "chmod +x /opt/tool",
    "chmod 1777 /tmp",
    "mkdir -p /data /srv /etc/api",
    "rm -rf /var/cache/apk/* /var/lib/apt/lists /root/.cache $HOME/.cache",
    "apk update && apk del .build-deps",
    "apt-get clean",
    "echo ready",
    "echo ready > /dev/stdout",
]


@pytest.mark.parametrize("run", UNSAID)
def test_unsaid(run: str, project: Path) -> None:
    """What makes no difference is not said: roots, plain modes, caches, volumes of the user."""
    assert remarks_of_image(project, run) == []


def test_a_volume_with_files(project: Path) -> None:
    """Files belong to root, in a volume too."""
    more = "COPY conf /data/conf\nUSER 1000:1000"
    assert remarks_of_image(project, "chown -R 1000 /data", more) == [f"RUN chown -R 1000 /data: {OWNERS}"]


def test_a_volume_of_a_named_user(project: Path) -> None:
    """Names are followed to their numbers; without USER, volumes belong to nobody that is known."""
    run = "addgroup -g 7 web && adduser -H -D -u 5 -G web app && chown app:web /data"
    (accounts,) = remarks_of_image(project, run, "USER app")
    assert accounts.endswith(NO_ACCOUNTS)
    assert remarks_of_image(project, "chown 1000:1000 /data", "USER 1000") == []
    assert remarks_of_image(project, "chown app /data", "STOPSIGNAL 2") == [f"RUN chown app /data: {OWNERS}"]


@pytest.mark.parametrize(
    "made",
    ["addgroup -S app && adduser -S -G app app", "groupadd -r app && useradd -r -g app -u 1000 app"],
)
def test_a_volume_of_a_user_without_numbers(made: str, project: Path) -> None:
    """The name that USER has stands for a number that is not known; its group is its own."""
    for owner in ("app", "app:app"):
        said = remarks_of_image(project, f"{made} && mkdir -p /data && chown -R {owner} /data", "USER app")
        assert [remark.partition(":")[0] for remark in said] == [f"RUN {made}"]
    said = remarks_of_image(project, f"{made} && chown app:web /data", "USER app")
    assert f"RUN chown app:web /data: {OWNERS}" in said


VOLUMES = {
    "--chown=65532:65532 /data /data": [],
    "--chown=nonroot /data /data/": [],
    "/data /data": [],
    "--chown=7 /data /data": ["--chown=7: files belong to 0:0 and everybody may read them"],
    "--chown=65532 /src /data": [
        "--chown=65532: files belong to 0:0 and everybody may read them",
        "/src of build holds the project's sources: name what the program reads in image.files",
    ],
    "--chown=65532 /data /other": [
        f"RUN chown -R 65532:65532 /data: {OWNERS}",
        "--chown=65532: files belong to 0:0 and everybody may read them",
        "/data of build is no program and no file of the project",
    ],
}


@pytest.mark.parametrize("words", VOLUMES)
def test_a_volume_that_is_copied(words: str, project: Path) -> None:
    """An empty folder of another stage is what volumes are, and has their owner."""
    text = (
        "FROM golang:1.25 AS build\nWORKDIR /src\nCOPY . .\n"
        "RUN go build -o /out/api . && mkdir /data && chown -R 65532:65532 /data\n"
        f"FROM gcr.io/distroless/static\nCOPY --from=build {words}\nCOPY --from=build /out/api /api\n"
        "VOLUME /data\nUSER nonroot\nENTRYPOINT api\n"
    )
    said = sorted(carried(text, project).findings.remarks)
    assert [remark for line, remark in said if remark.startswith("RUN") or line == 6] == VOLUMES[words]


WRITTEN = {
    "echo 'hosts: files dns' > /etc/nsswitch.conf": ["RUN writes /etc/nsswitch.conf"],
    "[ -e /x ] && echo a >> /x || printenv > /y": ["RUN writes /x", "RUN writes /y"],
    "{ echo a; echo b; } > /x": ["RUN writes /x"],
    "<<E\necho 'a\n b' > /x\nE": ["RUN writes /x"],
    "<<EOF cat > /etc/motd\nhello\nEOF": ["RUN writes /etc/motd"],
    "update-ca-certificates > /log": ["RUN update-ca-certificates > /log"],
    "P=hunter2 && echo $P > /pw; echo b >> /pw": ["RUN writes /pw"],
    """["/bin/sh", "-c", "echo ghp_x > /pw"]""": ["RUN writes /pw"],
}


@pytest.mark.parametrize("run", WRITTEN)
def test_written(run: str, project: Path) -> None:
    """Of a command that writes a file, only the file is said: its text may be a secret."""
    assert remarks_of_image(project, run) == [f"{text}: {RUNS_NOTHING}" for text in WRITTEN[run]]


ACCOUNTS = {
    "adduser -S -u 1001 -h /srv app": f"{NO_ACCOUNTS}; /srv belongs to 0:0",
    "adduser -D app": f"{NO_ACCOUNTS}; /home/app is not there",
    "adduser --system --group app": NO_ACCOUNTS,
    "adduser --system --home /srv app": f"{NO_ACCOUNTS}; /srv belongs to 0:0",
    "adduser -D $(cat name)": f"{NO_ACCOUNTS}; /home/$(cat name) is not there",
    "adduser -D -H app": NO_ACCOUNTS,
    "adduser -D -h /data app": NO_ACCOUNTS,
    "adduser app wheel": NO_ACCOUNTS,
    "useradd -d /srv app": NO_ACCOUNTS,
    "useradd -m app": f"{NO_ACCOUNTS}; /home/app is not there",
    "groupadd web && useradd -mr -d /srv app": f"{NO_ACCOUNTS}; /srv belongs to 0:0",
    "addgroup -S web": "gomab adds no accounts",
}


@pytest.mark.parametrize("run", ACCOUNTS)
def test_accounts(run: str, project: Path) -> None:
    """What a line in /etc/passwd gives besides numbers is said: HOME, and a folder of the user."""
    assert remarks_of_image(project, run) == [f"RUN {run}: {ACCOUNTS[run]}"]


def test_an_account_with_home(project: Path) -> None:
    """Where the Dockerfile sets HOME, nothing else does."""
    more = "ENV HOME=/srv"
    assert remarks_of_image(project, "adduser -H app", more) == ["RUN adduser -H app: gomab adds no accounts"]


BUILDING = {
    "mkdir -p /root/data && chown 1000 /root/data": [
        f"RUN chown 1000 /root/data: {OWNERS}",
        f"RUN mkdir -p /root/data: {FOLDERS}",
    ],
    "mkdir -p /root /out /cache": [],
    "chown -R 1000 /out": [f"RUN chown -R 1000 /out: {OWNERS}"],
    "chown 1000 /out": [],
    "chown -R 1000 /src": [],
    "chmod 0500 /out/api": [f"RUN chmod 0500 /out/api: {MODES}"],
    "chmod +x /out/api ./build.sh": [],
    "echo v1 > version.txt": [f"RUN writes version.txt: {BEFORE}"],
    "echo machine h password ghp_x >> ~/.netrc": [f"RUN writes ~/.netrc: {LOGINS}"],
    "echo https://mirror > /etc/apk/repositories": [],
    "echo Europe/Berlin > /etc/timezone && ln -sf /zone /etc/localtime": [],
    "P=hunter2 && echo $P > /pw && touch /pw && cp /pw /etc && grep a /pw | tee /b >/dev/null": [],
    "echo a > /root/data": [f"RUN writes /root/data: {BEFORE}"],
    "echo a > $HOME/.gitconfig": [f"RUN writes $HOME/.gitconfig: {BEFORE}"],
    "echo a > /src/a.txt && cp a b": [f"RUN writes /src/a.txt: {BEFORE}", f"RUN cp a b: {BEFORE}"],
    "make > /log": [f"RUN make > /log: {BEFORE}"],
    "sed -i s/a/b/ x.go > /log": [f"RUN sed -i s/a/b/ x.go > /log: {BEFORE}"],
    "echo a > /usr/local/share/ca-certificates/a.crt": [
        f"RUN writes /usr/local/share/ca-certificates/a.crt: {BEFORE}"
    ],
    "rm -f debug.go": [],
    "go env -w GOFLAGS=-tags=x": [f"RUN go env -w GOFLAGS=-tags=x: {BEFORE}"],
    "go env && go get -d -v && go mod download && go list && go version": [],
    "go get example.com/x@latest": [f"RUN go get example.com/x@latest: {BEFORE}"],
    "go mod tidy": [f"RUN go mod tidy: {BEFORE}"],
    "adduser -u 1000 app": [],
}


@pytest.mark.parametrize("run", BUILDING)
def test_stages_that_are_copied_from(run: str, project: Path) -> None:
    """Owners and modes are said of what is copied; files that are written may be sources."""
    text = (
        f"FROM golang:1.25 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/api . && {run}\n"
        "FROM scratch\nCOPY --from=build /out/api /api\nCOPY --from=build /root /\nENTRYPOINT api\n"
    )
    remarks = carried(text, project).findings.remarks
    assert [remark for line, remark in remarks if line == 4 and remark.startswith("RUN")] == BUILDING[run]


def test_sources_that_are_removed(project: Path) -> None:
    """What is removed before the program is compiled may have been compiled too."""
    text = (
        "FROM golang:1.25 AS build\nCOPY . .\nRUN rm -f debug.go && go build -o /api . && rm -rf *\n"
        "FROM scratch\nCOPY --from=build /api /api\nENTRYPOINT /api\n"
    )
    remarks = carried(text, project).findings.remarks
    assert (3, f"RUN rm -f debug.go: {BEFORE}") in remarks
    assert (3, f"RUN rm -rf *: {BEFORE}") not in remarks


def test_a_single_stage(project: Path) -> None:
    """A stage that compiles loses its sources, whatever their modes, but not the folders for its program."""
    text = (
        "FROM golang:1.25\nWORKDIR /app\nCOPY . .\n"
        "RUN chmod +x x.sh && mkdir -p bin cache && go build -o bin/api .\n"
        "RUN chown -R 1000 /app && rm -rf *.go\nCMD bin/api\n"
    )
    said = [remark for _, remark in carried(text, project).findings.remarks if remark.startswith("RUN")]
    assert said == [f"RUN chown -R 1000 /app: {OWNERS}", f"RUN mkdir -p bin cache: {FOLDERS}"]
