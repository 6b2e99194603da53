"""Reach registries as the table says."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from gomab_tasks.project import Project
from gomab_tasks.registry.client import Client, open_client
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.transport import load_certificates
from gomab_tasks.settings.problem import Problem, show
from gomab_tasks.settings.refusal import refusal


class Registries:
    """Open a client for each registry once, and close all of them at the end."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stack = ExitStack()
        self._clients: dict[str, Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def client(self, repository: Repository) -> Client:
        """Give the client of a repository's registry.

        Raises `SettingsError` for a CA file that is none.
        """
        if repository.registry not in self._clients:
            settings = self._project.settings.registry
            opened = open_client(
                repository.registry,
                self._project.processes,
                self._project.warn,
                plain_http=settings.plain_http,
                ca_file=_ca_file(self._project),
            )
            self._clients[repository.registry] = self._stack.enter_context(opened)
        return self._clients[repository.registry]


def _ca_file(project: Project) -> Path | None:
    name = project.settings.registry.ca_file
    if name is None:
        return None
    path = project.root / name
    try:
        load_certificates(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)
    except ValueError as error:
        problem = Problem(("registry", "ca-file"), f"is {show(name)}, which {error}")
        raise refusal(project.settings.source, [problem]) from None
    return path
