"""Which GraphQL type reads which entity: the way back from a global id to its record.

`Query.node`, `Query.nodes` and the federation gateway's `_entities` come here. Ids of one request
are read in batches per kind, like every other edge.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from api.selection import Tree
from backends.records import Kind
from link_store.records import LinkKind, LinkRef
from resolvers import catalog, imaging, links, lookahead
from resolvers.cohorts import visibility
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.paging import decode_id

Reader = Callable[[RequestContext, str, Tree], Awaitable[Any]]


async def read_node(
    context: RequestContext, global_id: str, tree: Tree, *, expected: str | None = None
) -> Any:
    """Return the record behind a global id, with what is selected of it.

    Raises:
        BadInput: not an id of this server, or of another type than expected.
        NotFound: nothing there that the viewer may see.
    """
    kind, native = decode_id(global_id)
    if expected not in (None, kind):
        raise BadInput(f"This is the id of a {kind}, not of a {expected}.")
    reader = _READERS.get(kind)
    if reader is None:
        raise BadInput("This is not an id of this server; use the `id` field of an object.")
    return await reader(context, native, tree)


async def _project(context: RequestContext, native: str, tree: Tree) -> Any:
    return await catalog.get(context, Kind.PROJECT, native, lookahead.project_fetch(tree))


async def _experiment(context: RequestContext, native: str, tree: Tree) -> Any:
    return await catalog.get(context, Kind.EXPERIMENT, native, lookahead.experiment_fetch(tree))


async def _sample(context: RequestContext, native: str, tree: Tree) -> Any:
    return await catalog.get(context, Kind.SAMPLE, native, lookahead.sample_fetch(tree))


async def _omics_dataset(context: RequestContext, native: str, tree: Tree) -> Any:
    return await catalog.get(context, Kind.OMICS_DATASET, native, lookahead.omics_fetch(tree))


async def _image_project(context: RequestContext, native: str, tree: Tree) -> Any:
    fetch = lookahead.image_project_fetch(tree)
    return await imaging.get_image_project(context, _number(native), fetch)


async def _image_dataset(context: RequestContext, native: str, tree: Tree) -> Any:
    fetch = lookahead.image_dataset_fetch(tree)
    return await imaging.get_image_dataset(context, _number(native), fetch)


async def _image(context: RequestContext, native: str, tree: Tree) -> Any:
    return await imaging.get_image(context, _number(native), lookahead.image_fetch(tree))


async def _project_link(context: RequestContext, native: str, _tree: Tree) -> Any:
    return await links.get(context, LinkRef(LinkKind.PROJECT, _number(native)))


async def _sample_link(context: RequestContext, native: str, _tree: Tree) -> Any:
    return await links.get(context, LinkRef(LinkKind.SAMPLE, _number(native)))


async def _snapshot(context: RequestContext, native: str, _tree: Tree) -> Any:
    return await visibility.readable(context, _number(native))


async def _operation(context: RequestContext, native: str, _tree: Tree) -> Any:
    return await context.operations().get(context, native)


def _number(native: str) -> int:
    if not (native.isascii() and native.isdigit() and len(native) < 20):  # noqa: PLR2004 - 64 bits
        raise BadInput("This is not an id of this server; use the `id` field of an object.")
    return int(native)


_READERS: dict[str, Reader] = {
    "Project": _project,
    "Experiment": _experiment,
    "Sample": _sample,
    "OmicsDataset": _omics_dataset,
    "ImageProject": _image_project,
    "ImageDataset": _image_dataset,
    "Image": _image,
    "ProjectLink": _project_link,
    "SampleLink": _sample_link,
    "CohortSnapshot": _snapshot,
    "Operation": _operation,
}
