"""Declare `[tool.gomab]`: every key once, with its type, default and description.

Reading, merging, the JSON Schema and the reference page follow from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct

from gomab_tasks.platforms import Platform
from gomab_tasks.settings import form, quantity, template
from gomab_tasks.settings.containerfile import ARGUMENT, FILE_PATH, BuildKit, Dockerfile
from gomab_tasks.settings.key import Record, key, optional, required, table
from gomab_tasks.settings.kind import STRING, Choice, Entries, Flag, FlagOr, Items, Text
from gomab_tasks.settings.quantity import Growth
from gomab_tasks.settings.smoke import ENV, Smoke

TEMPLATE = Text("template", template.check_template)
PROJECT_PATH = Text("relative path", form.project_path)
CA_PATH = Text("path", form.ca_path)
OUT_PATH = Text("relative path", form.out_path)
PACKAGE_PATH = Text("folder", form.package_path)
CONTAINER_PATH = Text("absolute path", form.container_path, pattern="^/", example="/app")
TARGET_PATH = Text("absolute path", form.target_path, pattern="^/", example="/app/migrations")
VOLUME_PATH = Text("absolute path", form.volume_path, pattern="^/.", example="/data")
PLATFORM = Text("platform", Platform.parse, pattern=form.PLATFORM_PATTERN, example="linux/arm64")
BUILD_TAG = Text("string", form.build_tag)
REPOSITORY = Text("template", form.repository, example="ghcr.io/acme/{image}")
TAG = Text("template", form.tag)
TAG_PATTERN = Text("pattern", form.tag_pattern, example="v*")
REGISTRY_HOST = Text("host", form.registry_host, pattern=form.HOST_PATTERN, example="registry.lan:5000")
BASE = Text("string", form.base)
SCRATCH = "scratch"
USER = Text("string", form.user)
PORT = Text("port", form.port, pattern=form.PORT_PATTERN, integers=True, example="8080")
SIGNAL = Text("signal", form.stop_signal, pattern=form.SIGNAL_PATTERN, integers=True, example="SIGTERM")
SIZE = Text("size", quantity.read_size, pattern=quantity.SIZE_PATTERN, example="25 MiB")
GROWTH = Text("size or percentage", quantity.read_growth, pattern=quantity.GROWTH_PATTERN, example="5 %")
BackendName = Literal["native", "buildkit"]
BACKEND: Choice[BackendName] = Choice(*get_args(BackendName))
EngineName = Literal["docker", "podman", "kind"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
ENGINE = Choice(*ENGINES)
GO_VARIABLES = Entries(TEMPLATE, form.check_go_variable, key_pattern=form.GO_VARIABLE_PATTERN, dotted=True)
GO_ENV = Entries(STRING, form.check_go_env, key_pattern=form.VARIABLE_PATTERN)
LABELS = Entries(TEMPLATE, form.check_label, key_pattern=form.LABEL_PATTERN, dotted=True)


class Go(Struct, frozen=True, kw_only=True):
    """Hold how programs are compiled."""

    tags: tuple[str, ...] = key(Items(BUILD_TAG), [], "Build tags.")
    gcflags: tuple[str, ...] = key(
        Items(ARGUMENT),
        [],
        "For `go build -gcflags`: `all=-N -l`. An item without a pattern of packages goes on with the one "
        "before it. Without any, `all=-dwarf=false` saves a fifth of the time where ldflags strip the same "
        "anyway.",
    )
    ldflags: tuple[str, ...] = key(
        Items(ARGUMENT), ["-s", "-w"], "For `go build -ldflags`; the default strips symbols and DWARF."
    )
    variables: Mapping[str, str] = key(
        GO_VARIABLES,
        {},
        'Strings that the linker sets, as `-X` does: `"main.version" = "{version}"`. Values take templates. '
        "They can be read in the program: no place for secrets.",
        also=("vars",),
    )
    env: Mapping[str, str] = key(
        GO_ENV,
        {},
        "Environment variables for `go`, such as GOEXPERIMENT. GOOS, GOARCH, GOARM, GOARM64 and GOAMD64 come "
        "from `platforms`; CGO_ENABLED is always 0.",
        also=("environment",),
    )
    vcs_stamp: bool = key(
        Flag(),
        False,  # noqa: FBT003 - the default, as in TOML
        "Whether Go stamps programs with the commit. A stamp changes them with every commit; without it, "
        "`debug.ReadBuildInfo` has no `vcs.*`.",
        also=("buildvcs",),
    )


class FileEntry(Struct, frozen=True, kw_only=True):
    """Hold one file or folder that goes into an image."""

    source: str = required(PROJECT_PATH, "A file or folder, relative to pyproject.toml.", name="from")
    target: str = required(TARGET_PATH, "Its absolute path in the image.", name="to")


class Image(Struct, frozen=True, kw_only=True):
    """Hold what goes into an image, and its name."""

    main: tuple[str, ...] = key(
        Items(PACKAGE_PATH, unique=True, single=True),
        [],
        "The main packages whose programs it holds, as folders relative to `module`. Empty: all are found, "
        "`.` and `cmd/*` first, and each gets an image; in `[tool.gomab.images.NAME]` the one that is called "
        "NAME.",
        also=("mains", "package", "packages"),
    )
    repository: str | None = optional(
        REPOSITORY,
        "needed by `push` alone",
        "Where `push` puts it: `ghcr.io/acme/{image}`. Takes templates.",
        also=("registry", "repo"),
    )
    tags: tuple[str, ...] = key(
        Items(TAG, filled=True, unique=True),
        ["{git.short}"],
        "Its tags. They take templates.",
        also=("version",),
    )
    immutable_tags: tuple[str, ...] = key(
        Items(TAG_PATTERN),
        [],
        "Tags that `push` never moves from one digest to another, as patterns: `v*`.",
        also=("immutable", "protected-tags"),
    )
    sbom: bool = key(
        Flag(),
        False,  # noqa: FBT003 - the default, as in TOML
        "Whether `push` attaches a bill of materials to each platform of the image.",
        also=("attach-sbom",),
    )
    base: str = key(
        BASE,
        SCRATCH,
        "What it is built upon: `scratch` or another image, best with its digest.",
        also=("from", "base-image"),
    )
    workdir: str | None = optional(
        CONTAINER_PATH,
        '"/app" on scratch, else of the base',
        "The folder in which the program starts.",
        also=("working-dir", "working-directory", "cwd"),
    )
    user: str | None = optional(
        USER,
        '"65532:65532" on scratch, else of the base',
        "Who runs the program: UID, UID:GID, or names that the base knows.",
    )
    entrypoint: tuple[str, ...] | None = optional(
        Items(ARGUMENT, filled=True),
        '["/app/NAME"], the program',
        "The command that the image starts.",
        also=("command",),
    )
    args: tuple[str, ...] = key(
        Items(STRING),
        [],
        "Arguments for the entrypoint, replaced by those of `docker run`.",
        also=("cmd", "arguments"),
    )
    env: Mapping[str, str] = key(
        ENV, {}, "Environment variables; PATH is set as Docker does.", also=("environment",)
    )
    ca_certificates: bool | str = key(
        FlagOr(FILE_PATH),
        True,  # noqa: FBT003 - the default, as in TOML
        "The certificates that TLS trusts, on scratch: those of Mozilla (the certifi package), none, or a "
        "PEM file.",
        also=("ca-bundle", "certificates", "certs"),
    )
    timezones: bool | str = key(
        FlagOr(PROJECT_PATH),
        False,  # noqa: FBT003 - the default, as in TOML
        "The time zone database, on scratch: that of the tzdata package, none, or a folder.",
        also=("tzdata", "zoneinfo"),
    )
    files: tuple[FileEntry, ...] = key(
        Items(Record(FileEntry), unique="to"),
        [],
        'Files and folders: `{ from = "migrations", to = "/app/migrations" }`. Their modes are 0644, or 0755 '
        "where executable. Folders leave out `.git`, `.venv`, `.nox`, `.tox`, `__pycache__` and `out`.",
        also=("copy", "add", "include"),
    )
    labels: Mapping[str, str] = key(
        LABELS, {}, "Labels, as `docker inspect` shows them. Values take templates."
    )
    annotations: Mapping[str, str] = key(
        LABELS, {}, "Annotations of the index, as registries show them. Values take templates."
    )
    expose: tuple[str, ...] = key(
        Items(PORT), [], "Ports that the program listens at: `8080`, `53/udp`.", also=("port", "ports")
    )
    volumes: tuple[str, ...] = key(
        Items(VOLUME_PATH),
        [],
        "Folders for data from outside; they belong to the user.",
        also=("volume", "mounts"),
    )
    stop_signal: str | None = optional(
        SIGNAL, "of the base, else SIGTERM", "The signal that asks the program to end."
    )


class Size(Struct, frozen=True, kw_only=True):
    """Hold how large an image may be, for each platform; sizes are bytes."""

    unpacked: int = key(
        SIZE,
        "25 MiB",
        "The most that an image may have after decompression, base included.",
        also=("budget", "max"),
    )
    compressed: int | None = optional(
        SIZE, "no limit", "The most that an image may have as stored and pulled."
    )
    growth: Growth | None = optional(
        GROWTH, "no limit", "How much it may be over the baseline: `5 %` or `200 KiB`.", also=("max-growth",)
    )
    baseline: str = key(
        FILE_PATH,
        "gomab-sizes.json",
        "The committed sizes that `growth` is compared with; `size --update` writes them.",
    )


class Registries(Struct, frozen=True, kw_only=True):
    """Hold how registries are reached; logins come from Docker's and Podman's own files."""

    plain_http: tuple[str, ...] = key(
        Items(REGISTRY_HOST),
        [],
        "Registries that are spoken to without TLS; loopback addresses always may be.",
        also=("insecure", "http"),
    )
    ca_file: str | None = optional(
        CA_PATH,
        "those of the system",
        "A PEM file of authorities that are trusted too, in the project or by its absolute path.",
        also=("ca", "cacert", "cafile"),
    )


class Group(Struct, frozen=True, kw_only=True):
    """Hold what may differ from image to image; `name` is None for what all share."""

    name: str | None = None
    platforms: tuple[Platform, ...] = key(
        Items(PLATFORM, filled=True, unique=True),
        ["linux/amd64", "linux/arm64"],
        "OS/ARCH or OS/ARCH/VARIANT, as OCI names them: `linux/arm/v7`.",
        also=("platform", "architectures", "archs", "arch", "targets"),
    )
    go: Go = table(Go, "How programs are compiled.")
    image: Image = table(Image, "What goes into an image, and its name.")
    size: Size = table(
        Size, "How large an image may be, for each platform.", also=("sizes", "budget", "limits")
    )
    smoke: Smoke = table(Smoke, "How `smoke` tries the programs.", also=("check", "healthcheck"))


class Settings(Struct, frozen=True, kw_only=True):
    """Hold `[tool.gomab]`.

    Attributes:
        module, out: relative to the folder of pyproject.toml.
        shared: what holds for every image that has no table of its own.
        images: by NAME of `[tool.gomab.images.NAME]`, each merged over what is
            shared; empty where there are no such tables.
        source: the pyproject.toml, which need not exist.
    """

    module: str = key(PROJECT_PATH, ".", "The folder of go.mod or go.work.")
    out: str = key(
        OUT_PATH,
        "build/gomab",
        "The folder that gomab writes to, and that `clean` removes.",
        also=("output", "dist"),
    )
    backend: BackendName = key(
        BACKEND, "native", "What makes images: gomab itself, or BuildKit from the Dockerfile."
    )
    engine: EngineName | None = optional(
        ENGINE,
        "whichever answers",
        "Where `load` puts images, and `smoke` tries them; with `kind`, `smoke` takes Docker or Podman.",
    )
    registry: Registries = table(Registries, "How registries are reached.", also=("registries",))
    dockerfile: Dockerfile = table(Dockerfile, "How the Dockerfile is written.")
    buildkit: BuildKit = table(BuildKit, "How the backend `buildkit` works.")
    shared: Group
    images: Mapping[str, Group]
    source: Path

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """The platforms of all images, in order of first mention."""
        groups = self.images.values() or (self.shared,)
        return tuple(dict.fromkeys(platform for group in groups for platform in group.platforms))

    def group(self, image: str) -> Group:
        """Give the settings of an image: those of its own table, else what is shared."""
        return self.images.get(image, self.shared)
