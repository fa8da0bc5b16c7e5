"""Linking the two sides of the embedded installation, as omnibis itself would have done.

A link is an entry in the `World` (the link store is seeded from it) and a map annotation on the
OMERO object that names the openBIS one. The studies and the sheet loader call this.
"""

from __future__ import annotations

from backends.demo.image_import import ImageImport
from backends.demo.registration import Registration
from backends.demo.world import ProjectLink, Sample, SampleLink, World

LINK_NAMESPACE = "omnibis/link"
OPENBIS_INSTANCE = "openbis"  # as the settings have them

KEY_PERM_ID = "openBIS permId"
KEY_IDENTIFIER = "openBIS identifier"
KEY_INSTANCE = "openBIS instance"


def link_pairs(perm_id: str, identifier: str) -> list[tuple[str, str]]:
    """Return what an OMERO object says of the openBIS entity it belongs to."""
    return [
        (KEY_PERM_ID, perm_id),
        (KEY_IDENTIFIER, identifier),
        (KEY_INSTANCE, OPENBIS_INSTANCE),
    ]


def link_project(
    world: World, registration: Registration, images: ImageImport, title: str | None = None
) -> int:
    """Create the OMERO project of an openBIS project, named by its code, and link both."""
    project = registration.project
    made = images.project(project.code, title or project.description)
    identifier = f"/{project.space}/{project.code}"
    images.key_values("Project", [made], link_pairs(project.perm_id, identifier), LINK_NAMESPACE)
    world.project_links.append(ProjectLink(project.perm_id, made))
    return made


def link_sample(
    world: World,
    registration: Registration,
    images: ImageImport,
    image_project: int,
    sample: Sample,
) -> int:
    """Create the OMERO dataset of an openBIS sample, named by its code, and link both."""
    dataset = images.dataset(image_project, sample.code, sample.properties.get("Q_SECONDARY_NAME"))
    identifier = f"/{sample.space}/{sample.code}"
    images.key_values("Dataset", [dataset], link_pairs(sample.perm_id, identifier), LINK_NAMESPACE)
    world.sample_links.append(SampleLink(sample.perm_id, registration.project.perm_id, dataset))
    return dataset
