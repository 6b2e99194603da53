"""Run an image's program without an engine, as near to a container as an ordinary user gets.

The image is unpacked into a folder of its own. Where the machine allows it, the
folder is made the program's root: root may do so, others by a user namespace
(`unshare`, util-linux). So /app/migrations and /etc/ssl are the image's, and a
file that the image lacks is lacking. Namespaces are often forbidden, in
containers and on recent Ubuntu; then the program runs in the folder of its
workdir, sees this machine's files, and the outcome says so. Its variables are
those of the image alone in either case. Network and ports are this machine's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from gomab_tasks import files, machine
from gomab_tasks.oci.extraction import extract_image, inside
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Child, Processes
from gomab_tasks.smoke.command import Command
from gomab_tasks.smoke.trial import CannotRunError

# GOARCH -> QEMU's name, where they differ.
_QEMU = {
    "386": "i386",
    "amd64": "x86_64",
    "arm64": "aarch64",
    "loong64": "loongarch64",
    "mips64le": "mips64el",
    "mipsle": "mipsel",
}
# What 64-bit processors run too, most of them, where the kernel lets them.
_KIN = {"amd64": "386", "arm64": "arm"}
_EMULATOR = "/.gomab-emulator"
_ALONE = "program only: other files are this machine's"
# Where gomab, and most bases, put what Go looks for at fixed paths.
_POINTERS = {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", "ZONEINFO": "/usr/share/zoneinfo"}
_NUMBERS = re.compile(r"(\d+)(?::(\d+))?")


class Running(Struct, frozen=True):
    """Hold a program that runs on this machine; its ports are the machine's."""

    child: Child
    note: str

    def published(self, port: int) -> tuple[str, int]:
        """Give the port at the loopback address."""
        return "127.0.0.1", port

    def obstacle(self, _: int) -> str:
        """Say nothing: what runs here is never out of reach."""
        return ""


class ProgramStage(Struct, frozen=True):
    """Run an image's program as a process.

    Attributes:
        folder: unpacked below it, and removed again.
        emulator: a QEMU in user mode, its path; none to let the kernel try,
            which may know one by itself (binfmt_misc).
    """

    processes: Processes
    layout: Layout
    image: VerifiedImage
    command: Command
    port: int | None
    folder: Path
    emulator: str | None = None

    @property
    def how(self) -> str:
        """Name what runs it."""
        if self.emulator:
            return Path(self.emulator).name.removesuffix("-static")
        return "program" if is_kin(self.image.platform) else "binfmt"

    @property
    def is_native(self) -> bool:
        """Tell whether the machine needs no emulator."""
        return is_own(self.image.platform) and not self.emulator

    @property
    def refusals(self) -> frozenset[int]:
        """Give unshare(1)'s: the program cannot be run, or the kernel's emulator is not in its root."""
        return frozenset() if self.is_native or self.emulator else frozenset({126, 127})

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Unpack the image and run its program for the block."""
        if self.port is not None:
            _require_free(self.port)
        with files.temporary_folder(self.folder) as folder:
            root = folder / "root"
            extract_image(self.layout, [layer.descriptor for layer in self.image.layers], root)
            workdir = inside(root, self.command.workdir)
            workdir.mkdir(parents=True, exist_ok=True)
            # As engines set it for users without a home.
            env = {"HOME": "/"} | dict(self.command.env)
            words = self._in_root(root)
            if words:
                with self.processes.running(words, environment=env) as child:
                    yield Running(child, "")
                return
            words, env = self._alone(root), _pointing(env, root)
            with self.processes.running(words, cwd=workdir, environment=env) as child:
                yield Running(child, _ALONE)

    def _in_root(self, root: Path) -> list[str]:
        """Give the command that runs it with the folder as its root; nothing where that is forbidden."""
        prefix = _change_root(self.processes, self.command, root)
        if not prefix:
            return []
        _furnish(root)
        words = [_find_program(root, self.command), *self.command.words[1:]]
        if not self.emulator:
            return [*prefix, *words]
        shutil.copyfile(self.emulator, root / _EMULATOR.lstrip("/"))
        (root / _EMULATOR.lstrip("/")).chmod(0o755)
        # Only an emulator that needs no libraries starts in there.
        starts = self.processes.run([*prefix, _EMULATOR, "--version"]).code == 0
        return [*prefix, _EMULATOR, *words] if starts else []

    def _alone(self, root: Path) -> list[str]:
        # QEMU looks below -L first, for whatever absolute path the program opens.
        emulate = [self.emulator, "-L", str(root)] if self.emulator else []
        return [*emulate, str(inside(root, _find_program(root, self.command))), *self.command.words[1:]]


def find_emulator(processes: Processes, platform: Platform) -> str | None:
    """Give the path of QEMU's user mode for an architecture, where it is installed."""
    name = emulator_name(platform)
    path = processes.environment.get("PATH")
    return shutil.which(f"{name}-static", path=path) or shutil.which(name, path=path)


