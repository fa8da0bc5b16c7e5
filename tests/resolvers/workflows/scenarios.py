"""For each workflow: a world to begin with, how it is asked for, and what must be true at its end.

The kill matrix takes every workflow of the registry through its scenario; one without a scenario
fails the tests. `examine` is given the operation as it ended and looks at both backends and the
link store: everything is there and linked once, or nothing is.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

from backends.fetch import Fetch
from backends.lane import Call
from backends.openbis.write import NewOmicsDataset
from backends.records import ImagingKind, Kind
from link_store.operation_records import OperationRecord
from link_store.records import LinkChange, LinkRef, LinkState
from resolvers.context import RequestContext
from resolvers.links.notes import NAMESPACE, PERM_ID
from resolvers.workflows import create_project, delete_project, delete_sample
from resolvers.workflows.delete import DeletionPolicy
from resolvers.workflows.update_project import update_project
from resolvers.workflows.update_sample import SampleChanges, update_sample
from tests.resolvers.workflows.design_scenarios import (
    AnnotateImages,
    RegisterDesign,
    RegisterImages,
    RegisterOmics,
)
from tests.resolvers.workflows.worlds import SPACE, Given, add_image, done, linked_project

if TYPE_CHECKING:
    from tests.resolvers.workflows.laboratory import Desk


class Scenario(Protocol):
    """One workflow's."""

    async def prepare(self, desk: Desk) -> Given:
        """Make what the workflow needs; JSON."""
        ...

    def ask(
        self, context: RequestContext, given: Given, key: str
    ) -> Awaitable[OperationRecord | None]:
        """Ask for the workflow, as a resolver does."""
        ...

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        """See that everything is done, or nothing."""
        ...


class CreateProject:
    """A new project, with imaging."""

    async def prepare(self, desk: Desk) -> Given:
        return {"code": desk.code(), "group": desk.group}

    def ask(
        self, context: RequestContext, given: Given, key: str
    ) -> Awaitable[OperationRecord | None]:
        request = create_project.NewProjectRequest(
            SPACE, given["code"], "About livers", image_group=given["group"]
        )
        return create_project.create_project(context, request, key=key)

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        project = await desk.get(Kind.PROJECT, f"/{SPACE}/{given['code']}")
        named = await desk.rows(
            "select p.id from Project p where p.name = :name", name=given["code"]
        )
        assert (project is not None) is done(record)
        assert len(named) == int(done(record)), "one project in OMERO, or none"
        if project is None:
            return
        omero_id = named[0][0]
        links = await desk.links.project_links([project.perm_id])
        link = links[project.perm_id]
        assert (link.omero_id, link.state) == (omero_id, LinkState.ACTIVE)
        assert link.author == record.owner
        (event,) = (await desk.links.history([link.ref]))[link.ref]
        assert event.change is LinkChange.LINKED
        assert record.id in event.details, "the history tells which operation it was"
        pairs = await desk.omero.key_values(
            desk.session, ImagingKind.IMAGE_PROJECT, [omero_id], Call()
        )
        assert [
            pair.value
            for pair in pairs[omero_id]
            if (pair.namespace, pair.key) == (NAMESPACE, PERM_ID)
        ] == [project.perm_id]
        assert record.outcome == {
            "project": project.perm_id,
            "imageProject": omero_id,
            "link": link.id,
        }


class UpdateProject:
    """Another description, which the OMERO project mirrors."""

    async def prepare(self, desk: Desk) -> Given:
        return await linked_project(desk, 0)

    def ask(
        self, context: RequestContext, given: Given, key: str
    ) -> Awaitable[OperationRecord | None]:
        return update_project(context, given["permId"], "New words", key=key)

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        expected = "New words" if done(record) else "Old words"
        project = await desk.get(Kind.PROJECT, given["permId"])
        images = await desk.rows(
            "select p.description from Project p where p.id = :id", id=given["imageProject"]
        )
        assert (project.description, images) == (expected, [[expected]])


