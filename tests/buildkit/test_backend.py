"""The backend `buildkit` against the backend `native`: the same images, and clear failures."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import pytest

from gomab_tasks.errors import CompileError, GomabError, SettingsError, ToolError, VerificationError
from gomab_tasks.oci.image import Config
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import verify_layout
from gomab_tasks.progress.events import Event
from gomab_tasks.project import open_project
from gomab_tasks.tasks.images import image, images
from tests.buildkit.conftest import Start, prune_modules
from tests.conftest import Git, ModuleFactory, ToolFactory
from tests.layers import layers_of

pytestmark = pytest.mark.slow

THREE = ("linux/amd64", "linux/arm64", "linux/arm/v7")
EVERYTHING = Path(__file__).parents[1] / "generate" / "everything.toml"

Tree = dict[str, tuple[object, ...]]
Document = dict[str, Any]


def tree_of(layout: Layout, platform: str) -> Tree:
    """Describe every path that a container sees: type, mode, owner, link and content."""
    tree: Tree = {}
    for layer in layers_of(layout, platform):
        with layer:
            tree |= {member.name: _describe(layer, member) for member in layer}
    return tree


def _describe(layer: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[object, ...]:
    file = layer.extractfile(member) if member.isreg() else None
    content = hashlib.sha256(file.read()).hexdigest() if file else ""
    return member.type, oct(member.mode), member.uid, member.gid, member.linkname, content


def config_of(layout: Layout, platform: str) -> Document:
    """Read how a container of a platform runs."""
    (image,) = (image for image in verify_layout(layout) if str(image.platform) == platform)
    return dict(Config.from_bytes(layout.read_blob(image.config), "config").execution)


def compare(root: Path, address: str, platforms: tuple[str, ...]) -> None:
    """Make a project's images with both backends, and hold all that counts against each other."""
    other = root.with_name(f"{root.name} native")
    shutil.copytree(root, other, symlinks=True)
    settings = {"platforms": list(platforms), "buildkit": {"builder": address}}
    made = images(open_project(root, settings={**settings, "backend": "buildkit"}))
    native = images(open_project(other, settings=settings))
    assert [index.image for index in made.images] == [index.image for index in native.images]
    for index in made.images:
        ours, theirs = Layout(root / index.layout), Layout(other / index.layout)
        for platform in platforms:
            assert config_of(ours, platform) == config_of(theirs, platform)
            assert tree_of(ours, platform) == tree_of(theirs, platform)
    programs = [path.relative_to(other) for path in other.glob("build/gomab/bin/*/*") if path.is_file()]
    assert len(programs) >= len(platforms)
    for program in programs:
        assert (root / program).read_bytes() == (other / program).read_bytes()


def test_three_platforms(module: ModuleFactory, buildkit: str) -> None:
    """amd64, arm64 and arm/v7: equal programs, files and configs."""
    compare(module("hello"), buildkit, THREE)


AWKWARD = (
    "deep-mains",
    "embedded",
    "replaced",
    "serving",
    "subfolder",
    "tagged",
    "two-mains",
    "unicode-path",
    "vendored",
    "versioned",
    "workspace",
)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_modules(name: str, module: ModuleFactory, buildkit: str) -> None:
    """However the module is made, both backends compile the same from it."""
    root = module(name)
    if name == "tagged":
        (root / "pyproject.toml").write_text("[tool.gomab.go]\ntags = ['premium']\n")
    compare(root, buildkit, ("linux/arm64",))


