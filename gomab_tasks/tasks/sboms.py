"""Tell what images are made of."""

from typing import TYPE_CHECKING, Annotated

from gomab_tasks.tasks.options import Arch, Option

if TYPE_CHECKING:
    from gomab_tasks.project import Project
    from gomab_tasks.sbom.documents import SbomResult


def sbom(
    project: "Project",
    *,
    arch: Arch = (),
    format: Annotated[  # noqa: A002 - the parameter's name is the option's
        tuple[str, ...], Option("spdx, cyclonedx; both if not given", "FORMAT")
    ] = (),
) -> "SbomResult":
    """Write a bill of materials for each image and platform.

    Documents lie in OUT/sbom: SPDX 2.3 as NAME-OS_ARCH.spdx.json, CycloneDX 1.6
    as NAME-OS_ARCH.cdx.json. They tell what is inside the programs and layers,
    not what go.mod asks for.
    """
    from gomab_tasks.sbom.documents import find_formats, write_documents
    from gomab_tasks.tasks.job import find_records

    formats = find_formats(format)
    return write_documents(project, find_records(project, arch), formats)
