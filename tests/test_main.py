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


def test_invoke_loads_no_event_loop() -> None:
    """Its tools for tests would; who asks for those afterwards gets the real ones."""
    program = (
        "import runpy, sys; sys.argv[1:] = ['--version']\n"
        "try: runpy.run_module('gomab_tasks', run_name='__main__')\n"
        "finally:\n"
        "    assert 'invoke' in sys.modules and 'asyncio' not in sys.modules\n"
        "    from unittest.mock import Mock, patch\n"
        "    print(Mock().called, patch.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False unittest.mock\n")


def test_whatever_invoke_asks_of_mock_it_gets() -> None:
    """A later Invoke may need more of the module than its name."""
    program = (
        "import sys; from gomab_tasks.__main__ import _without_mock\n"
        "with _without_mock():\n"
        "    from unittest.mock import Mock, call\n"
        "import unittest.mock\n"
        "print(Mock, call is unittest.mock.call)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "<class 'object'> True\n"
