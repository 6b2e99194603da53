"""Make images with BuildKit, from the Dockerfile that the plan gives.

Programs and files are those of the native backend, byte for byte; how layers are
cut and packed is BuildKit's. What it gives is held against the table before
anything of it counts: the config, each program, every digest. The config is then
written anew: BuildKit's has a time even where none is wanted, and, with
arguments, `ArgsEscaped`, which Docker once needed on Windows.

All platforms of an image are one build, so BuildKit divides the machine itself;
on several machines they are one build each.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks import files
from gomab_tasks.backends.contents import Contents, filled_inputs, read_contents
from gomab_tasks.backends.solve import Request, find_client, solve
from gomab_tasks.blame import blame
from gomab_tasks.builds import programs_lock
from gomab_tasks.dockerfile.text import DockerfileText, write_text
from gomab_tasks.dockerfile.words import argument_name
from gomab_tasks.errors import CompileError, VerificationError
from gomab_tasks.facts import NETWORK_VARIABLES, Facts
from gomab_tasks.golang.binary import verify_binary
from gomab_tasks.golang.compile import Build
from gomab_tasks.modules import download_env
from gomab_tasks.oci.descriptor import CONFIG, INDEX, MANIFEST, Descriptor, as_list
from gomab_tasks.oci.image import (
    Config,
    History,
    ImageSpec,
    Index,
    config_bytes,
    index_bytes,
    manifest_bytes,
)
from gomab_tasks.oci.layer import LayerCache
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.verify import VerifiedImage, verify_image
from gomab_tasks.output.inputs import inputs_of
from gomab_tasks.output.record import PROGRAMS, ImageRecord, write_record
from gomab_tasks.places import Place, image_lock, layers_folder, layout_folder
from gomab_tasks.plan import PROGRAM_FOLDER, ImagePlan, Plan, read_each
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import Event, step
from gomab_tasks.project import Project
from gomab_tasks.settings import SCRATCH, BuildKit
from gomab_tasks.settings.problem import wrong
from gomab_tasks.units import mebibytes


def make(project: Project, facts: Facts, plan: Plan, jobs: int) -> list[ImageRecord]:
    """Have BuildKit make image after image, each for all its platforms at once.

    `jobs` says nothing to BuildKit, whose daemon has settings of its own.
    """
    del jobs
    read_each(plan.images, project.settings.source, _require_scratch)
    find_client(project.processes, project.settings.buildkit)  # its lack is said before all else
    contents = read_each(plan.images, project.settings.source, partial(read_contents, project))
    images = [image for image in plan.images if image.platforms]
    for image in images:
        project.emit(Event("planned", "build", image.name))
    made = write_text(project, facts, plan.images, facts.toolchain)
    job = _Job(project, facts, plan, made, _arguments(project, facts, made))
    records = [record for image in images for record in job.make(image, contents[image.name])]
    return sorted(records, key=lambda record: (record.image, record.platform))


def _require_scratch(image: ImagePlan) -> None:
    base = image.group.image.base
    if base != SCRATCH:
        raise wrong(
            ("image", "base"),
            f"is '{base}', but the backend 'buildkit' builds on '{SCRATCH}' only; set backend = \"native\"",
        )


def _arguments(project: Project, facts: Facts, made: DockerfileText) -> dict[str, str]:
    """Give the build arguments: where modules come from, Go's own switches, fields of templates."""
    own = download_env(project.settings)  # stands in the Dockerfile
    network = {name: facts.toolchain.env.get(name, "") for name in NETWORK_VARIABLES if name not in own}
    # Those of go.variables have values, or there would be no plan.
    fields = {
        argument_name(field): project.templates.fill(f"{{{field}}}", ("image", "labels"))
        for field in made.fields
    }
    # Without it BuildKit writes the time into every config.
    epoch = {"SOURCE_DATE_EPOCH": project.environment.get("SOURCE_DATE_EPOCH") or "0"}
    return {name: value for name, value in network.items() if value} | facts.byte_variables | fields | epoch


