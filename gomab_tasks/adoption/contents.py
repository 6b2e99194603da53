"""Hold what is known of an image while its stage is walked through."""

from __future__ import annotations

import posixpath

from msgspec import Struct, field

from gomab_tasks.adoption.accounts import Accounts
from gomab_tasks.adoption.findings import Findings
from gomab_tasks.adoption.programs import Ground, programs_of
from gomab_tasks.adoption.recipe import Recipe, Stage
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.settings import SCRATCH


class Contents(Struct):
    """Hold what is known of an image while its stage is walked through.

    Attributes:
        programs: by path in the Dockerfile's image.
        strangers: paths, perhaps patterns, of what nobody knows, and what was remarked.
        packages: names of those that were installed, which gomab does not.
        accounts: what commands made.
        user: what the last USER says.
        has_guessed: a program is taken for one by its name, or since there is no other.
    """

    recipe: Recipe
    stage: Stage
    ground: Ground
    findings: Findings
    programs: dict[str, MainPackage] = field(default_factory=dict)
    files: list[dict[str, str]] = field(default_factory=list)
    strangers: dict[str, tuple[int, str]] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    accounts: Accounts = field(default_factory=Accounts)
    user: str = ""
    has_guessed: bool = False

    @property
    def is_compiling(self) -> bool:
        """Tell whether the stage compiles what it then starts."""
        return bool(programs_of(self.stage, self.ground))

    @property
    def has_base(self) -> bool:
        """Tell whether the image is made on another one."""
        return ("image", "base") in self.findings.keys

    @property
    def escape(self) -> str:
        """The Dockerfile's escape character."""
        return self.recipe.source.escape

    def say_stranger(self, path: str, line: int, text: str) -> None:
        """Say that nobody knows what lies at a path: a program may, if it is what starts."""
        self.findings.say(line, text)
        self.strangers[path] = (line, text)


def known_folders(contents: Contents) -> set[str]:
    """List the folders that the stage has for certain."""
    known = {"/", *(step.scope.workdir for step in contents.stage.all_steps())} - {""}
    known |= {
        posixpath.dirname(path) for path in (*contents.programs, *(file["to"] for file in contents.files))
    }
    if contents.stage.root.base != SCRATCH:
        known |= {"/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin", "/etc", "/opt", "/srv", "/var"}
    return known
