"""Read a Go module or workspace and find its main packages."""

from __future__ import annotations

import json
import os
import posixpath
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks import files
from gomab_tasks.errors import GomabError, SettingsError
from gomab_tasks.golang.failure import require_answer
from gomab_tasks.golang.folders import main_folders
from gomab_tasks.golang.toolchain import Toolchain, local_name, require_version
from gomab_tasks.golang.vendoring import is_vendored
from gomab_tasks.process import Processes

SKIPPED_FOLDERS = ("tools", "examples", "example", "hack", "testdata")
"""Folders whose main packages are helpers, not services, unless the table names them."""


class Module(Struct, frozen=True):
    """Hold what go.mod or go.work says.

    Attributes:
        folder: absolute, where go runs.
        path: the module path; of a workspace, empty.
        go_version: what the `go` line asks for, such as `1.25`; may be empty.
        members: the folders of a workspace's modules, or just `folder`.
        vendored: dependencies lie in vendor/, so nothing is downloaded.
        sums: the files that decide what is downloaded, those that exist.
        prefix: leads from where messages' paths begin to `folder`; empty where that is the same.
    """

    folder: Path
    path: str
    go_version: str
    members: tuple[Path, ...]
    vendored: bool
    sums: tuple[Path, ...]
    prefix: str = ""

    def shown(self, line: str) -> str:
        """Let the path that begins a line of Go's begin where messages' paths do."""
        found = _LOCATION.match(line)
        if not found or not self.prefix or os.path.isabs(found[1]):  # noqa: PTH117 - text
            return line
        return posixpath.normpath(posixpath.join(self.prefix, found[1])) + line[found.end(1) :]


class MainPackage(Struct, frozen=True, order=True):
    """Hold a package that links to a program; `name` is the program's file name."""

    import_path: str
    name: str
    folder: Path


class Mains(Struct, frozen=True):
    """Hold the main packages found, and the folders of those left aside.

    Attributes:
        misnamed: folder -> why Go takes its name for no package's.
    """

    found: tuple[MainPackage, ...]
    skipped: tuple[str, ...] = ()
    misnamed: Mapping[str, str] = {}


def read_module(folder: Path, root: Path | None = None, env: Mapping[str, str] | None = None) -> Module:
    """Read go.mod, or go.work where there is no go.mod.

    Args:
        root: where messages' paths begin; the folder itself if not given.
        env: as in `is_vendored`.

    Raises `SettingsError` when there is neither.
    """
    for name in ("go.mod", "go.work"):
        if (folder / name).is_file():
            return _read(folder, folder / name, root or folder, env or {})
    raise SettingsError(
        f"no go.mod or go.work in {folder}; set `module` in [tool.gomab] to the folder that holds it"
    )


def check_toolchain(module: Module, toolchain: Toolchain) -> None:
    """Raise `ToolchainError` when Go is older than any go.mod or go.work in use asks for."""
    for folder in dict.fromkeys((module.folder, *module.members)):
        for name in ("go.mod", "go.work"):
            wanted = _directive(_text(folder / name), "go")
            if wanted:
                file = module.shown(f"{os.path.relpath(folder / name, module.folder)}:")
                require_version(toolchain, wanted, file.rstrip(":"))


def program_name(import_path: str) -> str:
    """Name a program as `go build` does (cmd/go/internal/load, DefaultExecName)."""
    elements = import_path.split("/")
    if len(elements) > 1 and re.fullmatch(r"v([2-9]|[1-9][0-9]+)", elements[-1]):
        return elements[-2]
    return elements[-1]


class NamedMains(Struct, frozen=True):
    """Hold what paths of the table name: main packages, and the reasons why others name none."""

    mains: Mapping[str, MainPackage]
    refused: Mapping[str, str]


