"""The task `dockerfile`: its text, and the committed file. Builds are in tests/buildkit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.dockerfile.text import VALUES
from gomab_tasks.errors import SettingsError, VerificationError
from gomab_tasks.progress.events import Event
from gomab_tasks.project import open_project
from gomab_tasks.results import DockerfileResult
from gomab_tasks.tasks.ci import workflow
from gomab_tasks.tasks.dockerfiles import dockerfile
from tests.generate.conftest import Git, ProjectFactory

Golden = Callable[[str, bytes], None]
Make = Callable[[Path], DockerfileResult]
Module = Callable[[str], Path]
ToolFactory = Callable[[str], Path]

MODULES = ("hello", "two-mains", "fetched", "vendored", "workspace", "replaced", "subfolder")
PIN = f"@sha256:{'5' * 64}"


@pytest.fixture
def everything(module: Module) -> Path:
    """Give the module `two-mains` with a long table."""
    root = module("two-mains")
    shutil.copy(Path(__file__).parent / "everything.toml", root / "pyproject.toml")
    return root


@pytest.fixture
def make() -> Make:
    """Make the Dockerfile of a folder."""
    return lambda root: dockerfile(open_project(root))


def _compare(made: DockerfileResult, name: str, golden: Golden) -> None:
    golden(f"{name}.Dockerfile", made.dockerfile.removesuffix("\n").encode())


@pytest.mark.parametrize("name", MODULES)
def test_each_kind_of_module(name: str, module: Module, make: Make, golden: Golden) -> None:
    """Whatever the module looks like, only what names its modules comes before the download."""
    _compare(make(module(name)), name, golden)


def test_every_setting(everything: Path, make: Make, golden: Golden) -> None:
    """Three images, two of them with flags or files of their own, and words that need quotes."""
    _compare(make(everything), "everything", golden)


@pytest.mark.parametrize("name", [*MODULES, "everything"])
def test_hadolint_finds_nothing(name: str, tool: ToolFactory) -> None:
    """The linter has no remark, informational ones included."""
    file = Path(__file__).parent / "golden" / f"{name}.Dockerfile"
    argv: list[str | Path] = [tool("hadolint"), "--no-color", file]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("go_mod", "tag"),
    [
        ("go 1.21\n", "golang:1.21"),
        ("go 1.21.3\n", "golang:1.21.3"),
        ("go 1.21\n\ntoolchain go1.22.5\n", "golang:1.22.5"),
        ("go 1.21\n\ntoolchain go1.22.5-acme\n", "golang:1.21"),
    ],
)
def test_the_go_image_has_the_version_of_go_mod(go_mod: str, tag: str, module: Module, make: Make) -> None:
    """The toolchain line comes first; one of somebody's own says nothing about images."""
    root = module("hello")
    (root / "go.mod").write_text(f"module example.com/hello\n\n{go_mod}")
    assert f"FROM --platform=$BUILDPLATFORM {tag} AS go\n" in make(root).dockerfile


@pytest.mark.parametrize(
    ("image", "written"),
    [
        ("registry.lan:5000/acme/go", "registry.lan:5000/acme/go:1.21"),
        ("golang:1.26-alpine", "golang:1.26-alpine"),
        (f"golang{PIN}", f"golang{PIN}"),
    ],
)
def test_an_own_go_image(image: str, written: str, module: Module, make: Make) -> None:
    """Another registry gets the version too, unless the table names a tag or digest."""
    root = module("hello")
    (root / "pyproject.toml").write_text(f"[tool.gomab]\ndockerfile.go-image = '{image}'\n")
    assert f"$BUILDPLATFORM {written} AS go\n" in make(root).dockerfile


