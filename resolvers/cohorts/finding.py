"""What a cohort asks of the systems: sets of ids, in as few calls as their size allows.

Each question is asked in one of two ways: of everything, a large page at a time, or of given ids,
in chunks that travel together. Which is cheaper is the planner's to say. Nothing is decided here
about candidates, and nothing is kept but the lineage that comes along with the samples.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from backends.errors import AccessDenied
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import (
    ImageFilter,
    OmicsFilter,
    PageRequest,
    ProjectFilter,
    SampleFilter,
    StringMatch,
)
from backends.records import Kind, SampleRecord
from link_store.records import LinkState
from resolvers import catalog
from resolvers.cohorts.lineage import Lineage
from resolvers.context import RequestContext
from resolvers.loaders import Entity

T = TypeVar("T")

PAGE: Final = 10_000  # rows of ids in one answer
CHUNK: Final = 500  # ids in one condition
CHUNKS_PER_CALL: Final = 10  # conditions that travel in one round trip

WITH_ANCESTORS: Final = Fetch.of("ancestors")
WITH_PARENTS: Final = Fetch.of("parents")
WITH_DESCENDANTS: Final = Fetch.of("descendants")
WITH_SAMPLE: Final = Fetch.of(sample=WITH_ANCESTORS)


class Finder:
    """Asks for one viewer; what a sample was made of is kept in `lineage`."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        self.lineage = Lineage()

    # --- openBIS: samples

    async def samples(self, filter_: SampleFilter | None) -> set[str]:
        """All samples that match, with their lineage."""
        return await self._take_in(self._all(Kind.SAMPLE, filter_, WITH_ANCESTORS))

    async def samples_among(self, filter_: SampleFilter | None, ids: Collection[str]) -> set[str]:
        """Those of the samples that match and that the viewer sees, with their lineage."""
        if filter_ is None:
            records = await self.records(ids, WITH_ANCESTORS)
            for record in records:
                self.lineage.add(record)
            return {record.perm_id for record in records}
        pages = await self._in_chunks(
            ids, lambda chunk: self._matching(Kind.SAMPLE, filter_, chunk, WITH_ANCESTORS)
        )
        found = set()
        for record in (record for page in pages for record in page):
            self.lineage.add(record)
            found.add(record.perm_id)
        return found

    async def candidates(self, filter_: SampleFilter) -> set[str]:
        """All samples that match, without their lineage."""
        return {record.perm_id async for record in self._all(Kind.SAMPLE, filter_, NOTHING_MORE)}

    async def roots(self, filter_: SampleFilter) -> set[str]:
        """All samples that match and have no parent that the viewer sees."""
        return {
            record.perm_id
            async for record in self._all(Kind.SAMPLE, filter_, WITH_PARENTS)
            if not record.parents
        }

    async def below(self, ids: Collection[str]) -> dict[str, set[str]]:
        """Each of the samples with itself and all its descendants."""
        return {
            record.perm_id: {
                record.perm_id,
                *(each.perm_id for each in catalog.descendants(record)),
            }
            for record in await self.records(ids, WITH_DESCENDANTS)
        }

    async def records(self, ids: Collection[str], fetch: Fetch) -> list[SampleRecord]:
        """The samples with these ids that the viewer sees."""

        async def read(chunk: Sequence[str]) -> list[SampleRecord]:
            keys = [Entity(Kind.SAMPLE, each, fetch) for each in chunk]
            found = await _seen(self._context.loaders.openbis.load_many(keys), [])
            return [record for record in found if record is not None]

        chunks = await self._in_chunks(ids, read)
        return [record for chunk in chunks for record in chunk]

    async def projects(self, filter_: ProjectFilter | None) -> list[str]:
        """The permIds of all projects that match."""
        return [record.perm_id async for record in self._all(Kind.PROJECT, filter_, NOTHING_MORE)]

    async def counts(self, asked: Sequence[tuple[Kind, catalog.Filter | None]]) -> list[int]:
        """How many entities match each filter, in one call per `CHUNK` filters."""
        counted: list[int] = []
        for start in range(0, len(asked), CHUNK):
            part = asked[start : start + CHUNK]
            work = (_seen(catalog.count(self._context, *each), 0) for each in part)
            counted += await asyncio.gather(*work)
        return counted

    # --- openBIS: data sets

    async def omics(self, filter_: OmicsFilter) -> dict[str, int]:
        """How many data sets that match each sample has of its own."""
        found: dict[str, int] = {}
        async for record in self._all(Kind.OMICS_DATASET, filter_, WITH_SAMPLE):
            if record.sample is not None:
                self.lineage.add(record.sample)
                found[record.sample.perm_id] = found.get(record.sample.perm_id, 0) + 1
        return found

    async def omics_of(self, filter_: OmicsFilter, samples: Collection[str]) -> dict[str, int]:
        """The same for some samples only."""
        found: dict[str, int] = {}
        for record in await self.data_sets(filter_, samples, NOTHING_MORE):
            found[record.sample.perm_id] = found.get(record.sample.perm_id, 0) + 1
        return found

    async def data_sets(
        self, filter_: OmicsFilter, samples: Collection[str], fetch: Fetch
    ) -> list[Any]:
        """The data sets that match of some samples; their own only."""
        fetch = fetch | Fetch.of("sample")

        async def read(chunk: Sequence[str]) -> list[Any]:
            own = SampleFilter(perm_id=StringMatch(one_of=tuple(chunk)))
            within = OmicsFilter(sample=own, all_of=(filter_,))
            return [each async for each in self._all(Kind.OMICS_DATASET, within, fetch)]

        chunks = await self._in_chunks(samples, read)
        return [record for chunk in chunks for record in chunk if record.sample is not None]

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

    async def linked_to(self, datasets: Collection[int]) -> dict[int, str]:
        """The sample of each OMERO dataset that has one, in one statement."""
        store = self._context.services.links
        links = await self._context.ask_links(
            "sampleLinksOfOmero", store.sample_links_of_omero(datasets)
        )
        return {
            omero_id: link.openbis_perm_id
            for omero_id, link in links.items()
            if link.state is LinkState.ACTIVE
        }

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

    async def count_datasets(self, filter_: ImageFilter) -> int:
        """How many OMERO datasets have a matching image."""
        context = self._context
        return await context.noted(
            context.services.omero.count_datasets_with_images(
                context.omero_session(), filter_, context.call
            )
        )

    # --- Ways to ask

    async def _take_in(self, records: AsyncIterator[SampleRecord]) -> set[str]:
        found = set()
        async for record in records:
            self.lineage.add(record)
            found.add(record.perm_id)
        return found

    async def _all(
        self, kind: Kind, filter_: catalog.Filter | None, fetch: Fetch
    ) -> AsyncIterator[Any]:
        """Every entity that matches, a page a call; nothing for whom openBIS refuses altogether."""
        page = PageRequest(PAGE, catalog.PERM_ID_ORDER)
        while True:
            rows = await _seen(catalog.search(self._context, kind, filter_, page, fetch), None)
            if rows is None:
                return
            for row in rows.items:
                yield row
            if not rows.has_more:
                return
            page = replace(page, key=rows.keys[-1])

    async def _matching(
        self, kind: Kind, filter_: SampleFilter, chunk: Sequence[str], fetch: Fetch
    ) -> list[Any]:
        among = StringMatch(one_of=tuple(chunk))
        within = SampleFilter(perm_id=among, all_of=(filter_,))
        return [each async for each in self._all(kind, within, fetch)]

    async def _in_chunks(
        self, ids: Collection[str], read: Callable[[Sequence[str]], Awaitable[list[Any]]]
    ) -> list[list[Any]]:
        """Read chunk by chunk; chunks of one round trip are asked for in the same tick."""
        ordered = sorted(ids)
        chunks = [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]
        found: list[list[Any]] = []
        for start in range(0, len(chunks), CHUNKS_PER_CALL):
            part = chunks[start : start + CHUNKS_PER_CALL]
            found += await asyncio.gather(*(read(chunk) for chunk in part))
        return found


async def _seen(work: Awaitable[T], nothing: Any) -> T | Any:
    """What a viewer without any role in openBIS is refused is the same as nothing to be seen."""
    try:
        return await work
    except AccessDenied:
        return nothing
