"""Of bases only that stays which a record or the table leads to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks import files
from gomab_tasks.bases.kept import last_digests, remove_needless
from gomab_tasks.output.record import record_folder
from gomab_tasks.places import bases_lock
from gomab_tasks.project import Project, open_project
from gomab_tasks.tasks.images import image, images
from tests.conftest import ModuleFactory
from tests.foreign_images import LOWER, UPPER, Shop, tar_of
from tests.registry.server import serving


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Give a repository for bases in a registry of this test's own."""
    with serving() as state:
        yield Shop(state)


@pytest.fixture
def project(module: ModuleFactory, shop: Shop) -> Project:
    """Give a project whose base has a tag and no digest."""
    table = {"image": {"base": f"{shop.repository}:v1"}, "platforms": ["linux/amd64"]}
    return open_project(module("hello"), settings=table)


def kept(project: Project) -> set[str]:
    folder = project.out / "bases"
    paths = (*folder.glob("blobs/sha256/*"), *folder.glob("unpacked/*"))
    return {f"sha256:{path.name}" for path in paths}


def whole(shop: Shop, index: str, manifest: dict[str, Any]) -> set[str]:
    """Give what is to be kept of a base for one platform."""
    content = shop.state.manifests[shop.name, manifest["digest"]][1]
    document = json.loads(content)
    blobs = [document["config"], *document["layers"]]
    return {index, manifest["digest"], f"{manifest['digest']}.json", *(blob["digest"] for blob in blobs)}


def test_an_older_base_goes(project: Project, shop: Shop) -> None:
    """Once no image stands on it any more; what both have in common stays, and is not fetched again."""
    first = shop.image("linux/amd64")
    older = whole(shop, shop.index(first), first)
    images(project)
    assert kept(project) == older
    second = shop.image("linux/amd64", (LOWER, UPPER, tar_of(("new", ""))), history=[])
    digest = shop.index(second)
    image(project)
    assert kept(project) > older
    images(project, join=True)
    assert kept(project) == whole(shop, digest, second)
    assert last_digests(project.out) == {f"{shop.repository}:v1": digest}
    shop.state.log.clear()
    images(project)
    assert shop.state.requests("GET .*/blobs/") == []


def test_what_the_table_names_stays(project: Project, shop: Shop) -> None:
    """Also before an image stands on it; a reference that the table does not have any more is forgotten."""
    manifest = shop.image("linux/amd64")
    index = shop.index(manifest)
    images(project)
    for path in record_folder(project.out, "hello").iterdir():
        path.unlink()
    remove_needless(project)
    assert kept(project) == whole(shop, index, manifest)
    other = open_project(project.root, settings={"image": {"base": f"{shop.repository}:v2"}})
    remove_needless(other)
    assert kept(project) == set()
    assert last_digests(project.out) == {}


def test_a_run_that_takes_from_there_is_not_disturbed(project: Project, shop: Shop) -> None:
    """Nor is anything removed where a record cannot tell what it needs."""
    shop.index(shop.image("linux/amd64"))
    images(project)
    partial = project.out / "bases/blobs/sha256" / f"{'0' * 64}.partial"
    partial.write_bytes(b"half")
    with files.locked(bases_lock(project.out), shared=True):
        remove_needless(project)
    damaged = record_folder(project.out, "other") / "linux_amd64.json"
    files.write(damaged, "{")
    remove_needless(project)
    assert partial.exists()
    damaged.unlink()
    remove_needless(project)
    assert not partial.exists()
    assert (project.out / "bases/blobs/sha256").is_dir()


def test_without_bases_there_is_nothing_to_do(tmp_path: Path) -> None:
    """Not even a folder for a lock is made."""
    project = open_project(tmp_path)
    remove_needless(project)
    assert not project.out.exists()
