"""Get the sources to build: the sample, a bigger public module, or a folder."""

from __future__ import annotations

import json
import os
import shutil
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rivals import Command

SAMPLE = Path(__file__).parent.parent / "sample"
BIG = "github.com/prometheus/blackbox_exporter@v0.28.0"
"""A monitoring service: one program, more than 400 packages, 20 to 60 s of compiling."""

_EDITED = """package main

import "os"

const edited = "{value}"

func init() {{
	if os.Getenv("BENCHMARK_EDITED") != "" {{
		println(edited)
	}}
}}
"""
_SETTINGS = '\n[tool.gomab.size]\nunpacked = "1 GiB"\n'


@dataclass(frozen=True, slots=True)
class Sources:
    """Hold a writable copy of a Go module.

    Attributes:
        mains: import paths of the programs that gomab finds in it, and so what every rival builds.
        edited: the file that gets another constant with each edit.
    """

    folder: Path
    mains: tuple[str, ...]
    edited: Path

    def edit(self) -> None:
        """Give the constant in the first main package a value that it never had before."""
        self.edited.write_text(_EDITED.format(value=time.time_ns()))


def find_module(name: str, folder: Path) -> Path:
    """Give the folder of `sample`, `big` or a path; `folder` is where Go may be asked."""
    if name != "big":
        return SAMPLE if name == "sample" else Path(name).resolve()
    download = Command(("go", "mod", "download", "-json", BIG), folder, os.environ)
    return Path(json.loads(download.output())["Dir"])


def copy_sources(module: Path, folder: Path) -> Sources:
    """Copy a module, give it a [tool.gomab] table if it has none, and find its programs."""
    shutil.copytree(module, folder, ignore=shutil.ignore_patterns(".git", "build"), symlinks=True)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    _add_settings(folder / "pyproject.toml")
    Command(("go", "mod", "download"), folder, os.environ).output()
    plan = json.loads(Command(("gomab", "plan", "--json", "--quiet"), folder, os.environ).output())
    mains = tuple(dict.fromkeys(main for image in plan["result"]["images"] for main in image["programs"]))
    first = Command(("go", "list", "-f={{.Dir}}", mains[0]), folder, os.environ).output().strip()
    sources = Sources(folder, mains, Path(first) / "benchmark_edited.go")
    sources.edit()
    return sources


def _add_settings(path: Path) -> None:
    text = path.read_text() if path.exists() else ""
    if "gomab" not in tomllib.loads(text).get("tool", {}):
        path.write_text(text + _SETTINGS)
