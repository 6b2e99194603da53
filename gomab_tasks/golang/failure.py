"""Say what is wrong when Go cannot get a module or list packages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from gomab_tasks.errors import CompileError, SettingsError, ToolchainError
from gomab_tasks.process import Completed

_NO_FETCHER = r'"(?:git|hg|svn|bzr|fossil)": executable file not found'
_SIGNS = re.compile(
    r"verifying |cannot find module|missing go\.sum entry|dial tcp|disabled by GOPROXY=off"
    r"|invalid version: |unrecognized import path|: reading (https?|file)://|: git (?:ls-remote|init|fetch) "
    rf"|\(replaced by |^(?!.*VCS status).*{_NO_FETCHER}",
    re.MULTILINE,
)


_BROKEN_FILE = re.compile(r"errors parsing .*go\.(?:mod|work):\s*((?s:.+))")
_LOST_MEMBER = re.compile(r"cannot load module .* listed in go\.work file: .*")


def require_answer(listed: Completed, folder: str, shown: Callable[[str], str]) -> None:
    """Raise what `go list` minds; what is wrong in the project's own files is no fault of the toolchain.

    Args:
        folder: where it ran, for people.
        shown: lets the path that begins a line begin at the project.
    """
    words = listed.stderr.strip()
    if listed.code and _is_vendor_failure(words):
        raise SettingsError(_explain_vendor(words))
    if listed.code and is_download_failure(words):
        raise CompileError(explain_download(words))
    if broken := _BROKEN_FILE.search(words):
        lines = (shown(line.strip()) for line in broken[1].splitlines())
        raise SettingsError(f"{line}; mend that line, as Go reads it" for line in lines)
    if lost := _LOST_MEMBER.search(words):
        raise SettingsError(shown(f"go.work: {lost[0]}; mend its use line"))
    if listed.code:
        raise ToolchainError(f"go list failed in {folder}: {words}")


def is_download_failure(output: str) -> bool:
    """Tell whether Go's words are about modules it could not get, not about code."""
    return bool(_SIGNS.search(output))


def _is_vendor_failure(output: str) -> bool:
    """Tell whether Go's words are about vendor/, from where nothing is downloaded."""
    return bool(re.search(r"inconsistent vendoring|lookup disabled by -mod=vendor", output))


def _explain_vendor(output: str) -> str:
    """Say what vendor/ is not, and what mends it, before Go's own words."""
    sync = re.search(r"\bgo (?:mod|work) vendor$", output, re.MULTILINE)
    command = sync[0] if sync else "go mod vendor"
    return f"vendor/ is not what go.mod and the code ask for; run `{command}` and commit it\n{output}"


def without_flags(lines: Sequence[str]) -> Sequence[str]:
    """Take off what the linker and the compiler print below `usage:`, the list of all their flags."""
    ends = (number for number, line in enumerate(lines, 1) if line.lstrip().startswith("usage: "))
    return lines[: next(ends, None)]


def explain_download(output: str) -> str:
    """Say which module could not be had, and why, from Go's own words."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("go: downloading")]
    text = "\n".join(lines).strip()
    if _is_vendor_failure(text):
        return _explain_vendor(text)
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
    (
        r"\(replaced by (?:\.\.?/|/).*no such file or directory",
        "a `replace` of go.mod or go.work leads to a folder that is not there; mend that line, or the folder",
    ),
    (r"missing go\.sum entry", "go.sum lacks it; run `go mod tidy` and commit go.sum"),
    (
        r"Permission denied \(|Too many authentication failures|ERROR: Repository not found",
        (
            "its host lets none of the SSH keys in, or has no such repository; add the key to the agent "
            "with ssh-add, and name the host in dockerfile.ssh for the Dockerfile and the workflow"
        ),
    ),
    (
        r"terminal prompts disabled|could not read Username|Authentication failed|: 40[13]\b",
        (
            "its host wants a login, or there is no such module or version; "
            "for a private host set GOPRIVATE and ~/.netrc or a git credential"
        ),
    ),
    (
        r"SSL certificate problem|x509: ",
        (
            "its host's certificate is not trusted; name its authority in SSL_CERT_FILE for Go, and in "
            "http.sslCAInfo for git"
        ),
    ),
    (
        r"Host key verification failed",
        "its host's SSH key is not known; compare it with the host's own, then add it to ~/.ssh/known_hosts",
    ),
    (
        _NO_FETCHER,
        (
            "it comes from a repository, and the program to fetch that is not installed; install it, or set "
            "another GOPROXY"
        ),
    ),
    (
        (
            r"no such host|dial tcp|i/o timeout|TLS handshake timeout|proxyconnect|Could not resolve host"
            r"|Failed to connect|Couldn't connect|ssh: connect to host"
            r"|[Cc]onnection (?:timed out|reset|refused|closed by)"
        ),
        "its host cannot be reached; check the network, GOPROXY, and GOPRIVATE for a private host",
    ),
    (r": (429|5\d\d)\b", "its host or proxy failed; try again, or set another GOPROXY"),
    (
        r"disabled by GOPROXY=off|GOFLAGS=-mod=vendor",
        "downloads are switched off here; fill the module cache first or unset GOPROXY=off",
    ),
    (r"no space left on device", "the disk is full; free some space"),
    (
        r"[Pp]ermission denied|[Rr]ead-only file system",
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
