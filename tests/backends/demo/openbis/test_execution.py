"""Several operations in one call: order, creation ids, all or nothing, now or later."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from backends.demo.openbis.server import create_openbis_server
from tests.backends.demo.openbis.installation import (
    FETCH,
    Client,
    content,
    criteria,
    options,
    samples,
)
from tests.backends.demo.openbis.installation import by as where
from tests.backends.demo.openbis.requests import (
    Writer,
    action,
    an_id,
    changed,
    creation,
    deletion,
    ids,
    listed,
    operation,
    update,
)


@pytest.fixture
def app() -> Starlette:
    return create_openbis_server(content())


@pytest.fixture
async def admin(app: Starlette) -> Writer:
    return Writer(await Client(app).login())


def project_creations() -> list[dict[str, Any]]:
    """A whole project: what stands last is what the others refer to."""
    return [
        operation(
            "Create",
            "DataSet",
            creations=[
                creation(
                    "DataSet",
                    type="READS",
                    code="DATA",
                    dataSetKind="CONTAINER",
                    sample="#s2",
                    parents=["d-1"],
                )
            ],
        ),
        operation(
            "Create",
            "Sample",
            creations=[
                creation(
                    "Sample",
                    named="s2",
                    code="S2",
                    type="EXTRACT",
                    space="#space",
                    experiment="#e",
                    parents=["#s1"],
                ),
                creation("Sample", named="s1", code="S1", type="ENTITY", space="#space"),
            ],
        ),
        operation(
            "Create",
            "Experiment",
            creations=[creation("Experiment", named="e", code="E", type="DESIGN", project="#p")],
        ),
        operation(
            "Create",
            "Project",
            creations=[creation("Project", named="p", code="P", space="#space")],
        ),
        operation("Create", "Space", creations=[creation("Space", named="space", code="LAB")]),
    ]


async def test_a_whole_project_in_one_call_in_any_order(admin: Writer) -> None:
    results = await admin.execute(*project_creations())
    assert [each["@type"].rpartition(".")[2] for each in results] == [
        "CreateDataSetsOperationResult",
        "CreateSamplesOperationResult",
        "CreateExperimentsOperationResult",
        "CreateProjectsOperationResult",
        "CreateSpacesOperationResult",
    ]
    second, first = (each["permId"] for each in results[1]["objectIds"])
    found = await admin.one(
        "Sample",
        "/LAB/S2",
        parents=FETCH["Samples"](),
        experiment=FETCH["Experiments"](),
        dataSets=FETCH["DataSets"](),
    )
    assert found["permId"]["permId"] == second
    assert [each["permId"]["permId"] for each in found["parents"]] == [first]
    assert found["experiment"]["identifier"]["identifier"] == "/LAB/P/E"
    assert [each["code"] for each in found["dataSets"]] == ["DATA"]


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(5)))
async def test_the_order_of_the_operations_does_not_matter(order: list[int]) -> None:
    admin = Writer(await Client(create_openbis_server(content())).login())
    made = project_creations()
    results = await admin.execute(*(made[at] for at in order))
    for at, result in zip(order, results, strict=True):
        assert result["@type"] == f"{made[at]['@type']}Result"
        assert len(result["objectIds"]) == len(made[at]["creations"])
    assert await admin.one("Experiment", "/LAB/P/E")


@settings(deadline=None, max_examples=25)
@given(st.data())
async def test_the_order_within_a_list_does_not_matter(data: st.DataObject) -> None:
    """A random lineage gives the same relations however its creations are listed."""
    size = data.draw(st.integers(2, 8))
    parents = {
        at: data.draw(st.sets(st.integers(0, at - 1), max_size=3)) if at else set()
        for at in range(size)
    }
    down = {at: data.draw(st.booleans()) for at in range(size)}
    made = []
    for at in range(size):
        children = [f"#{child}" for child in range(size) if at in parents[child] and down[child]]
        above = [f"#{parent}" for parent in parents[at] if not down[at]]
        made.append(
            creation(
                "Sample",
                named=str(at),
                code=f"N{at}",
                type="ENTITY",
                space="A",
                parents=above,
                children=children,
            )
        )
    admin = Writer(await Client(create_openbis_server(content())).login())
    await admin.create("Sample", *data.draw(st.permutations(made)))
    for at in range(size):
        found = await admin.one("Sample", f"/A/N{at}", parents=FETCH["Samples"]())
        assert {each["code"] for each in found["parents"]} == {f"N{each}" for each in parents[at]}


async def test_deletions_first_reads_last_whatever_the_order(admin: Writer) -> None:
    results = await admin.execute(
        operation(
            "Search",
            "Sample",
            criteria=samples(where("Code", "RNA-*")),
            fetchOptions=FETCH["Samples"](),
        ),
        operation(
            "Get", "Sample", objectIds=ids("Sample", "s-6", "s-1"), fetchOptions=FETCH["Samples"]()
        ),
        operation(
            "Update",
            "Sample",
            updates=[update("Sample", "sampleId", "s-1", properties={"NAME": "new"})],
        ),
        operation(
            "Create",
            "Sample",
            creations=[creation("Sample", code="RNA-9", type="EXTRACT", space="A")],
        ),
        operation("Delete", "Sample", objectIds=ids("Sample", "s-6"), options=deletion("Sample")),
    )
    found = sorted(each["code"] for each in results[0]["searchResult"]["objects"])
    assert found == ["RNA-1", "RNA-9"]
    assert [each["permId"] for each in results[1]["ids"]] == ["s-1"]
    assert [each["permId"] for each in results[2]["objectIds"]] == ["s-1"]
    assert results[4]["deletionId"]["@type"] == "as.dto.deletion.id.DeletionTechId"


async def test_in_order_means_in_order(admin: Writer) -> None:
    search = operation(
        "Search",
        "Sample",
        criteria=samples(where("Code", "RNA-*")),
        fetchOptions=FETCH["Samples"](),
    )
    make = operation(
        "Create", "Sample", creations=[creation("Sample", code="RNA-9", type="EXTRACT", space="A")]
    )
    change = operation(
        "Update",
        "Sample",
        updates=[update("Sample", "sampleId", "/A/RNA-9", properties={"NAME": "n"})],
    )
    fetched = operation(
        "Get",
        "Sample",
        objectIds=ids("Sample", "/A/RNA-9"),
        fetchOptions=FETCH["Samples"](properties=options("property.Property")),
    )
    results = await admin.execute(
        search, make, fetched, search, change, fetched, executeInOrder=True
    )
    assert [results[at]["searchResult"]["totalCount"] for at in (0, 3)] == [2, 3]
    assert results[2]["objects"][0]["properties"] == {}
    assert results[5]["objects"][0]["properties"] == {"NAME": "n"}
    made = project_creations()
    said = await admin.refusal(
        "executeOperations",
        made,
        {"@type": "as.dto.operation.SynchronousOperationExecutionOptions", "executeInOrder": True},
    )
    assert said == "Object with CreationId = [s2] has not been found. (Context: [])"


async def test_trash_within_a_transaction(admin: Writer) -> None:
    number = await admin.delete("Sample", "s-6")
    await admin.execute(
        {"@type": "as.dto.deletion.revert.RevertDeletionsOperation", "deletionIds": [number]}
    )
    assert not await admin.gone("Sample", "s-6")
    number = await admin.delete("Sample", "s-6")
    await admin.execute(
        {"@type": "as.dto.deletion.confirm.ConfirmDeletionsOperation", "deletionIds": [number]}
    )
    assert (await admin.client.search("Deletions", criteria("deletion.Deletion")))[
        "totalCount"
    ] == 0


GOOD: list[dict[str, Any]] = [
    operation("Create", "Space", creations=[creation("Space", code="LAB")]),
    operation(
        "Create", "Sample", creations=[creation("Sample", code="N", type="ENTITY", space="A")]
    ),
    operation(
        "Create",
        "Experiment",
        creations=[
            creation("Experiment", code="N", type="DESIGN", project="/A/PA", tags=["/admin/T"])
        ],
    ),
    operation("Create", "Tag", creations=[creation("Tag", code="U", samples=["s-1"])]),
    operation(
        "Create",
        "Vocabulary",
        creations=[creation("Vocabulary", code="V", terms=[{"code": "T1"}])],
    ),
    operation(
        "Update",
        "Sample",
        updates=[
            update(
                "Sample",
                "sampleId",
                "s-5",
                properties={"NAME": "x"},
                experimentId=changed(None),
                parentIds=listed(action("Set", an_id("Sample", "s-2"))),
            )
        ],
    ),
    operation(
        "Update",
        "Project",
        updates=[update("Project", "projectId", "p-1", spaceId=changed(an_id("Space", "B")))],
    ),
    operation("Delete", "Sample", objectIds=ids("Sample", "s-3"), options=deletion("Sample")),
    operation(
        "Delete", "Experiment", objectIds=ids("Experiment", "e-2"), options=deletion("Experiment")
    ),
    operation(
        "Create",
        "RoleAssignment",
        creations=[
            creation(
                "RoleAssignment",
                role="ADMIN",
                userId=an_id("Person", "bob"),
                spaceId=an_id("Space", "A"),
            )
        ],
    ),
]
BAD: list[dict[str, Any]] = [
    operation("Create", "Sample", creations=[creation("Sample", code="N", type="NONE", space="A")]),
    operation(
        "Create",
        "Sample",
        creations=[
            creation("Sample", code="M", type="ENTITY", space="A"),
            creation("Sample", code="M", type="ENTITY", space="A"),
        ],
    ),
    operation("Update", "Sample", updates=[update("Sample", "sampleId", "s-404")]),
    operation("Update", "Sample", updates=[{"sampleId": 7}]),
    operation("Create", "Tag", creations=[{"code": "a b"}]),
    operation("Search", "Sample", criteria=samples(where("Unicorn", "x")), fetchOptions=None),
    operation("Delete", "Space", objectIds=ids("Space", "B"), options=deletion("Space")),
    {"@type": "as.dto.nothing.Operation"},
]


@settings(deadline=None, max_examples=120)
@given(
    st.lists(st.sampled_from(range(len(GOOD))), max_size=6, unique=True),
    st.sampled_from(range(len(BAD))),
    st.integers(0, 6),
    st.booleans(),
)
async def test_nothing_is_left_of_a_transaction_that_fails(
    good: list[int], bad: int, at: int, in_order: bool
) -> None:
    app = create_openbis_server(content())
    admin = Writer(await Client(app).login())
    catalog = app.state.api.catalog
    before = catalog.image()
    operations = [GOOD[each] for each in good]
    operations.insert(min(at, len(operations)), BAD[bad])
    answer = (
        await admin.client.post(
            "executeOperations",
            admin.client.token,
            operations,
            {
                "@type": "as.dto.operation.SynchronousOperationExecutionOptions",
                "executeInOrder": in_order,
            },
        )
    ).json()
    assert "error" in answer
    assert catalog.image() == before
    # Indexes are undone as well: searches agree with the rows.
    assert await admin.client.codes("Samples", samples()) == sorted(
        row.code for row in catalog.samples.rows.values()
    )
    for key, row in catalog.samples.rows.items():
        assert key in catalog.samples.by("code", row.code)
        assert all(key in catalog.samples.by("parent", parent) for parent in row.parents)
        assert row.experiment is None or key in catalog.samples.by("experiment", row.experiment)
    for key, row in catalog.data_sets.rows.items():
        experiment = catalog.experiment_of_data_set(row)
        assert experiment is None or key in catalog.data_sets.by("experiment", experiment)


async def test_what_a_transaction_does_it_does_wholly(admin: Writer) -> None:
    good = [each for at, each in enumerate(GOOD) if at not in {6, 8}]
    results = await admin.execute(*reversed(good))
    assert len(results) == len(good)
    assert await admin.one("Sample", "/A/N")
    assert await admin.gone("Sample", "s-3")


async def test_later_means_that_the_outcome_is_kept(admin: Writer) -> None:
    later = {
        "@type": "as.dto.operation.AsynchronousOperationExecutionOptions",
        "description": "d",
    }
    token = admin.client.token
    good = operation("Create", "Space", creations=[creation("Space", code="LAB")])
    answer = await admin.client.call("executeOperations", token, [good], later)
    assert answer["@type"] == "as.dto.operation.AsynchronousOperationExecutionResults"
    details = options(
        "operation.OperationExecution",
        details=options("operation.OperationExecutionDetails"),
    )
    for _ in range(2):  # looking does not use it up
        found = await admin.client.call(
            "getOperationExecutions", token, [answer["executionId"]], details
        )
        execution = found[answer["executionId"]["permId"]]
        assert (execution["state"], execution["description"]) == ("FINISHED", "d")
        made = execution["details"]["results"][0]["objectIds"]
        assert [each["permId"] for each in made] == ["LAB"]
    answer = await admin.client.call("executeOperations", token, [good], later)
    found = await admin.client.call(
        "getOperationExecutions", token, [answer["executionId"]], details
    )
    execution = found[answer["executionId"]["permId"]]
    assert execution["state"] == "FAILED"
    assert "Space already exists" in execution["details"]["error"]["message"]
