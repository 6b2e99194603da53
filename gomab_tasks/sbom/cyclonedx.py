"""Write a bill of materials as CycloneDX 1.6 JSON.

Sources: CycloneDX/specification, schema/bom-1.6.schema.json, and
cyclonedx-property-taxonomy, cdx/gomod.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping

from gomab_tasks.golang.buildinfo import BuildInfo
from gomab_tasks.sbom.contents import Base, File, ImageContents
from gomab_tasks.sbom.packages import Package, all_packages, packages_of, program_package, wheel_packages
from gomab_tasks.sbom.purl import oci_purl
from gomab_tasks.sbom.text import document_bytes, document_uuid

_OFFICIAL_SETTINGS = ("GOOS", "GOARCH", "CGO_ENABLED")


def cyclonedx_bytes(contents: ImageContents) -> bytes:
    """Write the document; the same contents give the same bytes."""
    return document_bytes(
        {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": uuid.UUID(document_uuid(contents)).urn,
            "version": 1,
            "metadata": _metadata(contents),
            "components": [
                *(_file(file) for file in contents.files),
                *(_library(package) for package in all_packages(contents)),
            ],
            "dependencies": list(_dependencies(contents)),
        }
    )


def _metadata(contents: ImageContents) -> dict[str, object]:
    tool = {"type": "application", "name": "gomab-tasks", "version": contents.tool_version}
    return {"tools": {"components": [tool]}, "component": _image(contents)}


def _image(contents: ImageContents) -> dict[str, object]:
    component = {
        "type": "container",
        "bom-ref": _image_ref(contents),
        "name": contents.image,
        "version": contents.manifest,
        "purl": _image_ref(contents),
        "properties": _properties([("gomab:platform", str(contents.platform))]),
    }
    return component | ({"pedigree": {"ancestors": [_base(contents.base)]}} if contents.base else {})


def _image_ref(contents: ImageContents) -> str:
    return oci_purl(contents.image, contents.manifest, contents.platform)


def _base(base: Base) -> dict[str, object]:
    purl = oci_purl(base.repository, base.digest)
    return {"type": "container", "name": base.repository, "version": base.digest, "purl": purl}


def _file(file: File) -> dict[str, object]:
    """Describe a file; as an application where it is a program of Go's."""
    if file.build:
        return _program(file, file.build)
    return {
        "type": "file",
        "bom-ref": file.path,
        "name": file.path,
        "hashes": _hashes(file),
        "properties": _properties([_size(file)]),
    }


def _program(file: File, build: BuildInfo) -> dict[str, object]:
    package = program_package(build)
    properties = [
        _size(file),
        ("cdx:gomod:build:env:GOVERSION", build.go_version),
        *_settings(build.settings),
    ]
    return {
        "type": "application",
        "bom-ref": file.path,
        **_identity(package),
        "hashes": _hashes(file),
        "evidence": {"occurrences": [{"location": file.path}]},
        "properties": _properties([*properties, *_go_facts(package)]),
    }


def _library(package: Package) -> dict[str, object]:
    component = {"type": "library", "bom-ref": package.purl, **_identity(package)}
    properties = _properties(_go_facts(package))
    return component | ({"properties": properties} if properties else {})


def _identity(package: Package) -> dict[str, object]:
    fields = {
        "name": package.name,
        "version": package.version,
        "cpe": package.cpe,
        "purl": package.purl,
    }
    return {key: value for key, value in fields.items() if value}


def _hashes(file: File) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": file.sha256}]


def _size(file: File) -> tuple[str, str]:
    return "gomab:file:size", str(file.size)


def _settings(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name build settings as the taxonomy does where it has a name for them."""
    for name, value in settings.items():
        if name in _OFFICIAL_SETTINGS:
            yield f"cdx:gomod:build:env:{name}", value
        elif name == "-tags":
            yield from (("cdx:gomod:build:tag", tag) for tag in value.split(","))
        else:
            yield f"gomab:go:build:{name}", value


def _go_facts(package: Package) -> Iterator[tuple[str, str]]:
    # Not among the hashes: those are digests of a file, this is one of a module's file list.
    if package.sum:
        yield "gomab:go:sum", package.sum
    if package.replacement:
        yield "gomab:go:replace", package.replacement


def _properties(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in sorted(pairs)]


def _dependencies(contents: ImageContents) -> Iterator[dict[str, object]]:
    """Say what the image and its programs need; what modules need of each other, no program tells."""
    programs = contents.programs
    needed = [*(file.path for file, _ in programs), *(package.purl for package in wheel_packages(contents))]
    yield {"ref": _image_ref(contents), "dependsOn": needed}
    for file, build in programs:
        yield {"ref": file.path, "dependsOn": [package.purl for package in packages_of(build)]}
