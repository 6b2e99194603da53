"""What the strict registry can be told to do wrong."""

from __future__ import annotations

import time

from tests.registry.server import Act, Exchange


def answering(status: int, body: bytes = b"", **headers: str) -> Act:
    """Answer with that."""

    def act(exchange: Exchange) -> bool:
        exchange.send(status, body, **headers)
        return True

    return act


def refusing(status: int, code: str, message: str = "", **headers: str) -> Act:
    """Answer with an error of the spec."""

    def act(exchange: Exchange) -> bool:
        exchange.refuse(status, code, message, **headers)
        return True

    return act


def resetting(after: int = 0) -> Act:
    """Break the connection off, after some bytes of the body were read."""

    def act(exchange: Exchange) -> bool:
        exchange.rfile.read(min(after, int(exchange.headers.get("Content-Length") or 0)))
        exchange.reset()
        return True

    return act


def stalling(seconds: float) -> Act:
    """Answer nothing for a while, then break off."""

    def act(exchange: Exchange) -> bool:
        time.sleep(seconds)
        exchange.reset()
        return True

    return act


def expiring(exchange: Exchange) -> bool:
    """Forget all tokens, and go on."""
    exchange.state.tokens.clear()
    return False
