"""What belongs to images beyond their own row, loaded concurrently for one scope of images.

Each facet is one projection per chunk of the scope, whatever the number of images. Objective and
instrument are not here: they are joined to the image itself (`images.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from backends.fetch import Fetch
from backends.omero import decode, queries
from backends.omero.asking import Ask, Scope, together
from backends.omero.table import Rows, merged
from backends.records import ImagingKind, KeyValueRecord, TagRecord

T = TypeVar("T")
KNOWN = frozenset(
    {
        *("channels", "channel_names", "fileset", "instrument", "key_value_pairs", "key_values"),
        *("magnification", "objective", "roi_count", "tags"),
    }
)
# What is a part of something else, and comes with it; alone it is asked for in fewer columns.
PARTS = {
    "channels": "channel_names",
    "key_values": "key_value_pairs",
    "objective": "magnification",
}


def wanted(fetch: Fetch) -> frozenset[str]:
    """The facets among what is to be fetched, with the parts of each."""
    names = fetch.names() & KNOWN
    return names | {part for whole, part in PARTS.items() if whole in names}


async def load(ask: Ask, names: frozenset[str], scope: Scope) -> decode.Facets:
    """Load the named facets of the images in scope, all at once."""
    facets = decode.Facets()

    async def channels() -> None:
        whole = "channels" in names
        projection = queries.CHANNELS if whole else queries.CHANNEL_NAMES
        rows = await ask.rows_in(scope, projection.filter(scope.condition("px.image.id")))
        facets.channels = _merged(rows, decode.channels if whole else decode.channel_names)

    async def pairs() -> None:
        namespaced = "key_values" in names
        facets.key_values = await key_values(ask, ImagingKind.IMAGE, scope, namespaced=namespaced)

    async def labels() -> None:
        facets.tags = await tags(ask, ImagingKind.IMAGE, scope)

    async def rois() -> None:
        projection = queries.ROI_COUNTS.filter(scope.condition("r.image.id"))
        facets.roi_counts = _merged(await ask.rows_in(scope, projection), _counts)

    async def filesets() -> None:
        projection = queries.FILESETS.filter(queries.fileset_of(scope.condition("im.id")))
        facets.filesets = _merged(await ask.rows_in(scope, projection), decode.filesets)

    loaders: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "channel_names": channels,
        "key_value_pairs": pairs,
        "tags": labels,
        "roi_count": rois,
        "fileset": filesets,
    }
    if scope.chunks:
        await together(*(loader() for name, loader in loaders.items() if name in names))
    return facets


async def key_values(
    ask: Ask, kind: ImagingKind, scope: Scope, *, namespaced: bool = True
) -> Mapping[int, tuple[KeyValueRecord, ...]]:
    """Key-value pairs in their order, by object; objects without any are missing."""
    projection = queries.key_values(kind, namespaced=namespaced)
    rows = await ask.rows_in(scope, projection.filter(scope.condition("l.parent.id")))
    return _merged(rows, decode.key_values if namespaced else decode.key_value_pairs)


async def tags(ask: Ask, kind: ImagingKind, scope: Scope) -> Mapping[int, tuple[TagRecord, ...]]:
    """Tags by object; objects without any are missing."""
    projection = queries.tags(kind).filter(scope.condition("l.parent.id"))
    return _merged(await ask.rows_in(scope, projection), decode.tags)


def _merged(chunks: list[Rows], decoded: Callable[[Rows], dict[int, T]]) -> Mapping[int, T]:
    """What is decoded of all chunks, in one."""
    return merged(chunks, decoded, decoded)


def _counts(rows: Rows) -> dict[int, int]:
    return {row[0]: row[1] for row in rows}
