"""Start the script as a module."""

from __future__ import annotations

import subprocess
import sys

import gomab_tasks


def test_the_script_as_a_module() -> None:
    """`python -m gomab_tasks` is the script; once it is loaded, garbage is collected again."""
    program = (
        "import gc, runpy, sys; sys.argv[1:] = ['--version']\n"
        "try: runpy.run_module('gomab_tasks', run_name='__main__')\n"
        "finally: print(gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"gomab {gomab_tasks.__version__}\nTrue\n"
