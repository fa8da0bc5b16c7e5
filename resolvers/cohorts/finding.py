"""What a cohort asks of the systems: sets of ids, in as few calls as their size allows.

Each question is asked in one of two ways: of everything, a large page at a time, or of given ids,
in chunks that travel together. Which is cheaper is the planner's to say. Nothing is decided here
about candidates, and no record is kept: the batchers of the request, which keep all they load, are
gone around.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from backends.errors import AccessDenied
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import (
    ImageFilter,
    OmicsFilter,
    Page,
    PageRequest,
    ProjectFilter,
    SampleFilter,
    StringMatch,
)
from backends.openbis.client import Count, Get, Search
from backends.records import Kind, OmicsDatasetRecord, SampleRecord
from link_store.records import LinkState
from resolvers import catalog
from resolvers.cohorts.lineage import Lineage
from resolvers.context import RequestContext

PAGE: Final = 10_000  # rows of ids in one answer
CHUNK: Final = 500  # ids in one condition
IDS_PER_CALL: Final = 5_000  # in conditions that travel in one round trip

WITH_ANCESTORS: Final = Fetch.of("ancestors")
WITH_PARENTS: Final = Fetch.of("parents")
WITH_DESCENDANTS: Final = Fetch.of("descendants")
WITH_SAMPLE: Final = Fetch.of("sample")
WITH_LINEAGE: Final = Fetch.of(sample=WITH_ANCESTORS)


class Finder:
    """Asks for one viewer."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    # --- openBIS: samples

    async def samples(self, filter_: SampleFilter | None, lineage: Lineage | None) -> set[str]:
        """All samples that match; their ancestors are read into the lineage, if one is given."""
        fetch = NOTHING_MORE if lineage is None else WITH_ANCESTORS
        return _taken_in([each async for each in self._all(Kind.SAMPLE, filter_, fetch)], lineage)

    async def samples_among(
        self, filter_: SampleFilter | None, ids: Collection[str], lineage: Lineage | None
    ) -> set[str]:
        """Those of the samples that match and that the viewer sees, likewise."""
        fetch = NOTHING_MORE if lineage is None else WITH_ANCESTORS
        if filter_ is None:
            return _taken_in(await self.records(ids, fetch), lineage)
        found: set[str] = set()
        for batch in _batches(ids):
            searches = [
                Search(
                    Kind.SAMPLE,
                    SampleFilter(perm_id=_one_of(chunk), all_of=(filter_,)),
                    PageRequest(CHUNK, catalog.PERM_ID_ORDER),
                    fetch,
                )
                for chunk in _chunks(batch)
            ]
            for page in await self._execute(searches):
                found |= _taken_in(page.items, lineage)
        return found

    async def roots(self, filter_: SampleFilter) -> set[str]:
        """All samples that match and have no parent that the viewer sees."""
        records = self._all(Kind.SAMPLE, filter_, WITH_PARENTS)
        return {record.perm_id async for record in records if not record.parents}

    async def records(self, ids: Collection[str], fetch: Fetch) -> list[SampleRecord]:
        """The samples with these ids that the viewer sees."""
        found: list[SampleRecord] = []
        for batch in _batches(ids):
            for answer in await self._execute([Get(Kind.SAMPLE, tuple(batch), fetch)]):
                found += answer.values()
        return found

    async def projects(self, filter_: ProjectFilter | None) -> list[str]:
        """The permIds of all projects that match."""
        records = self._all(Kind.PROJECT, filter_, NOTHING_MORE)
        return [record.perm_id async for record in records]

    async def counts(self, asked: Sequence[tuple[Kind, catalog.Filter | None]]) -> list[int]:
        """How many entities match each filter: all in one call, up to `CHUNK` filters."""
        counted: list[int] = []
        for start in range(0, len(asked), CHUNK):
            part = [Count(*each) for each in asked[start : start + CHUNK]]
            answers = await self._execute(part)
            counted += answers or [0] * len(part)
        return counted

    # --- openBIS: data sets

    async def omics(self, filter_: OmicsFilter, lineage: Lineage) -> dict[str, int]:
        """How many data sets that match each sample has of its own; lineage as above."""
        found: dict[str, int] = {}
        async for record in self._all(Kind.OMICS_DATASET, filter_, WITH_LINEAGE):
            if record.sample is not None:
                lineage.add(record.sample)
                found[record.sample.perm_id] = found.get(record.sample.perm_id, 0) + 1
        return found

    async def omics_of(self, filter_: OmicsFilter, samples: Collection[str]) -> dict[str, int]:
        """The same for some samples only."""
        found: dict[str, int] = {}
        for record in await self.data_sets(filter_, samples, NOTHING_MORE):
            if record.sample is not None:
                found[record.sample.perm_id] = found.get(record.sample.perm_id, 0) + 1
        return found

    async def data_sets(
        self, filter_: OmicsFilter, samples: Collection[str], fetch: Fetch
    ) -> list[OmicsDatasetRecord]:
        """The data sets that match of some samples, their own only, each with its sample."""
        found: list[OmicsDatasetRecord] = []
        for batch in _batches(samples):
            searches = [
                Search(
                    Kind.OMICS_DATASET,
                    OmicsFilter(sample=SampleFilter(perm_id=_one_of(chunk)), all_of=(filter_,)),
                    PageRequest(PAGE, catalog.PERM_ID_ORDER),
                    fetch | WITH_SAMPLE,
                )
                for chunk in _chunks(batch)
            ]
            while searches:
                pages: list[Page[OmicsDatasetRecord]] = await self._execute(searches)
                found += [record for page in pages for record in page.items]
                searches = [
                    replace(search, page=search.page.beyond(page.keys[-1]))
                    for search, page in zip(searches, pages, strict=False)
                    if page.has_more
                ]
        return found

    # --- The link store and OMERO

    async def linked(self, samples: Collection[str]) -> dict[str, int]:
        """The OMERO dataset of each sample that has one, in one statement."""
        store = self._context.services.links
        links = await self._context.ask_links("sampleLinks", store.sample_links(samples))
        return {
            perm_id: link.omero_id
            for perm_id, link in links.items()
            if link.state is LinkState.ACTIVE
        }

    async def linked_to(self, datasets: Collection[int]) -> set[str]:
        """The samples of OMERO datasets, in one statement.

        They are to be looked up in openBIS, since some may be hidden; a dataset without a sample
        leads nowhere, so that the cost does not tell it from one whose sample is hidden.
        """
        store = self._context.services.links
        links = await self._context.ask_links(
            "sampleLinksOfOmero", store.sample_links_of_omero(datasets)
        )
        active = {
            omero_id: link.openbis_perm_id
            for omero_id, link in links.items()
            if link.state is LinkState.ACTIVE
        }
        return {active.get(each) or catalog.nowhere(each) for each in datasets}

    async def images(
        self, filter_: ImageFilter, datasets: Collection[int] | None = None
    ) -> dict[int, int]:
        """How many images that match each OMERO dataset has: of these, or of all."""
        context = self._context
        return await context.noted(
            context.services.omero.datasets_with_images(
                context.omero_session(), filter_, context.call, ids=datasets
            )
        )

    # --- Ways to ask

    async def _execute(self, operations: Sequence[Any]) -> list[Any]:
        """Answer operations in one call; nothing for whom openBIS refuses altogether.

        What a viewer without any role is refused is the same as nothing to be seen.
        """
        context = self._context
        try:
            return await context.noted(
                context.services.openbis.execute(context.openbis_token(), operations, context.call)
            )
        except AccessDenied:
            return []

    async def _all(
        self, kind: Kind, filter_: catalog.Filter | None, fetch: Fetch
    ) -> AsyncIterator[Any]:
        """Every entity that matches, a page a call."""
        page = PageRequest(PAGE, catalog.PERM_ID_ORDER)
        while True:
            for rows in (found := await self._execute([Search(kind, filter_, page, fetch)])):
                for row in rows.items:
                    yield row
            if not found or not found[0].has_more:
                return
            page = page.beyond(found[0].keys[-1])


def _taken_in(records: Iterable[SampleRecord], lineage: Lineage | None) -> set[str]:
    found = set()
    for record in records:
        if lineage is not None:
            lineage.add(record)
        found.add(record.perm_id)
    return found


def _one_of(ids: Sequence[str]) -> StringMatch:
    return StringMatch(one_of=tuple(ids))


def _batches(ids: Collection[str]) -> Iterable[list[str]]:
    ordered = sorted(ids)
    return (ordered[at : at + IDS_PER_CALL] for at in range(0, len(ordered), IDS_PER_CALL))


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
