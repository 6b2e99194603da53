from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.platforms import Platform
from gomab_tasks.settings import (
    BuildKit,
    Dockerfile,
    FileEntry,
    Go,
    Growth,
    Image,
    Registries,
    Settings,
    Size,
    Smoke,
    read_settings,
)

Read = Callable[..., Settings]
Problems = Callable[..., list[str]]

AMD64, ARM64, ARM = Platform("linux", "amd64"), Platform("linux", "arm64"), Platform("linux", "arm", "v7")

EVERY_KEY = (Path(__file__).parent / "every-key.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "[tool.other]\n", "[tool.gomab]\n"])
def test_an_empty_table_has_every_default(read: Read, tmp_path: Path, text: str) -> None:
    """Nothing about gomab in the file, or nothing in its table, gives the documented defaults."""
    settings = read(text)
    assert (settings.module, settings.out, settings.backend) == (".", "build/gomab", "native")
    assert settings.platforms == (AMD64, ARM64)
    assert settings.shared.name is None
    assert settings.shared.go == Go(
        ldflags=("-s", "-w"), tags=(), gcflags=(), variables={}, env={}, vcs_stamp=False
    )
    assert settings.shared.image == Image(
        main=(),
        repository=None,
        tags=("{git.short}",),
        base="scratch",
        workdir=None,
        user=None,
        entrypoint=None,
        ca_certificates=True,
        timezones=False,
        stop_signal=None,
    )
    assert settings.shared.size == Size(
        unpacked=25 * 2**20, compressed=None, growth=None, baseline="gomab-sizes.json"
    )
    assert settings.shared.smoke == Smoke(path=None, args=None, exit=0, within=10.0, required=False)
    assert settings.registry == Registries(plain_http=(), ca_file=None)
    assert settings.dockerfile == Dockerfile(
        file="Dockerfile", go_image="golang", syntax=None, netrc=False, ssh=()
    )
    assert settings.buildkit == BuildKit(builder=None, cache_from=(), cache_to=(), secrets=(), ssh=())
    assert settings.engine is None
    assert settings.images == {}
    assert settings.source == tmp_path / "pyproject.toml"


def test_a_missing_file_has_every_default(tmp_path: Path, read: Read) -> None:
    """A project without pyproject.toml works."""
    assert read_settings(tmp_path) == read("")


def test_every_key_is_read(read: Read) -> None:
    """Each key reaches the settings: paths normalised, sizes in bytes, ports with their protocol."""
    settings = read(EVERY_KEY)
    assert (settings.module, settings.out, settings.backend) == ("svc", "build/out", "buildkit")
    assert settings.shared.platforms == (ARM64, ARM)
    assert settings.shared.go == Go(
        tags=("netgo",),
        gcflags=("all=-N -l",),
        ldflags=(),
        variables={"example.com/svc/internal.Version": "v{version}"},
        env={"GOEXPERIMENT": "jsonv2"},
        vcs_stamp=True,
    )
    assert settings.shared.image == Image(
        main=("cmd/api", "cmd/worker"),
        repository="{env.REGISTRY}/acme/{image}",
        tags=("{git.short}", "v{version}"),
        immutable_tags=("v*",),
        sbom=True,
        base="gcr.io/distroless/static:nonroot",
        workdir="/srv",
        user="nonroot:nonroot",
        entrypoint=("/app/api", "-v"),
        args=("serve", ""),
        env={"GREETING": "{not a template}"},
        ca_certificates="certs/ca.pem",
        timezones=True,
        files=(
            FileEntry(source="migrations", target="/app/migrations"),
            FileEntry(source="rootfs", target="/"),
        ),
        labels={"org.opencontainers.image.revision": "{git.sha}"},
        annotations={"org.opencontainers.image.version": "{version}"},
        expose=("8080/tcp", "9090/tcp", "53/udp"),
        volumes=("/data",),
        stop_signal="SIGRTMIN+3",
    )
    assert settings.shared.size == Size(
        unpacked=1572864, compressed=10_000_000, growth=Growth(percent=5), baseline="ci/sizes.json"
    )
    assert settings.shared.smoke == Smoke(
        path="/healthz?deep=1",
        port="8080",
        args=("serve",),
        exit=3,
        env={"LOG": "debug"},
        within=0.5,
        required=True,
    )
    assert settings.engine == "podman"
    assert settings.registry == Registries(plain_http=("registry.lan:5000",), ca_file="certs/registry.pem")
    assert settings.dockerfile == Dockerfile(
        file="docker/Dockerfile",
        go_image="golang:1.26-alpine",
        syntax="docker/dockerfile:1",
        netrc=True,
        ssh=("github.com",),
    )
    assert settings.buildkit == BuildKit(
        builder="ci",
        cache_from=("type=registry,ref=ghcr.io/acme/cache",),
        cache_to=("type=inline",),
        secrets=("id=netrc,src=ci/netrc",),
        ssh=("default",),
    )


def test_one_main_package_needs_no_list(read: Read) -> None:
    """`image.main` takes one folder as well as several."""
    assert read("[tool.gomab]\nimage.main = './cmd/api'\n").shared.image.main == ("cmd/api",)


def test_platforms_of_other_systems_are_settings_too(read: Read) -> None:
    """`build` compiles for any system, so the table may list them."""
    settings = read("[tool.gomab]\nplatforms = ['windows/amd64', 'macos/arm64']\n")
    assert settings.platforms == (Platform("windows", "amd64"), Platform("darwin", "arm64"))


def test_images_lie_over_what_is_shared(read: Read) -> None:
    """An image's own mappings merge key by key; its lists and single values replace the shared ones."""
    settings = read("""
[tool.gomab.go]
tags = ["netgo"]
env = { GOEXPERIMENT = "a", GODEBUG = "x=1" }
[tool.gomab.image]
tags = ["{version}"]
env = { A = "1", B = "2" }
user = "1000"
[tool.gomab.size]
growth = "5 %"
[tool.gomab.images.api]
main = "cmd/api"
env = { B = "3", C = "4" }
[tool.gomab.images.worker]
platforms = ["linux/arm/v7", "linux/arm64"]
tags = ["v1"]
user = "2000"
go.tags = ["worker"]
go.env.GOEXPERIMENT = "b"
size.unpacked = "40 MiB"
""")
    api, worker = settings.images["api"], settings.images["worker"]
    assert list(settings.images) == ["api", "worker"]
    assert (api.name, worker.name, settings.shared.name) == ("api", "worker", None)
    assert api.image.main == ("cmd/api",)
    assert api.image.env == {"A": "1", "B": "3", "C": "4"}
    assert (api.image.tags, worker.image.tags) == (("{version}",), ("v1",))
    assert (api.image.user, worker.image.user) == ("1000", "2000")
    assert (api.go, api.platforms) == (settings.shared.go, (AMD64, ARM64))
    assert worker.go.tags == ("worker",)
    assert worker.go.env == {"GOEXPERIMENT": "b", "GODEBUG": "x=1"}
    assert worker.size == Size(unpacked=40 * 2**20, growth=Growth(percent=5))
    assert settings.platforms == (AMD64, ARM64, ARM)
    assert settings.shared.image.env == {"A": "1", "B": "2"}


def test_the_shared_platforms_count_only_where_an_image_has_them(read: Read) -> None:
    """With tables of images the platforms are those of the images."""
    settings = read("[tool.gomab.images.api]\nplatforms = ['linux/arm']\n")
    assert settings.platforms == (ARM,)


def test_defaults_lie_under_the_table(read: Read) -> None:
    """An organisation's mappings merge key by key with the table's; its lists and values are replaced."""
    defaults = {
        "backend": "buildkit",
        "platforms": ["linux/arm"],
        "go": {"tags": ("netgo", "osusergo"), "env": {"GODEBUG": "x=1"}},
        "image": {"labels": {"vendor": "Acme", "team": "a"}, "expose": [80]},
        "images": {"api": {"user": "1000"}},
    }
    settings = read(
        "[tool.gomab]\nplatforms = ['linux/arm64']\n[tool.gomab.image]\nlabels = { team = 'b' }\n"
        "[tool.gomab.images.api]\nworkdir = '/srv'\n",
        defaults,
    )
    assert settings.backend == "buildkit"
    assert settings.platforms == (ARM64,)
    assert settings.shared.go.tags == ("netgo", "osusergo")
    assert settings.shared.go.ldflags == ("-s", "-w")
    assert settings.shared.image.expose == ("80/tcp",)
    api = settings.images["api"].image
    assert api.labels == {"vendor": "Acme", "team": "b"}
    assert (api.user, api.workdir) == ("1000", "/srv")


def test_problems_of_defaults_name_their_keys(problems: Problems) -> None:
    """Wrong defaults are told apart from a wrong table, and both are reported at once."""
    defaults = {"go": {"tag": [], "tags": "netgo"}, "images": {"api": {"base": 3}}, "color": 1, 5: 6}
    keys = (
        "module, out, backend, engine, registry, dockerfile, buildkit, "
        "platforms, go, image, size, smoke, images"
    )
    where = "settings given to register()/collection():"
    assert problems("[tool.gomab]\nout = 3\n", defaults) == [
        f"{where} go has no key 'tag'; did you mean 'tags'?",
        f"{where} go.tags is 'netgo'; write a list of strings: ['netgo']",
        f"{where} images.api.base is 3; write a string: '3'",
        f"{where} the mapping has no key 'color'; its keys are: {keys}",
        f"{where} the mapping has no key '5'; its keys are: {keys}",
        "pyproject.toml:2: out is 3; write a relative path: '3'",
    ]


def test_defaults_that_are_no_mapping(problems: Problems) -> None:
    """Defaults that are no mapping at all are a problem, not a crash."""
    assert problems("", ["x"]) == [
        "settings given to register()/collection(): the mapping is ['x']; write a table: [tool.gomab]"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[tool.gomab]\nout = \n", "pyproject.toml:2:7: this is not TOML: invalid value"),
        (
            "[tool.gomab]\r\nout = 'a'\r\nout = 'b'\r\n",
            "pyproject.toml:3:1: this is not TOML: out has a value already; keep one of the two",
        ),
        (
            "[tool.gomab]\nplatforms = []\n# again\n  platforms = [\n  'x',\n]\n",
            "pyproject.toml:4:3: this is not TOML: platforms has a value already; keep one of the two",
        ),
        (
            "[tool.gomab]\n[tool.gomab.'x y']\n[tool.gomab.'x y']\n",
            'pyproject.toml:3:18: this is not TOML: the table tool.gomab."x y" is there twice; put its keys ',
        ),
        (
            "[tool]\ngomab = {}\ngomab.out = 'x'\n",
            "pyproject.toml:3:16: this is not TOML: tool.gomab is written whole above; add to it there",
        ),
        (
            "[tool.gomab]\nplatforms = [\n'a'",
            "pyproject.toml:2:13: this is not TOML: the value of platforms does not end; close its bracket",
        ),
        (
            '[tool.gomab]\r\nplatforms = ["linux/amd64"\r\n',
            "pyproject.toml:2:13: this is not TOML: the value of platforms does not end; close its bracket",
        ),
        (
            "[tool.gomab]\n\n# tags\n go.tags=[\n'a',\n\n",
            "pyproject.toml:4:10: this is not TOML: the value of go.tags does not end; close its bracket",
        ),
        (
            "[tool.gomab]\nimage = {user = '1'\n",
            "pyproject.toml:2:9: this is not TOML: the value of image does not end; close its bracket",
        ),
        (
            '[tool.gomab]\nout = """x\n',
            "pyproject.toml:2:7: this is not TOML: the value of out does not end; close its bracket",
        ),
        (
            "[tool.gomab]\nplatforms = ['a'\n\n[tool.other]\n",
            "pyproject.toml:4:1: this is not TOML: unclosed array, begun on line 2",
        ),
        (
            "[tool.gomab]\nplatforms = ['a' 'b']\n",
            "pyproject.toml:2:18: this is not TOML: unclosed array",
        ),
        ("[tool.gomab\n", "pyproject.toml:1:12: this is not TOML: expected ']'"),
        (
            "[tool.gomab]\nx = " + "[" * 1000,
            "pyproject.toml: cannot be read: TOML inline arrays/tables are nested",
        ),
        (
            "[tool.gomab]\nx = " + "1" * 5000,
            "pyproject.toml: cannot be read: Exceeds the limit (4300 digits)",
        ),
    ],
)
def test_broken_toml_is_located(problems: Problems, text: str, line: str) -> None:
    """A syntax error is one problem, with line and column."""
    [problem] = problems(text)
    assert problem.startswith(line)


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    """Another encoding is named by its line and byte."""
    (tmp_path / "pyproject.toml").write_bytes(b"[project]\nname = 'x'\n# caf\xe9\n")
    with pytest.raises(
        SettingsError, match=r"^pyproject.toml:3: byte 0xe9 is not UTF-8; save the file as UTF-8$"
    ):
        read_settings(tmp_path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """What the system says about the file is passed on."""
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(SettingsError, match=r"^pyproject.toml: cannot be read: Is a directory$"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[tool]\ngomab = 5\n", "pyproject.toml:2: tool.gomab is 5; write a table: [tool.gomab]"),
        (
            "[[tool.gomab]]\nout = 'x'\n",
            "pyproject.toml:1: tool.gomab is [{out = 'x'}]; write a table: [tool.gomab]",
        ),
        ("tool = 5\n", "pyproject.toml:1: tool is 5; write a table: [tool.gomab]"),
    ],
)
def test_a_table_that_is_none(problems: Problems, text: str, line: str) -> None:
    """`tool.gomab` must be a table."""
    assert problems(text) == [line]


def test_settings_cost_little_to_import() -> None:
    """Nox executes the noxfile for every `nox -l`: what only messages and documentation need stays out."""
    code = (
        "import sys, gomab_tasks.settings as s, pathlib; s.read_settings(pathlib.Path('nowhere'))\n"
        "print(*sorted(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    modules = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}\n{code}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    own = {name for name in modules if name.startswith("gomab_tasks.settings.")}
    assert own.isdisjoint({f"gomab_tasks.settings.{name}" for name in ("reference", "report", "position")})
    assert {"json", "asyncio", "rich", "subprocess", "socket"}.isdisjoint(modules)


def test_a_byte_order_mark_is_named(tmp_path: Path) -> None:
    """Some editors write one, and nobody sees it."""
    (tmp_path / "pyproject.toml").write_bytes(b"\xef\xbb\xbf[tool.gomab]\n")
    with pytest.raises(SettingsError, match=r"^pyproject\.toml:1:1: begins with a byte order mark"):
        read_settings(tmp_path)
