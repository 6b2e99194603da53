"""Say what is wrong when Go cannot get a module."""

from __future__ import annotations

import re

_SIGNS = re.compile(
    r"verifying |cannot find module|missing go\.sum entry|dial tcp|disabled by GOPROXY=off"
    r"|invalid version: |unrecognized import path|: reading (https?|file)://|git ls-remote"
)


def is_download_failure(output: str) -> bool:
    """Tell whether Go's words are about modules it could not get, not about code."""
    return bool(_SIGNS.search(output))


def explain_download(output: str) -> str:
    """Say which module could not be had, and why, from Go's own words."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("go: downloading")]
    text = "\n".join(lines).strip()
    module = re.search(r"([\w.\-~/]+\.[\w.\-~/]+@v[\w.+\-]+)", text)
    name = f" of {module[1]}" if module else ""
    return f"module download{name} failed: {_cure(text)}\n{text}"


# The first that fits counts. Numbers are HTTP's, as Go spells them: ": 404 Not
# Found"; pseudo-versions hold digits, too.
_CURES = (
    (
        r"checksum mismatch|SECURITY ERROR",
        (
            "its content is not what go.sum records; nothing was used. "
            "Compare with its author, then `go mod tidy`"
        ),
    ),
    (r"missing go\.sum entry", "go.sum lacks it; run `go mod tidy` and commit go.sum"),
    (
        r"terminal prompts disabled|could not read Username|Permission denied|: 40[13]\b",
        (
            "its host wants a login, or there is no such module or version; "
            "for a private host set GOPRIVATE and ~/.netrc or a git credential"
        ),
    ),
    (
        r"no such host|dial tcp|i/o timeout|TLS handshake timeout|connection refused|proxyconnect",
        "its host cannot be reached; check the network, GOPROXY, and GOPRIVATE for a private host",
    ),
    (r": (429|5\d\d)\b", "its host or proxy failed; try again, or set another GOPROXY"),
    (
        r"disabled by GOPROXY=off|GOFLAGS=-mod=vendor",
        "downloads are switched off here; fill the module cache first or unset GOPROXY=off",
    ),
    (r"no space left on device", "the disk is full; free some space"),
    (
        r"permission denied|read-only file system",
        "the module cache cannot be written; change its owner, or set GOMODCACHE",
    ),
    (
        r": 4(00|04|10)\b|unknown revision|[Nn]ot found|no such file or directory|invalid version",
        "no proxy or host has it; check the version, and set GOPRIVATE for a private host",
    ),
)


def _cure(text: str) -> str:
    return next(
        (cure for signs, cure in _CURES if re.search(signs, text)),
        "Go gives no reason that is known here; its words",
    )