class UpdateSample:
    """Other property values; the dataset's description mirrors one of them."""

    async def prepare(self, desk: Desk) -> Given:
        given = await linked_project(desk, 2)
        return {**given, "sample": given["samples"][0], "parent": given["samples"][1]}

    def ask(
        self, context: RequestContext, given: Given, key: str
    ) -> Awaitable[OperationRecord | None]:
        changes = SampleChanges(
            {"Q_SECONDARY_NAME": ("New name",), "Q_PRIMARY_TISSUE": ()},
            add_parents=(given["parent"],),
        )
        return update_sample(context, given["sample"], changes, key=key)

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        sample = await desk.get(Kind.SAMPLE, given["sample"], properties=Fetch(), parents=Fetch())
        values = {each.code: each.value for each in sample.properties}
        parents = [each.perm_id for each in sample.parents]
        (row,) = await desk.rows(
            "select d.name, d.description from Dataset d where d.id = :id",
            id=given["imageDatasets"][0],
        )
        if done(record):
            assert values == {"Q_SECONDARY_NAME": "New name"}
            assert (parents, row[1]) == ([given["parent"]], "New name")
        else:
            assert values == {"Q_SECONDARY_NAME": "Old name", "Q_PRIMARY_TISSUE": "LIVER"}
            assert (parents, row[1]) == ([], "Old name")
        assert row[0] == f"{given['code']}001A", "the dataset keeps its code"


class DeleteProject:
    """A project with samples, data and images, all of it."""

    async def prepare(self, desk: Desk) -> Given:
        given = await linked_project(desk, 2)
        image = await add_image(desk, given["imageDatasets"][0], f"{given['code']}.tif")
        data = NewOmicsDataset(
            "Q_NGS_RAW_DATA", sample=given["samples"][0], code=f"{given['code']}-RAW"
        )
        await desk.openbis.transact(desk.token, [data], Call())
        return {**given, "image": image}

    def ask(
        self, context: RequestContext, given: Given, key: str
    ) -> Awaitable[OperationRecord | None]:
        return delete_project.delete_project(
            context,
            given["permId"],
            DeletionPolicy.CASCADE,
            confirm=given["code"],
            key=key,
        )

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        left = not done(record)
        assert (await desk.get(Kind.PROJECT, given["permId"]) is not None) is left
        for sample in given["samples"]:
            assert (await desk.get(Kind.SAMPLE, sample) is not None) is left
        raw = await desk.get(Kind.OMICS_DATASET, f"{given['code']}-RAW")
        assert (raw is not None) is left
        for entity, numbers in (
            ("Project", [given["imageProject"]]),
            ("Dataset", given["imageDatasets"]),
            ("Image", [given["image"]]),
        ):
            hql = f"select o.id from {entity} o where o.id in (:ids)"  # noqa: S608 - our own names
            assert bool(await desk.rows(hql, ids=tuple(numbers))) is left
        ref = LinkRef("PROJECT", given["link"])  # type: ignore[arg-type]
        link = (await desk.links.links_by_ids([ref]))[ref]
        assert (link.state is LinkState.ACTIVE) is left
        samples = await desk.links.sample_links(given["samples"])
        assert len(samples) == (2 if left else 0)
        trash = await desk.openbis.deletions(desk.token, Call())
        assert not [each for each in trash if record.id in str(each.reason)], "nothing in the trash"
        if not left:
            last = (await desk.links.history([ref]))[ref][-1]
            assert record.id in last.details


class DeleteSample:
    """A sample whose dataset has an image."""

    async def prepare(self, desk: Desk) -> Given:
        given = await linked_project(desk, 1)
        await add_image(desk, given["imageDatasets"][0], f"{given['code']}.tif")
        return {**given, "sample": given["samples"][0]}

    def ask(
        self, context: RequestContext, given: Given, key: str
    ) -> Awaitable[OperationRecord | None]:
        return delete_sample.delete_sample(
            context,
            given["sample"],
            DeletionPolicy.CASCADE,
            confirm=f"{given['code']}001A",
            key=key,
        )

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        left = not done(record)
        assert (await desk.get(Kind.SAMPLE, given["sample"]) is not None) is left
        datasets = await desk.rows(
            "select d.id from Dataset d where d.id in (:ids)", ids=tuple(given["imageDatasets"])
        )
        assert bool(datasets) is left
        assert bool(await desk.links.sample_links([given["sample"]])) is left
        trash = await desk.openbis.deletions(desk.token, Call())
        mine = [each for each in trash if record.id in str(each.reason)]
        assert len(mine) == (0 if left else 1)


SCENARIOS: dict[str, Scenario] = {
    "CREATE_PROJECT": CreateProject(),
    "UPDATE_PROJECT": UpdateProject(),
    "UPDATE_SAMPLE": UpdateSample(),
    "DELETE_PROJECT": DeleteProject(),
    "DELETE_SAMPLE": DeleteSample(),
    "REGISTER_DESIGN": RegisterDesign(),
    "REGISTER_IMAGES": RegisterImages(),
    "REGISTER_OMICS": RegisterOmics(),
    "ANNOTATE_IMAGES": AnnotateImages(),
}
