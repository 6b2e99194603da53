"""Keep which manifests passed their trial, so that `push` can ask for it.

A file for each image and platform, OUT/smoke/NAME/OS_ARCH.json: output folders
of several machines, each of which tried its own platform, merge by copying.
A platform that was not run leaves nothing, so it takes no pass away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import Descriptor, digest_of
from gomab_tasks.places import Place
from gomab_tasks.platforms import Platform
from gomab_tasks.project import Project
from gomab_tasks.settings import Smoke
from gomab_tasks.smoke.trial import State, Trial

# Of the settings, what says nothing of how a program is tried.
_APART = "required"


class Outcome(Struct, frozen=True):
    """Hold how the last trial of a platform went.

    Attributes:
        index: the digest of the index that it was part of.
        manifest: the digest of what was tried, and of nothing else.
        settings: the digest of how it was tried; a pass under other settings is none.
    """

    image: str
    platform: str
    index: str
    manifest: str
    settings: str
    state: State
    how: str


def write_outcome(project: Project, trial: Trial, index: str) -> None:
    """Leave the outcome of a trial that was run."""
    settings = _settings_digest(project.settings.group(trial.image).smoke)
    outcome = Outcome(trial.image, trial.platform, index, trial.manifest, settings, trial.state, trial.how)
    path = _folder(project.out, trial.image) / f"{Platform.parse(trial.platform).slug}.json"
    files.write(path, msgspec.json.format(msgspec.json.encode(outcome)) + b"\n")


def read_outcomes(out: Path, image: str) -> dict[str, Outcome]:
    """Read the outcomes of an image: manifest digest -> outcome.

    Raises `VerificationError` for a damaged file.
    """
    outcomes = (_read(path, out) for path in sorted(_folder(out, image).glob("*.json")))
    return {outcome.manifest: outcome for outcome in outcomes}


def require_smoked(project: Project, image: str, manifests: Iterable[Descriptor]) -> None:
    """Raise `VerificationError` unless every manifest, as the index lists it, passed the table's trial."""
    outcomes = read_outcomes(project.out, image)
    settings = _settings_digest(project.settings.group(image).smoke)
    problems = [
        f"{manifest.platform} ({problem})"
        for manifest in manifests
        if (problem := _problem(outcomes.get(manifest.digest), settings))
    ]
    if problems:
        raise VerificationError(
            f"{image}: smoke.required is set, but not every program passed its trial: "
            f"{', '.join(problems)}; try them, on machines that run them: {project.type('smoke')}"
        )


def _problem(outcome: Outcome | None, settings: str) -> str:
    """Say what is missing to a pass; empty where nothing is."""
    if outcome is None:
        return "not tried"
    if outcome.settings != settings:
        return "tried with other smoke settings"
    return "" if outcome.state == "passed" else outcome.state


def _settings_digest(smoke: Smoke) -> str:
    settings: Mapping[str, object] = msgspec.to_builtins(smoke)
    used = {name: value for name, value in settings.items() if name != _APART}
    return digest_of(msgspec.json.encode(used, order="deterministic"))


def _folder(out: Path, image: str) -> Path:
    return out / Place.TRIALS / image


def _read(path: Path, out: Path) -> Outcome:
    try:
        with files.read_errors(path):
            return msgspec.json.decode(path.read_bytes(), type=Outcome)
    except msgspec.DecodeError as error:
        raise VerificationError(
            f"{path.relative_to(out)}: is damaged ({error}); remove it and try that platform again"
        ) from None
