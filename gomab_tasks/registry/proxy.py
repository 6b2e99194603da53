"""Read which proxy serves a host, as Go's net/http and curl do."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from gomab_tasks.errors import RegistryError

_ADDRESS = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_loopback(host: str) -> bool:
    """Tell whether a host name is this very machine."""
    address = _address(host)
    if address is None:
        return host.lower() == "localhost"
    return address.is_loopback


def proxy_for(scheme: str, host: str, port: int, environment: Mapping[str, str]) -> str | None:
    """Give the address of the proxy for a request, or none.

    HTTPS_PROXY or HTTP_PROXY by the request's scheme, else ALL_PROXY; upper case
    before lower. NO_PROXY lists hosts, domains, networks, each with a port or
    without, or `*`. Loopback is never proxied.

    Raises `RegistryError` for a proxy that is not one of HTTP.
    """
    names = (f"{scheme}_proxy", "all_proxy")
    value = next((found for name in names if (found := _variable(environment, name))), "")
    if not value or is_loopback(host) or _is_exempt(host, port, _variable(environment, "no_proxy")):
        return None
    address = value if "://" in value else f"http://{value}"
    if not _is_http(address):
        raise RegistryError(
            f"{host}: the proxy of the environment is of no kind that is known here; "
            f"set {scheme.upper()}_PROXY to http://HOST:PORT, or name {host} in NO_PROXY"
        )
    return address


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _variable(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name.upper()) or environment.get(name) or "").strip()


def _is_exempt(host: str, port: int, no_proxy: str) -> bool:
    return any(_matches(host.lower(), port, rule) for rule in _rules(no_proxy))


def _rules(no_proxy: str) -> Iterator[str]:
    return filter(None, (rule.strip().lower() for rule in no_proxy.split(",")))


def _matches(host: str, port: int, rule: str) -> bool:
    if rule == "*":
        return True
    address = _address(host)
    if address is not None and "/" in rule:
        return _is_in(address, rule)
    name, colon, number = rule.rpartition(":")
    if colon and number.isdecimal() and _address(rule) is None:
        if int(number) != port:
            return False
        rule = name
    if address is not None:
        return _address(rule) == address
    domain = rule.removeprefix("*").removeprefix(".")
    # A rule with a leading dot means what is below the domain, not itself.
    return host.endswith(f".{domain}") or (host == domain and not rule.startswith((".", "*.")))


def _is_in(address: _ADDRESS, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address(host: str) -> _ADDRESS | None:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
