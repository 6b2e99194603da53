"""What decides an image's bytes is named, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from gomab_tasks.output.inputs import changed_inputs, inputs_of
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
        "GOEXPERIMENT": "loopvar",
    }
    facts, plan = plan_project(open_project(module("hello"), settings={"go": {"env": env}}), ())
    inputs = inputs_of(plan.images[0], plan, facts)
    assert {name for name in inputs if name.startswith("go.env")} == {"go.env.GOEXPERIMENT"}
    assert "hunter22" not in str(inputs)


TABLE = {
    "go": {"tags": ["x"], "variables": {"main.version": "1.0", "main.commit": "{version}"}},
    "image": {"user": "1:1", "labels": {"a": "b{{}}", "c": "{version}"}},
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"go": {**TABLE["go"], "tags": []}}, [("go.tags", '["x"]', "[]")]),
        ({"go": {"tags": ["x"]}}, [
            ("go.variables.main.commit", '"2"', "unset"),
            ("go.variables.main.version", '"1.0"', "unset"),
        ]),
        (
            {"go": {"tags": ["x"], "variables": {"main.version": "1.1", "main.commit": "{git.sha}"}}},
            [("go.variables.main.version", '"1.0"', '"1.1"')],
        ),
        ({"image": {"user": "1:1", "labels": {"c": "d"}}}, [
            ("image.labels.a", '"b{}"', "unset"),
            ("image.labels.c", '"2"', '"d"'),
        ]),
        ({"image": {"labels": TABLE["image"]["labels"]}}, [("image.user", '"1:1"', "unset")]),
        ({"image": {**TABLE["image"], "tags": ["v1"]}}, []),
    ],
)  # fmt: skip
def test_what_the_table_says_now(
    module: ModuleFactory, changed: Mapping[str, object], expected: Sequence[tuple[str, str, str]]
) -> None:
    """Each key that changed is told, unless a template fills it: that may differ from machine to machine."""
    root = module("hello")
    facts, plan = plan_project(
        open_project(root, settings={"go": {"tags": ["x"]}, "image": {"user": "1:1"}}), ()
    )
    filled = {"go.variables.main.version": '"1.0"', "go.variables.main.commit": '"2"'}
    filled |= {"image.labels.a": '"b{}"', "image.labels.c": '"2"'}
    inputs = inputs_of(plan.images[0], plan, facts) | filled
    group = open_project(root, settings={**TABLE, **changed}).settings.group("hello")
    assert list(changed_inputs(inputs, group)) == expected
