from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.facts import Facts
from gomab_tasks.golang.module import MainPackage, Module
from gomab_tasks.golang.toolchain import Toolchain
from gomab_tasks.plan import Plan, Values, make_plan, require_linkable, require_linux
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Processes
from gomab_tasks.selection import select
from gomab_tasks.settings import read_settings
from gomab_tasks.templates import Templates

Planned = Callable[..., Plan]

OUT = Path("/project/out")


def main(path: str) -> MainPackage:
    return MainPackage(f"example.com/{path}", path.rpartition("/")[2], Path("/project") / path)


API, WORKER = main("cmd/api"), main("cmd/worker")


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """Plan for a table and the main packages that Go found."""

    def of(
        table: Mapping[str, object],
        mains: Mapping[str, tuple[MainPackage, ...]],
        *arch: str,
        env: Mapping[str, str] | None = None,
        needed: Sequence[Values] = (),
    ) -> Plan:
        settings = read_settings(tmp_path, table)
        module = Module(Path("/project"), "example.com", "1.25", (Path("/project"),), vendored=False, sums=())
        facts = Facts(Toolchain(Path("go"), "1.27.0", {}), module, mains, ())
        templates = Templates(Processes(env or {}, str), tmp_path)
        return make_plan(settings, facts, select(arch, settings), OUT, templates, needed)

    return of


def names(platforms: tuple[Platform, ...]) -> list[str]:
    return list(map(str, platforms))


def test_images_share_a_build(planned: Planned) -> None:
    """One `go build` for a platform serves all images with the same flags."""
    plan = planned({}, {"api": (API,), "worker": (WORKER,)})
    assert [(str(one.build.platform), one.images) for one in plan.builds] == [
        ("linux/amd64", ("api", "worker")),
        ("linux/arm64", ("api", "worker")),
    ]
    assert plan.builds[0].build.mains == (API, WORKER)
    assert plan.builds[0].build.output == OUT / "bin" / "linux_amd64"
    assert [image.name for image in plan.images_of(plan.builds[0])] == ["api", "worker"]


def test_a_program_in_two_images_is_built_once(planned: Planned) -> None:
    """An image may hold what another one holds, too."""
    plan = planned({"images": {"api": {}, "all": {}}}, {"api": (API,), "all": (WORKER, API)}, "amd64")
    (build,) = plan.builds
    assert build.build.mains == (API, WORKER)
    assert build.images == ("api", "all")


@pytest.mark.parametrize(
    "own",
    [
        {"go": {"tags": ["x"]}},
        {"go": {"ldflags": []}},
        {"go": {"variables": {"main.name": "{image}"}}},
        {"go": {"env": {"GOEXPERIMENT": "x"}}},
        {"go": {"vcs-stamp": True}},
    ],
)
def test_other_flags_are_another_build(planned: Planned, own: Mapping[str, object]) -> None:
    """It goes into a folder of its image's own."""
    plan = planned({"images": {"api": {}, "worker": own}}, {"api": (API,), "worker": (WORKER,)}, "arm64")
    assert [(one.build.output.name, one.images) for one in plan.builds] == [
        ("linux_arm64", ("api",)),
        ("linux_arm64+worker", ("worker",)),
    ]


def test_programs_of_one_name_do_not_overwrite_each_other(planned: Planned) -> None:
    """Two packages whose programs have one name are built apart."""
    one, other = main("a/server"), main("b/server")
    plan = planned({"images": {"a": {}, "b": {}}}, {"a": (one,), "b": (other,)}, "arm64")
    assert [planned.build.output.name for planned in plan.builds] == ["linux_arm64", "linux_arm64+b"]


def test_each_image_has_its_own_platforms(planned: Planned) -> None:
    """A build holds just the programs that its platform is wanted for."""
    table = {
        "images": {
            "api": {"platforms": ["linux/amd64"]},
            "worker": {"platforms": ["linux/arm64", "linux/amd64"]},
        }
    }
    plan = planned(table, {"api": (API,), "worker": (WORKER,)})
    assert names(plan.platforms) == ["linux/amd64", "linux/arm64"]
    assert {str(one.build.platform): one.images for one in plan.builds} == {
        "linux/amd64": ("api", "worker"),
        "linux/arm64": ("worker",),
    }


def test_arch_and_platforms_of_images(planned: Planned) -> None:
    """What is chosen from the table holds for images that list it; what is added, for all."""
    table = {"images": {"api": {"platforms": ["linux/amd64"]}, "worker": {"platforms": ["linux/arm64"]}}}
    mains = {"api": (API,), "worker": (WORKER,)}
    plan = planned(table, mains, "arm64,s390x")
    assert {image.name: names(image.platforms) for image in plan.images} == {
        "api": ["linux/s390x"],
        "worker": ["linux/arm64", "linux/s390x"],
    }
    assert names(plan.added) == ["linux/s390x"]
    assert names(plan.images[0].table) == ["linux/amd64"]


