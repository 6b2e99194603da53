"""Say what is wrong when Go cannot get a module."""

from __future__ import annotations

import re


def is_download_failure(output: str) -> bool:
    """Tell whether Go's words are about modules it could not get, not about code."""
    return any(
        sign in output for sign in ("verifying ", "cannot find module", "missing go.sum entry", "dial tcp")
    )


def explain_download(output: str) -> str:
    """Say which module could not be had, and why, from Go's own words."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("go: downloading")]
    text = "\n".join(lines).strip()
    module = re.search(r"([\w.\-~/]+\.[\w.\-~/]+@v[\w.+\-]+)", text)
    name = f" of {module[1]}" if module else ""
    return f"module download{name} failed: {_cure(text)}\n{text}"


_CURES = (
    (
        ("checksum mismatch", "SECURITY ERROR"),
        (
            "its content is not what go.sum records; nothing was used. "
            "Compare with its author, then `go mod tidy`"
        ),
    ),
    (("missing go.sum entry",), "go.sum lacks it; run `go mod tidy` and commit go.sum"),
    (
        ("terminal prompts disabled", "could not read Username", "Permission denied", "401", "403"),
        "its host wants a login; for a private host set GOPRIVATE and ~/.netrc or a git credential",
    ),
    (
        ("no such host", "dial tcp", "i/o timeout", "connection refused", "proxyconnect"),
        "its host cannot be reached; check the network, GOPROXY, and GOPRIVATE for a private host",
    ),
    (
        ("404", "410", "unknown revision", "not found"),
        "no proxy or host has it; check the version, and set GOPRIVATE for a private host",
    ),
    (
        ("disabled by GOPROXY=off", "GOFLAGS=-mod=vendor"),
        "downloads are switched off here; fill the module cache first or unset GOPROXY=off",
    ),
)


def _cure(text: str) -> str:
    for signs, cure in _CURES:
        if any(sign in text for sign in signs):
            return cure
    return "Go says:"
