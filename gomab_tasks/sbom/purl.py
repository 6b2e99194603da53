"""Spell package URLs, which scanners look packages up by.

Source: package-url/purl-spec, PURL-SPECIFICATION.rst and its types.
"""

from __future__ import annotations

from urllib.parse import quote

from gomab_tasks.platforms import Platform


def golang_purl(path: str, version: str = "", subpath: str = "") -> str:
    """Name a Go module, or with `subpath` a package in it.

    The path keeps its case: modules that differ in nothing else are different
    ones, and scanners compare it with Go's own database. The type's rule to
    write it in lower case is older than modules.
    """
    return _purl("golang", path, version) + (f"#{_encoded(subpath)}" if subpath else "")


def pypi_purl(name: str, version: str) -> str:
    """Name a Python distribution; expects its normalised name."""
    return _purl("pypi", name, version)


def oci_purl(repository: str, digest: str, platform: Platform | None = None) -> str:
    """Name an image by digest.

    Args:
        repository: with its registry, where that is known, and without a tag.
    """
    name = repository.rpartition("/")[2]
    facts = {
        "arch": platform.architecture if platform else "",
        "repository_url": repository if repository != name else "",
    }
    qualifiers = "&".join(f"{key}={_encoded(value)}" for key, value in facts.items() if value)
    return _purl("oci", name, digest) + (f"?{qualifiers}" if qualifiers else "")


def _purl(kind: str, path: str, version: str) -> str:
    return f"pkg:{kind}/{_encoded(path)}" + (f"@{_encoded(version)}" if version else "")


def _encoded(text: str) -> str:
    # The separators `/` and `:` stay; `+` of a version must not: it may be read as a space.
    return quote(text, safe="/:")
