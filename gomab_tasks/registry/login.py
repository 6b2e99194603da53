"""Hold what proves to a registry who asks."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """Hold a login; secrets never show in its repr.

    Attributes:
        where: the file, variable or helper it came from.
        identity_token: an OAuth2 refresh token, exchanged for access tokens.
        registry_token: a token that the registry takes as it is.
    """

    where: str
    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def has_secret(self) -> bool:
        """Tell whether there is anything to prove it with."""
        return bool(self.password or self.identity_token or self.registry_token)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be kept out of messages."""
        return tuple(filter(None, (self.password, self.identity_token, self.registry_token)))
