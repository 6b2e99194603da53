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


def test_an_early_interrupt_has_no_traceback() -> None:
    """Modules may still be loading when somebody changes their mind."""
    program = (
        "import runpy, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'gomab_tasks.invoke': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "runpy.run_module('gomab_tasks', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