class PackageLister(Struct, frozen=True):
    """Ask `go list` about packages for one platform and one set of build tags.

    Attributes:
        env: names and values, the platform's variables among them.
    """

    processes: Processes
    go: Path
    module: Module
    tags: tuple[str, ...]
    env: tuple[tuple[str, str], ...]

    def find(self) -> Mains:
        """Find main packages: in the root and cmd/*, else anywhere but in `SKIPPED_FOLDERS`.

        Raises `SettingsError` when there is none.
        """
        likely = {folder: _is_likely(folder, member) for member, folder in self._candidates()}
        packages = self._list([self._relative(folder) for folder in likely]) if likely else []
        mains = tuple(self._mains(packages))
        folders = {folder.resolve() for folder, is_likely in likely.items() if is_likely}
        found = tuple(main for main in mains if main.folder.resolve() in folders)
        found = found or tuple(main for main in mains if not self._is_helper(main))
        skipped = tuple(self._below(main.folder) for main in mains if main not in found)
        if not found:
            raise self._without_mains(packages, skipped)
        return Mains(found, skipped, self._misnamed(packages))

    def named(self, paths: Sequence[str]) -> NamedMains:
        """Find exactly these main packages, given by folder (`cmd/api`) or import path."""
        matched: dict[str, list[dict[str, Any]]] = {}
        for package in self._list(list({self._pattern(path): None for path in paths})):
            for pattern in package.get("Match", ()):
                matched.setdefault(local_name(pattern), []).append(package)
        found = {path: matched.get(self._pattern(path), []) for path in paths}
        reasons = {path: self._why_no_main(packages) for path, packages in found.items()}
        mains = {path: _main(found[path][0]) for path, reason in reasons.items() if not reason}
        return NamedMains(mains, {path: reason for path, reason in reasons.items() if reason})

    def _why_no_main(self, packages: Sequence[Mapping[str, Any]]) -> str:
        """Give the reason, empty for a main package."""
        if len(packages) != 1:
            return f"Go finds {len(packages)} packages by it; name one by its folder"
        (package,) = packages
        error = str((package.get("Error") or {}).get("Err", "")).strip()
        if package.get("Standard") or "is not in std" in error:
            return self._without_folder()
        if _is_excluded(package):
            return _EXCLUDED
        return error or ("" if package.get("Name") == "main" else f"it is package {package.get('Name')}")

    def _without_folder(self) -> str:
        """Go takes what is no folder for a package of its own."""
        try:
            mains = ", ".join(self._below(main.folder) for main in self.find().found)
        except GomabError:
            return "there is no such folder"
        return f"there is no such folder; main packages are in {mains}"

    def _list(self, patterns: Sequence[str]) -> list[dict[str, Any]]:
        argv: list[str | Path] = [self.go, "list", "-e", "-find", f"-json={_FIELDS}"]
        if self.tags:
            argv.append(f"-tags={','.join(self.tags)}")
        # Go leaves its own temporary folder behind when it is interrupted.
        with files.temporary_folder(Path(tempfile.gettempdir())) as temporary:
            env = {**dict(self.env), "GOTMPDIR": str(temporary)}
            completed = self.processes.run([*argv, *patterns], cwd=self.module.folder, env=env)
        require_answer(completed, self.module.folder.name, self.module.shown)
        return list(_json_documents(completed.stdout))

    def _candidates(self) -> Iterator[tuple[Path, Path]]:
        for member in self.module.members:
            for folder in main_folders(member):
                yield member, folder

    def _pattern(self, path: str) -> str:
        """Spell a folder as `./cmd/api`; anything else is an import path, as Go repeats it in `Match`."""
        path = local_name(path)
        folder = self.module.folder / path
        return self._relative(folder) if folder.is_dir() else posixpath.normpath(path)

    def _relative(self, folder: Path) -> str:
        """Spell a folder as go does on its command line: `.`, `./cmd/api`, `../lib`."""
        relative = self._below(folder)
        return relative if relative == "." or relative.startswith("..") else f"./{relative}"

    def _below(self, folder: Path) -> str:
        return os.path.relpath(folder, self.module.folder)

    def _mains(self, packages: Iterable[dict[str, Any]]) -> Iterator[MainPackage]:
        for package in packages:
            if package.get("Name") == "main" and package.get("Dir") and not _is_excluded(package):
                yield _main(package)

    def _misnamed(self, packages: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        found = {}
        for package in packages:
            if reason := _MALFORMED.search((package.get("Error") or {}).get("Err", "")):
                for pattern in package.get("Match", ()):
                    found[self._below(self.module.folder / local_name(pattern))] = f"{_MISNAMED}: {reason[1]}"
        return found

    def _without_mains(self, likely: Sequence[Mapping[str, Any]], skipped: Sequence[str]) -> SettingsError:
        hints = [
            f"{self._below(Path(local_name(package['Dir'])))}: {_EXCLUDED}"
            for package in likely
            if _is_excluded(package)
        ]
        hints += [f"{folder}: {reason}" for folder, reason in self._misnamed(likely).items()]
        if skipped:
            hints.append(f"skipped: {', '.join(skipped)}")
        if others := ", ".join(self._of_workspace()):
            hints.append(f"go.work beside it has {others}")
        where = " ".join([self.module.path or "the workspace", *(f"({hint})" for hint in hints)])
        return SettingsError(
            f"no main package in {where}; set `main` in [tool.gomab.image] to the folder of one"
        )

    def _of_workspace(self) -> list[str]:
        """List main packages of a go.work that stands beside go.mod, which comes first."""
        path = self.module.folder / "go.work"
        if not self.module.path or not path.is_file():
            return []
        workspace = _read(self.module.folder, path, self.module.folder, dict(self.env))
        try:
            return [self._below(main.folder) for main in replace(self, module=workspace).find().found]
        except GomabError:
            return []

    def _is_helper(self, main: MainPackage) -> bool:
        relative = f"/{self._below(main.folder)}/"
        return any(f"/{folder}/" in relative for folder in SKIPPED_FOLDERS)


def _is_likely(folder: Path, member: Path) -> bool:
    return folder in (member, member / "cmd" / folder.name)


def _read(folder: Path, path: Path, root: Path, env: Mapping[str, str]) -> Module:
    text = _text(path)
    members = (folder,) if path.name == "go.mod" else tuple((folder / use).resolve() for use in _uses(text))
    sums = [path, path.with_suffix(".sum") if path.name == "go.mod" else folder / "go.work.sum"]
    if path.name == "go.work":
        sums += [member / name for member in members for name in ("go.mod", "go.sum")]
    return Module(
        folder=folder,
        path=_directive(text, "module"),
        go_version=_directive(text, "go"),
        members=members,
        vendored=is_vendored(folder, env),
        sums=tuple(sum_ for sum_ in sums if sum_.is_file()),
        prefix="" if folder == root else os.path.relpath(folder, root),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _directive(text: str, name: str) -> str:
    match = re.search(rf'^{name}[ \t]+"?([^\s"]+)', text, re.MULTILINE)
    return match[1] if match else ""


def _uses(text: str) -> list[str]:
    """Give the folders of go.work's `use` lines and blocks (go.dev/ref/mod#go-work-file)."""
    text = re.sub(r"(^|\s)//.*", "", text)
    blocks = re.findall(r"^use[ \t]*\(([^)]*)\)", text, re.MULTILINE)
    single = re.findall(r"^use[ \t]+([^\s(].*)", text, re.MULTILINE)
    lines = [line.strip() for part in [*single, *blocks] for line in part.splitlines()]
    return [line.strip('"`') for line in lines if line]


_FIELDS = "ImportPath,Name,Dir,Error,Match,Standard"
_LOCATION = re.compile(r"([^\s:][^:]*\.(?:go|s)(?=:\d)|[^\s:]*\bgo\.(?:mod|work)(?=:))")
_MALFORMED = re.compile(r'malformed import path ".*": (.*)')
_MISNAMED = "Go takes no such name for a package"
_EXCLUDED = "all its Go files need cgo, other build tags or another platform"


def _main(package: Mapping[str, Any]) -> MainPackage:
    import_path = package["ImportPath"]
    return MainPackage(import_path, program_name(import_path), Path(local_name(package["Dir"])))


def _is_excluded(package: Mapping[str, Any]) -> bool:
    return "build constraints exclude all Go files" in (package.get("Error") or {}).get("Err", "")


def _json_documents(text: str) -> Iterator[dict[str, Any]]:
    """Split the concatenated JSON documents that `go list -json` prints."""
    decoder = json.JSONDecoder()
    position = 0
    while position < len(text.rstrip()):
        document, end = decoder.raw_decode(text, position)
        yield document
        position = end + len(text[end:]) - len(text[end:].lstrip())
