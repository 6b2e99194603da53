"""One file that engines and tools read, checked with those that can be had."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.archive import write_archive
from gomab_tasks.oci.layout import Layout
from tests.conftest import Made, ToolFactory

NAME = "docker.io/library/api:v1"


@pytest.fixture
def archive(made: Made, tmp_path: Path) -> Path:
    """Give an archive of both platforms of `made`."""
    path = tmp_path / "api.tar"
    assert write_archive(made.layout, made.manifests, [NAME], path) == made.index.digest
    return path


def run(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def content(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read()


def test_nothing_depends_on_the_machine(made: Made, archive: Path, tmp_path: Path) -> None:
    """Another umask and other times give the same bytes; members are sorted, without owners and times."""
    before = os.umask(0o077)
    try:
        for path in made.layout.folder.rglob("*"):
            os.utime(path, (1, 1))
        write_archive(made.layout, made.manifests, [NAME], tmp_path / "again.tar")
    finally:
        os.umask(before)
    assert archive.read_bytes() == (tmp_path / "again.tar").read_bytes()
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(m.mtime, m.uid, m.uname) for m in members} == {(0, 0, "")}
    assert {m.mode for m in members if m.isfile()} == {0o644}
    assert archive.stat().st_mode & 0o777 == 0o644


def test_all_blobs_are_inside(made: Made, archive: Path) -> None:
    """Every blob of the layout, byte by byte, and nothing else."""
    with tarfile.open(archive) as tar:
        names = {name for name in tar.getnames() if name.startswith("blobs/sha256/")}
    there = {path.name for path in (made.layout.folder / "blobs/sha256").iterdir()}
    assert names == {f"blobs/sha256/{name}" for name in there}
    assert all(hashlib.sha256(content(archive, name)).hexdigest() == Path(name).name for name in names)


def test_documents(made: Made, archive: Path) -> None:
    """index.json points to the whole index; manifest.json, which knows no platforms, lists the first."""
    (entry,) = json.loads(content(archive, "index.json"))["manifests"]
    assert entry["digest"] == made.index.digest
    assert entry["annotations"] == {
        "io.containerd.image.name": NAME,
        "org.opencontainers.image.ref.name": "v1",
    }
    (image,) = json.loads(content(archive, "manifest.json"))
    config = json.loads(content(archive, image["Config"]))
    assert (config["architecture"], image["RepoTags"]) == ("amd64", [NAME])


def test_some_platforms(made: Made, tmp_path: Path) -> None:
    """One platform of two has an index of its own, with the annotations of the whole, and its blobs only."""
    path = tmp_path / "arm.tar"
    digest = write_archive(made.layout, made.manifests[1:], [NAME], path)
    assert digest != made.index.digest
    index = json.loads(content(path, f"blobs/sha256/{digest.removeprefix('sha256:')}"))
    assert [one["platform"]["architecture"] for one in index["manifests"]] == ["arm"]
    assert index["annotations"] == {"org.opencontainers.image.revision": "abc"}
    other = made.manifests[0].digest.removeprefix("sha256:")
    with tarfile.open(path) as tar:
        assert f"blobs/sha256/{other}" not in tar.getnames()


def test_damaged_blob(made: Made, tmp_path: Path) -> None:
    """A layer that is not what its digest says is refused, and the file before stays as it was."""
    path = tmp_path / "api.tar"
    path.write_bytes(b"before")
    layer = made.layers[next(iter(made.layers))][1].descriptor
    made.layout.blob_path(layer.digest).write_bytes(b"x" * layer.size)
    with pytest.raises(VerificationError, match=re.escape(layer.digest.removeprefix("sha256:"))):
        write_archive(made.layout, made.manifests, [NAME], path)
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["api.tar"]


@pytest.mark.tool("skopeo")
def test_skopeo_reads_oci_archive(made: Made, archive: Path, tmp_path: Path) -> None:
    """It finds the index, byte by byte, copies all platforms, and is told which of two tags is meant."""
    raw = run("skopeo", "inspect", "--raw", f"oci-archive:{archive}")
    assert raw.encode() == made.layout.read_blob(made.index)
    run("skopeo", "copy", "--all", f"oci-archive:{archive}", f"dir:{tmp_path / 'copied'}")
    copied = {path.name.partition(".")[0] for path in (tmp_path / "copied").iterdir()}
    assert {one.digest.removeprefix("sha256:") for one in made.manifests} <= copied
    write_archive(made.layout, made.manifests, [NAME, "ghcr.io/acme/api:v2"], archive)
    assert run("skopeo", "inspect", "--raw", f"oci-archive:{archive}:v2") == raw


@pytest.mark.tool("skopeo")
def test_skopeo_reads_docker_archive(made: Made, archive: Path) -> None:
    """It finds the first platform, by its tag or without, and its config unchanged."""
    for source in (f"docker-archive:{archive}", f"docker-archive:{archive}:api:v1"):
        config = json.loads(run("skopeo", "inspect", "--config", "--raw", source))
        assert (config["architecture"], config["config"]["Entrypoint"]) == ("amd64", ["/app/api"])
    write_archive(made.layout, made.manifests[::-1], [NAME], archive)
    assert '"arm"' in run("skopeo", "inspect", "--config", "--raw", f"docker-archive:{archive}")


@pytest.mark.tool("crane")
def test_crane_accepts_it(archive: Path) -> None:
    """go-containerregistry's reader, which container-structure-test uses too, checks all digests."""
    assert "PASS" in run("crane", "validate", "--tarball", archive)


@pytest.fixture
def containerd(tool: ToolFactory, tmp_path: Path) -> Iterator[list[str | Path]]:
    """Run containerd for a test and give the command that speaks to it."""
    program, ctr = tool("containerd"), tool("ctr")
    if os.geteuid() != 0:
        pytest.skip("containerd needs root")
    socket = tmp_path / "s"
    settings = tmp_path / "containerd.toml"
    settings.write_text(
        f'version = 2\nroot = "{tmp_path}/root"\nstate = "{tmp_path}/state"\n'
        f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{socket}"\n'
    )
    with (tmp_path / "containerd.log").open("wb") as log:
        child = subprocess.Popen([program, "--config", settings], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not socket.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        yield [ctr, "--address", socket, "--namespace", "k8s.io"]
    finally:
        child.terminate()
        child.wait()
        shutil.rmtree(tmp_path / "state", ignore_errors=True)


def test_containerd_imports_all_platforms(made: Made, archive: Path, containerd: list[str | Path]) -> None:
    """As kind does, and Docker where containerd keeps its images: named, with the layout's own index."""
    run(*containerd, "images", "import", "--all-platforms", "--digests", "--no-unpack", archive)
    line = next(line for line in run(*containerd, "images", "ls").splitlines() if line.startswith(NAME))
    assert made.index.digest in line
    assert "linux/amd64,linux/arm/v7" in line


def test_its_layout_is_read_back(made: Made, archive: Path, tmp_path: Path) -> None:
    """Unpacked, the file is a layout like the one it was made of."""
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    index, content = Layout(tmp_path / "unpacked").read_index()
    assert (index.digest, content.manifests) == (made.index.digest, made.manifests)
