"""`linkChanges`: what happens to links from now on, or from a revision on, as one viewer sees it.

The history in the database is the only source, read in order of its ids, so a subscriber that comes
back with the last revision it saw misses nothing and sees nothing twice, on any replica. A change
is shown to whoever sees the link's openBIS end at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from backends.errors import TimedOut, Unavailable
from backends.fetch import Fetch
from backends.records import Kind, ProjectRecord
from link_store.records import LinkEventRecord, LinkKind, LinkRecord
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.errors import BadInput

BATCH = 100


@dataclass(frozen=True, slots=True)
class LinkUpdate:
    """One change, and the link as it is by now."""

    event: LinkEventRecord
    link: LinkRecord


async def changes(
    context: RequestContext, project: ProjectRecord | None, after: int | None
) -> AsyncGenerator[LinkUpdate, None]:
    """Yield the changes of links that the viewer sees, oldest first, without end.

    While a system does not answer, nobody can say what the viewer may see: then it is asked again
    at the next look, and the changes come late.

    Args:
        context: of the subscription; each batch is read in a renewed one.
        project: only the links of this openBIS project and of its samples.
        after: begin after this revision of all links; else with what happens from now on.

    Raises:
        BadInput: `after` is no revision.
        BackendError: the viewer's session is over, or a system refused.
    """
    store, news = context.services.links, context.services.link_news
    if after is not None and after < 0:
        raise BadInput("`after` must be the `revision` of a change that you have seen, or 0.")
    seen = await context.ask_links("revision", store.revision()) if after is None else after
    while True:
        now = await context.renewed()
        try:
            events = await now.ask_links("eventsAfter", store.events_after(seen, BATCH))
            updates = await _visible(now, events, project)
        except (Unavailable, TimedOut):
            await asyncio.sleep(news.seconds)
            continue
        for update in updates:
            yield update
        if events:
            seen = events[-1].id
        if len(events) < BATCH:
            await news.later_than(store, seen)


async def _visible(
    context: RequestContext, events: Sequence[LinkEventRecord], project: ProjectRecord | None
) -> list[LinkUpdate]:
    """Leave out what the viewer may not see, with one call to each side for all events."""
    if not events:
        return []
    refs = {event.link for event in events}
    links = await context.ask_links("linksByIds", context.services.links.links_by_ids(refs))
    if project is not None:
        links = {ref: link for ref, link in links.items() if _is_of(link, project)}
    shown = await asyncio.gather(*(_is_shown(context, link) for link in links.values()))
    seen = {link.ref for link, is_shown in zip(links.values(), shown, strict=True) if is_shown}
    return [LinkUpdate(event, links[event.link]) for event in events if event.link in seen]


def _is_of(link: LinkRecord, project: ProjectRecord) -> bool:
    return getattr(link, "project_perm_id", link.openbis_perm_id) == project.perm_id


async def _is_shown(context: RequestContext, link: LinkRecord) -> bool:
    kind = Kind.PROJECT if link.ref.kind is LinkKind.PROJECT else Kind.SAMPLE
    return await catalog.find(context, kind, link.openbis_perm_id, Fetch()) is not None