def test_modules_come_from_a_proxy(
    module: ModuleFactory, buildkit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GOPROXY reaches the build; what was downloaded once is there for the next one."""
    files = Path(url2pathname(os.environ["GOPROXY"].partition(",")[0].removeprefix("file://")))
    asked: list[str] = []
    with _serving(files, asked) as address:
        monkeypatch.setenv("GOPROXY", address)
        root = module("fetched")
        compare(root, buildkit, ("linux/arm64", "linux/arm/v7"))
        assert [path for path in asked if path.endswith(".zip")] == ["/example.com/tiny/@v/v1.0.0.zip"]


def test_the_proxy_of_the_table(
    module: ModuleFactory, buildkit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes before that of the environment: names of private modules reach no other one."""
    files = Path(url2pathname(os.environ["GOPROXY"].partition(",")[0].removeprefix("file://")))
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:1")
    root = module("fetched")
    asked: list[str] = []
    with _serving(files, asked) as address:
        (root / "pyproject.toml").write_text(f'[tool.gomab.go.env]\nGOPROXY = "{address}"\nGONOSUMDB = "*"\n')
        prune_modules(buildkit)
        settings = {"backend": "buildkit", "platforms": ["linux/arm64"], "buildkit": {"builder": buildkit}}
        images(open_project(root, settings=settings))
    assert [path for path in asked if path.endswith(".zip")] == ["/example.com/tiny/@v/v1.0.0.zip"]


def test_a_module_cache_that_was_emptied(
    module: ModuleFactory, buildkit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BuildKit drops mounts when it needs room, and still knows the download as done: Go fetches again."""
    files = Path(url2pathname(os.environ["GOPROXY"].partition(",")[0].removeprefix("file://")))
    asked: list[str] = []
    root = module("fetched")
    settings = {"backend": "buildkit", "platforms": ["linux/arm64"], "buildkit": {"builder": buildkit}}
    with _serving(files, asked) as address:
        monkeypatch.setenv("GOPROXY", address)
        images(open_project(root, settings=settings))
        prune_modules(buildkit)
        asked.clear()
        (root / "main.go").write_text((root / "main.go").read_text() + "\nvar edited = true\n")
        images(open_project(root, settings=settings))
    assert [path for path in asked if path.endswith(".zip")] == ["/example.com/tiny/@v/v1.0.0.zip"]


@pytest.mark.parametrize("name", ["bad-sum", "cgo-only", "missing-dep", "no-main", "same-name", "too-new"])
def test_modules_that_no_image_is_made_of(
    name: str, module: ModuleFactory, buildkit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both backends refuse them alike: one kind of error, one first line."""
    files = Path(url2pathname(os.environ["GOPROXY"].partition(",")[0].removeprefix("file://")))
    root = module(name)
    settings = {"platforms": ["linux/arm64"], "buildkit": {"builder": buildkit}}
    errors = []
    with _serving(files, []) as address:
        monkeypatch.setenv("GOPROXY", address if name == "bad-sum" else "off")
        for backend in ("native", "buildkit"):
            with pytest.raises(GomabError) as raised:
                images(open_project(root, settings={**settings, "backend": backend}))
            errors.append((type(raised.value), str(raised.value).splitlines()[0]))
    assert errors[0] == errors[1]
    assert not (root / "build/gomab/records").exists()


@contextlib.contextmanager
def _serving(folder: Path, asked: list[str]) -> Iterator[str]:
    """Serve a folder over HTTP for the block, and note what is asked for."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_setting(
    module: ModuleFactory, buildkit: str, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, volumes, zones, labels and `-X` values that need quotes, in three images."""
    root = module("two-mains")
    table = EVERYTHING.read_text().partition("[tool.gomab.go]")[1:]
    # The Go image of these tests has no git.
    (root / "pyproject.toml").write_text("".join(table).replace("go.vcs-stamp = true\n", ""))
    (root / "internal" / "link").symlink_to("greeting/greeting.go")
    (root / "internal" / "run.sh").write_text("#!/bin/sh\n")
    (root / "internal" / "run.sh").chmod(0o775)
    (root / ".gitignore").write_text("build/\n")
    monkeypatch.setenv("CHANNEL", "it is $stable")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=first")
    git(root, "tag", "v1.2.3")
    compare(root, buildkit, ("linux/arm64", "linux/arm/v7"))


def test_both_clients_make_the_same(module: ModuleFactory, builder: str) -> None:
    """buildctl and buildx, on any day: no time and no name of a client is in an image."""
    root = module("hello")
    settings = {"backend": "buildkit", "platforms": ["linux/arm64"], "buildkit": {"builder": builder}}
    first = images(open_project(root, settings=settings))
    record = (root / "build/gomab/records/hello/linux_arm64.json").read_text()
    assert '"backend": "buildkit"' in record
    shutil.rmtree(root / "build")
    second = images(open_project(root, settings=settings))
    assert first.images == second.images
    assert not list((root / "build/gomab/buildkit").glob(".tmp-*"))


def test_platforms_apart_join_as_one(module: ModuleFactory, buildkit: str) -> None:
    """Made one by one and joined, they give the index of one run; native ones do not fit to them."""
    root = module("hello")
    settings = {"platforms": ["linux/arm64", "linux/arm/v7"], "buildkit": {"builder": buildkit}}
    project = open_project(root, settings={**settings, "backend": "buildkit"})
    whole = images(project)
    shutil.rmtree(root / "build")
    for arch in ("arm64", "arm/v7"):
        image(project, arch=(arch,))
    assert images(project, join=True).images == whole.images
    image(open_project(root, settings=settings), arch=("arm64",))
    with pytest.raises(VerificationError, match="made with different settings: backend is"):
        images(project, join=True)


def test_the_users_go_variables_count(
    module: ModuleFactory, buildkit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GOFLAGS changes programs with either backend, and alike."""
    monkeypatch.setenv("GOFLAGS", "-tags=premium")
    root = module("tagged")
    compare(root, buildkit, ("linux/arm64",))
    assert b"premium" in (root / "build/gomab/bin/linux_arm64/tagged").read_bytes()


def _fail(root: Path, builder: str, **more: object) -> GomabError:
    settings = {"backend": "buildkit", "platforms": ["linux/arm64"], "buildkit": {"builder": builder}, **more}
    with pytest.raises(GomabError) as raised:
        images(open_project(root, settings=settings))
    out = root / "build/gomab"
    assert not (out / "records").exists()
    assert not (out / "images").exists()
    assert not list((out / "buildkit").glob(".tmp-*"))
    return raised.value


def test_a_wrong_program_takes_no_other_ones_place(module: ModuleFactory, buildkit: str) -> None:
    """It is refused before anything else sees it."""
    root = module("hello")
    settings = {"backend": "buildkit", "platforms": ["linux/amd64"], "buildkit": {"builder": buildkit}}
    images(open_project(root, settings=settings))
    program = root / "build/gomab/bin/linux_amd64/hello"
    before = program.read_bytes()
    with pytest.raises(VerificationError, match="is started by /lib64/"):
        images(open_project(root, settings=settings | {"go": {"env": {"GOFLAGS": "-buildmode=pie"}}}))
    assert program.read_bytes() == before
    assert [path.name for path in program.parent.iterdir()] == ["hello"]


def test_code_that_does_not_compile(module: ModuleFactory, builder: str) -> None:
    """The compiler's own line, and the exit code of the native backend."""
    error = _fail(module("broken"), builder)
    assert isinstance(error, CompileError)
    assert str(error) == (
        "broken linux/arm64: go build failed: ./main.go:5:10: undefined: missing\n"
        "Log: build/gomab/logs/broken-buildkit.txt"
    )


def test_a_flag_that_go_refuses(module: ModuleFactory, buildkit: str) -> None:
    """The setting and its line, as with the native backend."""
    root = module("hello")
    (root / "pyproject.toml").write_text("[tool.gomab.go]\nldflags = ['-zzz']\n")
    lines = str(_fail(root, buildkit)).splitlines()
    assert lines[0].endswith("go build failed: flag provided but not defined: -zzz")
    assert lines[1].startswith("usage: link ")
    assert lines[2:] == [
        "Log: build/gomab/logs/hello-buildkit.txt",
        "pyproject.toml:2: go.ldflags is ['-zzz'], which Go refuses; mend it",
    ]


def test_code_that_the_context_leaves_out(module: ModuleFactory, buildkit: str) -> None:
    """Go says that it lacks a package; what took it away is named."""
    root = module("two-mains")
    (root / ".dockerignore").write_text("internal\n")
    lines = str(_fail(root, buildkit)).splitlines()
    assert "no required module provides package example.com/pair/internal/greeting" in lines[0]
    assert "if the project has it, .dockerignore leaves it out; let it through there" in lines


def test_a_go_image_that_is_not_there(module: ModuleFactory, builder: str) -> None:
    """BuildKit's own words about the image."""
    error = _fail(module("hello"), builder, dockerfile={"go-image": "golang:9.9"})
    assert isinstance(error, ToolError)
    assert "golang:9.9: not found" in str(error)


def test_a_dockerfile_frontend_that_is_not_there(module: ModuleFactory, builder: str) -> None:
    """The `# syntax=` image is looked for, and its lack told."""
    error = _fail(module("hello"), builder, dockerfile={"syntax": "docker/dockerfile:0"})
    assert isinstance(error, ToolError)
    assert "docker/dockerfile:0" in str(error)


def test_nobody_listens(module: ModuleFactory, tool: ToolFactory, tmp_path: Path) -> None:
    """An address without a daemon says what to start."""
    tool("buildctl")
    error = _fail(module("hello"), f"unix://{tmp_path}/nobody")
    assert isinstance(error, ToolError)
    assert "no BuildKit answers there" in str(error)


def test_an_unknown_builder(module: ModuleFactory, tool: ToolFactory) -> None:
    """buildx does not know the name, and the message says how to make one."""
    tool("buildx")
    error = _fail(module("hello"), "nobody")
    assert isinstance(error, ToolError)
    assert 'no builder "nobody" found' in str(error)
    assert "docker buildx create --use" in str(error)


def test_no_client(module: ModuleFactory, go: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without buildx and buildctl it says what it looked for."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "go").symlink_to(go)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    error = _fail(module("hello"), "gomab")
    assert isinstance(error, ToolError)
    assert "needs one of these programs: docker buildx, buildx;" in str(error)


def test_a_login_is_not_shown_to_others(
    module: ModuleFactory, buildkit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """buildctl has its arguments in argv, so a proxy with a password is refused."""
    monkeypatch.setenv("GOPROXY", "https://user:hunter2@proxy.example")
    error = _fail(module("hello"), buildkit)
    assert isinstance(error, SettingsError)
    assert "GOPROXY holds a login" in str(error)
    assert "hunter2" not in str(error)


def test_the_daemon_dies(module: ModuleFactory, start: Start) -> None:
    """A build whose daemon goes away ends with an error, and nothing is left behind."""
    root = module("hello")
    with start("dying") as daemon:
        settings = {"backend": "buildkit", "buildkit": {"builder": daemon.address}}
        killed = threading.Event()

        def kill(event: Event) -> None:
            if "go build" in event.text and not killed.is_set():
                killed.set()
                daemon.kill()

        with pytest.raises(ToolError, match="BuildKit has gone away"):
            images(open_project(root, settings=settings, emit=kill))
    assert killed.is_set()
    assert not (root / "build/gomab/records").exists()
