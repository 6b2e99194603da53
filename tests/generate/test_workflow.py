"""The workflow for GitHub Actions: its text, what linters say, and that its commands do the job."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import gomab_tasks
from gomab_tasks.errors import SettingsError, VerificationError
from gomab_tasks.generate.needs import find_needs
from gomab_tasks.generate.workflow import tasks_of
from gomab_tasks.project import open_project
from gomab_tasks.tasks.ci import workflow
from tests.generate.conftest import PUSHED, ProjectFactory
from tests.generate.test_yaml import read

Git = Callable[..., str]
Golden = Callable[[str, bytes], None]
ToolFactory = Callable[[str], Path]

GOLDEN = Path(__file__).parent / "golden"
CASES = ("minimal", "pushed", "matrix", "elsewhere", "nox", "private")
ELSEWHERE = """
[tool.gomab]
backend = "buildkit"
module = "app"
[tool.gomab.go]
tags = ["a", "b"]
[tool.gomab.image]
repository = "registry.acme.example:5000/it's/{image}"
tags = ["{git.branch}-{git.short}"]
"""


PRIVATE = """
[tool.gomab]
backend = "buildkit"
[tool.gomab.buildkit]
builder = "fleet"
cache-from = ["type=gha"]
cache-to = ["type=gha,mode=max"]
[tool.gomab.dockerfile]
netrc = true
ssh = ["git.acme.example", "github.com"]
[tool.gomab.go.env]
GOPRIVATE = "git.acme.example,github.com/acme"
"""


@pytest.fixture(autouse=True)
def _version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gomab_tasks, "__version__", "1.2.3")


def jobs_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = read(text)["jobs"]
    return found


def pushed(tags: str, more: str = "") -> str:
    """Write a table whose images are pushed under some tags."""
    return f'[tool.gomab.image]\nrepository = "ghcr.io/acme/{{image}}"\ntags = {tags}\n{more}'


def test_minimal(project: ProjectFactory, golden: Golden) -> None:
    """Without a repository nothing is pushed, and no job may write."""
    golden("minimal.yml", workflow(project(name="hello")).text().encode())


def test_pushed(project: ProjectFactory, golden: Golden) -> None:
    """With repository, smoke check, values from git's tags, and `latest` that releases leave alone."""
    golden("pushed.yml", workflow(project(PUSHED)).text().encode())


def test_matrix(project: ProjectFactory, golden: Golden) -> None:
    golden("matrix.yml", workflow(project(PUSHED), matrix=True).text().encode())


@pytest.mark.parametrize("matrix", [False, True])
@pytest.mark.parametrize("table", ["", PUSHED])
def test_which_tasks_it_types(table: str, matrix: bool, project: ProjectFactory) -> None:  # noqa: FBT001
    """A task file has to offer these, and no others."""
    one = project(table)
    _, *lines = workflow(one, matrix=matrix).workflow.splitlines()
    typed = set(re.findall(r"gomab ([a-z-]+)", "\n".join(lines)))
    assert typed == set(tasks_of(find_needs(one), matrix=matrix))


def test_each_job_has_what_it_needs(project: ProjectFactory) -> None:
    """With runners for each platform: tests have the caches too; where no value is asked for, no tags are."""
    jobs = jobs_of(workflow(project(PUSHED), matrix=True).workflow)
    caches = {
        title: [step for step in job["steps"] if "cache@" in step.get("uses", "")]
        for title, job in jobs.items()
    }
    assert {title: len(found) for title, found in caches.items()} == {
        "plan": 0,
        "test": 2,
        "image": 2,
        "images": 0,
        "push": 0,
    }
    depths = {title: job["steps"][0]["with"].get("fetch-depth") for title, job in jobs.items()}
    assert depths == {"plan": None, "test": None, "image": 0, "images": 0, "push": 0}


@pytest.mark.parametrize("line", ['within = "5 s"', 'env = { A = "b" }', "port = 8080", "required = true"])
def test_no_check_is_no_step(project: ProjectFactory, line: str) -> None:
    """Keys that only say how a program is tried make no step: `smoke` would have nothing to check."""
    text = workflow(project(f"[tool.gomab.smoke]\n{line}\n")).text()
    assert "gomab smoke" not in text
    assert "setup-qemu" not in text


