from __future__ import annotations

import shutil
from collections.abc import Mapping

import pytest

from gomab_tasks.golang.vendoring import is_vendored
from tests.conftest import ModuleFactory


@pytest.mark.parametrize(
    ("env", "vendored"),
    [
        ({}, True),
        ({"GOFLAGS": "-mod=mod"}, False),
        ({"GOFLAGS": "-race -mod=vendor"}, True),
        ({"GOFLAGS": "-mod=readonly"}, False),
        ({"GOWORK": "off"}, True),
    ],
)
def test_flags_decide_whether_vendor_counts(
    module: ModuleFactory, env: Mapping[str, str], *, vendored: bool
) -> None:
    """`-mod` of GOFLAGS says it outright."""
    assert is_vendored(module("vendored"), env) == vendored


def test_a_workspace_has_a_vendor_of_its_own(module: ModuleFactory) -> None:
    """Go passes over that of a member, and takes the one beside go.work, if that is for a workspace."""
    member = module("vendored")
    root = member.parent
    (root / "go.work").write_text("go 1.22\n\nuse ./vendored\n")
    assert not is_vendored(member, {})
    assert is_vendored(member, {"GOWORK": "off"})
    shutil.copytree(member / "vendor", root / "vendor")
    assert not is_vendored(member, {})
    listed = root / "vendor" / "modules.txt"
    listed.write_text(f"## workspace\n{listed.read_text()}")
    assert is_vendored(member, {})
    assert is_vendored(root, {})
    assert is_vendored(member, {"GOWORK": str(root / "go.work")})
    assert not is_vendored(root, {"GOFLAGS": "-mod=mod"})
