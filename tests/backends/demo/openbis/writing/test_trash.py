"""Into the trash, back, or away for good."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from backends.demo.openbis.server import create_openbis_server
from tests.backends.demo.openbis.installation import (
    FETCH,
    Client,
    content,
    criteria,
    options,
    resolved,
    samples,
)
from tests.backends.demo.openbis.requests import (
    Writer,
    an_id,
    changed,
    creation,
    deletion,
    ids,
    update,
)
from tests.backends.demo.openbis.writing.conftest import NOW

EVERYTHING = criteria("deletion.Deletion")
OBJECTS = FETCH["Deletions"](deletedObjects=options("deletion.DeletedObject"))
BARE = FETCH["Samples"]()


def codes(found: list[dict[str, Any]]) -> list[str]:
    return sorted(each["code"] for each in found)


async def deletions(writer: Writer) -> list[dict[str, Any]]:
    found = await writer.client.search("Deletions", EVERYTHING, OBJECTS)
    whole: list[dict[str, Any]] = found["objects"]
    return whole


async def test_what_is_in_the_trash_is_nowhere_else(admin: Writer) -> None:
    number = await admin.delete("Sample", "s-3")
    assert number["@type"] == "as.dto.deletion.id.DeletionTechId"
    assert number["id"] == str(number["techId"])
    assert await admin.gone("Sample", "s-3")
    assert await admin.gone("DataSet", "d-2")  # its data set
    assert "BIO-1" not in await admin.client.codes("Samples", samples())
    child = await admin.one("Sample", "s-5", parents=BARE)
    assert codes(child["parents"]) == ["BIO-2"]
    found = (await deletions(admin))[0]
    assert (found["id"]["id"], found["reason"], found["deletionDate"]) == (
        number["id"],
        "test",
        NOW,
    )
    assert (found["totalSamplesCount"], found["totalDataSetsCount"]) == (1, 1)
    assert [each["id"]["permId"] for each in found["deletedObjects"]] == ["s-3"]
    assert found["deletedObjects"][0]["id"]["@type"] == "as.dto.sample.id.SamplePermId"


async def test_what_is_reverted_is_as_it_was(admin: Writer, app: Any) -> None:
    catalog = app.state.api.catalog
    before = catalog.samples.rows["s-3"]
    number = await admin.delete("Sample", "s-3")
    assert await admin.client.call("revertDeletions", admin.client.token, [number]) is None
    assert catalog.samples.rows["s-3"] == before
    assert await deletions(admin) == []
    child = await admin.one("Sample", "s-5", parents=BARE)
    assert codes(child["parents"]) == ["BIO-1", "BIO-2"]
    assert (await admin.one("DataSet", "d-2"))["code"] == "d-2"


async def test_what_is_confirmed_is_gone_with_every_trace(admin: Writer, app: Any) -> None:
    await admin.make("Tag", code="T", samples=["s-3"], data_sets=["d-2"])
    number = await admin.delete("Sample", "s-3")
    # pybis sends the bare id
    bare = {"@type": "as.dto.deletion.id.DeletionTechId", "id": number["id"]}
    assert await admin.client.call("confirmDeletions", admin.client.token, [bare]) is None
    assert await deletions(admin) == []
    catalog = app.state.api.catalog
    assert catalog.samples.rows["s-5"].parents == ("s-4",)
    assert catalog.tags.rows["/admin/T"].samples == ()
    assert await admin.make("Sample", code="BIO-1", type="ENTITY", space="A")
    said = await admin.refusal("revertDeletions", [bare])
    assert (
        said == f"Object with DeletionTechId = [{number['id']}] has not been found. (Context: [])"
    )


async def test_an_experiment_takes_all_it_holds_along(admin: Writer) -> None:
    number = await admin.delete("Experiment", "e-1")
    assert await admin.client.codes("Samples", samples()) == ["B-1", "B-2", "B-3"]
    assert await admin.client.codes("DataSets", criteria("dataset.DataSet")) == ["d-3"]
    found = (await deletions(admin))[0]
    counts = [found[f"total{what}Count"] for what in ("Experiments", "Samples", "DataSets")]
    assert counts == [1, 6, 2]
    await admin.client.call("revertDeletions", admin.client.token, [number])
    assert len(await admin.client.codes("Samples", samples())) == 9
    in_one = criteria(
        "dataset.DataSet",
        criteria(
            "experiment.Experiment",
            {
                "@type": "as.dto.common.search.CodeSearchCriteria",
                "fieldValue": {
                    "@type": "as.dto.common.search.StringEqualToValue",
                    "value": "E1",
                },
            },
        ),
    )
    assert await admin.client.codes("DataSets", in_one) == ["d-1", "d-2"]


async def test_a_container_takes_what_lies_in_no_other_along(admin: Writer) -> None:
    for code in ("BOX1", "BOX2"):
        await admin.make("DataSet", type="READS", code=code, dataSetKind="CONTAINER", sample="s-3")
    for key, boxes in (("d-1", ("BOX1",)), ("d-3", ("BOX1", "BOX2"))):
        actions = {"actions": [{"@type": "…ListUpdateActionSet", "items": ids("DataSet", *boxes)}]}
        await admin.update("DataSet", update("DataSet", "dataSetId", key, containerIds=actions))
    await admin.delete("DataSet", "BOX1")
    assert await admin.gone("DataSet", "d-1")
    assert not await admin.gone("DataSet", "d-3")


async def test_deletions_depend_on_each_other(admin: Writer) -> None:
    data = await admin.delete("DataSet", "d-2")
    sample = await admin.delete("Sample", "s-3")
    assert "depends on it" in await admin.refusal("confirmDeletions", [sample])
    assert "is in the trash" in await admin.refusal("revertDeletions", [data])
    both = [{**number, "@id": None} for number in (sample, data)]
    await admin.client.call("confirmDeletions", admin.client.token, both)
    assert await deletions(admin) == []


async def test_a_type_may_forbid_deletion(admin: Writer) -> None:
    forbid = update("DataSetType", "typeId", "READS", disallowDeletion=changed(True))
    await admin.update("DataSetType", forbid)
    said = await admin.refusal("deleteDataSets", ids("DataSet", "d-1"), deletion("DataSet"))
    assert said.startswith("Data set d-1 can not be deleted because it isn't allowed by its data")
    assert not await admin.gone("DataSet", "d-1")


async def test_a_reason_is_needed(admin: Writer) -> None:
    given = ids("Sample", "s-3")
    said = await admin.refusal("deleteSamples", given, deletion("Sample", None))
    assert said == "Deletion reason cannot be null (Context: [])"
    said = await admin.refusal("deleteSamples", given, None)
    assert said == "Deletion options cannot be null (Context: [])"
    assert await admin.delete("Sample", "s-404") is None


async def test_who_may_delete_see_revert_and_confirm(
    by: Callable[[str], Awaitable[Writer]], admin: Writer, alice: Writer
) -> None:
    said = await alice.refusal("deleteSamples", ids("Sample", "s-6"), deletion("Sample"))
    assert said == "Access denied to object with SamplePermId = [s-6]. (Context: [])"
    await admin.create(
        "RoleAssignment",
        creation(
            "RoleAssignment",
            role="POWER_USER",
            userId=an_id("Person", "alice"),
            spaceId=an_id("Space", "A"),
        ),
    )
    number = await alice.delete("Sample", "s-6")
    bob = await by("bob")
    assert await deletions(bob) == []
    assert len(await deletions(alice)) == 1
    said = await alice.refusal("confirmDeletions", [number])
    assert said == f"Access denied to object with DeletionTechId = [{number['id']}]. (Context: [])"
    assert "Access denied" in await bob.refusal("revertDeletions", [number])
    await alice.client.call("revertDeletions", alice.client.token, [number])
    assert not await alice.gone("Sample", "s-6")


@pytest.mark.parametrize("references", ["none", "server", "adversarial"])
async def test_searching_the_trash_in_every_mode(references: Any) -> None:
    app = create_openbis_server(content(), references=references)
    admin = Writer(await Client(app).login())
    await admin.delete("Sample", "s-3", "s-6")
    found = resolved(await admin.client.search("Deletions", EVERYTHING, OBJECTS))
    objects = found["objects"][0]["deletedObjects"]
    assert sorted(each["id"]["permId"] for each in objects) == ["s-3", "s-6"]
