"""Choose platforms for one run: what `--arch` means for a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from gomab_tasks import platforms
from gomab_tasks.errors import SettingsError
from gomab_tasks.platforms import Platform, PlatformError
from gomab_tasks.settings import Settings


class Selection(Struct, frozen=True):
    """Hold what `--arch` chose; `added` are platforms that the table does not list."""

    chosen: tuple[Platform, ...]
    added: tuple[Platform, ...]

    def of(self, table: Sequence[Platform]) -> tuple[Platform, ...]:
        """Give the platforms of this run for an image whose table lists `table`."""
        if not self.chosen:
            return tuple(table)
        return tuple(p for p in self.chosen if p in table or p in self.added)


def select(arch: Iterable[str], settings: Settings) -> Selection:
    """Read `--arch`: from the table where it lists the platform, else added for this run.

    A word without a variant means the platform of the table that has none, else
    all of its architecture.

    Raises `SettingsError` for a name that Go or OCI does not know.
    """
    if isinstance(arch, str):
        raise SettingsError(f"arch is {arch!r}; give a tuple: arch=({arch!r},)")
    words = [word for text in arch for word in (list(filter(str.strip, text.split(",")))) or [text]]
    table = settings.platforms
    chosen: list[Platform] = []
    problems: list[str] = []
    for word in words:
        if word.strip() == "all":
            chosen += table
            continue
        try:
            chosen += _choose(word, table)
        except PlatformError as error:
            problems.append(f"--arch {error}")
    if problems:
        raise SettingsError(problems)
    unique = tuple(dict.fromkeys(chosen))
    return Selection(unique, tuple(p for p in unique if p not in table))


def _choose(word: str, table: Sequence[Platform]) -> Sequence[Platform]:
    named = platforms.select(word)
    if named in table or platforms.says_variant(word):
        return (named,)
    alike = [p for p in table if (p.os, p.architecture) == (named.os, named.architecture)]
    return alike or (named,)
