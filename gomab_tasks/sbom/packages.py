"""Turn what Go says of a program into packages that scanners know."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from gomab_tasks.golang.buildinfo import BuildInfo, Module
from gomab_tasks.sbom.contents import ImageContents
from gomab_tasks.sbom.purl import golang_purl, pypi_purl

# The version of what has none: a module in its own checkout, or in a folder.
_DEVEL = "(devel)"
_RELEASE = re.compile(r"go(?P<number>\d+(?:\.\d+)+)(?P<preview>(?:rc|beta)\d+)?")


class Package(Struct, frozen=True, kw_only=True):
    """Hold a package.

    Attributes:
        version, purl, cpe: empty where there is none.
        sum: Go's dirhash of a module, `h1:` and base64; it is the digest of no file.
        replacement: a `replace` of go.mod, as it stands there.
    """

    name: str
    version: str = ""
    purl: str = ""
    cpe: str = ""
    sum: str = ""
    replacement: str = ""


def program_package(build: BuildInfo) -> Package:
    """Name the main package that a program was made from."""
    if build.main is None:
        return Package(name=build.path or "unknown")
    version = _version(build.main)
    subpath = build.path.removeprefix(build.main.path).strip("/")
    purl = golang_purl(build.main.path, version, subpath)
    return Package(name=build.path, version=version, purl=purl, sum=build.main.sum)


def packages_of(build: BuildInfo) -> tuple[Package, ...]:
    """Name the standard library and the modules that a program was made of, by purl."""
    return _sorted([_standard_library(build.go_version), *map(_module_package, build.deps)])


def all_packages(contents: ImageContents) -> tuple[Package, ...]:
    """Name what all programs of an image were made of, and its wheels, each once."""
    packages = [package for _, build in contents.programs for package in packages_of(build)]
    return _sorted([*packages, *wheel_packages(contents)])


def wheel_packages(contents: ImageContents) -> tuple[Package, ...]:
    """Name the wheels that files of an image come from."""
    return _sorted(
        Package(name=name, version=version, purl=pypi_purl(name, version))
        for name, version in contents.wheels.items()
    )


def _sorted(packages: Iterable[Package]) -> tuple[Package, ...]:
    by_purl = {package.purl: package for package in packages}
    return tuple(package for _, package in sorted(by_purl.items()))


def _module_package(module: Module) -> Package:
    """Name the module whose code went in.

    That of a folder keeps the name it is imported by, without the version:
    the folder may hold anything.
    """
    code = module.replace or module
    is_folder = code is not module and not _version(code)
    name = module.path if is_folder else code.path
    replacement = f"{module.path} {module.version} => {code.path} {_version(code)}".rstrip()
    return Package(
        name=name,
        version=_version(code),
        purl=golang_purl(name, _version(code)),
        sum=code.sum,
        replacement=replacement if module.replace else "",
    )


def _version(module: Module) -> str:
    return "" if module.version == _DEVEL else module.version


def _standard_library(go_version: str) -> Package:
    """Name Go's own library as its vulnerability database and the scanners do: `stdlib`."""
    release = _RELEASE.match(go_version)
    if not release:
        return Package(name="stdlib", version=go_version, purl=golang_purl("stdlib"))
    number, preview = release["number"], release["preview"]
    version = f"{number}{preview or ''}"
    cpe = f"cpe:2.3:a:golang:go:{number}:{preview or '-'}:*:*:*:*:*:*"
    return Package(name="stdlib", version=version, purl=golang_purl("stdlib", version), cpe=cpe)