class _Job(Struct, frozen=True):
    """Hold what all images of a run share."""

    project: Project
    facts: Facts
    plan: Plan
    made: DockerfileText
    arguments: Mapping[str, str]

    def make(self, image: ImagePlan, contents: Contents) -> list[ImageRecord]:
        """Build one image and record each of its platforms, once all are found right."""
        out = self.project.out
        with (
            step(self.project.emit, "build", image.name) as running,
            self.project.locked(image_lock(out, image.name), shared=True),
            files.temporary_folder(out / Place.BUILDKIT) as folder,
        ):
            made = self._solve(folder, image, contents, running.progress)
            records = [
                self._record(layout, image, contents, manifest)
                for layout, manifest in _manifests(made, image.platforms)
            ]
            for record in records:
                write_record(out, record)
            running.result = ", ".join(
                f"{record.platform} {mebibytes(record.unpacked_size)}" for record in records
            )
        return records

    def _solve(
        self, folder: Path, image: ImagePlan, contents: Contents, on_progress: Callable[[str], None]
    ) -> list[Layout]:
        dockerfile = self.project.out / Place.BUILDKIT / "Dockerfile"
        files.write(dockerfile, self.made.text)
        files.write(dockerfile.with_name("Dockerfile.dockerignore"), self.made.ignored)
        root = self._write_root(Layout(folder / "root"), contents, image.platforms)
        request = Request(
            image=image.name,
            dockerfile=dockerfile,
            context=self.project.root,
            target=self.made.targets[image.name],
            platforms=image.platforms,
            arguments=self.arguments,
            layouts={self.made.roots[image.name]: (folder / "root", root.digest)},
            output=folder / "image",
        )
        log = self.project.out / Place.LOGS / f"{image.name}-buildkit.txt"
        with self._blaming(image):
            made = solve(self.project.processes, _with_logins(self.project), request, log, on_progress)
        return [Layout(folder) for folder in made]

    @contextlib.contextmanager
    def _blaming(self, image: ImagePlan) -> Iterator[None]:
        """Add the setting to what Go says of one that it refuses."""
        try:
            yield
        except CompileError as error:
            blamed = blame(str(error), self.project.settings, [image.name])
            raise CompileError("\n".join(filter(None, [str(error), blamed]))) from None

    def _write_root(self, layout: Layout, contents: Contents, platforms: Sequence[Platform]) -> Descriptor:
        """Write what takes the place of the stage `root`: the native backend's layers, without programs."""
        cache = LayerCache(layers_folder(self.project.out))
        check = self.project.processes.check
        layers = [cache.layer(entries, layout, jobs=2, check=check) for entries in contents.shared.values()]
        history = [History(created_by=f"gomab: {holds}") for holds in contents.shared]
        stored = [layer.descriptor for layer in layers]
        manifests = []
        for platform in platforms:
            # BuildKit takes its variables from here too, as it does from `scratch`: PATH alone.
            config = layout.put_blob(CONFIG, config_bytes(ImageSpec(), platform, layers, history=history))
            manifest = layout.put_blob(MANIFEST, manifest_bytes(config, stored))
            manifests.append(replace(manifest, platform=platform))
        index = layout.put_blob(INDEX, index_bytes(manifests))
        layout.write_index(index)
        return index

    def _record(
        self, made: Layout, image: ImagePlan, contents: Contents, manifest: Descriptor
    ) -> ImageRecord:
        """Check one platform, keep its programs, and move it into the image's layout."""
        assert manifest.platform is not None
        found = verify_image(made, manifest, manifest.platform)
        config = Config.from_bytes(made.read_blob(found.config), blob_name(found.config.digest))
        _check_config(config, contents.spec)
        holds = [*contents.shared, PROGRAMS, *(["workdir"] if contents.spec.workdir != "/" else [])]
        if len(holds) != len(found.layers):
            raise VerificationError(
                f"{image.name} {found.platform}: BuildKit made {len(found.layers)} layers; expected "
                f"{len(holds)}: {', '.join(holds)}"
            )
        programs = made.blob_path(found.layers[holds.index(PROGRAMS)].descriptor.digest)
        go = self._keep_programs(programs, image, found.platform)
        layout = Layout(layout_folder(self.project.out, image.name))
        inputs = inputs_of(image, self.plan, self.facts) | filled_inputs(contents)
        return ImageRecord.of(
            image.name,
            _adopt(made, layout, found, contents, config.history),
            holds=tuple(holds),
            inputs={**inputs, "Go": go, "backend": "buildkit"},
            revision=self.plan.revision,
        )

    def _keep_programs(self, layer: Path, image: ImagePlan, platform: Platform) -> str:
        """Put the programs where the native backend has them, verified; give the version of their Go."""
        build = self._build(image, platform)
        version = ""
        with (
            self.project.locked(programs_lock(self.project.out, build)),
            files.temporary_folder(build.output) as folder,
        ):
            _extract_programs(layer, folder)
            for main in image.mains:
                program = folder / main.name
                if not program.is_file():
                    text = f"{image.name} {platform}: has no program {PROGRAM_FOLDER}/{main.name}"
                    raise VerificationError(text)
                info = verify_binary(program, main.name, platform).build_info
                version = info.go_version.removeprefix("go")
                with files.storage_errors(build.program(main)):
                    program.replace(build.program(main))
        return version

    def _build(self, image: ImagePlan, platform: Platform) -> Build:
        builds = (planned.build for planned in self.plan.builds if image.name in planned.images)
        return next(build for build in builds if build.platform == platform)


