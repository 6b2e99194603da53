"""A container and an image that are gone after the block, without hiding why it ended."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gomab_tasks.engines import container as containers
from gomab_tasks.engines.container import Wanted, container, loaded
from gomab_tasks.engines.engine import Engine
from gomab_tasks.errors import StoppedError
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Processes

AMD64 = Platform("linux", "amd64")
WANTED = Wanted("api:trial", AMD64, ("/app/api",), {}, None)


@pytest.fixture
def processes() -> Processes:
    return Processes(os.environ, str)


def engine_of(folder: Path, *, removal: str) -> Engine:
    """Give an engine that starts everything, and whose `rm` and `image rm` do as told."""
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\ncase "$1" in rm|image) {removal} ;; esac\n')
    program.chmod(0o755)
    return Engine("docker", str(program), AMD64)


@pytest.mark.parametrize("removal", ["exec sleep 600", "echo no such thing >&2; exit 1"])
def test_a_removal_that_fails(
    removal: str, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither that nor an engine that hangs takes the place of what went wrong before."""
    monkeypatch.setattr(containers, "_REMOVAL_SECONDS", 0.2)
    engine = engine_of(tmp_path, removal=removal)
    with pytest.raises(ValueError, match="the trial"), container(processes, engine, WANTED):
        raise ValueError("the trial")
    with pytest.raises(ValueError, match="the trial"), loaded(processes, engine, tmp_path, "api:trial"):
        raise ValueError("the trial")


def test_a_load_that_is_interrupted(processes: Processes, tmp_path: Path) -> None:
    """A daemon may have the image all the same: it is taken out."""
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\ncd "${0%/*}"\necho "$@" >> said\n[ "$1" != load ] || exec sleep 600\n')
    program.chmod(0o755)
    engine = Engine("docker", str(program), AMD64)

    def use() -> None:
        with loaded(processes, engine, tmp_path, "api:trial"):
            pytest.fail("nothing was loaded")

    with ThreadPoolExecutor(1) as pool:
        trial = pool.submit(use)
        while not (tmp_path / "said").exists():
            assert not trial.done()
        processes.stop()
        with pytest.raises(StoppedError):
            trial.result()
    assert (tmp_path / "said").read_text().splitlines()[1:] == ["image rm --force api:trial"]


def test_an_engine_that_is_gone(processes: Processes, tmp_path: Path) -> None:
    """The block's own error is what the user reads."""
    engine = engine_of(tmp_path, removal="")

    def use() -> None:
        with container(processes, engine, WANTED):
            Path(engine.program).unlink()
            raise ValueError("the trial")

    with pytest.raises(ValueError, match="the trial"):
        use()
