"""Reading the link database for a viewer: one link, or a page of a project's.

A link is shown to whoever sees its openBIS end, and to whoever nothing in openBIS is hidden from,
since for them an end that is not there is gone; whether the images beyond it may be seen is OMERO's
to say.
"""

from __future__ import annotations

from collections.abc import Collection

from backends.errors import NotFound, Source
from backends.fetch import Fetch
from backends.filters import Key, Page, PageRequest
from backends.records import ProjectRecord
from link_store.records import LinkKind, LinkRecord, LinkRef, LinkState
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.links.ends import OPENBIS_KINDS


async def get(context: RequestContext, ref: LinkRef) -> LinkRecord:
    """Return one link, retired ones too.

    Raises:
        NotFound: there is none, or the viewer does not see its openBIS end.
    """
    store = context.services.links
    found = await context.ask_links("linksByIds", store.links_by_ids([ref]))
    link = found.get(ref)
    # A link that is not there costs what a hidden one does: its cost must not tell them apart.
    end = catalog.nowhere(ref.id) if link is None else link.openbis_perm_id
    if not await _sees(context, ref.kind, end) or link is None:
        raise NotFound(
            Source.LINK_STORE, "There is no such link, or you may not see its openBIS end."
        )
    return link


async def of_openbis(context: RequestContext, kind: LinkKind, id_: str) -> LinkRecord:
    """Return the live link of an openBIS object, which is given by permId or identifier.

    Raises:
        NotFound: there is no such object for the viewer, or it has no link.
    """
    end = await catalog.get(context, OPENBIS_KINDS[kind], id_, Fetch())
    loaders = context.loaders
    loader = loaders.project_links if kind is LinkKind.PROJECT else loaders.sample_links
    link: LinkRecord | None = await loader.load(end.perm_id)
    if link is None:
        raise NotFound(Source.LINK_STORE, f"{end.identifier} has no link.")
    return link


async def of_omero(context: RequestContext, kind: LinkKind, omero_id: int) -> LinkRecord | None:
    """Return the live link of an OMERO object, if there is one that the viewer may see."""
    loaders = context.loaders
    loader = (
        loaders.project_links_of_omero
        if kind is LinkKind.PROJECT
        else loaders.sample_links_of_omero
    )
    link: LinkRecord | None = await loader.load(omero_id)
    end = catalog.nowhere(omero_id) if link is None else link.openbis_perm_id
    return link if await _sees(context, kind, end) else None


async def _sees(context: RequestContext, kind: LinkKind, perm_id: str) -> bool:
    """Whether the viewer sees an openBIS end, or would see it if it were there."""
    end = await catalog.find(context, OPENBIS_KINDS[kind], perm_id, Fetch())
    return end is not None or bool(await context.loaders.oversight.load(Source.OPENBIS))


async def search(
    context: RequestContext,
    project: ProjectRecord,
    kind: LinkKind | None,
    states: Collection[LinkState],
    page: PageRequest,
) -> Page[LinkRecord]:
    """Return one page of the links of a project that the viewer sees, the project's own first."""
    key = None
    if page.key is not None:
        name, number = page.key
        if name not in set(LinkKind):
            raise BadInput("This is not a cursor of this server; use one from `edges`.")
        key = LinkRef(LinkKind(str(name)), int(number or 0))
    found = await context.ask_links(
        "searchLinks",
        context.services.links.search(
            limit=page.limit,
            kind=kind,
            states=states,
            project_perm_id=project.perm_id,
            key=key,
            backward=page.backward,
            count=page.count,
        ),
    )
    keys: tuple[Key, ...] = tuple((ref.kind.value, ref.id) for ref in found.keys)
    return Page(found.items, keys, has_more=found.has_more, total=found.total)
