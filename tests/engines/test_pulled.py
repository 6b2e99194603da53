"""What `push` sent is what engines pull and run."""

from __future__ import annotations

from gomab_tasks.project import open_project
from gomab_tasks.tasks.delivery import push
from gomab_tasks.tasks.images import images
from tests.conftest import ModuleFactory
from tests.engines.conftest import OWN, Real


def test_the_pulled_image_runs(module: ModuleFactory, registry: str, engine: Real) -> None:
    """An engine finds its own platform behind the tag, and the digest is the pushed one."""
    root = module("hello")
    images(open_project(root))
    (one,) = push(open_project(root), repository=f"{registry}/pulled-{engine.name}", tag=("v1",)).images
    insecure = ["--tls-verify=false"] if engine.name == "podman" else []
    engine.run("pull", *insecure, f"{one.repository}:v1")
    assert f"hello from linux/{OWN}" in engine.run("run", "--rm", f"{one.repository}:v1")
    assert one.digest in engine.run(
        "image", "inspect", "--format", "{{.RepoDigests}}", f"{one.repository}:v1"
    )
