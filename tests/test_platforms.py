"""Names of platforms, normalised as containerd does, and their Go variables."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gomab_tasks.platforms import (
    GO_ARCHITECTURES,
    GO_PLATFORM_VARIABLES,
    Platform,
    PlatformError,
    best_match,
    duplicates,
    select,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/i386", "linux/386"),
        ("linux/i686", "linux/386"),
        ("linux/arm64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm64/v8.0", "linux/arm64"),
        ("linux/arm64/v8.2", "linux/arm64/v8.2"),
        ("linux/arm64/v9", "linux/arm64/v9"),
        ("linux/arm64/v9.0", "linux/arm64/v9"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/arm/v5", "linux/arm/v5"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("  Linux/AMD64 ", "linux/amd64"),
        ("macos/arm64", "darwin/arm64"),
        ("linux/riscv64", "linux/riscv64"),
        ("windows/amd64", "windows/amd64"),
        ("wasip1/wasm", "wasip1/wasm"),
    ],
)
def test_parse(text: str, name: str) -> None:
    """Aliases and levels that go without saying disappear; bare arm is v7."""
    assert str(Platform.parse(text)) == name
    assert Platform.parse(name) == Platform.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("linux/arm7", "is 'linux/arm7'; write os/architecture/variant as OCI does: 'linux/arm/v7'"),
        ("linux/armv6", "is 'linux/armv6'; write os/architecture/variant as OCI does: 'linux/arm/v6'"),
        ("linux/amd46", "is 'linux/amd46'; write os/architecture/variant as OCI does: 'linux/amd64'"),
        ("linuks/arm64", "is 'linuks/arm64'; write os/architecture/variant as OCI does: 'linux/arm64'"),
        ("arm64", "is 'arm64'; write os/architecture/variant as OCI does: 'linux/arm64'"),
        ("", "is ''; write os/architecture/variant as OCI does, for example 'linux/arm64'"),
        ("linux//v7", "is 'linux//v7'; write os/architecture/variant as OCI does, for example 'linux/arm64'"),
        ("linux/arm/v7/x", "is 'linux/arm/v7/x'; write os/architecture/variant as OCI does"),
        ("darwin/s390x", "is 'darwin/s390x'; on darwin Go builds for amd64, arm64"),
        ("linux/sparc64", "is 'linux/sparc64'; on linux Go builds for 386, amd64, arm,"),
        ("plan9/arm64", "is 'plan9/arm64'; on plan9 Go builds for 386, amd64, arm"),
        ("linux/arm/v8", "is 'linux/arm/v8'; variants of arm: v7, v6, v5"),
        ("linux/amd64/v5", "is 'linux/amd64/v5'; variants of amd64: v1, v2, v3, v4"),
        ("linux/ppc64le/power9", "ppc64le has no OCI variants; set its level through go.env"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    """What Go or OCI does not know is refused with the nearest name."""
    with pytest.raises(PlatformError) as caught:
        Platform.parse(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("arm64", "linux/arm64"),
        ("arm/v6", "linux/arm/v6"),
        ("ARM", "linux/arm/v7"),
        ("armhf", "linux/arm/v7"),
        ("x86_64", "linux/amd64"),
        ("386", "linux/386"),
        ("linux/s390x", "linux/s390x"),
        ("windows/arm64", "windows/arm64"),
        ("macos/amd64", "darwin/amd64"),
    ],
)
def test_select(text: str, name: str) -> None:
    """The OS may be left out where it is linux."""
    assert str(select(text)) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arm7", "is 'arm7'; write os/architecture/variant as OCI does: 'linux/arm/v7'"),
        (" ARM7 ", "is ' ARM7 '; write"),
        ("windows", "is 'windows'; write"),
        ("sparc", "is 'sparc'; on linux Go builds for 386,"),
    ],
)
def test_select_refuses(text: str, message: str) -> None:
    """The message repeats what was given, without the OS that was added."""
    with pytest.raises(PlatformError) as caught:
        select(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("linux/amd64", {"GOAMD64": "v1"}),
        ("linux/amd64/v3", {"GOAMD64": "v3"}),
        ("linux/arm", {"GOARM": "7"}),
        ("linux/arm/v5", {"GOARM": "5"}),
        ("linux/arm64", {"GOARM64": "v8.0"}),
        ("linux/arm64/v8.2", {"GOARM64": "v8.2"}),
        ("linux/arm64/v9", {"GOARM64": "v9.0"}),
        ("linux/riscv64", {}),
        ("windows/386", {}),
    ],
)
def test_go_env(name: str, variables: dict[str, str]) -> None:
    """GOOS, GOARCH and the level are always explicit."""
    platform = Platform.parse(name)
    assert platform.go_env() == {"GOOS": platform.os, "GOARCH": platform.architecture} | variables
    assert platform.go_env().keys() <= GO_PLATFORM_VARIABLES


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("linux/386", {"GO386": "sse2"}),
        ("linux/mipsle", {"GOMIPS": "hardfloat"}),
        ("linux/mips64", {"GOMIPS64": "hardfloat"}),
        ("linux/ppc64le", {"GOPPC64": "power8"}),
        ("linux/riscv64", {"GORISCV64": "rva20u64"}),
        ("wasip1/wasm", {"GOWASM": ","}),
    ],
)
def test_levels_without_variants(name: str, default: dict[str, str]) -> None:
    """Go's default is set outright, unless the table has another; the table decides nothing else."""
    platform = Platform.parse(name)
    fixed = {**platform.go_env(), "CGO_ENABLED": "0"}
    assert platform.build_env({}) == {**fixed, **default}
    (variable,) = default
    own = {variable: "other", "GOOS": "plan9", "CGO_ENABLED": "1", "GOFIPS140": "v1"}
    assert platform.build_env(own) == {**fixed, variable: "other", "GOFIPS140": "v1"}