def _extract_programs(layer: Path, folder: Path) -> None:
    """Unpack the files that lie right in the folder of programs, executable."""
    with tarfile.open(layer) as tar, files.storage_errors(folder):
        for member in tar:
            parent, _, name = member.name.rpartition("/")
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or f"/{parent}" != PROGRAM_FOLDER:
                continue
            with content, (folder / name).open("xb") as file:
                shutil.copyfileobj(content, file)
            (folder / name).chmod(0o755)


def _with_logins(project: Project) -> BuildKit:
    """Hand on what the Dockerfile asks for; where the table names none, the user's own files and agent."""
    settings, dockerfile = project.settings.buildkit, project.settings.dockerfile
    home = project.environment.get("HOME", "")
    own = {
        "netrc": dockerfile.netrc and (project.environment.get("NETRC") or f"{home}/.netrc"),
        "known_hosts": dockerfile.ssh and f"{home}/.ssh/known_hosts",
    }
    secrets = tuple(f"id={name},src={path}" for name, path in own.items() if path and Path(path).is_file())
    ssh = ("default",) if dockerfile.ssh else ()
    return replace(settings, secrets=settings.secrets or secrets, ssh=settings.ssh or ssh)


def _manifests(made: Sequence[Layout], platforms: Sequence[Platform]) -> list[tuple[Layout, Descriptor]]:
    """Read which manifests BuildKit left, and where, in the order of the platforms.

    Raises `VerificationError` unless there is one for each.
    """
    entries = [(layout, entry) for layout in made for entry in _entries(layout)]
    found = {entry.platform: (layout, entry) for layout, entry in entries}
    if set(found) != set(platforms) or len(entries) != len(found):
        given = ", ".join(str(entry.platform) for _, entry in entries)
        raise VerificationError(
            f"BuildKit made images for {given}; expected {', '.join(map(str, platforms))}"
        )
    return [found[platform] for platform in platforms]


def _entries(made: Layout) -> tuple[Descriptor, ...]:
    document = made.folder / "index.json"
    with files.read_errors(document):
        entries = Index.from_bytes(document.read_bytes(), "BuildKit's index.json").manifests
    if len(entries) == 1 and entries[0].media_type == INDEX:
        return Index.from_bytes(made.read_blob(entries[0]), "BuildKit's index").manifests
    return entries


def _check_config(config: Config, spec: ImageSpec) -> None:
    """Hold how BuildKit's image runs against how the native backend's would."""
    found = {key: value for key, value in config.execution.items() if key != "ArgsEscaped"}
    wanted = json.loads(config_bytes(spec, config.platform, []))["config"]
    for key in sorted({*found, *wanted}):
        has, wants = found.get(key), wanted.get(key)
        if key == "Env":  # BuildKit leaves PATH where the base had it
            has, wants = sorted(as_list(has, "Env"), key=str), sorted(wants)
        if has != wants:
            raise VerificationError(
                f"{config.platform}: {key} of BuildKit's config is {has!r}; expected {wants!r}"
            )


def _adopt(
    made: Layout, layout: Layout, image: VerifiedImage, contents: Contents, history: Sequence[History]
) -> VerifiedImage:
    """Move the layers that BuildKit left into an image's layout, with a config as the native backend's."""
    for layer in image.layers:
        layout.take_blob(made, layer.descriptor)
    steps = [replace(step, created=contents.created) for step in history]
    config = config_bytes(
        contents.spec, image.platform, image.layers, created=contents.created, history=steps
    )
    stored = [replace(layer.descriptor, annotations={}) for layer in image.layers]
    manifest = layout.put_blob(MANIFEST, manifest_bytes(layout.put_blob(CONFIG, config), stored))
    return verify_image(layout, replace(manifest, platform=image.platform), image.platform, image.layers)
