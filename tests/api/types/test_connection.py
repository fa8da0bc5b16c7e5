"""Every list of the schema, found by walking it: pages join to the whole, in both directions."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type

from api.schema import build_schema
from api.types.sort import ContainerOrder, EntityOrder, ImageOrder
from backends.demo.studies import hcc, rup2, synthetic
from resolvers.paging import MAXIMUM_PAGE
from tests.atlas import Atlas, moment, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENTITY = tuple(EntityOrder.__members__)
CONTAINER = tuple(ContainerOrder.__members__)
IMAGE = tuple(ImageOrder.__members__)


@dataclass(frozen=True)
class List:
    """One connection: where it stands, and what all its rows are."""

    place: str  # type and field
    way: str  # the query around it, with %s for the field
    key: str  # which field tells rows apart
    whole: Callable[[Atlas], set[Any]]
    orders: tuple[str, ...]
    size: int
    arguments: str = ""


def _experiments(atlas: Atlas, project: str) -> set[str]:
    perm_id = atlas.project(project).perm_id
    return {each.perm_id for each in atlas.openbis.experiments if each.project == perm_id}


def _largest(atlas: Atlas) -> Any:
    """The QHCC0 experiment with most samples."""
    within = _experiments(atlas, hcc.PROJECT)
    every = [each.experiment for each in atlas.openbis.samples if each.experiment in within]
    return max(sorted(within), key=every.count)


def _datasets(atlas: Atlas, project: str) -> set[int]:
    return set(atlas.datasets_in[atlas.image_project(project)])


def _images(atlas: Atlas, project: str) -> set[int]:
    return {image for each in _datasets(atlas, project) for image in atlas.images_in[each]}


def _tissue(atlas: Atlas) -> Any:
    """A sample with ten images."""
    return next(
        each
        for each in atlas.samples_of(synthetic.PROJECT, "Q_BIOLOGICAL_SAMPLE")
        if len(atlas.images_in[atlas.dataset_of_sample[each.perm_id]]) == synthetic.TILES
    )


def _tiles(atlas: Atlas) -> set[int]:
    return set(atlas.images_in[atlas.dataset_of_sample[_tissue(atlas).perm_id]])


def _linked(atlas: Atlas) -> set[tuple[str, int]]:
    perm_id = atlas.project(rup2.PROJECT).perm_id
    found = {each.perm_id for each in atlas.world.sample_links if each.project_perm_id == perm_id}
    return found | {perm_id}


PROJECT = f'{{ project(identifier: "{hcc.PROJECT}") {{ %s }} }}'
IN_OMERO = "{ imageProject(omeroId: $IMAGE_PROJECT) { %s } }"
LISTS = (
    List("Query.projects", "{ %s }", "permId", lambda a: set(a.projects), ENTITY, 3),
    List("Query.experiments", "{ %s }", "permId", lambda a: set(a.experiments), ENTITY, 7),
    List("Query.samples", "{ %s }", "permId", lambda a: set(a.samples), ENTITY, 411),
    List(
        "Query.omicsDatasets",
        "{ %s }",
        "permId",
        lambda a: {each.code for each in a.openbis.data_sets},
        ENTITY,
        97,
    ),
    List(
        "Query.imageProjects", "{ %s }", "omeroId", lambda a: set(a.rows("Project")), CONTAINER, 2
    ),
    List(
        "Query.imageDatasets",
        "{ %s }",
        "omeroId",
        lambda a: set(a.rows("Dataset")),
        CONTAINER,
        120,
    ),
    List(
        "Query.images",
        "{ %s }",
        "omeroId",
        lambda a: _images(a, hcc.PROJECT) | _images(a, rup2.PROJECT),
        IMAGE,
        83,
        f'where: {{imageProject: {{name: {{in: ["{hcc.PROJECT}", "{rup2.PROJECT}"]}}}}}}',
    ),
    List(
        "Query.links",
        "{ %s }",
        "openbisPermId",
        _linked,
        (),
        5,
        f'project: "{rup2.PROJECT}"',
    ),
    List(
        "Project.experiments", PROJECT, "permId", lambda a: _experiments(a, hcc.PROJECT), ENTITY, 4
    ),
    List(
        "Project.samples",
        PROJECT,
        "permId",
        lambda a: {each.perm_id for each in a.samples_of(hcc.PROJECT)},
        ENTITY,
        90,
    ),
    List(
        "Project.subjects",
        PROJECT,
        "permId",
        lambda a: {each.perm_id for each in a.samples_of(hcc.PROJECT, "Q_BIOLOGICAL_ENTITY")},
        ENTITY,
        5,
    ),
    List(
        "Experiment.samples",
        "{ experiment(identifier: $EXPERIMENT) { %s } }",
        "permId",
        lambda a: {each.perm_id for each in a.openbis.samples if each.experiment == _largest(a)},
        ENTITY,
        30,
    ),
    List(
        "Sample.images",
        "{ sample(identifier: $SAMPLE) { %s } }",
        "omeroId",
        _tiles,
        IMAGE,
        4,
    ),
    List(
        "ImageDataset.images",
        "{ imageDataset(omeroId: $IMAGE_DATASET) { %s } }",
        "omeroId",
        _tiles,
        IMAGE,
        3,
    ),
    List(
        "ImageProject.imageDatasets",
        IN_OMERO,
        "omeroId",
        lambda a: _datasets(a, hcc.PROJECT),
        CONTAINER,
        13,
    ),
    List("ImageProject.images", IN_OMERO, "omeroId", lambda a: _images(a, hcc.PROJECT), IMAGE, 60),
)
CASES = [(each, order) for each in LISTS for order in each.orders or ("",)]


def _names(case: Any) -> str:
    return case.place if isinstance(case, List) else str(case)


class Reader:
    """Reads pages of one list in one order."""

    def __init__(self, house: House, atlas: Atlas, which: List, order: str) -> None:
        self.house = house
        self.which = which
        field = which.place.split(".")[1]
        orders = f"orderBy: {order}" if order else ""
        rows = f"... on Link {{ {which.key} }}" if field == "links" else which.key
        rows += _SORTED_BY.get(order.removesuffix("_DESC"), "")
        inside = f"""{field}(first: $first, after: $after, last: $last, before: $before,
            {which.arguments} {orders}) {{
            totalCount
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
            edges {{ cursor node {{ {rows} }} }}
        }}"""
        query = which.way % inside
        for name, value in {
            "$IMAGE_PROJECT": atlas.image_project(hcc.PROJECT),
            "$IMAGE_DATASET": atlas.dataset_of_sample[_tissue(atlas).perm_id],
            "$EXPERIMENT": f'"{_largest(atlas)}"',
            "$SAMPLE": f'"{_tissue(atlas).perm_id}"',
        }.items():
            query = query.replace(name, str(value))
        self.query = f"query ($first: Int, $after: String, $last: Int, $before: String) {query}"

    async def page(self, **arguments: Any) -> Any:
        data = await self.house.data(self.query, **arguments)
        while "edges" not in data:
            (data,) = data.values()
        return data


_SORTED_BY = {
    "REGISTERED": " registeredAt",
    "MODIFIED": " modifiedAt",
    "NAME": " name",
    "ACQUIRED": " acquiredAt",
    "IMPORTED": " importedAt",
}
_COLUMN = {
    "CODE": "code",
    "PERM_ID": "permId",
    "ID": "omeroId",
    **{order: field.strip() for order, field in _SORTED_BY.items()},
}


def in_order(rows: list[Any], order: str) -> bool:
    """Whether rows stand as the order promises, those without a value last."""
    column = _COLUMN[order.removesuffix("_DESC")]
    values = [row.get(column) for row in rows]
    known: list[Any] = [value for value in values if value is not None]
    assert values == known + [None] * (len(values) - len(known))
    if column.endswith("At"):
        known = [datetime.fromisoformat(value) for value in known]
    return known == sorted(known, reverse=order.endswith("_DESC"))


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


# Not rows of the seeded world; they are paged where their subject is tested.
PAGED_ELSEWHERE = {
    "Cohort.members",  # tests/api/types/test_cohort.py
    "Cohort.availability",  # idem
    "CohortSnapshot.members",  # tests/api/types/test_cohort_snapshot.py
    "Query.cohortSnapshots",  # idem
    "Query.operations",  # tests/api/types/test_operation.py
}


async def test_no_list_of_the_schema_is_forgotten_here() -> None:
    found = {
        f"{name}.{field}"
        for name, type_ in build_schema()._schema.type_map.items()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        for field, declared in type_.fields.items()
        if get_named_type(declared.type).name.endswith("Connection")
    }
    assert found == {each.place for each in LISTS} | PAGED_ELSEWHERE


@pytest.mark.parametrize(("which", "order"), CASES, ids=_names)
async def test_pages_join_to_the_whole_forwards_and_backwards(
    open_door: House, atlas: Atlas, which: List, order: str
) -> None:
    reader = Reader(open_door, atlas, which, order)
    whole = which.whole(atlas)
    forward: list[Any] = []
    cursors: list[str] = []
    after = None
    while True:
        page = await reader.page(first=which.size, after=after)
        assert page["totalCount"] == len(whole)
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        forward += nodes(page)
        cursors += [edge["cursor"] for edge in page["edges"]]
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        assert len(page["edges"]) == which.size
    keys = [row[which.key] for row in forward]
    assert len(keys) == len(whole)
    assert set(keys) == whole
    assert len(set(cursors)) == len(cursors)
    backward: list[Any] = []
    before = None
    while True:
        page = await reader.page(last=which.size, before=before)
        assert page["pageInfo"]["hasNextPage"] is (before is not None)
        assert page["totalCount"] == len(whole)
        backward = nodes(page) + backward
        before = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break
    assert backward == forward
    draw = random.Random(which.place + order)  # noqa: S311 - repeatable, not secret
    place = draw.randrange(len(cursors))
    page = await reader.page(first=2, after=cursors[place])
    assert nodes(page) == forward[place + 1 : place + 3]
    page = await reader.page(last=2, before=cursors[place])
    assert nodes(page) == forward[max(0, place - 2) : place]


@pytest.mark.parametrize(("which", "order"), [case for case in CASES if case[1]], ids=_names)
async def test_rows_stand_in_their_order(
    open_door: House, atlas: Atlas, which: List, order: str
) -> None:
    reader = Reader(open_door, atlas, which, order)
    if _COLUMN[order.removesuffix("_DESC")] == "code":
        reader.query = reader.query.replace("node { permId", "node { permId code")
    rows = nodes(await reader.page(first=MAXIMUM_PAGE))
    assert in_order(rows, order)


@pytest.mark.parametrize("which", LISTS, ids=_names)
async def test_a_page_of_none_still_counts(open_door: House, atlas: Atlas, which: List) -> None:
    page = await Reader(open_door, atlas, which, "").page(first=0)
    assert page["edges"] == []
    assert page["totalCount"] == len(which.whole(atlas))
    assert page["pageInfo"]["hasNextPage"] is True
    assert page["pageInfo"]["startCursor"] is page["pageInfo"]["endCursor"] is None


@pytest.mark.parametrize("which", LISTS, ids=_names)
async def test_a_cursor_of_another_list_or_order_is_refused(
    open_door: House, atlas: Atlas, which: List
) -> None:
    index = LISTS.index(which)
    other = LISTS[index - 1]
    cursor = (await Reader(open_door, atlas, other, "").page(first=1))["pageInfo"]["endCursor"]
    reader = Reader(open_door, atlas, which, "")
    answer = await open_door.ask(reader.query, after=cursor)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "another list or order" in error["message"]
    if len(which.orders) > 1:
        reader = Reader(open_door, atlas, which, which.orders[1])
        cursor = (await reader.page(first=1))["pageInfo"]["endCursor"]
        reader = Reader(open_door, atlas, which, which.orders[0])
        (error,) = (await open_door.ask(reader.query, after=cursor))["errors"]
        assert "another list or order" in error["message"]


async def test_images_never_dated_come_last_in_both_directions(
    open_door: House, atlas: Atlas
) -> None:
    perm_id = atlas.image_project(synthetic.PROJECT)
    query = """query ($p: BigInt!, $o: ImageOrder!, $t: StringCondition!) {
        imageProject(omeroId: $p) { images(first: 500, orderBy: $o, where: {tag: $t}) {
            edges { node { omeroId acquiredAt } } } } }"""
    for order in ("ACQUIRED", "ACQUIRED_DESC"):
        data = await open_door.data(query, p=perm_id, o=order, t={"eq": "CT"})
        rows = nodes(data["imageProject"]["images"])
        assert len(rows) == synthetic.PATIENTS
        assert [row["acquiredAt"] is None for row in rows] == [False] * 129 + [True]
        assert in_order(rows, order)
        dates = {row["omeroId"]: row["acquiredAt"] for row in rows}
        images = atlas.rows("Image")
        assert dates == {each: moment(images[each]["acquisitionDate"]) for each in dates}


async def test_the_total_is_counted_only_when_asked_for(open_door: House) -> None:
    cost = []
    for field in ("totalCount", "pageInfo { hasNextPage }"):
        answer = await open_door.ask(f"{{ images(first: 2) {{ {field} }} }}")
        cost.append(answer["extensions"]["cost"]["calls"]["omero"])
    assert cost[1] == cost[0] - 1
