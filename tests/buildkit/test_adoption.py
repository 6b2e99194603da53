"""A project with a Dockerfile: what `init` makes of it has the files that the Dockerfile gave."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from gomab_tasks.oci.descriptor import INDEX
from gomab_tasks.oci.image import Config, Index, index_bytes
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import verify_layout
from gomab_tasks.project import open_project
from gomab_tasks.tasks.images import images
from gomab_tasks.tasks.start import init
from tests.conftest import ModuleFactory
from tests.layers import content_of, members_of

pytestmark = pytest.mark.slow

NAIVE = Path(__file__).parents[1] / "adoption" / "cases" / "naive" / "Dockerfile"
PLATFORM = "linux/arm64"

FULL = """\
FROM --platform=$BUILDPLATFORM golang:1.21 AS build
WORKDIR /src
COPY go.mod ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w" -o /out/server .

FROM scratch
LABEL org.opencontainers.image.title="hello there"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/server /usr/local/bin/server
COPY conf/ /etc/server/
COPY web /srv/web
COPY conf/a.conf LICENSE /srv/
WORKDIR /srv
ENV MODE=production
USER 1000:1000
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/server"]
CMD ["--verbose"]
"""


def _write_project(root: Path, dockerfile: str) -> None:
    (root / "go.sum").touch()
    for path in ("conf/a.conf", "conf/d/b.conf", "web/index.html", "LICENSE"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"this is {path}\n")
    (root / "pyproject.toml").unlink(missing_ok=True)
    (root / "Dockerfile").write_text(dockerfile)


def _build(root: Path, address: str, output: Path) -> Layout:
    argv = ["buildctl", "--addr", address, "build", "--frontend=dockerfile.v0", f"--opt=platform={PLATFORM}"]
    argv += [
        f"--local=context={root}",
        f"--local=dockerfile={root}",
        f"--output=type=oci,dest={output},tar=false",
    ]
    subprocess.run(argv, check=True, capture_output=True)
    layout = Layout(output)
    (manifest,) = Index.from_bytes((output / "index.json").read_bytes(), "index.json").manifests
    # BuildKit makes no index for one platform.
    layout.write_index(layout.put_blob(INDEX, index_bytes([manifest])))
    return layout


def _files_of(layout: Layout, programs: Mapping[str, str]) -> dict[str, str]:
    """Give the content of each file by path, but of programs their new path alone."""
    found = {}
    for path, member in members_of(layout, PLATFORM).items():
        if member.isreg():
            is_program = path in programs or path in programs.values()
            content = "program" if is_program else content_of(layout, PLATFORM, path).decode()
            found[programs.get(path, path)] = content
    return found


def _config_of(layout: Layout) -> dict[str, object]:
    (image,) = verify_layout(layout)
    return dict(Config.from_bytes(layout.read_blob(image.config), "config").execution)


@pytest.mark.parametrize(
    ("dockerfile", "program"),
    [
        (NAIVE.read_text().replace("golang:1.25", "golang:1.21"), "app/app"),
        (FULL, "usr/local/bin/server"),
    ],
    ids=["naive", "full"],
)
def test_the_same_files(
    dockerfile: str, program: str, module: ModuleFactory, buildkit: str, tmp_path: Path
) -> None:
    """Program paths and gomab's own root files aside, both images hold the same."""
    root = module("hello")
    _write_project(root, dockerfile)
    before = _build(root, buildkit, tmp_path / "before")
    init(open_project(root), yes=True)
    (made,) = images(open_project(root), arch=("arm64",)).images
    after = Layout(root / made.layout)
    theirs, ours = (_files_of(layout, {program: f"app/{made.image}"}) for layout in (before, after))
    own = set(ours) - set(theirs)
    assert own <= {"etc/passwd", "etc/group", "etc/ssl/certs/ca-certificates.crt"}
    assert {path: content for path, content in ours.items() if path not in own} == theirs
    for key in ("WorkingDir", "ExposedPorts", "Labels"):
        assert _config_of(after).get(key) == _config_of(before).get(key)
