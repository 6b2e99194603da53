"""Check the forms of strings; every check raises `ValueError` with "is 'x'; write …"."""

from __future__ import annotations

import posixpath
import re

from gomab_tasks import grammar
from gomab_tasks.platforms import GO_PLATFORM_VARIABLES
from gomab_tasks.secrets import has_login
from gomab_tasks.settings.problem import nearest, show
from gomab_tasks.settings.template import check_template, hide_fields

VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
GO_VARIABLE_PATTERN = r"^[^\s=]+\.[^\s=./]+$"
IMAGE_NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
LABEL_PATTERN = r"^[^\s=]+$"
ENV_PATTERN = r"^[^=]+$"
PLATFORM_PATTERN = r"^\s*[^/\s]+/[^/\s]+(/[^/\s]+)?\s*$"
PORT_PATTERN = r"^\s*[0-9]{1,5}(/[A-Za-z]+)?\s*$"
HTTP_PATH_PATTERN = r"^/[!-~]*$"
SIGNAL_PATTERN = r"^(SIG[A-Z0-9+-]+|[0-9]+)$"
HOST_PATTERN = f"^{grammar.HOST}$"

_SCHEME = r"([a-z-]+://)(?:[^/]*@)?"
_AFTER_REPOSITORY = r"(:[^/:]*)?(@.*)?$"
_BUILD_TAG = r"[\w.]+"
_USER = r"(?:[0-9]+|[A-Za-z_][A-Za-z0-9_.-]*)(?::(?:[0-9]+|[A-Za-z_][A-Za-z0-9_.-]*))?"
_PORT = r"([0-9]{1,5})(?:/(tcp|udp|sctp))?"
# Docker refuses larger ones (moby/sys/user).
_LARGEST_ID = 2**31 - 1
_LARGEST_SIGNAL = 64
_SIGNALS = (
    "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS "
    "TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX"
)
_REAL_TIME = r"RTMIN\+[0-9]{1,2}|RTMAX-[0-9]{1,2}"


def project_path(text: str) -> str:
    """Read a path relative to pyproject.toml (or to the module) that stays inside; give it normalised."""
    if not text.strip():
        raise ValueError(f"is {show(text)}; write a path in the project")
    if "\\" in text:
        raise ValueError(f"is {show(text)}; write '/' between folders: {show(text.replace(chr(92), '/'))}")
    if text.startswith(("/", "~")) or re.match(r"[A-Za-z]:", text):
        raise ValueError(f"is {show(text)}; write a path relative to the project, inside it")
    if ".." in text.split("/"):
        raise ValueError(f"is {show(text)}, and '..' may lead out of the project; write a path without it")
    return posixpath.normpath(text)


def file_path(text: str) -> str:
    """Read a path of a file."""
    path = project_path(text)
    if path == ".":
        raise ValueError(f"is {show(text)}, a folder; name a file")
    return path


def ca_path(text: str) -> str:
    """Read a path of a file in the project, or an absolute one: authorities of machines lie outside of it."""
    if re.match(r"(?:[A-Za-z]:)?/", text):
        return posixpath.normpath(text)
    if text.startswith("~") or ".." in text.split("/"):
        raise ValueError(f"is {show(text)}; write a path in the project, or an absolute one")
    return file_path(text)


def out_path(text: str) -> str:
    """Read a path for a folder that is all gomab's own."""
    path = project_path(text)
    if path == ".":
        raise ValueError(f"is {show(text)}, the project itself; name a folder of its own: 'build/gomab'")
    return path


def package_path(text: str) -> str:
    """Read the folder of one main package."""
    if "..." in text:
        raise ValueError(
            f"is {show(text)}; name each main package, or leave the key out to have all of them found"
        )
    path = project_path(text)
    if path.endswith(".go"):
        raise ValueError(f"is {show(text)}, a file; name its folder: {show(posixpath.dirname(path) or '.')}")
    return path


def container_path(text: str) -> str:
    """Read an absolute path in an image."""
    if not text.startswith("/"):
        example = posixpath.normpath(f"/{text}") if text.strip() and ".." not in text.split("/") else "/app"
        raise ValueError(f"is {show(text)}; write an absolute path in the image: {show(example)}")
    if ".." in text.split("/"):
        raise ValueError(f"is {show(text)}; write the path in the image without '..'")
    plain = posixpath.normpath(f"/{text.lstrip('/')}")
    if text != plain:
        raise ValueError(f"is {show(text)}; write it plainly: {show(plain)}")
    return text


def target_path(text: str) -> str:
    """Read the path that a file or folder gets in an image."""
    if len(text) > 1 and text.endswith("/"):
        raise ValueError(f"is {show(text)}; write the whole path that 'from' gets, without a final '/'")
    return container_path(text)


def volume_path(text: str) -> str:
    """Read the path of a volume."""
    if container_path(text) == "/":
        raise ValueError("is '/'; name a folder below it: '/data'")
    return text


