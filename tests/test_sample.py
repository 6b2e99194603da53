"""The sample service passes its own tests, those against a real database among them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[1] / "sample"
# pg_virtualenv, of Debian's postgresql-common, runs a command beside a throw-away server.
ADDRESS = "postgres://$PGUSER:$PGPASSWORD@$PGHOST:$PGPORT/$PGDATABASE"


@pytest.mark.slow
@pytest.mark.tool("pg_virtualenv")
def test_go_test(tmp_path: Path, go: Path) -> None:
    """None is skipped for want of a database."""
    shutil.copytree(SAMPLE, tmp_path / "sample", ignore=shutil.ignore_patterns("build"))
    command = f'TEST_DATABASE_URL="{ADDRESS}" exec "$0" test -count=1 -v ./...'
    ran = subprocess.run(
        ["pg_virtualenv", "-t", "sh", "-c", command, go],
        cwd=tmp_path / "sample",
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "--- PASS: TestWithDatabase" in ran.stdout
    assert "--- SKIP" not in ran.stdout
