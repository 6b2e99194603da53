"""What others make of the images: registries, skopeo, crane, and processors of other kinds."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from gomab_tasks.golang.binary import verify_binary
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import verify_layout
from gomab_tasks.platforms import Platform
from gomab_tasks.project import open_project
from gomab_tasks.results import Index
from gomab_tasks.tasks.images import images
from tests.conftest import TESTS, ModuleFactory, ToolFactory
from tests.layers import content_of
from tests.servers import free_port, wait_until_up

SAMPLE = TESTS.parent / "sample"
VARIANTS = {
    "linux/amd64": ("GOAMD64", "v1"),
    "linux/amd64/v2": ("GOAMD64", "v2"),
    "linux/amd64/v3": ("GOAMD64", "v3"),
    "linux/arm/v5": ("GOARM", "5"),
    "linux/arm/v6": ("GOARM", "6"),
    "linux/arm/v7": ("GOARM", "7"),
    "linux/arm64": ("GOARM64", "v8.0"),
}
BARE: Mapping[str, object] = {"image": {"ca-certificates": False}}
FULL: Mapping[str, object] = {
    "platforms": list(VARIANTS),
    "image": {
        "user": "1000:2000",
        "workdir": "/srv/work",
        "args": ["-v"],
        "env": {"LANG": "C.UTF-8"},
        "timezones": True,
        "files": [{"from": "data", "to": "/srv/data"}],
        "labels": {"org.opencontainers.image.title": "{image} ü"},
        "annotations": {"org.opencontainers.image.vendor": "ü"},
        "expose": ["8080", "53/udp"],
        "volumes": ["/data"],
        "stop-signal": "SIGINT",
    },
}


def run(*argv: str | Path) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def make(root: Path, table: Mapping[str, object]) -> tuple[Index, ...]:
    return images(open_project(root, settings=table)).images


@pytest.fixture
def full(module: ModuleFactory) -> Path:
    """Give a module whose image has everything that an image can have, long names and links too."""
    root = module("hello")
    deep = root / "data" / "/".join(["d" * 60] * 5)
    deep.mkdir(parents=True)
    (deep / ("ü" * 100)).write_text("long")
    (deep / "link").symlink_to("ü" * 100)
    (root / "data" / "run.sh").touch(0o755)
    return root


@pytest.mark.tool("skopeo", "crane", "docker-registry")
@pytest.mark.parametrize(("name", "table"), [("two-mains", BARE), ("hello", FULL)])
def test_skopeo_and_crane_accept_every_layout(
    name: str,
    table: Mapping[str, object],
    full: Path,
    module: ModuleFactory,
    tool: ToolFactory,
    registry: str,
) -> None:
    """skopeo copies all of it without a change; crane checks every digest, size, diff_id and tar header."""
    root = full if name == "hello" else module(name)
    skopeo, crane = tool("skopeo"), tool("crane")
    for index in make(root, table):
        source, target = f"oci:{root / index.layout}", f"{registry}/clients/{index.image}:x"
        assert json.loads(run(skopeo, "inspect", "--raw", source))["manifests"]
        copy = ["copy", "--insecure-policy", "--all", "--preserve-digests", "--dest-tls-verify=false"]
        run(skopeo, *copy, source, f"docker://{target}")
        assert run(crane, "digest", "--insecure", target).strip() == index.digest
        for reference in (target, *(f"{target[:-2]}@{one.digest}" for one in index.platforms)):
            run(crane, "validate", "--insecure", "--remote", reference)


@pytest.mark.tool("skopeo")
def test_skopeo_understands_the_config(full: Path, tool: ToolFactory) -> None:
    """Each setting arrives where engines look for it, for every platform that skopeo can choose."""
    (index,) = make(full, FULL)
    for arch in ("amd64", "arm64"):
        choice = ["--override-os", "linux", "--override-arch", arch]
        seen = json.loads(run(tool("skopeo"), *choice, "inspect", "--config", f"oci:{full / index.layout}"))
        assert (seen["os"], seen["architecture"]) == ("linux", arch)
        config = seen["config"]
        assert (config["User"], config["WorkingDir"]) == ("1000:2000", "/srv/work")
        assert (config["Entrypoint"], config["Cmd"]) == (["/app/hello"], ["-v"])
        assert "LANG=C.UTF-8" in config["Env"]
        assert any(value.startswith("PATH=") for value in config["Env"])
        assert sorted(config["ExposedPorts"]) == ["53/udp", "8080/tcp"]
        assert list(config["Volumes"]) == ["/data"]
        assert (config["StopSignal"], config["Labels"]) == (
            "SIGINT",
            {"org.opencontainers.image.title": "hello ü"},
        )


def test_every_variant_is_in_its_program(full: Path, tmp_path: Path) -> None:
    """The level of each program in an image is what Go's linker wrote into it."""
    (index,) = make(full, FULL)
    layout = Layout(full / index.layout)
    assert [str(image.platform) for image in verify_layout(layout)] == list(VARIANTS)
    for platform, (variable, level) in VARIANTS.items():
        program = tmp_path / platform.replace("/", "_")
        program.write_bytes(content_of(layout, platform, "app/hello"))
        settings = verify_binary(program, "hello", Platform.parse(platform)).build_info.settings
        assert (settings["GOARCH"], settings[variable]) == (platform.split("/")[1], level)
        assert settings["CGO_ENABLED"] == "0"


@pytest.mark.parametrize(
    ("platform", "emulator"),
    [
        ("linux/arm64", "qemu-aarch64-static"),
        ("linux/arm/v7", "qemu-arm-static"),
        ("linux/riscv64", "qemu-riscv64-static"),
        ("linux/s390x", "qemu-s390x-static"),
    ],
)
def test_programs_run_elsewhere(
    platform: str, emulator: str, module: ModuleFactory, tool: ToolFactory, tmp_path: Path
) -> None:
    """Taken out of the image's layer, on a processor of that kind."""
    root = module("hello")
    (index,) = make(root, {**BARE, "platforms": [platform]})
    program = tmp_path / "program"
    program.write_bytes(content_of(Layout(root / index.layout), platform, "app/hello"))
    program.chmod(0o755)
    done = subprocess.run([tool(emulator), program], capture_output=True, text=True, check=True)
    assert done.stderr == f"hello from {'/'.join(platform.split('/')[:2])}\n"


@pytest.mark.slow
@pytest.mark.tool("qemu-aarch64-static")
def test_a_real_service_answers(tool: ToolFactory, tmp_path: Path) -> None:
    """The sample's arm64 program, out of its image, serves HTTP in an emulated processor."""
    root = shutil.copytree(SAMPLE, tmp_path / "sample", ignore=shutil.ignore_patterns("build"))
    made = images(open_project(root), arch=("arm64",)).images
    layout = Layout(root / next(index.layout for index in made if index.image == "api"))
    program = tmp_path / "api"
    program.write_bytes(content_of(layout, "linux/arm64", "app/api"))
    program.chmod(0o755)
    port = free_port()
    environment = {"ADDR": f"127.0.0.1:{port}", "PATH": ""}
    with (tmp_path / "log").open("wb") as log:
        argv = [tool("qemu-aarch64-static"), program]
        child = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
    try:
        # Any other status than success would not end the wait.
        wait_until_up(f"http://127.0.0.1:{port}/healthz", tmp_path / "log")
    finally:
        child.terminate()
        assert child.wait(timeout=20) == 0
