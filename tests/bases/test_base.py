"""What an image inherits from its base, and how it lies over it."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gomab_tasks.bases.base import Base, inherit, owner_of
from gomab_tasks.contents.rootfs import User
from gomab_tasks.errors import SettingsError, VerificationError
from gomab_tasks.oci.descriptor import LAYER_TAR, Descriptor, Layer, digest_of
from gomab_tasks.oci.image import Config, History, ImageSpec
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tree import Tree
from gomab_tasks.oci.verify import verify_layout
from gomab_tasks.output.record import BaseRecord, read_records
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import Event
from gomab_tasks.project import Project, open_project
from gomab_tasks.settings import Image
from gomab_tasks.tasks.checkout import plan
from gomab_tasks.tasks.delivery import push
from gomab_tasks.tasks.images import image, images
from gomab_tasks.tasks.sboms import sbom
from tests.conftest import ModuleFactory, ToolFactory
from tests.foreign_images import EXECUTION, GROUP, HISTORY, LOWER, PASSWD, UPPER, Shop
from tests.registry.server import Strict, serving

DIGEST = "sha256:" + "1" * 64
NAME = "gcr.io/distroless/static:nonroot"
Open = Callable[..., Project]


def base(execution: Mapping[str, object] = EXECUTION, history: tuple[History, ...] = ()) -> Base:
    return Base(
        BaseRecord(name=NAME, digest=DIGEST, manifest=DIGEST),
        (Layer(Descriptor(LAYER_TAR, DIGEST, 1), DIGEST, 1),),
        Config(Platform("linux", "amd64"), (DIGEST,), history, execution),
        Tree(passwd=PASSWD, group=GROUP),
    )


def test_what_is_unset_is_inherited() -> None:
    """Who runs, where, with which variables and signal; entrypoint and arguments are the program's."""
    spec = inherit(ImageSpec(entrypoint=("/app/api",)), Image(), base())
    assert (spec.user, spec.workdir, spec.stop_signal) == ("65532:65533", "/srv", "SIGQUIT")
    assert spec.env == ("PATH=/base/bin", "LANG=C", "HOME=/home/nonroot")
    assert spec.labels == {}
    assert (spec.exposed_ports, spec.volumes) == (("80/tcp",), ("/var/lib/base",))
    assert (spec.entrypoint, spec.args) == (("/app/api",), ())


def test_what_is_set_comes_first() -> None:
    """Variables keep their place; ports and volumes come together."""
    image = Image(user="0:staff", workdir="/w", stop_signal="SIGINT")
    own = ImageSpec(
        env=("NEW=1", "LANG=de"),
        labels={"title": "own"},
        exposed_ports=("80/tcp", "81/udp"),
        volumes=("/data",),
    )
    spec = inherit(own, image, base())
    assert (spec.user, spec.workdir, spec.stop_signal) == ("0:50", "/w", "SIGINT")
    assert spec.env == ("PATH=/base/bin", "LANG=de", "HOME=/home/nonroot", "NEW=1")
    assert spec.labels == {"title": "own"}
    assert (spec.exposed_ports, spec.volumes) == (("80/tcp", "81/udp"), ("/var/lib/base", "/data"))


def test_a_base_that_says_nothing() -> None:
    """Its user stays root and unsaid, its workdir the root."""
    spec = inherit(ImageSpec(), Image(), base({"Env": None, "Labels": None, "Volumes": []}))
    assert spec == ImageSpec(workdir="/")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("nonroot", (65532, 65533)),
        ("nonroot:staff", (65532, 50)),
        ("nonroot:7", (65532, 7)),
        ("7:staff", (7, 50)),
        ("65532", (65532, 65533)),
        ("1000", (1000, 1000)),
        ("1000:2", (1000, 2)),
        (None, (65532, 65533)),
    ],
)
def test_users_resolve_to_numbers(text: str | None, numbers: tuple[int, int]) -> None:
    """By the base's passwd and group; a number that it does not know is its own group, as on scratch."""
    assert owner_of(Image(user=text), base()) == User(*numbers)


def test_a_number_that_the_base_itself_names() -> None:
    """Has the group that engines give it: of passwd, else 0."""
    assert owner_of(Image(), base({"User": "1000"})) == User(1000, 0)
    assert owner_of(Image(), base({})) == User(0, 0)