def test_slug_and_order() -> None:
    """A slug names a folder; platforms sort by their parts."""
    assert Platform.parse("linux/arm/v7").slug == "linux_arm_v7"
    names = ["linux/arm64", "linux/arm", "darwin/arm64", "linux/amd64"]
    assert [str(platform) for platform in sorted(map(Platform.parse, names))] == [
        "darwin/arm64",
        "linux/amd64",
        "linux/arm/v7",
        "linux/arm64",
    ]


def test_duplicates() -> None:
    """Two spellings of one platform are duplicates."""
    given = map(Platform.parse, ["linux/arm", "linux/arm64", "linux/arm/v7", "linux/arm64/v8", "linux/arm"])
    assert [str(platform) for platform in duplicates(given)] == [
        "linux/arm/v7",
        "linux/arm64",
        "linux/arm/v7",
    ]


def test_go_knows_the_same(go: Path) -> None:
    """Every platform of the toolchain in use is in the table."""
    listed = subprocess.run([go, "tool", "dist", "list"], check=True, capture_output=True, text=True).stdout
    table = {f"{os}/{architecture}" for os, rest in GO_ARCHITECTURES.items() for architecture in rest}
    assert set(listed.split()) <= table
    assert all(str(Platform.parse(name)).startswith(name) for name in table)


@pytest.mark.parametrize(
    ("wanted", "offered", "found"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v2"),
        ("linux/amd64", ["linux/amd64/v2"], None),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], "linux/arm/v6"),
        ("linux/arm/v6", ["linux/arm"], None),
        ("linux/arm64/v9.2", ["linux/arm64", "linux/arm64/v9"], "linux/arm64/v9"),
        ("linux/arm64/v9", ["linux/arm64/v8.5", "linux/arm64/v8.9"], "linux/arm64/v8.5"),
        ("linux/arm64/v9.1", ["linux/arm64/v8.7"], None),
        ("linux/arm64/v9.4", ["linux/arm64/v8.9", "linux/arm64/v8.2"], "linux/arm64/v8.9"),
        ("linux/arm64/v8.9", ["linux/arm64/v9"], None),
        ("linux/riscv64", ["linux/riscv64"], "linux/riscv64"),
        ("linux/riscv64", ["linux/s390x", "freebsd/riscv64"], None),
    ],
)
def test_best_match(wanted: str, offered: list[str], found: str | None) -> None:
    """The platform itself, else the highest level that its processors run as well."""
    match = best_match(Platform.parse(wanted), map(Platform.parse, offered))
    assert match == (Platform.parse(found) if found else None)


def test_unknown_variants_match_only_themselves() -> None:
    """A base's index may list what Go does not know."""
    odd = Platform("linux", "arm", "odd")
    assert best_match(Platform.parse("linux/arm/v7"), [odd]) is None
    assert best_match(odd, [odd]) == odd
