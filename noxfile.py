# /// script
# dependencies = ["nox>=2026.8.10", "gomab-tasks"]
# ///
"""Sessions of the project itself, and gomab's own on sample/."""

from pathlib import Path

import nox

from gomab_tasks.nox import register

nox.options.sessions = ["tests", "lint", "types", "docs"]


def _install(session: nox.Session) -> None:
    """Install the checkout with all that a contributor needs."""
    session.install("-e", ".[dev]")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; -- words go to pytest."""
    _install(session)
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    _install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    _install(session)
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages anew: settings, JSON Schema, exit codes."""
    _install(session)
    session.run("python", "-m", "gomab_tasks.settings.reference")


@nox.session
def dist(session: nox.Session) -> None:
    """Build the sdist and the wheel."""
    session.install("build")
    session.run("python", "-m", "build")


register(root=Path(__file__).parent / "sample")