@pytest.mark.parametrize(
    ("user", "execution", "problem"),
    [
        ("app", {}, f"image.user names the user 'app', but {NAME} knows only nonroot, root; set image.user"),
        ("0:app", {}, f"image.user names the group 'app', but {NAME} knows only root, staff; set image.user"),
        # The key that the table has, and so a line.
        (None, {"User": "app"}, f"image.base names the user 'app', but {NAME} knows only nonroot, root; set"),
    ],
)
def test_unknown_users(user: str | None, execution: Mapping[str, object], problem: str) -> None:
    """The message names those that the base knows."""
    with pytest.raises(SettingsError) as refusal:
        inherit(ImageSpec(), Image(user=user), base(execution))
    assert problem in str(refusal.value)


def test_a_base_without_users() -> None:
    """No numbers are made up: what the name meant is not known."""
    with pytest.raises(SettingsError) as refusal:
        owner_of(Image(), replace(base({"User": "app:staff"}), tree=Tree()))
    assert f"the user 'app', but {NAME} has no readable /etc/passwd; set image.user to numbers" in str(
        refusal.value
    )
    assert "1000" not in str(refusal.value)


def test_history_fits_the_layers() -> None:
    """The base's own; where it has another number of steps, one for each layer."""
    own = (History(created_by="a"), History(created_by="b", empty_layer=True))
    assert base(history=own).history == own
    assert base().history == (History(created_by=f"base: {NAME}"),)


@pytest.fixture
def strict() -> Iterator[Strict]:
    """Run a strict registry of this test's own."""
    with serving() as state:
        yield state


@pytest.fixture
def pinned(strict: Strict) -> str:
    """Give the reference of a base for two platforms."""
    shop = Shop(strict)
    digest = shop.index(shop.image("linux/amd64"), shop.image("linux/arm64/v8", Labels={}))
    return f"{shop.repository}:v1@{digest}"


@pytest.fixture
def opened(module: ModuleFactory, pinned: str) -> Open:
    """Open the project `hello` with settings for its image."""
    root = module("hello")

    def open_one(**image: object) -> Project:
        return open_project(root, settings={"image": {"base": pinned} | image})

    return open_one


def document(layout: Layout, digest: str) -> Any:
    return json.loads(layout.blob_path(digest).read_bytes())


def test_an_image_on_a_base(opened: Open, pinned: str) -> None:
    """The base's layers as they are, ours over them, and all of it told."""
    project = opened(args=["-v"], labels={"title": "own"})
    result = images(project).images[0]
    layout = Layout(project.root / result.layout)
    name, digest = pinned.split("@")
    index = layout.read_index()[1]
    assert index.annotations == _annotations(name, digest)
    for found, (_, record) in zip(verify_layout(layout), read_records(project.out, "hello"), strict=True):
        assert record.base is not None
        assert document(layout, found.manifest.digest)["annotations"] == _annotations(
            name, record.base.manifest
        )
        assert [layer.holds for layer in record.layers] == ["base", "base", "programs"]
        assert [layer.diff_id for layer in found.layers[:2]] == [digest_of(LOWER), digest_of(UPPER)]
        assert found.unpacked_size == record.unpacked_size > len(LOWER) + len(UPPER)
        config = document(layout, found.config.digest)
        assert config["history"] == [*HISTORY, {"created_by": "gomab: programs"}]
        assert config["config"] | {"Labels": {}} == {
            **EXECUTION,
            "User": "65532:65533",
            "Entrypoint": ["/app/hello"],
            "Cmd": ["-v"],
            "Labels": {},
        }
    assert "certifi" not in record.inputs


def _annotations(name: str, digest: str) -> dict[str, str]:
    return {
        "org.opencontainers.image.base.digest": digest,
        "org.opencontainers.image.base.name": name,
    }


def test_folders_of_the_base_stay_as_they_are(opened: Open) -> None:
    """Files lie where its links lead, below folders of its own mode and owner; volumes go to the user."""
    (opened().root / "data").mkdir()
    (opened().root / "data" / "a").write_text("a")
    files = [{"from": "data", "to": "/lib/own"}, {"from": "data/a", "to": "/srv/a"}]
    project = opened(files=files, volumes=["/srv", "/new"], workdir="/work/er", user="7:8")
    image(project, arch=("amd64",))
    (_, record) = read_records(project.out, "hello")[0]
    assert [layer.holds for layer in record.layers[2:]] == ["root files", "files", "programs"]
    blobs = project.out / "images/hello/blobs/sha256"
    found: dict[str, tuple[int, int, int]] = {}
    for layer in record.layers[2:4]:
        with tarfile.open(blobs / layer.digest.removeprefix("sha256:")) as tar:
            found |= {member.name: (member.mode, member.uid, member.gid) for member in tar}
    assert found == {
        "new": (0o755, 7, 8),
        "srv": (0o750, 7, 8),
        "srv/a": (0o644, 0, 0),
        "usr": (0o755, 0, 0),
        "usr/lib": (0o755, 0, 0),
        "usr/lib/own": (0o755, 0, 0),
        "usr/lib/own/a": (0o644, 0, 0),
        "work": (0o755, 0, 0),
        "work/er": (0o755, 0, 0),
    }


