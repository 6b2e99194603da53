"""The project's own tasks, and gomab's on sample/ beside them: `invoke -l`."""

from pathlib import Path

from invoke import Context, task

from gomab_tasks.invoke import collection


@task
def tests(context: Context) -> None:
    """Run the tests."""
    context.run("pytest", pty=True)


@task
def lint(context: Context) -> None:
    """Check style and formatting."""
    context.run("ruff check .")
    context.run("ruff format --check .")


@task
def types(context: Context) -> None:
    """Check types."""
    context.run("mypy")


@task
def docs(context: Context) -> None:
    """Write the generated pages anew."""
    context.run("python -m gomab_tasks.settings.reference")


@task
def dist(context: Context) -> None:
    """Build the sdist and the wheel."""
    context.run("python -m build")


# gomab's tasks stand at the top, so that `invoke build --arch arm64` works here.
ns = collection(root=Path(__file__).parent / "sample")
for own in (tests, lint, types, docs, dist):
    ns.add_task(own)
