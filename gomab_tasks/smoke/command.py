"""Read from an image what a container of it runs."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import as_list
from gomab_tasks.oci.image import Config
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.settings import Smoke


class Command(Struct, frozen=True):
    """Hold a command and what surrounds it.

    Attributes:
        words: entrypoint and arguments; the first may be a bare name.
        env: the image's variables, and those of the trial over them.
        user: as the config has it: numbers, names or empty.
    """

    words: tuple[str, ...]
    env: Mapping[str, str]
    workdir: str
    user: str


def command_of(layout: Layout, image: VerifiedImage, settings: Smoke) -> Command:
    """Give the image's command, with the arguments of the table where it has some.

    Raises `VerificationError` for an image that starts nothing.
    """
    where = blob_name(image.config.digest)
    execution = Config.from_bytes(layout.read_blob(image.config), where).execution
    entrypoint = _texts(execution.get("Entrypoint"), f"{where}: Entrypoint")
    args = _texts(execution.get("Cmd"), f"{where}: Cmd") if settings.args is None else settings.args
    if not entrypoint + args:
        raise VerificationError(f"{where}: has no command; set image.entrypoint")
    variables = _texts(execution.get("Env"), f"{where}: Env")
    env = {name: value for name, _, value in (variable.partition("=") for variable in variables)}
    return Command(
        entrypoint + args,
        env | dict(settings.env),
        str(execution.get("WorkingDir") or "/"),
        str(execution.get("User") or ""),
    )


def _texts(value: object, where: str) -> tuple[str, ...]:
    return tuple(map(str, as_list(value or [], where)))
