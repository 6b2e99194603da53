"""Fix what all documents share: their bytes and what tells one from another."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from gomab_tasks.sbom.contents import ImageContents
from gomab_tasks.sbom.purl import oci_purl


def document_bytes(document: Mapping[str, object]) -> bytes:
    """Write a document for people and machines, in the order of its keys."""
    return f"{json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)}\n".encode()


def document_uuid(contents: ImageContents) -> str:
    """Derive a UUID from the image's digest and from what wrote the document, not from chance."""
    image = oci_purl(contents.image, contents.manifest, contents.platform)
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{image}#gomab-tasks-{contents.tool_version}"))
