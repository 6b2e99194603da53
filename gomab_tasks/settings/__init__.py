"""Read the settings: the table `[tool.gomab]` in pyproject.toml."""

from gomab_tasks.settings.quantity import Growth
from gomab_tasks.settings.reader import read_settings
from gomab_tasks.settings.schema import FileEntry, Go, Group, Image, Settings, Size

__all__ = ["FileEntry", "Go", "Group", "Growth", "Image", "Settings", "Size", "read_settings"]
