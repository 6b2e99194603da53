"""Package URLs, held against the reference implementation."""

from __future__ import annotations

import pytest
from packageurl import PackageURL

from gomab_tasks.platforms import Platform
from gomab_tasks.sbom.purl import golang_purl, oci_purl, pypi_purl

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("purl", "expected"),
    [
        (golang_purl("stdlib", "1.26.1"), "pkg:golang/stdlib@1.26.1"),
        (
            golang_purl("github.com/docker/docker", "v27.0.0+incompatible"),
            "pkg:golang/github.com/docker/docker@v27.0.0%2Bincompatible",
        ),
        (golang_purl("example.com/a", "v1.0.0", "cmd/b c"), "pkg:golang/example.com/a@v1.0.0#cmd/b%20c"),
        (golang_purl("git.sr.ht/~user/thing"), "pkg:golang/git.sr.ht/~user/thing"),
        (pypi_purl("certifi", "2026.1.4"), "pkg:pypi/certifi@2026.1.4"),
        (oci_purl("api", DIGEST), f"pkg:oci/api@{DIGEST}"),
        (
            oci_purl("gcr.io/distroless/static", DIGEST),
            f"pkg:oci/static@{DIGEST}?repository_url=gcr.io/distroless/static",
        ),
        (oci_purl("api", DIGEST, Platform("linux", "arm", "v7")), f"pkg:oci/api@{DIGEST}?arch=arm"),
    ],
)
def test_purls_are_canonical(purl: str, expected: str) -> None:
    """What the reference implementation reads and writes again stays the same."""
    assert purl == expected
    assert PackageURL.from_string(purl).to_string() == expected


def test_module_paths_keep_their_case() -> None:
    """Modules that differ in case alone are different modules."""
    assert (
        golang_purl("github.com/BurntSushi/toml", "v1.4.0") == "pkg:golang/github.com/BurntSushi/toml@v1.4.0"
    )
