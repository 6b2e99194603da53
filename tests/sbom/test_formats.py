"""Both formats, of an image made up by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gomab_tasks.sbom.contents import ImageContents
from gomab_tasks.sbom.cyclonedx import cyclonedx_bytes
from gomab_tasks.sbom.spdx import spdx_bytes
from tests.sbom.conftest import BUILD, Document, Validate, file_of

Golden = Callable[[str, bytes], None]
ToBytes = Callable[[ImageContents], bytes]


def _component(document: Document, name: str) -> Document:
    found: Document = next(one for one in document["components"] if one["name"] == name)
    return found


def _package(document: Document, name: str) -> Document:
    found: Document = next(one for one in document["packages"] if one["name"] == name)
    return found


def test_cyclonedx_document(contents: ImageContents, golden: Golden, valid_cyclonedx: Validate) -> None:
    """Golden, and valid."""
    content = cyclonedx_bytes(contents)
    valid_cyclonedx(content)
    golden("api.cdx.json", content.removesuffix(b"\n"))


def test_spdx_document(contents: ImageContents, golden: Golden, valid_spdx: Validate) -> None:
    """Golden, and valid."""
    content = spdx_bytes(contents)
    valid_spdx(content)
    golden("api.spdx.json", content.removesuffix(b"\n"))


def test_without_base_and_programs(
    contents: ImageContents, valid_cyclonedx: Validate, valid_spdx: Validate
) -> None:
    """An image of data alone is described too."""
    plain = replace(contents, base=None, wheels={}, files=contents.files[1:])
    assert "pedigree" not in valid_cyclonedx(cyclonedx_bytes(plain))["metadata"]["component"]
    assert [package["name"] for package in valid_spdx(spdx_bytes(plain))["packages"]] == ["api"]


def test_sums_are_no_file_digests(
    contents: ImageContents, valid_cyclonedx: Validate, valid_spdx: Validate
) -> None:
    """Go's h1 sums stand where nobody takes them for the SHA-256 of an archive."""
    component = _component(valid_cyclonedx(cyclonedx_bytes(contents)), "example.com/Plain/dep")
    assert component["properties"] == [{"name": "gomab:go:sum", "value": "h1:cGxhaW4="}]
    assert "hashes" not in component
    package = _package(valid_spdx(spdx_bytes(contents)), "example.com/Plain/dep")
    assert "checksums" not in package
    assert package["externalRefs"][-1]["referenceLocator"] == "h1:cGxhaW4="


def test_build_settings_are_properties(contents: ImageContents, valid_cyclonedx: Validate) -> None:
    """By the taxonomy's names where it has some; every tag stands alone."""
    program = _component(valid_cyclonedx(cyclonedx_bytes(contents)), BUILD.path)
    found = [(one["name"], one["value"]) for one in program["properties"]]
    assert ("cdx:gomod:build:env:GOARCH", "arm") in found
    assert [value for name, value in found if name == "cdx:gomod:build:tag"] == ["netgo", "pro"]
    assert ("gomab:go:build:GOARM", "7") in found


def test_verification_code(contents: ImageContents, valid_spdx: Validate) -> None:
    """SPDX 2.3, 7.9: SHA-1 of the files' sorted SHA-1 digests."""
    digests = sorted(hashlib.sha1(content).hexdigest() for content in (b"program", b"data"))
    expected = hashlib.sha1("".join(digests).encode()).hexdigest()
    code = _package(valid_spdx(spdx_bytes(contents)), "api")["packageVerificationCode"]
    assert code == {"packageVerificationCodeValue": expected}


@pytest.mark.parametrize("to_bytes", [spdx_bytes, cyclonedx_bytes])
def test_each_image_has_a_name_of_its_own(contents: ImageContents, to_bytes: ToBytes) -> None:
    """Other bytes, or another version of the writer, give another namespace or serial number."""
    key = "documentNamespace" if to_bytes is spdx_bytes else "serialNumber"
    others = [replace(contents, manifest=f"sha256:{'c' * 64}"), replace(contents, tool_version="1.2.4")]
    lines = [
        line
        for one in (contents, contents, *others)
        for line in to_bytes(one).decode().splitlines()
        if key in line
    ]
    assert lines[0] == lines[1]
    assert len(set(lines)) == 3


def test_identifiers_differ(contents: ImageContents, valid_spdx: Validate) -> None:
    """Paths that differ only in what SPDX allows in no identifier stay apart."""
    alike = replace(contents, files=(file_of("/a b", b""), file_of("/a_b", b"")))
    identifiers = [file["SPDXID"] for file in valid_spdx(spdx_bytes(alike))["files"]]
    assert len(set(identifiers)) == 2