def test_templates_are_filled_for_each_image(planned: Planned) -> None:
    """Values of `go.variables` may name the image, and variables of the run."""
    table = {"go": {"variables": {"main.text": "{image}-{env.CI}"}}}
    plan = planned(table, {"api": (API,), "worker": (WORKER,)}, "arm64", env={"CI": "7"})
    assert [one.build.flags.variables for one in plan.builds] == [
        {"main.text": "api-7"},
        {"main.text": "worker-7"},
    ]
    with pytest.raises(SettingsError, match=r"\"main\.text\" takes \{env\.CI\}, which has no value: "):
        planned(table, {"api": (API,)})


def test_a_value_that_go_cannot_carry(planned: Planned) -> None:
    """Known only now, and said before anything is downloaded; the value itself is not shown."""
    table = {"go": {"variables": {"main.text": "it's {env.TEXT}"}}}
    with pytest.raises(SettingsError, match=r"^go\.variables\.main\.text: its value holds both") as caught:
        planned(table, {"api": (API,)}, env={"TEXT": 'a "word"'})
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("platform", ["ios/arm64", "android/amd64"])
def test_platforms_that_need_a_c_compiler(tmp_path: Path, platform: str) -> None:
    """Refused before anything is compiled, programs too."""
    source, refused = tmp_path / "pyproject.toml", Platform.parse(platform)
    require_linkable({"api": tuple(map(Platform.parse, ("windows/amd64", "android/arm64")))}, (), source)
    with pytest.raises(SettingsError, match=rf"^pyproject\.toml: platforms has {platform}: Go links it only"):
        require_linkable({"api": (refused,)}, (), source)
    with pytest.raises(SettingsError, match=rf"^--arch {platform}: Go links it only .*; leave it out$"):
        require_linkable({"api": (refused,)}, (refused,), source)


def test_all_platforms_are_refused_at_once(tmp_path: Path) -> None:
    """Whatever the reasons, and wherever they came from."""
    ios, windows, darwin = map(Platform.parse, ("ios/arm64", "windows/amd64", "darwin/arm64"))
    with pytest.raises(SettingsError) as caught:
        require_linux({"api": (ios, windows, darwin)}, (darwin,), tmp_path / "pyproject.toml")
    assert [problem.partition(", and")[0] for problem in caught.value.problems] == [
        "--arch darwin/arm64: images are for linux",
        "pyproject.toml: platforms has ios/arm64: Go links it only through a C compiler",
        "pyproject.toml: platforms has windows/amd64: images are for linux",
    ]


def test_images_are_for_linux(tmp_path: Path) -> None:
    """Other systems are for `build` alone; where the platform came from is where it is to be left out."""
    source = tmp_path / "pyproject.toml"
    windows, darwin, linux = map(Platform.parse, ("windows/amd64", "darwin/arm64", "linux/arm64"))
    require_linux({"api": (linux,)}, (), source)
    with pytest.raises(SettingsError) as caught:
        require_linux({"api": (windows, linux, darwin)}, (windows, darwin), source)
    assert caught.value.problems == (
        (
            "--arch windows/amd64, darwin/arm64: images are for linux, and only `build` compiles for other "
            "systems; leave it out"
        ),
    )
    source.write_text("[tool.gomab]\nplatforms = ['darwin/arm64']\n")
    with pytest.raises(
        SettingsError, match=r"^pyproject\.toml:2: platforms has darwin/arm64: .*; take it out"
    ):
        require_linux({"api": (darwin,)}, (), source)


@pytest.mark.parametrize(
    ("repository", "tags", "clash"),
    [
        ("acme/app", ["v1"], "acme/app:v1"),
        ("acme/app", ["{image}", "v1"], "acme/app:v1"),
        ("acme/{image}", ["v1"], None),
        ("acme/app", ["{image}"], None),
        (None, ["v1"], None),
    ],
)
def test_two_images_of_one_name(
    planned: Planned, repository: str | None, tags: list[str], clash: str | None
) -> None:
    """The second would overwrite the first in the registry."""
    image = {"tags": tags} | ({"repository": repository} if repository else {})
    mains = {"api": (API,), "worker": (WORKER,)}
    if clash is None:
        assert len(planned({"image": image}, mains).images) == 2
        return
    with pytest.raises(SettingsError, match=rf"image\.repository puts 'api' and 'worker' at {clash}; "):
        planned({"image": image}, mains)


def test_values_are_needed_by_what_is_made(planned: Planned) -> None:
    """Programs need no labels; images do, and all templates without a value are told at once."""
    table = {
        "go": {"variables": {"main.a": "{env.A}"}},
        "images": {
            "api": {"labels": {"b": "{env.B}-{env.C}"}},
            "worker": {"labels": {"c": "{env.B}"}, "annotations": {"d": "{env.D}"}},
        },
    }
    mains = {"api": (API,), "worker": (WORKER,)}
    assert planned(table, mains, env={"A": "1"}).images
    with pytest.raises(SettingsError) as caught:
        planned(table, mains, needed=["labels", "annotations"])
    assert [problem.partition(", which")[0] for problem in caught.value.problems] == [
        'pyproject.toml: go.variables."main.a" takes {env.A}',
        "pyproject.toml: image.labels.b takes {env.B}",
        "pyproject.toml: image.labels.b takes {env.C}",
        "pyproject.toml: image.labels.c takes {env.B}",
        "pyproject.toml: image.annotations.d takes {env.D}",
    ]
