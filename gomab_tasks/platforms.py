"""Name platforms as OCI does and translate them to Go's variables.

Normalisation follows containerd's platforms package (database.go): `arm` is
`arm/v7`, `arm64/v8` is `arm64`, `amd64/v1` is `amd64`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from msgspec import Struct

# What `go tool dist list` prints in Go 1.21 to 1.27, joined by OS. A test holds
# this table against the toolchain in use.
GO_ARCHITECTURES: Mapping[str, tuple[str, ...]] = {
    "aix": ("ppc64",),
    "android": ("386", "amd64", "arm", "arm64"),
    "darwin": ("amd64", "arm64"),
    "dragonfly": ("amd64",),
    "freebsd": ("386", "amd64", "arm", "arm64", "riscv64"),
    "illumos": ("amd64",),
    "ios": ("amd64", "arm64"),
    "js": ("wasm",),
    "linux": (
        "386",
        "amd64",
        "arm",
        "arm64",
        "loong64",
        "mips",
        "mips64",
        "mips64le",
        "mipsle",
        "ppc64",
        "ppc64le",
        "riscv64",
        "s390x",
    ),
    "netbsd": ("386", "amd64", "arm", "arm64"),
    "openbsd": ("386", "amd64", "arm", "arm64", "ppc64", "riscv64"),
    "plan9": ("386", "amd64", "arm"),
    "solaris": ("amd64",),
    "wasip1": ("wasm",),
    "windows": ("386", "amd64", "arm", "arm64"),
}

# Variant -> value of the architecture's Go variable. The first is what OCI
# leaves unsaid (amd64, arm64) or containerd's default (arm/v7).
_AMD64 = {f"v{level}": f"v{level}" for level in range(1, 5)}
_ARM = {"v7": "7", "v6": "6", "v5": "5"}
_ARM64 = {"v8": "v8.0", "v9": "v9.0"} | {
    f"v{major}.{minor}": f"v{major}.{minor}" for major, last in ((8, 9), (9, 5)) for minor in range(last + 1)
}
_VARIANTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "amd64": ("GOAMD64", _AMD64),
    "arm": ("GOARM", _ARM),
    "arm64": ("GOARM64", _ARM64),
}
# What Go takes where nobody says anything (internal/buildcfg), for levels that OCI has no variants for.
# An empty value would let that of `go env -w` through; a comma is no feature at all.
_DEFAULT_LEVELS: Mapping[str, Mapping[str, str]] = {
    "386": {"GO386": "sse2"},
    "mips": {"GOMIPS": "hardfloat"},
    "mips64": {"GOMIPS64": "hardfloat"},
    "mips64le": {"GOMIPS64": "hardfloat"},
    "mipsle": {"GOMIPS": "hardfloat"},
    "ppc64": {"GOPPC64": "power8"},
    "ppc64le": {"GOPPC64": "power8"},
    "riscv64": {"GORISCV64": "rva20u64"},
    "wasm": {"GOWASM": ","},
}
GO_PLATFORM_VARIABLES = frozenset({"GOOS", "GOARCH"} | {name for name, _ in _VARIANTS.values()})

_ARCHITECTURE_ALIASES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "i686": "386",
    "armhf": "arm/v7",
    "armel": "arm/v6",
}
_ARCHITECTURES = frozenset(name for names in GO_ARCHITECTURES.values() for name in names)
_OS_ALIASES = {"macos": "darwin"}
_UNSAID = {"amd64": ("v1",), "arm64": ("v8", "v8.0")}


class PlatformError(ValueError):
    """Say what is wrong with a platform's name and what to write instead."""


class Platform(Struct, frozen=True, order=True):
    """Hold an OCI os, architecture and variant, normalised; `str()` joins them by `/`."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def slug(self) -> str:
        """Name a file or folder after the platform: `linux_arm_v7`."""
        return str(self).replace("/", "_")

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `OS/ARCH[/VARIANT]`.

        Raises `PlatformError` with the nearest name that Go and OCI know.
        """
        parts = text.strip().lower().split("/")
        match parts:
            case [os, architecture, *rest] if all(parts) and len(rest) <= 1:
                os = _OS_ALIASES.get(os, os)
                alias = _ARCHITECTURE_ALIASES.get(architecture, architecture)
                architecture, _, variant = alias.partition("/")
                variant = rest[0] if rest else variant
            case _:
                raise PlatformError(f"is '{text}'; {_advice(parts)}")
        if architecture not in GO_ARCHITECTURES.get(os, ()):
            raise PlatformError(f"is '{text}'; {_advice(parts)}")
        return cls(os, architecture, _normal_variant(text, architecture, variant))

    def go_env(self) -> dict[str, str]:
        """Give GOOS, GOARCH and the architecture's level, always explicit.

        A level that is only in the caller's environment must never leak into a
        binary, so GOAMD64, GOARM and GOARM64 are set even where Go's default
        would do.
        """
        variables = {"GOOS": self.os, "GOARCH": self.architecture}
        if self.architecture in _VARIANTS:
            name, levels = _VARIANTS[self.architecture]
            variables[name] = levels[self.variant] if self.variant else next(iter(levels.values()))
        return variables

    def build_env(self, own: Mapping[str, str]) -> dict[str, str]:
        """Give all that is set for `go build`, always explicit: the platform, no cgo, and the user's own.

        Args:
            own: `go.env`, which chooses among levels that are no OCI variants.
        """
        return {**_DEFAULT_LEVELS.get(self.architecture, {}), **own, **self.go_env(), "CGO_ENABLED": "0"}

    @property
    def needs_cgo(self) -> bool:
        """Tell whether Go can only link this platform through a C linker.

        Source: Go's internal/platform/supported.go, MustLinkExternal.
        """
        return self.os == "ios" or (self.os == "android" and self.architecture != "arm64")


