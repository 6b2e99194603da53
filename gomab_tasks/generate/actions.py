"""Pin the actions that a workflow uses to commits.

A tag can be moved to other code, a commit cannot. Each was copied from a public
workflow that has this commit and version in a line; none was made up.
"""

from __future__ import annotations

import re

from msgspec import Struct

from gomab_tasks.generate.yaml import Remarked

_PINNED = re.compile(r"(?P<name>[\w.-]+/[\w./-]+)@(?P<pin>[0-9a-f]{40}(?: +#.*)?)$", re.MULTILINE)


class Action(Struct, frozen=True):
    """Hold an action at a commit; `source` is the workflow that it was copied from."""

    name: str
    commit: str
    version: str
    source: str


ACTIONS = (
    Action(
        "actions/checkout",
        "3d3c42e5aac5ba805825da76410c181273ba90b1",
        "v7.0.1",
        "goreleaser/goreleaser .github/workflows/build.yml",
    ),
    Action(
        "actions/setup-python",
        "5fda3b95a4ea91299a34e894583c3862153e4b97",
        "v7.0.0",
        "pypa/cibuildwheel .github/workflows/test.yml",
    ),
    Action(
        "actions/setup-go",
        "b7ad1dad31e06c5925ef5d2fc7ad053ef454303e",
        "v7.0.0",
        "goreleaser/goreleaser .github/workflows/build.yml",
    ),
    Action(
        "actions/cache",
        "55cc8345863c7cc4c66a329aec7e433d2d1c52a9",
        "v6.1.0",
        "goreleaser/goreleaser .github/workflows/build.yml",
    ),
    Action(
        "actions/upload-artifact",
        "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a",
        "v7.0.1",
        "zizmorcore/zizmor .github/workflows/release-docker.yml",
    ),
    Action(
        "actions/download-artifact",
        "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
        "v8.0.1",
        "zizmorcore/zizmor .github/workflows/release-docker.yml",
    ),
    Action(
        "actions/attest",
        "1e69f48acb82d1966a394da916b4c1698aa569d6",
        "v4.2.2",
        "goreleaser/goreleaser .github/workflows/release.yml",
    ),
    Action(
        "docker/login-action",
        "dbcb813823bdd20940b903addbd779551569679f",
        "v4.6.0",
        "goreleaser/goreleaser .github/workflows/release.yml",
    ),
    Action(
        "docker/setup-qemu-action",
        "96fe6ef7f33517b61c61be40b68a1882f3264fb8",
        "v4.2.0",
        "goreleaser/goreleaser .github/workflows/build.yml",
    ),
    Action(
        "docker/setup-buildx-action",
        "37fe631027851001ddb9b187196cc803df7f5f0e",
        "v4.3.0",
        "goreleaser/goreleaser .github/workflows/release.yml",
    ),
    Action(
        "crazy-max/ghaction-github-runtime",
        "04d248b84655b509d8c44dc1d6f990c879747487",
        "v4.0.0",
        "moby/buildkit .github/workflows/.test.yml",
    ),
)

_BY_NAME = {action.name: action for action in ACTIONS}


def pinned(name: str) -> Remarked:
    """Give what stands behind `uses:`, the version as a remark."""
    action = _BY_NAME[name]
    return Remarked(f"{action.name}@{action.commit}", action.version)


def keep_pins(text: str, committed: str) -> str:
    """Give a text the commits that a committed workflow has for the same actions: bots move them."""
    pins = {found["name"]: found["pin"] for found in _PINNED.finditer(committed)}
    return _PINNED.sub(lambda found: f"{found['name']}@{pins.get(found['name'], found['pin'])}", text)
