"""The openBIS side: projects, experiments, samples and omics datasets, read through the batchers.

Each function takes the request's context and returns records or a page of them; filters, order and
counts are pushed to openBIS. Crossing to OMERO is `imaging.py`; what types and vocabularies say is
`masterdata.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from backends.errors import AccessDenied, NotFound, Source
from backends.fetch import Fetch
from backends.filters import (
    ExperimentFilter,
    OmicsFilter,
    Page,
    PageRequest,
    ProjectFilter,
    SampleFilter,
    Sort,
    StringMatch,
)
from backends.openbis.client import Count, Search
from backends.records import (
    ExperimentRecord,
    Kind,
    OmicsDatasetRecord,
    ProjectRecord,
    SampleRecord,
)
from resolvers.context import RequestContext
from resolvers.loaders import Entity
from resolvers.paging import MAXIMUM_PAGE

Record = TypeVar("Record", ProjectRecord, ExperimentRecord, SampleRecord, OmicsDatasetRecord)
Filter = ProjectFilter | ExperimentFilter | SampleFilter | OmicsFilter

CODE_ORDER = Sort("code")
PERM_ID_ORDER = Sort("perm_id")


def nowhere(number: int) -> str:
    """Return a permId of no object in any openBIS, another one for each number.

    Who comes from OMERO over the link database must not be told by cost, time or failure whether a
    hidden object is linked or none: where none is, one that is nowhere is looked up in its place.
    """
    return f"00000000000000000-{number}"


_NOUNS = {
    Kind.PROJECT: "project",
    Kind.EXPERIMENT: "experiment",
    Kind.SAMPLE: "sample",
    Kind.OMICS_DATASET: "omics dataset",
}


async def find(context: RequestContext, kind: Kind, id_: str, fetch: Fetch) -> Any:
    """Return one entity by permId or identifier, or None when the viewer sees no such entity.

    A viewer without any role in openBIS is refused the question itself; beyond a link that is the
    same as seeing nothing.
    """
    try:
        return await context.loaders.openbis.load(Entity(kind, id_, fetch))
    except AccessDenied:
        return None


async def find_many(
    context: RequestContext, kind: Kind, ids: Sequence[str], fetch: Fetch
) -> list[Any]:
    """Return several entities as `find` does, in their order."""
    try:
        return cast(
            "list[Any]",
            await context.loaders.openbis.load_many([Entity(kind, id_, fetch) for id_ in ids]),
        )
    except AccessDenied:
        return [None] * len(ids)


async def get(context: RequestContext, kind: Kind, id_: str, fetch: Fetch) -> Any:
    """Return one entity by permId or identifier.

    Raises:
        NotFound: there is none, or the viewer may not see it: openBIS does not tell which.
    """
    record = await find(context, kind, id_, fetch)
    if record is None:
        raise _no_such(kind)
    return record


async def project_by_identifier(
    context: RequestContext, identifier: str, fetch: Fetch
) -> ProjectRecord:
    """Return a project by `/SPACE/CODE`, by permId, or by a code that only one project has.

    Raises:
        NotFound: no project, or several, that the viewer may see.
    """
    if "/" in identifier:
        return cast("ProjectRecord", await get(context, Kind.PROJECT, identifier, fetch))
    page = await search(
        context,
        Kind.PROJECT,
        ProjectFilter(
            any_of=(
                ProjectFilter(code=StringMatch(eq=identifier.upper())),
                ProjectFilter(perm_id=StringMatch(eq=identifier)),
            )
        ),
        PageRequest(2, CODE_ORDER),
        fetch,
    )
    if len(page.items) == 1:
        return cast("ProjectRecord", page.items[0])
    if page.items:
        raise NotFound(
            Source.OPENBIS,
            "Several projects have this code; give the identifier with its space: /SPACE/CODE.",
        )
    raise _no_such(Kind.PROJECT)


def _no_such(kind: Kind) -> NotFound:
    return NotFound(
        Source.OPENBIS,
        f"There is no such {_NOUNS[kind]}, or you may not see it; "
        "check its identifier and your rights.",
    )


async def search(
    context: RequestContext,
    kind: Kind,
    filter_: Filter | None,
    page: PageRequest,
    fetch: Fetch,
) -> Page[Any]:
    """Return one page of entities; searches made in the same tick share one round trip."""
    return cast("Page[Any]", await context.loaders.openbis.load(Search(kind, filter_, page, fetch)))


async def count(context: RequestContext, kind: Kind, filter_: Filter | None) -> int:
    """Return how many entities the viewer sees, without reading them."""
    return cast("int", await context.loaders.openbis.load(Count(kind, filter_)))


async def with_relation(
    context: RequestContext, kind: Kind, record: Record, fetch: Fetch
) -> Record:
    """Return the record itself if it holds all relations of `fetch`, else the same read again."""
    if fetch.names() <= record.fetched:
        return record
    return cast("Record", await get(context, kind, record.perm_id, fetch))


async def with_relations(
    context: RequestContext, kind: Kind, records: Sequence[Any], fetch: Fetch
) -> list[Any]:
    """Return the records with all relations of `fetch`; for one that is gone, the error."""
    names = fetch.names()
    lacking = [record.perm_id for record in records if not names <= record.fetched]
    found: dict[str, Any] = {}
    if lacking:
        keys = [Entity(kind, perm_id, fetch) for perm_id in lacking]
        read = await context.loaders.openbis.load_many(keys)
        found = dict(zip(lacking, read, strict=True))
    return [
        record if names <= record.fetched else found[record.perm_id] or _no_such(kind)
        for record in records
    ]


def of_project(perm_id: str) -> ProjectFilter:
    """Match one project."""
    return ProjectFilter(perm_id=StringMatch(eq=perm_id))


def samples_of_project(perm_id: str, filter_: SampleFilter | None) -> SampleFilter:
    """Narrow a sample filter to one project, the sample's own or its experiment's."""
    within = SampleFilter(project=of_project(perm_id))
    return within if filter_ is None else replace(within, all_of=(filter_,))


def experiments_of_project(perm_id: str, filter_: ExperimentFilter | None) -> ExperimentFilter:
    """Narrow an experiment filter to one project."""
    within = ExperimentFilter(project=of_project(perm_id))
    return within if filter_ is None else replace(within, all_of=(filter_,))


def samples_of_experiment(perm_id: str, filter_: SampleFilter | None) -> SampleFilter:
    """Narrow a sample filter to one experiment."""
    within = SampleFilter(experiment=ExperimentFilter(perm_id=StringMatch(eq=perm_id)))
    return within if filter_ is None else replace(within, all_of=(filter_,))


def subjects(context: RequestContext, filter_: SampleFilter | None) -> SampleFilter:
    """Narrow a sample filter to subjects: samples of the configured types."""
    within = SampleFilter(type=StringMatch(one_of=context.services.subject_types))
    return within if filter_ is None else replace(within, all_of=(filter_,))


def ancestors(record: SampleRecord, type_code: str | None = None) -> tuple[SampleRecord, ...]:
    """Return all ancestors of a sample whose parents were fetched at every depth, nearest first.

    A pooled sample reaches an ancestor by several ways; it is told once.
    """
    return tuple(
        sample for sample in _lineage(record, "parents") if type_code in (None, sample.type_code)
    )


def descendants(record: SampleRecord, type_code: str | None = None) -> tuple[SampleRecord, ...]:
    """Return all descendants of a sample whose children were fetched at every depth."""
    return tuple(
        sample for sample in _lineage(record, "children") if type_code in (None, sample.type_code)
    )


def _lineage(record: SampleRecord, relation: str) -> Iterator[SampleRecord]:
    seen = {record.perm_id}
    generation: tuple[SampleRecord, ...] = (record,)
    while generation:
        following = []
        for member in generation:
            for sample in getattr(member, relation) or ():
                if sample.perm_id not in seen:
                    seen.add(sample.perm_id)
                    following.append(sample)
                    yield sample
        generation = tuple(following)


def subject_of(context: RequestContext, record: SampleRecord) -> SampleRecord | None:
    """Return the subject a sample was taken from, the sample itself if it is one.

    Where no ancestor has a subject type, the subject is the root of the sample's lineage: a sample
    without parents. A pool of several subjects has none.
    """
    types = context.services.subject_types
    line = (record, *ancestors(record))
    found = [sample for sample in line if sample.type_code in types]
    if not found:
        found = [sample for sample in line if not sample.parents]
    return found[0] if len(found) == 1 else None


async def properties_of(context: RequestContext, kind: Kind, record: Any) -> tuple[Any, ...]:
    """Return the properties of an experiment, sample or omics dataset."""
    read = await with_relation(context, kind, record, Fetch.of("properties"))
    return read.properties or ()


async def omics_datasets_of_sample(
    context: RequestContext, perm_id: str, filter_: OmicsFilter, fetch: Fetch
) -> tuple[OmicsDatasetRecord, ...]:
    """Return those of a sample's own omics datasets that match, by code."""
    within = OmicsFilter(sample=SampleFilter(perm_id=StringMatch(eq=perm_id)), all_of=(filter_,))
    page = PageRequest(MAXIMUM_PAGE, CODE_ORDER)
    found: list[OmicsDatasetRecord] = []
    while True:
        rows = await search(context, Kind.OMICS_DATASET, within, page, fetch)
        found.extend(rows.items)
        if not rows.has_more:
            return tuple(found)
        page = page.beyond(rows.keys[-1])
