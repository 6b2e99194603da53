"""Read the settings: the table `[tool.gomab]` in pyproject.toml."""

from gomab_tasks.settings.containerfile import BuildKit, Dockerfile
from gomab_tasks.settings.problem import FILE
from gomab_tasks.settings.quantity import Growth
from gomab_tasks.settings.reader import has_table, misnamed_tables, read_settings
from gomab_tasks.settings.schema import (
    ENGINES,
    SCRATCH,
    EngineName,
    FileEntry,
    Go,
    Group,
    Image,
    Registries,
    Settings,
    Size,
)
from gomab_tasks.settings.smoke import Smoke

__all__ = [
    "ENGINES",
    "FILE",
    "SCRATCH",
    "BuildKit",
    "Dockerfile",
    "EngineName",
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
    "misnamed_tables",
    "read_settings",
]