@pytest.mark.parametrize(
    ("go_image", "timezones", "warned"),
    [("golang:1.26-alpine", "true", True), ("golang:1.26-alpine", "false", False), ("golang", "true", False)],
)
def test_zones_of_alpine(go_image: str, timezones: str, warned: bool, module: Module) -> None:  # noqa: FBT001
    """Its Go image has none, so the build would fail; both settings are named before that."""
    root = module("hello")
    (root / "pyproject.toml").write_text(
        f"[tool.gomab]\ndockerfile.go-image = '{go_image}'\nimage.timezones = {timezones}\n"
    )
    events: list[Event] = []
    dockerfile(open_project(root, emit=events.append))
    words = " ".join(event.text for event in events if event.kind == "warned")
    assert ("image.timezones of hello" in words and "dockerfile.go-image" in words) is warned


def test_go_variables_of_the_user_leave_no_trace(
    module: Module, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A committed file is the same whoever writes it."""
    root = module("hello")
    before = make(root)
    monkeypatch.setenv("GOFLAGS", "-gcflags=all=-N")
    monkeypatch.setenv("GOPRIVATE", "example.com")
    assert make(root) == before


NETWORK = """
[tool.gomab.go.env]
GOPROXY = "https://proxy.acme.example,direct"
GOVCS = "*:git"
[tool.gomab.images.api]
go.env.GOPRIVATE = "git.acme.example"
[tool.gomab.images.worker]
go.env.GOEXPERIMENT = "nojsonv2"
"""


def test_modules_come_whence_the_table_says(module: Module, make: Make) -> None:
    """The one download has what all images share, and what any image says of the network."""
    root = module("two-mains")
    (root / "pyproject.toml").write_text(NETWORK)
    stages = re.split(r"^FROM ", make(root).dockerfile, flags=re.MULTILINE)
    source, build, worker = (
        next(stage for stage in stages if f" AS {name}\n" in stage)
        for name in ("source", "build", "build-worker")
    )
    env = 'ENV GOPROXY="https://proxy.acme.example,direct" GOVCS="*:git" GOPRIVATE="git.acme.example"\n'
    assert env in source.partition("go mod download")[0]
    assert "ARG GONOPROXY GONOSUMDB GOSUMDB GOINSECURE\n" in source
    assert "ENV" not in build
    assert 'ENV GOEXPERIMENT="nojsonv2"\n' in worker


@pytest.mark.parametrize("table", ["go.env", "images.api.go.env"])
def test_no_login_stands_in_the_dockerfile(table: str, module: Module, make: Make) -> None:
    """It is committed, and every stage keeps its variables."""
    root = module("two-mains")
    (root / "pyproject.toml").write_text(
        f'[tool.gomab.images.api]\n[tool.gomab.{table}]\nGOPROXY = "direct,https://u:secret-word@proxy.acme"\n'
    )
    with pytest.raises(SettingsError, match=r"pyproject.toml:3: .*go.env.GOPROXY holds a login") as raised:
        make(root)
    assert "secret-word" not in str(raised.value)


def test_one_download_for_all_images(module: Module, make: Make) -> None:
    """Two proxies for one download are one too many."""
    root = module("two-mains")
    (root / "pyproject.toml").write_text(
        '[tool.gomab.images.api]\ngo.env.GOPROXY = "https://a.example"\n'
        '[tool.gomab.images.worker]\ngo.env.GOPROXY = "https://b.example"\n'
    )
    with pytest.raises(SettingsError, match=r"go\.env\.GOPROXY .*https://a\.example.*https://b\."):
        make(root)


def test_write_then_check(module: Module, make: Make) -> None:
    """What was written is what the table says, until the table says something else."""
    root = module("hello")
    assert dockerfile(open_project(root), write=True).written
    checked = dockerfile(open_project(root), check=True)
    assert checked.text() == "Dockerfile and Dockerfile.dockerignore are what the table says"
    assert (root / "Dockerfile").read_text() == make(root).dockerfile
    (root / "pyproject.toml").write_text("[tool.gomab.image]\nworkdir = '/srv'\n")
    with pytest.raises(VerificationError) as raised:
        dockerfile(open_project(root), check=True)
    lines = str(raised.value).splitlines()
    assert lines[0] == "Dockerfile: is not what the table says"
    assert {"-WORKDIR /app", "+WORKDIR /srv"} <= set(lines)
    assert lines[-1] == "write it anew: gomab dockerfile --write"


@pytest.mark.parametrize("task", [dockerfile, workflow])
def test_write_and_check_at_once(task: Callable[..., object], module: Module) -> None:
    """The check would pass whatever was committed, so nothing is written either."""
    root = module("hello")
    with pytest.raises(SettingsError, match=r"^--write --check: what was just written is never out of date"):
        task(open_project(root), write=True, check=True)
    assert not (root / "Dockerfile").exists()
    assert not (root / ".github").exists()


def test_one_of_several_images(everything: Path) -> None:
    """It stands alone, with what it needs and no more; the command in the heading makes the same again."""
    project = open_project(everything)
    text = dockerfile(project, image=("worker",), write=True).dockerfile
    assert "run `gomab dockerfile --image worker --write` again" in text
    assert text.count("go build") == 1
    assert text.rstrip("\n").endswith('ENTRYPOINT ["/app/worker"]')
    assert "cmd/api" not in text
    assert dockerfile(project, image=("worker",), check=True).checked
    with pytest.raises(VerificationError, match="it was written by: gomab dockerfile --image worker --write"):
        dockerfile(project, check=True)


def test_an_image_that_the_table_does_not_have(everything: Path) -> None:
    """The nearest is named."""
    with pytest.raises(SettingsError, match=r"--image wroker: is no image; did you mean 'worker'\?"):
        dockerfile(open_project(everything), image=("api", "wroker"))


def test_check_without_a_committed_file(module: Module) -> None:
    """A missing file is said to be missing, with the whole of it."""
    with pytest.raises(VerificationError, match=r"(?m)^Dockerfile: is missing$"):
        dockerfile(open_project(module("hello")), check=True)


def test_pins_belong_to_bots(module: Module) -> None:
    """A digest in the committed file makes no difference, and stays when the file is written anew."""
    root = module("hello")
    dockerfile(open_project(root), write=True)
    path = root / "Dockerfile"
    path.write_text(path.read_text().replace("golang:1.21 ", f"golang:1.21{PIN} "))
    dockerfile(open_project(root), check=True)
    (root / "pyproject.toml").write_text("[tool.gomab.image]\nworkdir = '/srv'\n")
    dockerfile(open_project(root), write=True)
    assert f"golang:1.21{PIN} AS go" in path.read_text()
    assert "WORKDIR /srv" in path.read_text()


def test_a_pin_of_another_version_goes(module: Module) -> None:
    """The digest of golang:1.21 says nothing about golang:1.22."""
    root = module("hello")
    dockerfile(open_project(root), write=True)
    path = root / "Dockerfile"
    path.write_text(path.read_text().replace("golang:1.21 ", f"golang:1.21{PIN} "))
    (root / "go.mod").write_text("module example.com/hello\n\ngo 1.22\n")
    dockerfile(open_project(root), write=True)
    assert "golang:1.22 AS go" in path.read_text()


def test_a_file_of_ones_own_is_not_replaced(module: Module) -> None:
    """Nor is anything else written then; checking it says the same, and no differences."""
    root = module("hello")
    (root / "Dockerfile").write_text("FROM scratch\n")
    refusal = (
        r"^Dockerfile: was not written by gomab; move it away, or name another: dockerfile\.file in \[tool"
    )
    with pytest.raises(SettingsError, match=refusal):
        dockerfile(open_project(root), write=True)
    with pytest.raises(VerificationError, match=refusal):
        dockerfile(open_project(root), check=True)
    assert (root / "Dockerfile").read_text() == "FROM scratch\n"
    assert not (root / "Dockerfile.dockerignore").exists()


def test_another_file(module: Module) -> None:
    """`file` moves both, and the command in the heading names it."""
    root = module("hello")
    (root / "pyproject.toml").write_text("[tool.gomab.dockerfile]\nfile = 'docker/go.Dockerfile'\n")
    dockerfile(open_project(root), write=True)
    assert "--file docker/go.Dockerfile" in (root / "docker" / "go.Dockerfile").read_text()
    assert "docker/go.Dockerfile\n" in (root / "docker" / "go.Dockerfile.dockerignore").read_text()


def test_the_command_in_the_heading(module: Module, make: Make) -> None:
    """Each option has a line, with what gives its value; a shell reads the words that are meant."""
    root = module("hello")
    (root / "pyproject.toml").write_text("""
[tool.gomab.dockerfile]
file = "deploy/my docker/Dockerfile.x"
netrc = true
[tool.gomab.go.variables]
"main.version" = "{version}"
"main.commit" = "{git.short}"
"main.channel" = "{env.CHANNEL}"
""")
    heading = make(root).dockerfile.partition("\n\n")[0]
    assert max(map(len, heading.splitlines())) <= 110
    command = "\n".join(line.removeprefix("#").strip() for line in heading.splitlines()[1:])
    script = f'git() {{ echo "v1.$#"; }}; docker() {{ printf \'%s\\n\' "$@"; }}; {command}'
    env = {**os.environ, "CHANNEL": "a b", "HOME": "/home/me"}
    done = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        *("buildx", "build", "--platform", "linux/amd64,linux/arm64"),
        *("--build-arg", "VERSION=1.4", "--build-arg", "GIT_SHORT=v1.3", "--build-arg", "ENV_CHANNEL=a b"),
        *("--build-arg", "GOPRIVATE=…", "--secret", "id=netrc,src=/home/me/.netrc"),
        *("--file", "deploy/my docker/Dockerfile.x", "."),
    ]


@pytest.mark.parametrize(
    "field", ["git.sha", "git.short", "git.tag", "git.describe", "git.branch", "version"]
)
def test_commands_give_what_fields_do(field: str, project: ProjectFactory, git: Git) -> None:
    """Of a clean checkout."""
    root = project(name="hello").root
    git(root, "tag", "v1.2.3")
    value = VALUES[field]
    done = subprocess.run(["sh", "-c", f"echo {value}"], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == open_project(root).templates.fill(f"{{{field}}}", "here")


def test_hosts_are_known_by_a_secret(module: Module, make: Make) -> None:
    """Wherever SSH may be used; without the secret, the first key that a host shows is taken."""
    root = module("fetched")
    (root / "pyproject.toml").write_text("[tool.gomab.dockerfile]\nssh = ['github.com']\n")
    text = make(root).dockerfile
    mount = "--mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts"
    assert text.count(mount) == text.count("--mount=type=ssh") == 2
    assert '--secret id=known_hosts,src="$HOME/.ssh/known_hosts"' in text


def test_code_outside_of_the_context(module: Module) -> None:
    """A replaced module beside pyproject.toml's folder cannot be copied, and that is said."""
    root = module("replaced")
    (root / "pyproject.toml").rename(root / "app" / "pyproject.toml")
    (root / "app" / "pyproject.toml").write_text("[tool.gomab]\n")
    with pytest.raises(SettingsError, match=r"\.\./lib/go\.mod lies outside of the folder of pyproject"):
        dockerfile(open_project(root / "app"))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("[tool.gomab.image]\nlabels = { note = 'a\\nb' }", "image.labels.note holds a line break"),
        ("[tool.gomab.image]\nlabels = { note = 'a\\u2028b' }", "image.labels.note holds a line break"),
        ("[tool.gomab.image]\nenv = { NOTE = 'a\\nb' }", "image.env.NOTE holds a line break"),
        ("[tool.gomab.image]\nworkdir = '/srv/$x'", r"image.workdir: '/srv/\$x' has one of"),
        ("[tool.gomab.image]\nfiles = [{ from = 'a*', to = '/a' }]", r"image.files: 'a\*' has one of"),
    ],
)
def test_what_a_dockerfile_cannot_say(table: str, problem: str, module: Module, make: Make) -> None:
    """A line break or a pattern would become something else."""
    root = module("hello")
    (root / "pyproject.toml").write_text(table.replace("'", '"') + "\n")
    with pytest.raises(SettingsError, match=problem):
        make(root)
