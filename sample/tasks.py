"""Tasks of the service, with gomab's beside them: `invoke -l`."""

from pathlib import Path

from invoke import Context, task

from gomab_tasks.invoke import collection


@task
def vet(context: Context) -> None:
    """Look for suspicious Go code."""
    context.run("go vet ./...")


@task
def test(context: Context) -> None:
    """Run the Go tests."""
    context.run("go test ./...")


ns = collection(root=Path(__file__).parent)
for own in (vet, test):
    ns.add_task(own)
