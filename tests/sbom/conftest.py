"""A small image made up by hand, and the formats' own validators."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from gomab_tasks.golang.buildinfo import BuildInfo, Module
from gomab_tasks.platforms import Platform
from gomab_tasks.sbom.contents import Base, File, ImageContents

Document = dict[str, Any]
Validate = Callable[[bytes], Document]

BUILD = BuildInfo(
    go_version="go1.26.1",
    path="example.com/acme/Api/cmd/api",
    main=Module("example.com/acme/Api", "v1.4.0+dirty"),
    deps=(
        Module("example.com/Plain/dep", "v2.0.0+incompatible", "h1:cGxhaW4="),
        Module("example.com/old", "v1.0.0", "", Module("example.com/new", "v1.1.0", "h1:bmV3")),
        Module("example.com/lib", "v0.0.0", "", Module("../lib", "(devel)")),
    ),
    settings={"-tags": "netgo,pro", "-trimpath": "true", "CGO_ENABLED": "0", "GOARCH": "arm", "GOARM": "7"},
)


def file_of(path: str, content: bytes, build: BuildInfo | None = None) -> File:
    """Describe a file as `describe` does."""
    digests = hashlib.sha256(content).hexdigest(), hashlib.sha1(content).hexdigest()
    return File(path=path, size=len(content), sha256=digests[0], sha1=digests[1], build=build)


@pytest.fixture
def contents() -> ImageContents:
    """Give an image with one program, whose modules are replaced in each way, on a base."""
    return ImageContents(
        image="api",
        platform=Platform("linux", "arm", "v7"),
        manifest=f"sha256:{'a' * 64}",
        created="2023-11-14T22:13:20Z",
        files=(
            file_of("/app/api", b"program", BUILD),
            file_of("/app/data/ü b.txt", b"data"),
        ),
        wheels={"certifi": "2026.1.4"},
        base=Base("gcr.io/distroless/static", f"sha256:{'b' * 64}", 2),
        tool_version="1.2.3",
    )


@pytest.fixture(scope="session")
def valid_cyclonedx() -> Validate:
    """Hold a document against CycloneDX's strict JSON schema, and give it parsed."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)

    def validate(content: bytes) -> Document:
        error = validator.validate_str(content.decode())
        assert error is None, error
        document: Document = json.loads(content)
        return document

    return validate


@pytest.fixture(scope="session")
def valid_spdx() -> Validate:
    """Hold a document against the rules of SPDX's own tools, and give it parsed."""

    def validate(content: bytes) -> Document:
        document: Document = json.loads(content)
        parsed = JsonLikeDictParser().parse(document)  # type: ignore[no-untyped-call]
        assert validate_full_spdx_document(parsed) == []
        again: Document = json.loads(content)  # the parser empties what it is given
        return again

    return validate
