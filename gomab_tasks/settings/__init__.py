"""Read the settings: the table `[tool.gomab]` in pyproject.toml."""

from gomab_tasks.settings.containerfile import BuildKit, Dockerfile
from gomab_tasks.settings.quantity import Growth
from gomab_tasks.settings.reader import FILE, HEADING, has_table, read_settings
from gomab_tasks.settings.schema import (
    SCRATCH,
    FileEntry,
    Go,
    Group,
    Image,
    Registries,
    Settings,
    Size,
    Smoke,
)

__all__ = [
    "FILE",
    "HEADING",
    "SCRATCH",
    "BuildKit",
    "Dockerfile",
    "FileEntry",
    "Go",
    "Group",
    "Growth",
    "Image",
    "Registries",
    "Settings",
    "Size",
    "Smoke",
    "has_table",
    "read_settings",
]
