"""What makes images from a plan: one module for each backend."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from gomab_tasks.facts import Facts
from gomab_tasks.output.record import ImageRecord
from gomab_tasks.plan import Plan
from gomab_tasks.project import Project


class Backend(Protocol):
    """Be a module that makes images."""

    def make(self, project: Project, facts: Facts, plan: Plan, jobs: int) -> list[ImageRecord]:
        """Make every image of the plan for each of its platforms.

        Blobs go into OUT/images/NAME, a record for each platform into
        OUT/records/NAME. Everything is verified before the record is written.
        """
        ...


MODULES = {"native": "gomab_tasks.backends.native", "buildkit": "gomab_tasks.backends.buildkit"}


def backend(name: str) -> Backend:
    """Load the backend that the table names."""
    return cast(Backend, importlib.import_module(MODULES[name]))
