"""Hold what proves to a registry who asks."""

from __future__ import annotations

import base64

from msgspec import Struct


class Credentials(Struct, frozen=True):
    """Hold a login; secrets never show in its repr.

    Attributes:
        where: the file, variable or helper it came from.
        identity_token: an OAuth2 refresh token, exchanged for access tokens.
        registry_token: a token that the registry takes as it is.
    """

    where: str
    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        """Keep secrets out of tracebacks."""
        return f"{type(self).__name__}(where={self.where!r}, username={self.username!r})"

    @property
    def has_secret(self) -> bool:
        """Tell whether there is anything to prove it with."""
        return bool(self.password or self.identity_token or self.registry_token)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be kept out of messages."""
        pair = self.basic if self.password else ""
        return tuple(filter(None, (self.password, pair, self.identity_token, self.registry_token)))

    @property
    def basic(self) -> str:
        """Name and password as they are sent (RFC 7617)."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
