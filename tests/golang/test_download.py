from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gomab_tasks.errors import CompileError
from gomab_tasks.golang.download import download
from gomab_tasks.golang.module import read_module
from gomab_tasks.golang.toolchain import read_toolchain
from gomab_tasks.process import Processes
from tests.conftest import ModuleFactory

Fetch = Callable[..., None]

TINY = "cache/download/example.com/tiny/@v/v1.0.0.zip"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let Go begin with an empty module cache, whose files the test's folder can be cleaned of."""
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    return tmp_path / "cache"


@pytest.fixture
def fetch(cache: Path, processes: Processes, tmp_path: Path) -> Fetch:
    """Download what a module needs."""
    assert not cache.exists()

    def run(folder: Path, table: Mapping[str, str] | None = None, **env: str) -> None:
        processes.environment |= env
        toolchain = read_toolchain(processes, folder)
        download(processes, toolchain, read_module(folder), tmp_path / "scratch", env=table or {})
        assert list((tmp_path / "scratch").iterdir()) == []

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def proxy(status: int) -> Iterator[str]:
    """Serve nothing but this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_the_cache_is_filled(module: ModuleFactory, cache: Path, fetch: Fetch) -> None:
    """What go.mod lists is there afterwards, and the module itself is as before."""
    folder = module("fetched")
    before = contents(folder)
    fetch(folder)
    assert (cache / TINY).is_file()
    assert contents(folder) == before


def test_go_sum_is_never_written(module: ModuleFactory, cache: Path, fetch: Fetch) -> None:
    """Lines that go.sum lacks are the user's to add: `go build` will ask for them."""
    folder = module("fetched")
    (folder / "go.sum").unlink()
    fetch(folder, GONOSUMDB="example.com")
    assert (cache / TINY).is_file()
    assert not (folder / "go.sum").exists()


@pytest.mark.usefixtures("cache")
def test_a_replaced_module_is_not_asked_for(module: ModuleFactory, fetch: Fetch) -> None:
    """A folder next door replaces a module; no proxy hears of it."""
    fetch(module("replaced") / "app", GOPROXY="off")


@pytest.mark.usefixtures("cache")
def test_members_of_a_workspace_are_not_asked_for(module: ModuleFactory, fetch: Fetch) -> None:
    """Their versions exist nowhere else."""
    folder = module("workspace")
    fetch(folder, GOPROXY="off")
    fetch(folder / "app", GOPROXY="off")


def test_a_workspace_is_downloaded_too(module: ModuleFactory, cache: Path, fetch: Fetch) -> None:
    """What its members need comes from proxies."""
    folder = module("fetched")
    (folder / "go.work").write_text("go 1.21\n\nuse .\n")
    fetch(folder)
    assert (cache / TINY).is_file()


@pytest.mark.parametrize("constraint", ["//go:build windows\n\n", 'import "C"\n\n'])
def test_programs_for_other_systems_do_not_stop_it(
    module: ModuleFactory, cache: Path, fetch: Fetch, constraint: str
) -> None:
    """A member of a workspace may have packages that this machine cannot build."""
    folder = module("fetched")
    (folder / "go.work").write_text("go 1.21\n\nuse .\n")
    (folder / "tray").mkdir()
    text = "package main\n\nfunc main() {}\n"
    text = constraint + text if constraint.startswith("//") else text.replace("\n\n", f"\n\n{constraint}", 1)
    (folder / "tray" / "main.go").write_text(text)
    fetch(folder)
    assert (cache / TINY).is_file()


def test_variables_of_the_table_count(module: ModuleFactory, cache: Path, fetch: Fetch) -> None:
    """GOPROXY, GOPRIVATE and GOWORK of `go.env` hold for downloads as they do for builds."""
    folder = module("fetched")
    (folder / "go.work").write_text("go 1.21\n\nuse ./elsewhere\n")
    fetch(folder, {"GOPROXY": os.environ["GOPROXY"], "GOWORK": "off"}, GOPROXY="off")
    assert (cache / TINY).is_file()


def test_a_checksum_that_differs(module: ModuleFactory, fetch: Fetch) -> None:
    """What go.sum does not vouch for is not used."""
    with pytest.raises(
        CompileError, match=r"download of example\.com/tiny@v1\.0\.0 failed: its content is not"
    ):
        fetch(module("bad-sum"))


def test_downloads_switched_off(module: ModuleFactory, fetch: Fetch) -> None:
    """GOPROXY=off is the user's own wish."""
    with pytest.raises(
        CompileError, match=r"download of example\.invalid/none@v1\.0\.0 failed: downloads are"
    ):
        fetch(module("missing-dep"), GOPROXY="off")


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (401, "its host wants a login"),
        (403, "its host wants a login"),
        (404, "no proxy"),
        (503, "its host or"),
    ],
)
def test_what_a_proxy_answers(module: ModuleFactory, fetch: Fetch, status: int, cure: str) -> None:
    """A private module, a missing one and a proxy out of order are told apart."""
    with proxy(status) as url, pytest.raises(CompileError, match=rf"none@v1\.0\.0 failed: {cure}"):
        fetch(module("missing-dep"), GOPROXY=url, NO_PROXY="127.0.0.1")


def test_the_login_of_a_proxy_is_not_shown(module: ModuleFactory, fetch: Fetch) -> None:
    """Go names the proxy's address; what it holds of a login is blanked."""
    with pytest.raises(CompileError, match=r"none@v1\.0\.0 failed: ") as caught:
        fetch(module("missing-dep"), GOPROXY="http://me:s3cret@127.0.0.1:9", NO_PROXY="127.0.0.1")
    assert "127.0.0.1:9" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_host_that_cannot_be_reached(module: ModuleFactory, fetch: Fetch) -> None:
    """Nothing listens there any more."""
    with proxy(404) as url:
        pass
    with pytest.raises(CompileError, match=r"none@v1\.0\.0 failed: its host cannot be reached"):
        fetch(module("missing-dep"), GOPROXY=url, NO_PROXY="127.0.0.1")