def select(text: str) -> Platform:
    """Read what `--arch` takes: ARCH, ARCH/VARIANT or OS/ARCH[/VARIANT]; the OS is linux if unsaid."""
    first = text.strip().lower().partition("/")[0]
    if first in GO_ARCHITECTURES or first in _OS_ALIASES:
        return Platform.parse(text)
    try:
        return Platform.parse(f"linux/{text.strip()}")
    except PlatformError as error:
        message = str(error).replace(f"'linux/{text.strip()}'", f"'{text}'", 1)
        raise PlatformError(message) from None


def says_variant(text: str) -> bool:
    """Tell whether the name of a platform has a variant written out: `arm/v7`, `armhf`."""
    last = text.strip().lower().rpartition("/")[2]
    return _ARCHITECTURE_ALIASES.get(last, last) not in _ARCHITECTURES


def best_match(wanted: Platform, offered: Iterable[Platform]) -> Platform | None:
    """Find what serves a platform: itself, else the highest level below it, as containerd does."""
    fitting = [platform for platform in offered if platform == wanted or _is_below(platform, wanted)]
    return max(fitting, key=_level, default=None)


def _is_below(offered: Platform, wanted: Platform) -> bool:
    if (offered.os, offered.architecture) != (wanted.os, wanted.architecture):
        return False
    level, limit = _level(offered), _level(wanted)
    if wanted.architecture == "arm64" and (level[0], limit[0]) == (8, 9):
        return level[1] <= limit[1] + 5  # ARMv9.x has what ARMv8.(x+5) has
    return (0, 0) < level < limit


def _level(platform: Platform) -> tuple[int, int]:
    """Give the numbers of a variant: 9 and 1 of `v9.1`; zeros where there are none."""
    levels = _VARIANTS[platform.architecture][1] if platform.architecture in _VARIANTS else {}
    variant = platform.variant or next(iter(levels), "")
    major, _, minor = variant.removeprefix("v").partition(".") if variant in levels else ("0", "", "")
    return int(major), int(minor or "0")


def duplicates(platforms: Iterable[Platform]) -> tuple[Platform, ...]:
    """Give the platforms that occur more than once, in order."""
    seen: set[Platform] = set()
    return tuple(p for p in platforms if p in seen or seen.add(p))  # type: ignore[func-returns-value]


def _normal_variant(text: str, architecture: str, variant: str) -> str:
    if architecture not in _VARIANTS:
        if variant:
            raise PlatformError(
                f"is '{text}', but {architecture} has no OCI variants; "
                "set its level through go.env (GO386, GOMIPS, GOPPC64, GORISCV64)"
            )
        return ""
    levels = _VARIANTS[architecture][1]
    if variant.isdecimal():
        variant = f"v{variant}"
    if variant in _UNSAID.get(architecture, ()):
        return ""
    if not variant:
        return "v7" if architecture == "arm" else ""
    if variant not in levels:
        raise PlatformError(f"is '{text}'; variants of {architecture}: {', '.join(levels)}")
    return "v9" if variant == "v9.0" else variant


def _advice(parts: list[str]) -> str:
    form = "write os/architecture/variant as OCI does"
    guess = _nearest(parts)
    match parts:
        case [os, architecture] | [os, architecture, _] if all(parts) and os in GO_ARCHITECTURES:
            if guess is None or architecture in _ARCHITECTURES:
                return f"on {os} Go builds for {', '.join(GO_ARCHITECTURES[os])}"
    return f"{form}: '{guess}'" if guess else f"{form}, for example 'linux/arm64'"


def _nearest(parts: list[str]) -> str | None:
    os = _OS_ALIASES.get(parts[0], parts[0])
    if os in GO_ARCHITECTURES:
        rest = parts[1:]
    else:
        near_os = difflib.get_close_matches(os, GO_ARCHITECTURES, 1, 0.6) if len(parts) > 1 else []
        os, rest = (near_os[0], parts[1:]) if near_os else ("linux", parts)
    spellings = {
        spelling: name
        for architecture in GO_ARCHITECTURES[os]
        for spelling, name in _spellings(architecture).items()
    }
    match = difflib.get_close_matches("".join(rest), spellings, 1, 0.75)
    return f"{os}/{spellings[match[0]]}" if match else None


def _spellings(architecture: str) -> dict[str, str]:
    """Map run-together spellings (`armv7`, `arm7`) to OCI's."""
    names = {architecture: architecture}
    if architecture in _VARIANTS:
        for variant in _VARIANTS[architecture][1]:
            oci = f"{architecture}/{variant}"
            names |= {f"{architecture}{variant}": oci, f"{architecture}{variant[1:]}": oci}
    names |= {alias: name for alias, name in _ARCHITECTURE_ALIASES.items() if name == architecture}
    return names