def test_what_a_base_makes_needless(opened: Open) -> None:
    """It is said, for the base has certificates and zones of its own."""
    (opened().root / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    project = opened(timezones=True, **{"ca-certificates": "ca.pem"})
    events: list[Event] = []
    image(replace(project, emit=events.append), arch=("amd64",))
    warned = [event.text for event in events if event.kind == "warned"]
    assert [text.partition(";")[0] for text in warned] == [
        "hello: image.ca-certificates is for 'scratch'",
        "hello: image.timezones is for 'scratch'",
    ]
    assert len(read_records(project.out, "hello")[0][1].layers) == 3


def test_a_file_over_a_folder_of_the_base(opened: Open) -> None:
    """It would take all that is in the folder away; nothing is compiled."""
    (opened().root / "a").write_text("a")
    project = opened(files=[{"from": "a", "to": "/etc"}])
    with pytest.raises(
        SettingsError, match=r"a file that is to lie at '/etc', which is a folder of image\.base"
    ):
        image(project)
    assert not (project.out / "bin").exists()


def test_machines_with_different_bases_do_not_join(opened: Open, strict: Strict) -> None:
    """A tag may have moved between them."""
    shop = Shop(strict)
    base = f"{shop.repository}:v1"
    image(opened(base=base), arch=("amd64",))
    before = strict.tags[shop.name, "v1"]
    after = shop.index(shop.image("linux/arm64", (UPPER,), history=[]))
    image(opened(base=base), arch=("arm64",))
    with pytest.raises(VerificationError) as refusal:
        images(opened(base=base), join=True)
    assert f"image.base is {base}@{before} in " in str(refusal.value)
    assert f"{base}@{after} in " in str(refusal.value)


def test_buildkit_refuses_a_base(opened: Open, pinned: str) -> None:
    """Rather than ignore it."""
    project = open_project(opened().root, settings={"backend": "buildkit", "image": {"base": pinned}})
    with pytest.raises(SettingsError, match="the backend 'buildkit' builds on 'scratch' only; set backend"):
        image(project)


def test_the_plan_needs_no_registry(opened: Open, pinned: str, strict: Strict) -> None:
    """It names the base, and says of the rest only what the table does."""
    project = opened(user="app")
    (told,) = plan(project).images
    assert (told.base, told.user, told.workdir) == (pinned, "app", "of the base")
    assert [file.path for file in told.files] == ["/app/hello"]
    assert pinned in plan(project).text()
    assert strict.log == []


def test_a_bill_of_materials_names_the_base(opened: Open) -> None:
    """By its repository and the digest of its manifest; its files are not ours."""
    project = opened()
    image(project, arch=("amd64",))
    (_, record) = read_records(project.out, "hello")[0]
    result = sbom(project, format=("spdx",), arch=("amd64",))
    text = (project.root / result.documents[0].path).read_text()
    assert record.base is not None
    assert record.base.manifest in text
    assert result.documents[0].files == 1


def test_what_others_make_of_it(
    opened: Open, strict: Strict, registry: str, pinned: str, tool: ToolFactory, tmp_path: Path
) -> None:
    """A base that skopeo put into a registry as Docker's: crane validates, layers are mounted from it."""
    place = f"{registry}/bases"
    Shop(strict).save(pinned.partition("@")[2], tmp_path / "base")
    copy: list[str | Path] = [
        tool("skopeo"),
        "copy",
        "-q",
        "--all",
        "--format",
        "v2s2",
        "--dest-tls-verify=false",
    ]
    subprocess.run([*copy, f"oci:{tmp_path / 'base'}", f"docker://{place}/docker:v1"], check=True)
    project = opened(base=f"{place}/docker:v1", repository=f"{place}/own", tags=["v1"])
    images(project)
    (pushed,) = push(project).images
    assert pushed.mounted_blobs > 0
    subprocess.run([tool("crane"), "validate", "--remote", f"{place}/own:v1"], check=True)
    source = f"docker://{place}/own@{pushed.digest}"
    back: list[str | Path] = [
        tool("skopeo"),
        "copy",
        "-q",
        "--all",
        "--preserve-digests",
        "--src-tls-verify=false",
    ]
    subprocess.run([*back, source, f"oci:{tmp_path / 'back'}:v1"], check=True)
    ours = {path.name for path in (project.out / "images/hello/blobs/sha256").iterdir()}
    assert {path.name for path in (tmp_path / "back/blobs/sha256").iterdir()} == ours
