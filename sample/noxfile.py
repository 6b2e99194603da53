# /// script
# dependencies = ["nox>=2026.8.10", "gomab-tasks"]
# ///
"""Sessions of the service, with gomab's beside them."""

import nox

from gomab_tasks.nox import register

nox.options.sessions = ["vet", "test"]


@nox.session(python=False)
def vet(session: nox.Session) -> None:
    """Look for suspicious Go code."""
    session.run("go", "vet", "./...", external=True)


@nox.session(python=False)
def test(session: nox.Session) -> None:
    """Run the Go tests; -- words go to `go test`."""
    session.run("go", "test", "./...", *session.posargs, external=True)


register()

if __name__ == "__main__":
    nox.main()
