"""Private modules: logins reach Go in both backends, and nothing that is kept."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import url2pathname

import pytest

from gomab_tasks.errors import CompileError
from gomab_tasks.project import Project, open_project
from gomab_tasks.tasks.images import images
from tests.buildkit.conftest import GO_IMAGE, prune_modules
from tests.conftest import ModuleFactory, ToolFactory
from tests.registry.tls import make_certificate, speaking_tls

pytestmark = pytest.mark.slow

LOGIN = base64.b64encode(b"gomab:wonderland").decode()


@contextmanager
def asking_for_a_login(folder: Path, served: list[str]) -> Iterator[str]:
    """Serve a folder over HTTP to who is logged in; give the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") == f"Basic {LOGIN}":
                served.append(self.path)
                super().do_GET()
            else:
                self.send_error(401)

        def log_message(self, *_: object) -> None: ...

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def certificate(tool: ToolFactory, tmp_path: Path) -> tuple[Path, Path]:
    """Make a certificate of this machine, and its key."""
    return make_certificate(tool, tmp_path)


@pytest.fixture
def go_image_that_trusts(
    go_image: str, tool: ToolFactory, certificate: tuple[Path, Path], tmp_path: Path
) -> str:
    """Push a Go image that knows the certificate, as a company's own does."""
    layer, target = tmp_path / "layer.tar", f"{go_image}/private/golang:1.21"
    accounts = tmp_path / "passwd"
    accounts.write_text("root:x:0:0:root:/root:/bin/sh\n")  # as in golang's; else HOME would be /
    with tarfile.open(layer, "w") as tar:
        tar.add(accounts, "etc/passwd")
        tar.add(certificate[0], "etc/ssl/certs/company.pem")
    argv: list[str | Path] = [
        tool("crane"),
        "append",
        "--insecure",
        "-b",
        f"{go_image}/{GO_IMAGE}",
        "-f",
        layer,
        "-t",
        target,
    ]
    subprocess.run(argv, check=True, capture_output=True)
    return target


def test_a_netrc_logs_in_to_a_proxy(
    module: ModuleFactory,
    buildkit: str,
    go_image_that_trusts: str,
    certificate: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    """The user's own ~/.netrc is what both backends log in with; the programs are the same."""
    prune_modules(buildkit)
    root = module("fetched")
    home = tmp_path / "home"
    home.mkdir()
    files = Path(url2pathname(os.environ["GOPROXY"].partition(",")[0].removeprefix("file://")))
    served: list[str] = []
    with asking_for_a_login(files, served) as plain, speaking_tls(certificate, plain) as place:
        environment = {
            **os.environ,
            "HOME": str(home),
            "GOMODCACHE": str(tmp_path / "modules"),
            "GOFLAGS": "-modcacherw",
            "GOPROXY": f"https://{place}",
            "GONOSUMDB": "*",
            "SSL_CERT_FILE": str(certificate[0]),
        }

        def project(backend: str) -> Project:
            settings = {
                "backend": backend,
                "platforms": ["linux/arm64"],
                "buildkit": {"builder": buildkit},
                "dockerfile": {"netrc": True, "go-image": go_image_that_trusts},
            }
            return open_project(root, settings=settings, environment=environment)

        for backend in ("native", "buildkit"):
            with pytest.raises(CompileError, match="wants a login"):
                images(project(backend))
        assert not served
        (home / ".netrc").write_text(f"machine {place} login gomab password wonderland\n")
        programs = []
        for backend in ("native", "buildkit"):
            served.clear()
            images(project(backend))
            assert [path for path in served if path.endswith(".zip")] == ["/example.com/tiny/@v/v1.0.0.zip"]
            programs.append((root / "build/gomab/bin/linux_arm64/fetched").read_bytes())
        assert programs[0] == programs[1]
    kept = [path for path in (root / "build/gomab").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"wonderland" in path.read_bytes()]
