"""Write a bill of materials as SPDX 2.3 JSON.

Source: spdx/spdx-spec, version 2.3, chapters and JSON schema.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from gomab_tasks.golang.buildinfo import BuildInfo
from gomab_tasks.sbom.contents import Base, File, ImageContents
from gomab_tasks.sbom.packages import Package, all_packages, packages_of, program_package, wheel_packages
from gomab_tasks.sbom.purl import oci_purl
from gomab_tasks.sbom.text import document_bytes, document_uuid

_DOCUMENT = "SPDXRef-DOCUMENT"
_IMAGE = "SPDXRef-Image"
_BASE = "SPDXRef-Base"
_UNSAID = "NOASSERTION"


def spdx_bytes(contents: ImageContents) -> bytes:
    """Write the document; the same contents give the same bytes."""
    name = f"{contents.image}-{contents.platform.slug}"
    return document_bytes(
        {
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": _DOCUMENT,
            "name": name,
            # The place that chapter 6.5 names for documents without a site of their own.
            "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{document_uuid(contents)}",
            "creationInfo": {
                "created": contents.created,
                "creators": [f"Tool: gomab-tasks-{contents.tool_version}"],
            },
            "packages": list(_packages(contents)),
            "files": [_file(file) for file in contents.files],
            "relationships": list(_relationships(contents)),
        }
    )


def _packages(contents: ImageContents) -> Iterator[dict[str, object]]:
    yield _image(contents)
    if contents.base:
        yield _base(contents.base)
    for file, build in contents.programs:
        yield _package(_program_id(file), program_package(build), "APPLICATION")
    for package in all_packages(contents):
        yield _package(_package_id(package), package, "LIBRARY")


def _image(contents: ImageContents) -> dict[str, object]:
    purl = oci_purl(contents.image, contents.manifest, contents.platform)
    package = {
        "SPDXID": _IMAGE,
        "name": contents.image,
        "versionInfo": contents.manifest,
        "primaryPackagePurpose": "CONTAINER",
        "downloadLocation": _UNSAID,
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": _verification_code(contents.files)},
        **_licences(),
        "externalRefs": [_purl_ref(purl)],
    }
    comment = "The files are those that were added to the base image."
    return package | ({"comment": comment} if contents.base else {})


def _verification_code(files: Iterable[File]) -> str:
    """Digest the digests of all files, as chapter 7.9 says."""
    digests = "".join(sorted(file.sha1 for file in files))
    return hashlib.sha1(digests.encode(), usedforsecurity=False).hexdigest()


def _base(base: Base) -> dict[str, object]:
    purl = oci_purl(base.repository, base.digest)
    return _package(_BASE, Package(name=base.repository, version=base.digest, purl=purl), "CONTAINER")


def _package(identifier: str, package: Package, purpose: str) -> dict[str, object]:
    fields: dict[str, object] = {
        "SPDXID": identifier,
        "name": package.name,
        "versionInfo": package.version,
        "primaryPackagePurpose": purpose,
        "downloadLocation": _UNSAID,
        "filesAnalyzed": False,
        **_licences(),
        "externalRefs": list(_external_refs(package)),
        "sourceInfo": f"replace {package.replacement}" if package.replacement else "",
    }
    return {key: value for key, value in fields.items() if value not in ("", [])}


def _licences() -> dict[str, object]:
    return {"licenseConcluded": _UNSAID, "licenseDeclared": _UNSAID, "copyrightText": _UNSAID}


def _external_refs(package: Package) -> Iterator[dict[str, str]]:
    if package.cpe:
        yield _ref("SECURITY", "cpe23Type", package.cpe)
    if package.purl:
        yield _purl_ref(package.purl)
    # Not a checksum: those are digests of a file, this is one of a module's file list.
    if package.sum:
        yield _ref("OTHER", "go-sum", package.sum)


def _purl_ref(purl: str) -> dict[str, str]:
    return _ref("PACKAGE-MANAGER", "purl", purl)


def _ref(category: str, kind: str, locator: str) -> dict[str, str]:
    return {"referenceCategory": category, "referenceType": kind, "referenceLocator": locator}


def _file(file: File) -> dict[str, object]:
    return {
        "SPDXID": _file_id(file),
        "fileName": f".{file.path}",
        **({"fileTypes": ["BINARY"]} if file.build else {}),
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": file.sha1},
            {"algorithm": "SHA256", "checksumValue": file.sha256},
        ],
        "licenseConcluded": _UNSAID,
        "copyrightText": _UNSAID,
        **({"comment": _built(file.build)} if file.build else {}),
    }


def _built(build: BuildInfo) -> str:
    """Tell what a program was built with: SPDX 2.3 has no field for it (chapter 8.12, file comment)."""
    settings = "\n".join(f"{name}={value}" for name, value in build.settings.items())
    return f"Built by {build.go_version} with:\n{settings}"


def _relationships(contents: ImageContents) -> Iterator[dict[str, str]]:
    yield _relate(_DOCUMENT, "DESCRIBES", _IMAGE)
    if contents.base:
        yield _relate(_IMAGE, "DESCENDANT_OF", _BASE)
    for file in contents.files:
        yield _relate(_IMAGE, "CONTAINS", _file_id(file))
    for wheel in wheel_packages(contents):
        yield _relate(_IMAGE, "CONTAINS", _package_id(wheel))
    for file, build in contents.programs:
        program = _program_id(file)
        yield _relate(_IMAGE, "CONTAINS", program)
        yield _relate(_file_id(file), "GENERATED_FROM", program)
        for package in packages_of(build):
            yield _relate(program, "DEPENDS_ON", _package_id(package))


def _relate(element: str, kind: str, related: str) -> dict[str, str]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}


def _file_id(file: File) -> str:
    return _identifier("File", file.path)


def _program_id(file: File) -> str:
    return _identifier("Program", file.path)


def _package_id(package: Package) -> str:
    return _identifier("Package", package.purl)


def _identifier(kind: str, text: str) -> str:
    """Make an identifier of letters, digits, dots and dashes; a digest keeps it the only one."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
    return f"SPDXRef-{kind}-{readable}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