def test_elsewhere(project: ProjectFactory, golden: Golden, git: Git) -> None:
    """A module below pyproject.toml below the repository's root, BuildKit, another registry and branch."""
    root = project(name="hello").root
    folder = root / "services" / "the api"
    (folder / "app").mkdir(parents=True)
    for name in ("go.mod", "main.go"):
        (root / name).rename(folder / "app" / name)
    (folder / "pyproject.toml").write_text(ELSEWHERE.replace("it's/", ""))
    git(root, "update-ref", "refs/remotes/origin/develop", "HEAD")
    git(root, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop")
    result = workflow(open_project(folder))
    assert result.path == ".github/workflows/images-services-the api.yml"
    golden("elsewhere.yml", result.text().encode())


def test_private_modules(project: ProjectFactory, golden: Golden) -> None:
    """Logins come before Go is asked; BuildKit gets the table's builder, and GitHub's cache its token."""
    golden("private.yml", workflow(project(PRIVATE, "hello")).text().encode())


def test_logins_wherever_go_runs(project: ProjectFactory) -> None:
    """The job that only joins needs none, nor does the one that pushes."""
    table = 'dockerfile.netrc = true\nimage.repository = "ghcr.io/acme/x"\n'
    jobs = jobs_of(workflow(project(f"[tool.gomab]\n{table}", "hello"), matrix=True).workflow)
    assert [title for title, job in jobs.items() if "secrets.NETRC" in str(job)] == ["plan", "test", "image"]


def test_an_address_needs_buildctl(project: ProjectFactory) -> None:
    table = '[tool.gomab]\nbackend = "buildkit"\nbuildkit.builder = "tcp://buildkit.lan:1234"\n'
    with pytest.raises(SettingsError, match=r"pyproject\.toml:3: buildkit\.builder is 'tcp://.*no buildctl"):
        workflow(project(table, "hello"))


@pytest.mark.parametrize(
    ("files", "is_filtered"),
    [
        ({}, True),
        ({"services/api/go.mod": "module m\n\ngo 1.21\n\nreplace x => ./x\n"}, True),
        ({"services/api/go.mod": "module m\n\ngo 1.21\n\nreplace x => ../../x\n"}, False),
        (
            {
                "services/api/go.work": "go 1.21\n\nuse (\n\t.\n\t../lib\n)\n",
                "services/lib/go.mod": "module l\n",
            },
            False,
        ),
        ({"go.work": "go 1.21\n\nuse ./services/api\n"}, False),
    ],
)
def test_a_folder_is_built_when_it_changes(
    files: Mapping[str, str],
    is_filtered: bool,  # noqa: FBT001 - a case
    project: ProjectFactory,
) -> None:
    """Unless code lies outside of it; tags are pushed whatever changed (GitHub looks at no paths then)."""
    top = project(name="hello").root
    folder = top / "services" / "api"
    folder.mkdir(parents=True)
    for name in ("go.mod", "main.go"):
        (top / name).rename(folder / name)
    (folder / "pyproject.toml").write_text("[tool.gomab]\n")
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    on = read(workflow(open_project(folder)).workflow)["on"]
    paths = ["services/api/**", ".github/workflows/images-services-api.yml"]
    assert on["push"].get("paths") == (paths if is_filtered else None)
    assert (on["pull_request"] or {}).get("paths") == (paths if is_filtered else None)


def test_a_folder_with_characters_of_patterns(project: ProjectFactory) -> None:
    """They stand for themselves."""
    root = project(name="hello").root
    root = root.rename(root.with_name("c++[x]"))
    needs = replace(find_needs(open_project(root)), top=root.parent, folder=root.name)
    assert needs.paths[0] == r"c\+\+\[x\]/**"


@pytest.mark.tool("actionlint")
def test_actionlint_finds_nothing(tool: ToolFactory) -> None:
    """Expressions, contexts, events and shell are all right."""
    check([tool("actionlint"), "-no-color"])


def test_zizmor_finds_nothing(tool: ToolFactory) -> None:
    """Not even what it calls pedantic: no injection, no cache in a release, no permission too much."""
    check([tool("zizmor"), "--offline", "--no-progress", "--persona=pedantic"])


def check(argv: list[str | Path]) -> None:
    """Run a linter on all workflows of golden/."""
    files = [GOLDEN / f"{name}.yml" for name in CASES]
    done = subprocess.run([*argv, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_only_the_push_job_may_write(name: str) -> None:
    """It is not run for pull requests, nor in forks, and compiles nothing."""
    text = (GOLDEN / f"{name}.yml").read_text()
    document = read(text)
    assert document["permissions"] == {}
    assert set(document["on"]) <= {"push", "pull_request"}
    for title, job in document["jobs"].items():
        writes = {key for key, value in job["permissions"].items() if value == "write"}
        assert bool(writes) == (title == "push")
        commands = [step.get("run", "") for step in job["steps"]]
        assert title != "push" or not re.search(r"\bgo |gomab (images|image|build)\b", "\n".join(commands))
        assert title == "push" or not re.search(r"secrets\.(?!NETRC|SSH_PRIVATE_KEY)", str(job))
        assert title == "push" or "github.token" not in str(job)
    push = document["jobs"].get("push", {"if": "event_name == 'push' && !github.event.repository.fork"})
    assert "event_name == 'push' && !github.event.repository.fork" in push["if"]


@pytest.mark.parametrize(
    ("table", "built", "pushed_on"),
    [
        ("", "push:branches pull_request", ""),
        (pushed('["{git.short}"]'), "push:branches push:tags pull_request", "both"),
        (pushed('["{git.branch}"]'), "push:branches pull_request", "branch"),
        (pushed('["{git.tag}", "latest"]'), "push:branches push:tags pull_request", "tags"),
        (pushed('["latest"]'), "push:branches pull_request", "branch"),
        (pushed('["{git.short}"]', 'labels = { v = "{git.tag}" }'), "push:tags", "tags"),
        (pushed('["{git.short}"]', 'labels = { v = "{git.branch}" }'), "push:branches", "branch"),
        (pushed('["{git.short}"]').replace("ghcr.io", "localhost:5000"), "push:branches pull_request", ""),
    ],
)
def test_events_have_the_values_that_are_needed(
    table: str, built: str, pushed_on: str, project: ProjectFactory
) -> None:
    """Pull requests and tags are on no branch, and only a tag has a tag."""
    document = read(workflow(project(table, "hello")).workflow)
    on = document["on"]
    events = [f"push:{key}" for key in on["push"]] + (["pull_request"] if "pull_request" in on else [])
    assert " ".join(events) == built
    job = document["jobs"].get("push")
    found = "" if job is None else "tags" if "ref_type == 'tag'" in job["if"] else "both"
    if found == "both" and "push:tags" not in events:
        found = "branch"
    assert found == pushed_on


def test_values_that_never_meet(project: ProjectFactory) -> None:
    table = '[tool.gomab.image.labels]\na = "{git.tag}"\nb = "{git.branch}"\n'
    with pytest.raises(SettingsError, match="never both"):
        workflow(project(table, "hello"))


@pytest.mark.parametrize(
    ("table", "depth"),
    [
        ('go.variables = { "main.v" = "{git.describe}" }', 0),
        ('go.variables = { "main.v" = "{git.sha}" }', None),
        ('image.labels = { v = "{version}" }', 0),
        ("go.vcs-stamp = true", 0),
        ('image.tags = ["{version}"]', None),
        ('image.tags = ["{version}"]\nimage.repository = "ghcr.io/acme/x"', 0),
    ],
)
def test_history_only_where_it_is_needed(table: str, depth: int | None, project: ProjectFactory) -> None:
    """Tags of an image that is never pushed need none."""
    steps = jobs_of(workflow(project(f"[tool.gomab]\n{table}\n", "hello")).workflow)["images"]["steps"]
    assert steps[0]["with"].get("fetch-depth") == depth


@pytest.mark.parametrize(
    ("own", "on_tags"), [("", True), ('tags = ["{git.short}"]', False), ('tags = ["{version}"]', False)]
)
def test_releases_leave_latest_alone(own: str, on_tags: bool, project: ProjectFactory) -> None:  # noqa: FBT001
    """Where images differ in their tags, `--tag` cannot say it, so that only the branch pushes."""
    needs = find_needs(project(f"{PUSHED}{own}\n"))
    assert needs.pushed.tags == on_tags
    assert needs.release_tags == (("{git.short}", "{version}") if on_tags else ())
    assert needs.pushed.branch


def test_tests_of_a_workspace_name_its_modules(project: ProjectFactory) -> None:
    """`./...` finds nothing in a folder that has go.work alone."""
    needs = find_needs(project(name="workspace"))
    assert needs.test == "go test ./app/... ./lib/..."
    assert needs.go_file == "go.work"


def test_vendored_modules_need_no_cache(project: ProjectFactory) -> None:
    text = workflow(project(name="vendored")).workflow
    assert "Cache compiled packages" in text
    assert "Cache modules" not in text


def test_the_branch_in_ci(project: ProjectFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout of GitHub's does not know the remote's HEAD; the event does."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "trunk"}}))
    root = project(name="hello").root
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    assert find_needs(open_project(root)).branch == "trunk"
    event.write_text("[]")
    assert find_needs(open_project(root)).branch == "main"


def test_write_then_check(project: ProjectFactory) -> None:
    """A commit that a bot moved is no difference and stays; anything else is one."""
    one = project(PUSHED)
    assert workflow(one, write=True).text() == "wrote .github/workflows/images.yml; commit it"
    path = one.root / ".github" / "workflows" / "images.yml"
    path.write_text(re.sub(r"checkout@\w+ # \S+", f"checkout@{'a' * 40} # v99.0.0", path.read_text()))
    assert workflow(one, check=True).checked
    with pytest.raises(VerificationError, match=r"(?s)\+  plan:.*gomab workflow --matrix --write"):
        workflow(one, check=True, matrix=True)
    (one.root / "pyproject.toml").write_text(PUSHED.replace("version", "git.sha"))
    workflow(open_project(one.root), write=True)
    assert path.read_text().count(f"checkout@{'a' * 40} # v99.0.0") == 2
    assert "fetch-depth" not in path.read_text()


def test_a_workflow_of_ones_own_is_not_replaced(project: ProjectFactory) -> None:
    one = project()
    path = one.root / ".github" / "workflows" / "images.yml"
    path.parent.mkdir(parents=True)
    path.write_text("name: mine\n")
    refusal = r"^\.github/workflows/images\.yml: was not written by gomab; move it away$"
    with pytest.raises(SettingsError, match=refusal):
        workflow(one, write=True)
    with pytest.raises(VerificationError, match=refusal):
        workflow(one, check=True)
