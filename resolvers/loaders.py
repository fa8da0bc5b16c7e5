"""The batchers of one request: each edge of the graph is one batched call, however many rows.

Every loader belongs to one request and so to one viewer. What becomes ready in the same tick of the
event loop travels together: openBIS look-ups, searches and counts of all kinds as one round trip,
OMERO look-ups per edge, link look-ups as one statement. Resolvers call the methods of `Loaders`;
`batch.py` gathers the keys.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from backends.errors import AccessDenied, ProtocolError, Source
from backends.fetch import Fetch
from backends.filters import ImageFilter, Page, PageRequest
from backends.openbis.client import Count, Get, Search
from backends.records import (
    EntityTypeRecord,
    ExperimenterRecord,
    GroupRecord,
    ImageDatasetRecord,
    ImageProjectRecord,
    ImageRecord,
    ImagingKind,
    KeyValueRecord,
    Kind,
    TagRecord,
)
from link_store.records import (
    LinkEventRecord,
    LinkRef,
    ProjectLinkRecord,
    SampleLinkRecord,
)
from resolvers.batch import Batch
from resolvers.context import RequestContext

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Entity(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """One openBIS entity by permId or identifier, with what to fetch along."""

    kind: Kind
    id: str
    fetch: Fetch


class Member(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """One OMERO object by id, with what to fetch along."""

    id: int
    fetch: Fetch


class Contents(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """A page of what an OMERO container holds; `size` is its number of images where known."""

    id: int
    filter: ImageFilter | None
    page: PageRequest
    fetch: Fetch
    size: int | None = None


class Loaders:
    """All batchers of one request."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        context.loaders = self
        none: Callable[[], Any] = lambda: None  # noqa: E731 - a name for «there is none»
        batch = self._batch
        self.openbis: Batch[Entity | Search | Count, Any] = batch(self._openbis, none)
        self.image_projects: Batch[Member, ImageProjectRecord | None] = batch(
            self._image_projects, none
        )
        self.image_datasets: Batch[Member, ImageDatasetRecord | None] = batch(
            self._image_datasets, none
        )
        self.images: Batch[Member, ImageRecord | None] = batch(self._images, none)
        self.images_of_datasets: Batch[Contents, Page[ImageRecord]] = batch(
            self._images_of_datasets, _empty_page
        )
        self.image_datasets_of_projects: Batch[Contents, Page[ImageDatasetRecord]] = batch(
            self._image_datasets_of_projects, _empty_page
        )
        self.image_datasets_of_images: Batch[int, tuple[ImageDatasetRecord, ...]] = batch(
            self._image_datasets_of_images, tuple
        )
        self.image_projects_of_datasets: Batch[int, tuple[ImageProjectRecord, ...]] = batch(
            self._image_projects_of_datasets, tuple
        )
        self.key_values: Batch[tuple[ImagingKind, int], tuple[KeyValueRecord, ...]] = batch(
            self._key_values, tuple
        )
        self.tags: Batch[tuple[ImagingKind, int], tuple[TagRecord, ...]] = batch(self._tags, tuple)
        self.experimenters: Batch[int, ExperimenterRecord | None] = batch(self._experimenters, none)
        self.groups: Batch[int, GroupRecord | None] = batch(self._groups, none)
        self.sample_links: Batch[str, SampleLinkRecord | None] = batch(
            self._counted("sampleLinks", context.services.links.sample_links), none
        )
        self.sample_links_of_omero: Batch[int, SampleLinkRecord | None] = batch(
            self._counted("sampleLinksOfOmero", context.services.links.sample_links_of_omero), none
        )
        self.project_links: Batch[str, ProjectLinkRecord | None] = batch(
            self._counted("projectLinks", context.services.links.project_links), none
        )
        self.project_links_of_omero: Batch[int, ProjectLinkRecord | None] = batch(
            self._counted("projectLinksOfOmero", context.services.links.project_links_of_omero),
            none,
        )
        self.entity_types: Batch[Kind, dict[str, EntityTypeRecord]] = batch(
            self._remembered("types", self._entity_types), dict
        )
        self.identities: Batch[Source, Any] = batch(
            self._remembered("identity", self._identities), none
        )
        self.oversight: Batch[Source, bool] = batch(
            self._remembered("oversight", self._oversight), bool
        )
        self.histories: Batch[LinkRef, tuple[LinkEventRecord, ...]] = batch(
            self._counted("history", context.services.links.history), tuple
        )

    def close(self) -> None:
        """Forget what was found."""
        for each in vars(self).values():
            if isinstance(each, Batch):
                each.close()

    def _batch(
        self, load: Callable[[list[K]], Awaitable[Mapping[K, Any]]], missing: Callable[[], V]
    ) -> Batch[K, V]:
        return Batch(self._context, load, missing)

    def _remembered(
        self, name: str, load: Callable[[K], Awaitable[V]]
    ) -> Callable[[list[K]], Awaitable[dict[K, V]]]:
        """Wrap a look-up of one key in the viewer's memory; a request asks at most once."""
        cache, viewer = self._context.services.cache, self._context.viewer.key

        async def run(keys: list[K]) -> dict[K, V]:
            values = await asyncio.gather(
                *(cache.get(viewer, f"{name}:{key}", partial(load, key)) for key in keys)
            )
            return dict(zip(keys, values, strict=True))

        return run

    async def _entity_types(self, kind: Kind) -> dict[str, EntityTypeRecord]:
        context = self._context
        types = await context.services.openbis.entity_types(
            context.openbis_token(), kind, context.call
        )
        return {type_.code: type_ for type_ in types}

    async def _identities(self, source: Source) -> Any:
        context = self._context
        if source is Source.OPENBIS:
            return await context.services.openbis.identity(context.openbis_token(), context.call)
        return await context.services.omero.identity(context.omero_session(), context.call)

    async def _oversight(self, source: Source) -> bool:
        """Whether nothing in a system is hidden from the viewer."""
        context = self._context
        if source is Source.OPENBIS:
            token = context.openbis_token()
            try:
                return await context.services.openbis.sees_everything(token, context.call)
            except AccessDenied:  # who has no role at all may not even ask
                return False
        return bool((await self.identities.load(Source.OMERO)).is_admin)

    # --- openBIS

    async def _openbis(self, keys: list[Entity | Search | Count]) -> dict[Any, Any]:
        context = self._context
        wanted: defaultdict[tuple[Kind, Fetch], list[str]] = defaultdict(list)
        for key in keys:
            if isinstance(key, Entity):
                wanted[key.kind, key.fetch].append(key.id)
        gets = [Get(kind, tuple(ids), fetch) for (kind, fetch), ids in wanted.items()]
        others = [key for key in keys if not isinstance(key, Entity)]
        answers = await context.services.openbis.execute(
            context.openbis_token(), [*gets, *others], context.call
        )
        found: dict[Any, Any] = {}
        for get, answer in zip(gets, answers, strict=False):
            if not isinstance(answer, dict):
                raise ProtocolError(Source.OPENBIS, "openBIS answered a look-up with a list.")
            for asked, record in answer.items():
                found[Entity(get.kind, asked, get.fetch)] = record
        found.update(zip(others, answers[len(gets) :], strict=True))
        return found

    # --- OMERO

    async def _image_projects(self, keys: list[Member]) -> dict[Member, ImageProjectRecord | None]:
        return await self._members(keys, self._context.services.omero.image_projects_by_ids)

    async def _image_datasets(self, keys: list[Member]) -> dict[Member, ImageDatasetRecord | None]:
        return await self._members(keys, self._context.services.omero.image_datasets_by_ids)

    async def _images(self, keys: list[Member]) -> dict[Member, ImageRecord | None]:
        return await self._members(keys, self._context.services.omero.images_by_ids)

    async def _members(
        self, keys: list[Member], load: Callable[..., Awaitable[dict[int, Any]]]
    ) -> dict[Member, Any]:
        context = self._context
        found: dict[Member, Any] = {}
        for fetch, group in _grouped(keys, lambda key: key.fetch).items():
            rows = await load(
                context.omero_session(), [key.id for key in group], fetch, context.call
            )
            found.update((Member(number, fetch), record) for number, record in rows.items())
        return found

    async def _images_of_datasets(self, keys: list[Contents]) -> dict[Contents, Page[ImageRecord]]:
        context = self._context
        found: dict[Contents, Page[ImageRecord]] = {}
        for (filter_, page, fetch), group in _grouped(
            keys, lambda key: (key.filter, key.page, key.fetch)
        ).items():
            sizes = {key.id: key.size for key in group if key.size is not None}
            pages = await context.services.omero.images_of_datasets(
                context.omero_session(),
                [key.id for key in group],
                filter_,
                page,
                fetch,
                context.call,
                counts=sizes if len(sizes) == len(group) else None,
            )
            found.update((key, pages[key.id]) for key in group if key.id in pages)
        return found

    async def _image_datasets_of_projects(
        self, keys: list[Contents]
    ) -> dict[Contents, Page[ImageDatasetRecord]]:
        context = self._context
        found: dict[Contents, Page[ImageDatasetRecord]] = {}
        for (page, fetch), group in _grouped(keys, lambda key: (key.page, key.fetch)).items():
            pages = await context.services.omero.image_datasets_of_projects(
                context.omero_session(), [key.id for key in group], page, fetch, context.call
            )
            found.update((key, pages[key.id]) for key in group if key.id in pages)
        return found

    async def _image_datasets_of_images(
        self, keys: list[int]
    ) -> dict[int, tuple[ImageDatasetRecord, ...]]:
        context = self._context
        return await context.services.omero.image_datasets_of_images(
            context.omero_session(), keys, context.call
        )

    async def _image_projects_of_datasets(
        self, keys: list[int]
    ) -> dict[int, tuple[ImageProjectRecord, ...]]:
        context = self._context
        return await context.services.omero.image_projects_of_datasets(
            context.omero_session(), keys, context.call
        )

    async def _key_values(
        self, keys: list[tuple[ImagingKind, int]]
    ) -> dict[tuple[ImagingKind, int], tuple[KeyValueRecord, ...]]:
        return await self._annotations(keys, self._context.services.omero.key_values)

    async def _tags(
        self, keys: list[tuple[ImagingKind, int]]
    ) -> dict[tuple[ImagingKind, int], tuple[TagRecord, ...]]:
        return await self._annotations(keys, self._context.services.omero.tags)

    async def _annotations(
        self,
        keys: list[tuple[ImagingKind, int]],
        load: Callable[..., Awaitable[dict[int, tuple[V, ...]]]],
    ) -> dict[tuple[ImagingKind, int], tuple[V, ...]]:
        context = self._context
        found: dict[tuple[ImagingKind, int], tuple[V, ...]] = {}
        for kind, group in _grouped(keys, lambda key: key[0]).items():
            rows = await load(
                context.omero_session(), kind, [number for _, number in group], context.call
            )
            found.update(((kind, number), values) for number, values in rows.items())
        return found

    async def _experimenters(self, keys: list[int]) -> dict[int, ExperimenterRecord | None]:
        context = self._context
        return dict(
            await context.services.omero.experimenters(context.omero_session(), keys, context.call)
        )

    async def _groups(self, keys: list[int]) -> dict[int, GroupRecord | None]:
        context = self._context
        return dict(
            await context.services.omero.groups(context.omero_session(), keys, context.call)
        )

    # --- links

    def _counted(
        self, operation: str, load: Callable[[list[K]], Awaitable[dict[K, V]]]
    ) -> Callable[[list[K]], Awaitable[dict[K, V]]]:
        async def run(keys: list[K]) -> dict[K, V]:
            return await self._context.ask_links(operation, load(keys))

        return run


def _empty_page() -> Page[Any]:
    return Page((), (), has_more=False, total=0)


def _grouped(keys: list[K], by: Callable[[K], V]) -> dict[V, list[K]]:
    groups: defaultdict[V, list[K]] = defaultdict(list)
    for key in keys:
        groups[by(key)].append(key)
    return groups
