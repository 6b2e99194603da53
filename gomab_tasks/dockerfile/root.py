"""Write the stages that hold everything of an image but its programs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

from gomab_tasks.contents import provisions, rootfs
from gomab_tasks.dockerfile import words
from gomab_tasks.oci.tar import Entry
from gomab_tasks.settings import SCRATCH, Image
from gomab_tasks.settings.problem import wrong

_FOLDER = "/rootfs"
_FOLDER_MODE = 0o755
# Debian keeps the zones three times over, and a link to the machine's own.
_NO_ZONES = ("localtime", "posix", "posixrules", "right")


def root_stages(image: Image, root: Path, name: str) -> list[str]:
    """Lay out folders, users, certificates, zones and the table's files; `name` has just them.

    Certificates and zones come from the Go image, where the table names none.

    Raises `WrongValueError` for what a Dockerfile cannot do, or the project lacks.
    """
    if image.base != SCRATCH:
        raise wrong(
            ("image", "base"),
            f"is '{image.base}', but the Dockerfile builds on '{SCRATCH}' only; such images are made by the "
            "backend 'native' alone",
        )
    entries = [entry for entry in rootfs.root_entries(image, root) if not isinstance(entry.source, Path)]
    made = [*_folders(entries, image), *_texts(entries), *_from_go_image(image)]
    copied = list(copies(image))
    owned = [*_normal_modes(copied), *_owners(entries)]
    files = name.replace("root", "files", 1)
    return [
        f"FROM go AS {files}",
        f"WORKDIR {_FOLDER}",
        *_laid_out(made, copied, owned),
        "",
        f"FROM {SCRATCH} AS {name}",
        words.copy([_FOLDER], "/", files),
    ]


def copies(image: Image) -> Iterator[tuple[str, str]]:
    """Give what comes from the project: its path there, and below the stage's folder."""
    if isinstance(image.ca_certificates, str):
        yield words.path(image.ca_certificates, "image.ca-certificates"), f"./{provisions.CERTIFICATES}"
    if isinstance(image.timezones, str):
        yield words.path(image.timezones, "image.timezones"), f"./{provisions.ZONES}"
    for item in image.files:
        target = words.path(item.target.strip("/"), "image.files")
        yield words.path(item.source, "image.files"), f"./{target}"


def _laid_out(made: list[str], copied: Sequence[tuple[str, str]], owned: list[str]) -> Iterator[str]:
    if not copied:
        yield words.run([*made, *owned])
        return
    yield words.run(made)
    yield from (words.copy([source], target) for source, target in copied)
    yield words.run(owned)


def _folders(entries: Sequence[Entry], image: Image) -> Iterator[str]:
    """Make every folder that no other one brings along."""
    paths = {entry.path for entry in entries if entry.kind == "directory"}
    paths |= {posixpath.dirname(entry.path) for entry in entries if entry.kind == "file"}
    paths |= {posixpath.dirname(provisions.CERTIFICATES)} if image.ca_certificates else set()
    paths |= {posixpath.dirname(provisions.ZONES)} if image.timezones else set()
    deepest = sorted(path for path in paths if not any(other.startswith(f"{path}/") for other in paths))
    yield f"mkdir -p {' '.join(map(_word, deepest))}"


def _texts(entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry.source, bytes):
            lines = " ".join(map(_word, entry.source.decode().splitlines()))
            yield f"printf '%s\\n' {lines} >{entry.path}"


def _from_go_image(image: Image) -> Iterator[str]:
    if image.ca_certificates is True:
        yield f"cp /{provisions.CERTIFICATES} {provisions.CERTIFICATES}"
    if image.timezones is True:
        yield f"cp -R /{provisions.ZONES} {provisions.ZONES}"
        yield f"rm -rf {' '.join(f'{provisions.ZONES}/{name}' for name in _NO_ZONES)}"


def _normal_modes(copied: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Give files from a checkout the modes of an image, whatever umask made them."""
    if copied:
        yield f"chmod -R u=rwX,go=rX {' '.join(_word(target) for _, target in copied)}"


def _owners(entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        if entry.kind == "directory" and entry.mode != _FOLDER_MODE:
            yield f"chmod {entry.mode:04o} {_word(entry.path)}"
        if entry.uid or entry.gid:
            yield f"chown {entry.uid}:{entry.gid} {_word(entry.path)}"


def _word(text: str) -> str:
    return words.quote_for_shell(text, "Dockerfile: a path")