def emulator_name(platform: Platform) -> str:
    """Name QEMU's user mode for an architecture: `qemu-aarch64`."""
    return f"qemu-{_QEMU.get(platform.architecture, platform.architecture)}"


def is_own(platform: Platform) -> bool:
    """Tell whether a platform has the machine's own architecture."""
    own = machine.platform()
    return own is not None and platform.architecture == own.architecture


def is_kin(platform: Platform) -> bool:
    """Tell whether the machine's processor may run a platform's programs by itself."""
    own = machine.platform()
    return own is not None and platform.architecture in (own.architecture, _KIN.get(own.architecture))


def runs_linux() -> bool:
    """Tell whether programs of images can be run on this machine at all."""
    return sys.platform == "linux"


def _change_root(processes: Processes, command: Command, root: Path) -> list[str]:
    """Give the command that starts another one in `root`; nothing where the machine forbids it."""
    path = processes.environment.get("PATH")
    unshare, true = (shutil.which(name, path=path) for name in ("unshare", "true"))
    if unshare is None or true is None:
        return []
    start = [unshare, *_identity(command.user)]
    # By its real path: the image's user may not enter the folders of PATH.
    if processes.run([*start, "--root=/", "--wd=/", Path(true).resolve()]).code:
        return []
    return [*start, f"--root={root}", f"--wd={command.workdir}"]


def _identity(user: str) -> list[str]:
    """Give the options that make root leave its rights, and others become root of their own namespace."""
    if os.geteuid() != 0:
        return ["--map-root-user"]
    numbers = _NUMBERS.fullmatch(user)
    return [f"--setgid={numbers[2] or numbers[1]}", f"--setuid={numbers[1]}"] if numbers else []


def _furnish(root: Path) -> None:
    """Add what engines add to every container and programs count on."""
    resolv = Path("/etc/resolv.conf")
    names = {
        "/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
        "/etc/resolv.conf": resolv.read_text() if resolv.is_file() else "",
        "/dev/null": "",  # a device needs rights; a file is read as empty too
    }
    for path, content in names.items():
        place = inside(root, path)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content)
            place.chmod(0o666)


def _find_program(root: Path, command: Command) -> str:
    """Find the first word as execvp does inside the image: a path, or a name to look up in PATH."""
    word = command.words[0]
    if "/" in word:
        return word if word.startswith("/") else f"{command.workdir.rstrip('/')}/{word}"
    folders = (command.env.get("PATH") or "/usr/bin:/bin").split(":")
    places = (f"{folder.rstrip('/')}/{word}" for folder in folders if folder.startswith("/"))
    return next((place for place in places if inside(root, place).is_file()), f"/{word}")


def _pointing(env: Mapping[str, str], root: Path) -> dict[str, str]:
    """Point Go at the image's certificates and zones, unless the image says where they are."""
    found = {name: inside(root, path) for name, path in _POINTERS.items()}
    return {name: str(path) for name, path in found.items() if path.exists()} | dict(env)


def _require_free(port: int) -> None:
    """Raise `CannotRunError` where another program has the port: its answers would pass for ours."""
    for family, host in ((socket.AF_INET, ""), (socket.AF_INET6, "")):
        with contextlib.ExitStack() as stack:
            try:
                probe = stack.enter_context(socket.socket(family))
                # As Go does: what a program left moments ago is no hindrance.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise CannotRunError(
                        f"port {port} is taken by another program on this machine; end that one and try again"
                    ) from None
