"""Dockerfiles of many kinds, each with the table and the remarks that it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.adoption.carryover import carry_over, table_keys
from gomab_tasks.adoption.programs import Ground
from gomab_tasks.adoption.recipe import read_recipe
from gomab_tasks.adoption.search import find_dockerfiles
from gomab_tasks.adoption.syntax import read_source
from gomab_tasks.adoption.table import write_table
from gomab_tasks.golang.module import MainPackage, program_name
from tests.conftest import Golden

CASES = Path(__file__).parent / "cases"


def ground_of(root: Path, dockerfile: Path) -> Ground:
    """Take every folder with a main.go for a main package."""
    folders = sorted(path.parent for path in root.rglob("main.go"))
    paths = [f"example.com/{folder.relative_to(CASES).as_posix()}" for folder in folders]
    mains = [
        MainPackage(path, program_name(path), folder) for path, folder in zip(paths, folders, strict=True)
    ]
    return Ground(root, dockerfile.parent, root, tuple(mains))


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_case(name: str, golden: Golden) -> None:
    """What keys stand for is in the table; a remark with the line tells of all else."""
    (dockerfile,) = find_dockerfiles(CASES / name, [])
    ground = ground_of(CASES / name, dockerfile)
    source = read_source(dockerfile.relative_to(ground.root).as_posix(), dockerfile.read_bytes())
    targets, others = carry_over(read_recipe(source), ground)
    remarks = dict.fromkeys(remark for target in targets for remark in target.findings.lines())
    text = write_table(table_keys(targets, ground)) + "\n" + "\n".join([*remarks, *others])
    golden(f"{name}.txt", text.encode())
