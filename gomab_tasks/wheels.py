"""Take files out of installed wheels, each held against the wheel's RECORD.

importlib.metadata does this too, but its import costs a run more than reading
the few lines that are wanted.

Sources: packaging.python.org, "Recording installed projects".
"""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from gomab_tasks.errors import VerificationError


def wheel_version(wheel: str) -> str:
    """Give the version of an installed wheel; raises `VerificationError` where there is none."""
    return _find_info(wheel).name.removesuffix(".dist-info").rpartition("-")[2]


def wheel_files(wheel: str, is_wanted: Callable[[str], bool]) -> list[Path]:
    """Give the files of a wheel whose names in RECORD are wanted.

    Raises `VerificationError` where there are none, and for one that is not what was published.
    """
    info = _find_info(wheel)
    record = info / "RECORD"
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    rows = [line.rsplit(",", 2) for line in lines]
    wanted = [(name, digest) for name, digest, _ in rows if is_wanted(name)]
    if not wanted:
        raise VerificationError(
            f"the installed {wheel} lacks its files; pip install --force-reinstall {wheel}"
        )
    return [_checked(wheel, info.parent, name, digest) for name, digest in wanted]


def _find_info(wheel: str) -> Path:
    for folder in sys.path:
        infos = sorted(Path(folder or ".").glob(f"{wheel}-*.dist-info"))
        if infos:
            return infos[0]
    raise VerificationError(f"{wheel} is not installed as a wheel; pip install {wheel}")


def _checked(wheel: str, folder: Path, name: str, digest: str) -> Path:
    path = folder / name
    content = path.read_bytes() if path.is_file() else b""
    found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    if digest != f"sha256={found}":
        raise VerificationError(
            f"{name}: is not what the {wheel} wheel was published with; pip install --force-reinstall {wheel}"
        )
    return path
