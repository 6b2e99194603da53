"""What Go says of a program becomes packages."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gomab_tasks.golang.buildinfo import BuildInfo, Module
from gomab_tasks.sbom.contents import ImageContents
from gomab_tasks.sbom.packages import Package, all_packages, packages_of, program_package
from tests.sbom.conftest import BUILD, file_of


def test_replaced_modules() -> None:
    """A module that stands in for another has its own name; a folder the imported one, without version."""
    assert packages_of(replace(BUILD, go_version="go1.26.1", deps=BUILD.deps[1:])) == (
        Package(
            name="example.com/lib",
            purl="pkg:golang/example.com/lib",
            replacement="example.com/lib v0.0.0 => ../lib",
        ),
        Package(
            name="example.com/new",
            version="v1.1.0",
            purl="pkg:golang/example.com/new@v1.1.0",
            sum="h1:bmV3",
            replacement="example.com/old v1.0.0 => example.com/new v1.1.0",
        ),
        Package(
            name="stdlib",
            version="1.26.1",
            purl="pkg:golang/stdlib@1.26.1",
            cpe="cpe:2.3:a:golang:go:1.26.1:-:*:*:*:*:*:*",
        ),
    )


@pytest.mark.parametrize(
    ("go_version", "version", "purl", "cpe"),
    [
        ("go1.27rc1", "1.27rc1", "pkg:golang/stdlib@1.27rc1", "cpe:2.3:a:golang:go:1.27:rc1:*:*:*:*:*:*"),
        (
            "go1.26.1 X:jsonv2",
            "1.26.1",
            "pkg:golang/stdlib@1.26.1",
            "cpe:2.3:a:golang:go:1.26.1:-:*:*:*:*:*:*",
        ),
        ("devel go1.28-abc", "devel go1.28-abc", "pkg:golang/stdlib", ""),
    ],
)
def test_versions_of_the_standard_library(go_version: str, version: str, purl: str, cpe: str) -> None:
    """Previews and experiments are told apart; a Go of no release has no version to look up."""
    (library,) = packages_of(BuildInfo(go_version=go_version))
    assert (library.version, library.purl, library.cpe) == (version, purl, cpe)


@pytest.mark.parametrize(
    ("path", "main", "purl"),
    [
        ("example.com/a", Module("example.com/a", "(devel)"), "pkg:golang/example.com/a"),
        ("example.com/a/cmd/b", Module("example.com/a", "v1.0.0"), "pkg:golang/example.com/a@v1.0.0#cmd/b"),
        ("command-line-arguments", None, ""),
    ],
)
def test_main_packages(path: str, main: Module | None, purl: str) -> None:
    """A program is named by its main package; outside of modules there is nothing to look up."""
    package = program_package(BuildInfo(go_version="go1.26.1", path=path, main=main))
    assert (package.name, package.purl) == (path, purl)


def test_programs_share_packages(contents: ImageContents) -> None:
    """What two programs are made of is listed once."""
    twice = replace(contents, files=(*contents.files, file_of("/app/worker", b"other", BUILD)))
    assert all_packages(twice) == all_packages(contents)
    assert [package.name for package in all_packages(twice)].count("stdlib") == 1