def image_name(text: str) -> str:
    """Read the NAME of `[tool.gomab.images.NAME]`."""
    if not re.fullmatch(IMAGE_NAME_PATTERN[1:-1], text):
        fixed = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-")
        raise ValueError(
            "is no name for an image; it starts with a-z or 0-9, then a-z, 0-9, '.', '_' and '-'"
            + (f": '{fixed}'" if fixed else "")
        )
    return text


def tag(text: str) -> str:
    """Read a template for a tag."""
    check_template(text)
    if not grammar.is_tag(hide_fields(text)):
        raise ValueError(f"is {show(text)}; a tag has {_tag_rule(text)}")
    return text


def _tag_rule(text: str) -> str:
    if len(hide_fields(text)) > grammar.LONGEST_TAG:
        return f"{grammar.LONGEST_TAG} characters at most"
    fixed = re.sub(r"[^A-Za-z0-9_.{}-]+", "-", text).lstrip("-.")
    rule = "letters, digits, '_', '.' and '-', the last two not first"
    return f"{rule}: '{fixed}'" if grammar.is_tag(hide_fields(fixed)) else rule


def repository(text: str) -> str:
    """Read a template for a repository: `ghcr.io/acme/{image}`."""
    check_template(text)
    if not _is_repository(text):
        raise ValueError(f"is {show(text)}; {_repository_advice(text)}")
    return text


def _repository_advice(text: str) -> str:
    """Take off what does not belong there, and say so."""
    changes = []
    plain = text
    if scheme := re.match(_SCHEME, text):
        changes.append(f"without '{scheme[1]}'")
        plain = text.removeprefix(scheme[0])
    bare = re.sub(_AFTER_REPOSITORY, "", plain)
    if bare != plain:
        changes.append(f"without '{plain.removeprefix(bare)}' (tags belong in image.tags)")
    lower = re.sub(r"\{[^{}]*\}|[^{}]+", _lower_outside_fields, bare)
    if lower != bare:
        changes.append("in lower case")
    fixed = re.sub(r"/+", "/", lower.strip("/"))
    if not _is_repository(fixed):
        return "write it as registry/path, in lower case: 'ghcr.io/acme/api'"
    return f"write it {', '.join(changes) or 'plainly'}: {show(fixed)}"


def _lower_outside_fields(part: re.Match[str]) -> str:
    return part[0] if part[0].startswith("{") else part[0].lower()


def _is_repository(text: str) -> bool:
    return grammar.is_repository(hide_fields(text))


def base(text: str) -> str:
    """Read `scratch` or what `image` reads."""
    return _reference(text, "'scratch' or an image, best with its digest: 'gcr.io/distroless/static:nonroot'")


def image(text: str) -> str:
    """Read a reference: repository, then `:tag`, `@sha256:…` or both."""
    advice = "an image: 'ghcr.io/acme/tools:1.2'"
    if text == "scratch":
        raise ValueError(f"is {show(text)}, an image that has no files; write {advice}")
    return _reference(text, advice)


def _reference(text: str, advice: str) -> str:
    name, own_tag, digest = grammar.split_reference(text)
    if digest is not None and not grammar.is_digest(digest):
        raise ValueError(f"is {show(text)}; a digest is 'sha256:' and 64 hexadecimal digits")
    if not grammar.is_repository(name) or not (own_tag is None or grammar.is_tag(own_tag)):
        raise ValueError(f"is {show(text)}; write {advice}")
    return text


def user(text: str) -> str:
    """Read UID, UID:GID or names."""
    if not re.fullmatch(_USER, text):
        raise ValueError(f"is {show(text)}; write UID:GID or a name of the base image: '65532:65532'")
    if any(part.isdecimal() and int(part) > _LARGEST_ID for part in text.split(":")):
        raise ValueError(f"is {show(text)}; numbers go up to {_LARGEST_ID}")
    return text


def port(text: str) -> str:
    """Read `8080`, `8080/tcp` or `53/udp`; give it with its protocol."""
    match = re.fullmatch(_PORT, text.strip().lower())
    if match is None:
        raise ValueError(
            f"is {show(text)}; write one port, with its protocol if it is not tcp: '{_port_guess(text)}'"
        )
    if not 0 < int(match[1]) <= grammar.LARGEST_PORT:
        raise ValueError(f"is {show(text)}; ports go from 1 to {grammar.LARGEST_PORT}")
    return f"{int(match[1])}/{match[2] or 'tcp'}"


def _port_guess(text: str) -> str:
    numbers = re.findall(r"[0-9]+", text)
    near = nearest(text.rpartition("/")[2].lower(), ("udp", "sctp"))
    protocol = f"/{near}" if near else ""
    # In Docker's HOST:CONTAINER the image knows the second.
    return f"{numbers[-1]}{protocol}" if numbers and int(numbers[-1]) <= grammar.LARGEST_PORT else "8080"


