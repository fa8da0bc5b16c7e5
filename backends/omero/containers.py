"""OMERO projects and datasets: searched, by id, per parent and per child.

A number of children is a column of the same query when it is fetched, never a call of its own.
Both kinds have the same columns, so one set of functions serves them, told apart by `Container`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from backends.fetch import Fetch
from backends.filters import ContainerFilter, Page, PageRequest
from backends.omero import decode, queries
from backends.omero.asking import Ask, together
from backends.omero.conditions import Parameters
from backends.omero.keyset import CONTAINER_SORTS, Keyset, empty
from backends.omero.predicates import Predicates
from backends.omero.queries import Projection
from backends.omero.table import Rows
from backends.omero.transport import HqlValue
from backends.records import ImageDatasetRecord, ImageProjectRecord, ImagingKind

R = TypeVar("R", ImageProjectRecord, ImageDatasetRecord)


@dataclass(frozen=True, slots=True)
class Container(Generic[R]):
    """One kind of container: its queries, its count of children, its record."""

    kind: ImagingKind
    rows: Projection
    counting: Projection
    children: str
    children_count: str
    record: Callable[..., R]

    def counted(self, fetch: Fetch) -> bool:
        """Whether the number of children is to be fetched."""
        return self.children in fetch

    def with_count(self, projection: Projection, fetch: Fetch) -> Projection:
        """The projection with the number of children behind the columns, if it is fetched."""
        return projection.select(self.children_count) if self.counted(fetch) else projection


IMAGE_PROJECT = Container(
    ImagingKind.IMAGE_PROJECT,
    queries.IMAGE_PROJECTS,
    queries.COUNT_IMAGE_PROJECTS,
    "image_dataset_count",
    queries.IMAGE_DATASET_COUNT,
    decode.image_project,
)
IMAGE_DATASET = Container(
    ImagingKind.IMAGE_DATASET,
    queries.IMAGE_DATASETS,
    queries.COUNT_IMAGE_DATASETS,
    "image_count",
    queries.IMAGE_COUNT,
    decode.image_dataset,
)


async def search(
    ask: Ask,
    container: Container[R],
    where: ContainerFilter | None,
    page: PageRequest,
    fetch: Fetch,
    *,
    project: int | None = None,
) -> Page[R]:
    """One page, with the total concurrently if it is asked for."""
    keyset = Keyset.of(page, CONTAINER_SORTS, "c.id")
    predicates = Predicates()
    clause = predicates.container(container.kind, where)
    if clause is False:
        return empty(page)
    parent: dict[str, HqlValue] = {} if project is None else {"parent": project}
    inside = queries.IN_PROJECT if project is not None else True
    params: dict[str, HqlValue] = {**predicates.parameters.values, **parent}
    projection = container.with_count(container.rows, fetch).filter(inside, clause)
    paged = keyset.apply(projection, predicates.parameters)
    work = [ask.rows(paged, {**predicates.parameters.values, **parent}, limit=page.limit + 1)]
    if page.count:
        work.append(ask.rows(container.counting.filter(inside, clause), params))
    rows, *counted = await together(*work)
    total = counted[0][0][0] if counted else None
    is_counted = container.counted(fetch)
    return keyset.cut(rows, lambda row: container.record(row, counted=is_counted), total)


async def count(ask: Ask, container: Container[R], where: ContainerFilter | None) -> int:
    """How many there are."""
    predicates = Predicates()
    clause = predicates.container(container.kind, where)
    if clause is False:
        return 0
    rows = await ask.rows(container.counting.filter(clause), predicates.parameters.values)
    return int(rows[0][0])


async def by_ids(
    ask: Ask, container: Container[R], ids: Collection[int], fetch: Fetch
) -> dict[int, R]:
    """By id; those the viewer may not see are missing."""
    scope = ask.scope(ids)
    if not scope.chunks:
        return {}
    projection = container.with_count(container.rows, fetch).filter(scope.condition("c.id"))
    chunks = await ask.rows_in(scope, projection)
    counted = container.counted(fetch)
    return {row[0]: container.record(row, counted=counted) for rows in chunks for row in rows}


async def datasets_of_projects(
    ask: Ask, ids: Collection[int], page: PageRequest, fetch: Fetch
) -> dict[int, Page[ImageDatasetRecord]]:
    """A page of datasets per project.

    One project is a search with a limit. Of several, all datasets beyond the key come in one call
    and are cut to pages here: HQL has no limit per group, and datasets are few beside images.
    """
    distinct = tuple(dict.fromkeys(ids))
    if len(distinct) == 1:
        only = await search(ask, IMAGE_DATASET, None, page, fetch, project=distinct[0])
        return {distinct[0]: only}
    if not distinct:
        return {}
    keyset = Keyset.of(page, CONTAINER_SORTS, "c.id")
    parameters = Parameters()
    scope = ask.scope(distinct)
    projection = IMAGE_DATASET.with_count(queries.IMAGE_DATASETS_OF_PROJECTS, fetch)
    projection = projection.filter(scope.condition("l.parent.id")).select("l.parent.id")
    paged = keyset.apply(projection, parameters)
    work = [ask.rows_in(scope, paged, parameters.values)]
    if page.count and page.key is not None:
        work.append(ask.rows_in(scope, queries.COUNT_DATASETS_OF_PROJECTS))
    chunks, *counted = await together(*work)
    totals = {row[0]: row[1] for rows in (counted[0] if counted else []) for row in rows}
    below = _by_parent(chunks)
    is_counted = IMAGE_DATASET.counted(fetch)

    def record(row: Sequence[Any]) -> ImageDatasetRecord:
        return decode.image_dataset(row, counted=is_counted)

    return {
        project: keyset.cut(
            below.get(project, []),
            record,
            totals.get(project, 0) if counted else len(below.get(project, [])),
        )
        for project in distinct
    }


async def of_children(
    ask: Ask, projection: Projection, record: Callable[..., R], ids: Collection[int]
) -> dict[int, tuple[R, ...]]:
    """The containers of each child, by id of the child; a child in none has an empty tuple."""
    found: dict[int, dict[int, R]] = {child: {} for child in ids}
    for rows in await ask.rows_in(ask.scope(ids), projection):
        for row in rows:
            found[row[-1]][row[0]] = record(row, counted=False)
    return {child: tuple(above.values()) for child, above in found.items()}


def _by_parent(chunks: Sequence[Rows]) -> dict[int, Rows]:
    """Rows by parent, which stands before the sort value; a pair linked twice only once."""
    grouped: dict[int, dict[int, list[Any]]] = {}
    for rows in chunks:
        for row in rows:
            grouped.setdefault(row[-2], {}).setdefault(row[0], row)
    return {parent: list(below.values()) for parent, below in grouped.items()}
