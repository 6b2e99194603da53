"""Bills of materials of what `images` leaves, held against the formats' own validators."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import gomab_tasks
from gomab_tasks.errors import NotMeasurableError, SettingsError, VerificationError
from gomab_tasks.project import open_project
from gomab_tasks.sbom.documents import FORMATS, Document, find_formats
from gomab_tasks.tasks.images import image, images
from gomab_tasks.tasks.sboms import sbom
from tests.sbom.conftest import Validate

Module = Callable[[str], Path]
TINY_SUM = (Path(__file__).parents[1] / "modules" / "fetched" / "go.sum").read_text().split()[2]
SAMPLE = Path(gomab_tasks.__file__).parent.parent / "sample"


@pytest.fixture
def valid(valid_cyclonedx: Validate, valid_spdx: Validate) -> Callable[[Path, Document], None]:
    """Hold a written document against its own format's validator."""
    validators = {"cyclonedx": valid_cyclonedx, "spdx": valid_spdx}

    def validate(root: Path, document: Document) -> None:
        validators[document.format]((root / document.path).read_bytes())

    return validate


def _build(root: Path) -> Path:
    images(open_project(root))
    return root


@pytest.mark.usefixtures("go")
def test_documents_of_every_image_and_platform(
    module: Module, valid: Callable[[Path, Document], None]
) -> None:
    """Two formats each, valid, below OUT/sbom; the table names them."""
    root = _build(module("two-mains"))
    result = sbom(open_project(root))
    assert [(one.image, one.platform, one.format) for one in result.documents] == [
        (name, platform, format_.name)
        for name in ("api", "worker")
        for platform in ("linux/amd64", "linux/arm64")
        for format_ in FORMATS
    ]
    for document in result.documents:
        valid(root, document)
        assert document.path in result.text()
    assert "build/gomab/sbom/api-linux_arm64.cdx.json" in result.text()


@pytest.mark.usefixtures("go")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vendored", {"pkg:golang/example.com/dep@v1.2.3": {}}),
        (
            "replaced",
            {"pkg:golang/example.com/lib": {"gomab:go:replace": "example.com/lib v0.0.0 => ../lib"}},
        ),
        ("fetched", {"pkg:golang/example.com/tiny@v1.0.0": {"gomab:go:sum": TINY_SUM}}),
    ],
)
def test_modules_of_programs(
    module: Module, valid_cyclonedx: Validate, name: str, expected: dict[str, dict[str, str]]
) -> None:
    """What was linked is listed, beside Go's own library and the wheel of certificates."""
    root = _build(module(name))
    (document,) = sbom(open_project(root), arch=("arm64",), format=("cyclonedx",)).documents
    components = valid_cyclonedx((root / document.path).read_bytes())["components"]
    libraries = {one["purl"]: one for one in components if one["type"] == "library"}
    for purl, properties in expected.items():
        found = libraries.pop(purl).get("properties", [])
        assert {one["name"]: one["value"] for one in found} == properties
    assert [purl.partition("@")[0] for purl in libraries] == ["pkg:golang/stdlib", "pkg:pypi/certifi"]


@pytest.mark.usefixtures("go")
def test_same_image_gives_same_bytes(module: Module, tmp_path: Path) -> None:
    """Neither folder nor clock leaves a trace."""
    one = module("hello")
    other = shutil.copytree(one, tmp_path / "another folder")
    found = []
    for root in (one, other):
        image(open_project(root), arch=("arm64",))
        documents = sbom(open_project(root), arch=("arm64",)).documents
        found.append([(root / document.path).read_bytes() for document in documents])
    assert found[0] == found[1]
    assert b'"created": "1970-01-01T00:00:00Z"' in found[0][0]


@pytest.mark.usefixtures("go")
def test_only_one_format(module: Module) -> None:
    """`--format` selects, and repeats or takes commas as `--arch` does."""
    root = _build(module("hello"))
    (document,) = sbom(open_project(root), arch=("arm64",), format=("spdx",)).documents
    assert [path.name for path in (root / document.path).parent.iterdir()] == ["hello-linux_arm64.spdx.json"]
    assert find_formats(["cyclonedx,spdx", "spdx"]) == (FORMATS[1], FORMATS[0])


def test_both_formats_hold_the_build_settings(module: Module) -> None:
    """What a program was built with decides what it is."""
    root = _build(module("hello"))
    for document in sbom(open_project(root), arch=("arm64",)).documents:
        text = (root / document.path).read_text()
        assert "-trimpath" in text
        assert "GOARM64" in text


def test_an_unknown_format(module: Module) -> None:
    """It is named, with those that exist."""
    with pytest.raises(SettingsError, match="--format 'xml' is not known; write spdx or cyclonedx"):
        sbom(open_project(module("hello")), format=("xml",))


def test_nothing_built(module: Module) -> None:
    """Nothing is built for it; the task that builds is named."""
    root = module("hello")
    with pytest.raises(NotMeasurableError, match="gomab images"):
        sbom(open_project(root))
    assert not (root / "build").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("go")
def test_the_sample(tmp_path: Path, valid: Callable[[Path, Document], None]) -> None:
    """A real service with many modules and a files layer."""
    root = shutil.copytree(SAMPLE, tmp_path / "sample", ignore=shutil.ignore_patterns("build"))
    documents = sbom(open_project(_build(root))).documents
    for document in documents:
        valid(root, document)
        assert document.packages > 10


def test_damage_is_located(serving: Path) -> None:
    """The blob is named from the root on, with the command that makes it again."""
    blobs = serving / "build/gomab/images/serving/blobs/sha256"
    largest = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(bytes(largest.stat().st_size))
    place = f"^build/gomab/images/serving/blobs/sha256/{largest.name}: .*; make it again: gomab images$"
    with pytest.raises(VerificationError, match=place):
        sbom(open_project(serving))
