"""Declare how programs are tried; `schema` has all other keys."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gomab_tasks.settings import form, quantity
from gomab_tasks.settings.key import key, optional
from gomab_tasks.settings.kind import STRING, Entries, Flag, Items, Number, Text

_HTTP_PATH = Text("path", form.http_path, pattern=form.HTTP_PATH_PATTERN, example="/healthz")
_TCP_PORT = Text("port", form.tcp_port, pattern=form.PORT_PATTERN, integers=True, example="8080")
_SECONDS = Text("time", quantity.read_seconds, pattern=quantity.SECONDS_PATTERN, example="10 s")
ENV = Entries(STRING, form.check_env, key_pattern=form.ENV_PATTERN)


class Smoke(Struct, frozen=True, kw_only=True):
    """Hold how `smoke` tries a program: a request that it must answer, or arguments and an exit code."""

    path: str | None = optional(
        _HTTP_PATH,
        "the program is run to its end",
        "The path of an HTTP request that must be answered with a status below 400.",
        also=("http", "url", "endpoint"),
    )
    port: str | None = optional(
        _TCP_PORT, "the first of `image.expose`", "The port that the program answers at."
    )
    args: tuple[str, ...] | None = optional(
        Items(STRING),
        "those of the image",
        "Arguments for the entrypoint; `[]` for none. Without `path`, `args` or an `exit` above 0 there is "
        "no check.",
        also=("arguments", "command"),
    )
    exit: int = key(
        Number(0, 255),
        0,
        "The exit code that is expected, where no `path` is set.",
        also=("exit-code", "code"),
    )
    env: Mapping[str, str] = key(
        ENV, {}, "Environment variables for the trial alone, over those of the image.", also=("environment",)
    )
    within: float = key(_SECONDS, "10 s", "How long the program may take.", also=("timeout",))
    required: bool = key(
        Flag(),
        False,  # noqa: FBT003 - the default, as in TOML
        "Whether `push` refuses an image whose programs were not all tried with success.",
        also=("require",),
    )

    @property
    def has_check(self) -> bool:
        """Whether it says what a program must do; the other keys only say how."""
        return self.path is not None or self.args is not None or self.exit != 0
