"""`Project.statistics`: how much a project holds in both systems, for this viewer."""

from __future__ import annotations

import strawberry

from api.types.source import omero, openbis


@strawberry.type(
    description="How much a project holds. A count is null when its source did not answer."
)
class Statistics:
    """Backed by `resolvers.overview.Statistics`."""

    experiments: int | None = openbis("How many experiments.", "Project.experiments")
    samples: int | None = openbis("How many samples, of any type.", "Project.samples")
    subjects: int | None = openbis("How many patients, plants or animals.", "Project.samples")
    omics_datasets: int | None = openbis("How many omics datasets.", "Project.dataSets")
    image_datasets: int | None = omero("How many OMERO datasets.", "Project.datasetLinks")
    images: int | None = omero("How many images.", "Dataset.imageLinks")
