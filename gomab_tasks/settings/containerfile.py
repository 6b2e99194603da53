"""Declare what only the Dockerfile and BuildKit need; `schema` has all other keys."""

from __future__ import annotations

from msgspec import Struct

from gomab_tasks.settings import form
from gomab_tasks.settings.key import key, optional
from gomab_tasks.settings.kind import Flag, Items, Text

FILE_PATH = Text("relative path", form.file_path)
_IMAGE = Text("string", form.image)
_HOST = Text("host", form.registry_host, pattern=form.HOST_PATTERN, example="github.com")
ARGUMENT = Text("string", form.argument)


class Dockerfile(Struct, frozen=True, kw_only=True):
    """Hold how the Dockerfile is written."""

    file: str = key(
        FILE_PATH,
        "Dockerfile",
        "Where `dockerfile --write` puts it; what it leaves out of its context stands in FILE.dockerignore.",
        also=("path", "name", "output"),
    )
    go_image: str = key(
        _IMAGE,
        "golang",
        "The image with the Go toolchain. Without a tag or digest it gets the version of go.mod as its tag.",
        also=("image", "golang", "builder", "from"),
    )
    syntax: str | None = optional(
        _IMAGE,
        "the frontend inside BuildKit, which pulls nothing",
        "The image of the `# syntax=` line.",
        also=("frontend",),
    )
    netrc: bool = key(
        Flag(),
        False,  # noqa: FBT003 - the default, as in TOML
        "Whether Go reads the logins for private modules from the secret `netrc`.",
        also=("secret", "secrets"),
    )
    ssh: tuple[str, ...] = key(
        Items(_HOST),
        [],
        "Hosts whose private modules are fetched over SSH, with the keys of `--ssh default`. The secret "
        "`known_hosts` says which keys the hosts have; without it, the first that a host shows is taken.",
    )


class BuildKit(Struct, frozen=True, kw_only=True):
    """Hold how the backend `buildkit` reaches and feeds BuildKit."""

    builder: str | None = optional(
        ARGUMENT,
        "the one in use",
        "The name of a buildx builder, or an address for buildctl: `unix:///run/buildkit/buildkitd.sock`.",
        also=("address", "host", "addr"),
    )
    cache_from: tuple[str, ...] = key(
        Items(ARGUMENT),
        [],
        "Caches to read: `type=registry,ref=ghcr.io/acme/cache`.",
        also=("import-cache",),
    )
    cache_to: tuple[str, ...] = key(
        Items(ARGUMENT), [], "Caches to write, as for `--cache-to`.", also=("export-cache",)
    )
    secrets: tuple[str, ...] = key(
        Items(ARGUMENT),
        [],
        "Secrets, as for `--secret`: `id=netrc,src=/run/secrets/netrc`. Without any, the secrets "
        "`netrc` and `known_hosts` are the user's own ~/.netrc and ~/.ssh/known_hosts.",
        also=("secret",),
    )
    ssh: tuple[str, ...] = key(
        Items(ARGUMENT), [], "SSH agents or keys, as for `--ssh`; without any, `default` where it is needed."
    )
