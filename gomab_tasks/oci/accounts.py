"""Turn the names of users and groups into numbers, as an image's own files do.

Source: passwd(5) and group(5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, field


class Account(Struct, frozen=True):
    """Hold the numbers of a user."""

    uid: int
    gid: int


class Accounts(Struct, frozen=True):
    """Hold whom an image knows, by name."""

    users: Mapping[str, Account] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, passwd: str, group: str) -> Accounts:
        """Read /etc/passwd and /etc/group; of two lines for a name the first counts, as in libc."""
        users = {name: Account(int(uid), int(gid)) for name, _, uid, gid in _rows(passwd, 4)}
        return cls(users, {name: int(gid) for name, _, gid in _rows(group, 3)})

    def group_of(self, uid: int) -> int | None:
        """Give the first group of a user's number, if the image knows it."""
        return next((account.gid for account in self.users.values() if account.uid == uid), None)


def _rows(text: str, columns: int) -> Iterator[list[str]]:
    """Give the first columns of each line, the last line first; lines that are none are left out."""
    for line in reversed(text.splitlines()):
        row = line.split(":")[:columns]
        if len(row) == columns and row[0] and all(n.isascii() and n.isdecimal() for n in row[2:]):
            yield row
