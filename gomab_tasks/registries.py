"""Reach registries as the table says."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

from gomab_tasks.project import Project
from gomab_tasks.registry.client import Client, open_client
from gomab_tasks.registry.reference import Repository


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
        """Give the client of a repository's registry."""
        if repository.registry not in self._clients:
            settings = self._project.settings.registry
            opened = open_client(
                repository.registry,
                self._project.processes,
                plain_http=settings.plain_http,
                ca_file=self._project.root / settings.ca_file if settings.ca_file else None,
            )
            self._clients[repository.registry] = self._stack.enter_context(opened)
        return self._clients[repository.registry]
