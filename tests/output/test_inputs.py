"""What decides an image's bytes is named, and nothing else."""

from __future__ import annotations

from gomab_tasks.output.inputs import inputs_of, inputs_of_table
from gomab_tasks.project import open_project
from gomab_tasks.tasks.planning import plan_project
from tests.conftest import ModuleFactory


def test_inputs_name_all_that_decides_bytes(module: ModuleFactory) -> None:
    """Go, flags with their values filled, image settings, wheels, and the user's own variables."""
    root = module("hello")
    table = {
        "go": {"tags": ["x"], "variables": {"main.version": "{env.V}"}},
        "image": {"user": "1000", "tags": ["{git.short}"], "annotations": {"a": "b"}, "repository": "r/x"},
    }
    environment = {**open_project(root).environment, "V": "2", "GOFLAGS": "-trimpath"}
    facts, plan = plan_project(open_project(root, settings=table, environment=environment), ())
    inputs = inputs_of(plan.images[0], plan, facts)
    expected = {
        "Go": facts.toolchain.version,
        "GOFLAGS": "-trimpath",
        "go.tags": '["x"]',
        "go.variables.main.version": '"2"',
        "image.user": '"1000"',
    }
    assert expected.items() <= inputs.items()
    assert inputs["certifi"]
    assert not {name for name in inputs if name.startswith(("image.repo", "image.tags", "image.annot"))}


def test_inputs_tell_nothing_of_the_network(module: ModuleFactory) -> None:
    """Whence modules come decides no bytes, nor does a secret; records are attached to what is pushed."""
    env = {
        "GOPROXY": "https://proxy.acme",
        "GONOSUMDB": "*",
        "ACME_PASSWORD": "hunter22",
        "GOEXPERIMENT": "x",
    }
    settings = open_project(module("hello"), settings={"go": {"env": env}}).settings
    inputs = inputs_of_table(settings.group("hello"))
    assert {name for name in inputs if name.startswith("go.env")} == {"go.env.GOEXPERIMENT"}
    assert "hunter22" not in str(inputs)