def stop_signal(text: str) -> str:
    """Read `SIGTERM`, `SIGRTMIN+3` or a number."""
    if text.isascii() and text.isdecimal() and 0 < int(text) <= _LARGEST_SIGNAL:
        return text
    name = text.upper().removeprefix("SIG")
    if name not in _SIGNALS.split() and not re.fullmatch(_REAL_TIME, name):
        near = nearest(name, _SIGNALS.split()) or "TERM"
        raise ValueError(f"is {show(text)}; write a signal of Linux or its number: 'SIG{near}'")
    if text != f"SIG{name}":
        raise ValueError(f"is {show(text)}; write it as 'SIG{name}'")
    return text


def tag_pattern(text: str) -> str:
    """Read a pattern of tags, such as `v*`: `*`, `?` and `[…]` as in a shell."""
    if not re.fullmatch(r"[A-Za-z0-9_.*?\[\]!-]+", text):
        raise ValueError(f"is {show(text)}; a pattern has what tags have, and '*' and '?': 'v*'")
    return text


def registry_host(text: str) -> str:
    """Read `HOST` or `HOST:PORT`; give it in lower case, as hosts are compared."""
    if not grammar.is_host(text):
        host = re.sub(r"^[a-z]+://", "", text).partition("/")[0]
        guess = host if grammar.is_host(host) else "registry.lan:5000"
        raise ValueError(f"is {show(text)}; write a host, with its port if it has one: '{guess}'")
    return text.lower()


def http_path(text: str) -> str:
    """Read the path of an HTTP request, with its query if it has one."""
    if not re.fullmatch(HTTP_PATH_PATTERN[1:-1], text):
        raise ValueError(f"is {show(text)}; write a path from the root: '/healthz'")
    return text


def tcp_port(text: str) -> str:
    """Read a TCP port; give it without its protocol."""
    number, protocol = port(text).split("/")
    if protocol != "tcp":
        raise ValueError(f"is {show(text)}; HTTP needs a TCP port: '{number}'")
    return number


def build_tag(text: str) -> str:
    """Read one build tag (go/build/constraint: letters, digits, `_` and `.`)."""
    if not re.fullmatch(_BUILD_TAG, text):
        words = [word for word in re.split(r"[,\s]+", text) if word]
        if len(words) > 1 and all(re.fullmatch(_BUILD_TAG, word) for word in words):
            raise ValueError(f"is {show(text)}; write an item for each tag: {show(words)[1:-1]}")
        raise ValueError(f"is {show(text)}; a build tag has letters, digits, '_' and '.': 'netgo'")
    return text


def argument(text: str) -> str:
    """Read an argument that may not be empty."""
    if not text.strip():
        raise ValueError(f"is {show(text)}; write an argument, or leave the item out")
    return text


def check_go_env(name: str, value: object) -> None:
    """Refuse what is no variable, what the platform or gomab itself sets, and what cannot differ."""
    if not re.fullmatch(VARIABLE_PATTERN[1:-1], name):
        raise ValueError("is no name of an environment variable; use letters, digits and '_'")
    if name == "CGO_ENABLED":
        raise ValueError(
            f"is {show(value)}, but gomab always builds without cgo, with '0'; leave the key out"
        )
    if name == "GOTOOLCHAIN":
        raise ValueError(
            f"is {show(value)}, but one Go builds all images; write a toolchain line into go.mod, or set it "
            "in the environment"
        )
    if name in GO_PLATFORM_VARIABLES:
        raise ValueError(f"is {show(value)}, but the platform sets it; {_platform_advice(name, str(value))}")
    if has_login(str(value)):
        raise ValueError(
            "holds a login, which all who read this table or a Dockerfile would know; keep it in the "
            "environment, or in a netrc file, with dockerfile.netrc"
        )


def _platform_advice(name: str, value: str) -> str:
    examples = {
        "GOOS": f"{value}/amd64",
        "GOARCH": f"linux/{value}",
        "GOARM": f"linux/arm/v{value.partition(',')[0]}",
        "GOARM64": f"linux/arm64/{value.partition(',')[0]}",
        "GOAMD64": f"linux/amd64/{value}",
    }
    return f"write it in platforms instead: '{examples[name]}'"


def check_go_variable(name: str, value: object) -> None:
    """Refuse what is no `importpath.name`, and a value that -ldflags has no way to quote."""
    if not re.fullmatch(GO_VARIABLE_PATTERN[1:-1], name):
        raise ValueError('names no variable of Go; write its package and name: "main.version"')
    if isinstance(value, str) and {"'", '"'} <= set(value):
        raise ValueError(
            f"is {show(value)}, with both ' and \", which Go's -ldflags cannot carry; use one of them"
        )


def check_env(name: str, _value: object) -> None:
    """Refuse what no process can have as a variable."""
    if not name or "=" in name or "\0" in name:
        raise ValueError(
            "is no name of an environment variable; leave out '=' and NUL, and let it not be empty"
        )


def check_label(name: str, _value: object) -> None:
    """Refuse a key that the tools of Docker cannot carry."""
    if not re.fullmatch(LABEL_PATTERN[1:-1], name) or "\0" in name:
        raise ValueError(
            "is no key for a label or annotation; write it without spaces and '=': "
            '"org.opencontainers.image.title"'
        )
