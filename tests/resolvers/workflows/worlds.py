"""The small worlds that scenarios begin with, made from inside both systems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.lane import Call
from backends.omero.changes import NewContainer
from backends.omero.write import Changes, Ref
from backends.openbis.write import NewExperiment, NewProject, NewSample
from link_store.operation_records import OperationRecord, OperationState
from link_store.records import NewSampleLink

if TYPE_CHECKING:
    from tests.resolvers.workflows.laboratory import Desk

Given = dict[str, Any]
SPACE = "CLINICAL"


def done(record: OperationRecord) -> bool:
    """Whether everything has to be done; else nothing may be."""
    return record.state is OperationState.SUCCEEDED


async def linked_project(desk: Desk, samples: int = 1) -> Given:
    """A project with an experiment and samples, its OMERO project with datasets, and the links."""
    code = desk.code()
    changes = [
        NewProject(SPACE, code, "Old words"),
        NewExperiment("Q_SAMPLE_EXTRACTION", f"/{SPACE}/{code}", f"{code}E1"),
    ]
    (perm_id, experiment) = await desk.openbis.transact(desk.token, changes[:1], Call()) + (
        await desk.openbis.transact(desk.token, changes[1:], Call())
    )
    made = await desk.openbis.transact(
        desk.token,
        [
            NewSample(
                "Q_BIOLOGICAL_SAMPLE",
                SPACE,
                f"{code}{number:03d}A",
                experiment=experiment,
                properties={"Q_SECONDARY_NAME": "Old name", "Q_PRIMARY_TISSUE": "LIVER"},
            )
            for number in range(1, samples + 1)
        ],
        Call(),
    )
    project = await desk.omero.create_image_project(
        desk.session, NewContainer(code, "Old words"), group=desk.group, call=Call()
    )
    datasets = await desk.omero.create_image_datasets(
        desk.session,
        project.id,
        [NewContainer(f"{code}{number:03d}A", "Old name") for number in range(1, samples + 1)],
        group=desk.group,
        call=Call(),
    )
    link = await desk.links.link_project(str(perm_id), project.id, author="test")
    await desk.links.link_samples(
        [
            NewSampleLink(str(sample), str(perm_id), dataset.id)
            for sample, dataset in zip(made, datasets, strict=True)
        ],
        author="test",
    )
    return {
        "code": code,
        "permId": perm_id,
        "samples": list(made),
        "imageProject": project.id,
        "imageDatasets": [each.id for each in datasets],
        "link": link.id,
    }


async def add_image(desk: Desk, dataset: int | None, name: str) -> int:
    """An image without pixels, in a dataset or in none."""
    changes = Changes()
    image = changes.new("Image", {"name": name})
    if dataset is not None:
        changes.link("DatasetImageLink", Ref("Dataset", dataset), image)
    saved = await desk.omero.save(desk.session, changes.items, group=desk.group, call=Call())
    return saved[image.index].id
