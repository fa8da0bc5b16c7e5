"""Noticing that an end of a link is gone: whoever opens the link marks it BROKEN, with an event.

Systems leave out what a viewer may not see, so a missing end is gone only for a viewer whom that
system hides nothing from. To everybody else the field says NOT_PERMITTED, until somebody has found
out; from then on it says GONE. A question never fails because this could not be written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backends.errors import BackendError, Source
from link_store.errors import LinkStoreError
from link_store.records import LinkRecord, LinkState
from resolvers import identity
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn

AT_MOST: Final = 10  # links that one question marks; an audit finds them all


async def notice(context: RequestContext, links: Sequence[LinkRecord], source: Source) -> None:
    """Mark links whose end the viewer does not see, if that end is known to be gone by that.

    Args:
        context: the request.
        links: with an end missing; those that are not ACTIVE stay as they are.
        source: the system whose end is missing.
    """
    active = [link for link in links if link.state is LinkState.ACTIVE]
    if not active or context.marked >= AT_MOST:
        return
    try:
        if not await context.loaders.oversight.load(source):
            return
    except (BackendError, NotSignedIn):
        return
    for link in active[: AT_MOST - context.marked]:
        context.marked += 1
        await _mark(context, link, source)


async def _mark(context: RequestContext, link: LinkRecord, source: Source) -> None:
    store = context.services.links
    try:
        who = context.viewer.user or (await identity.openbis(context)).user_id
        work = store.mark_broken(
            link.ref,
            expected_revision=link.revision,
            author=who,
            details={"by": "opening", "gone": source.value},
        )
        await context.ask_links("markBroken", work)
    except (LinkStoreError, BackendError, NotSignedIn):
        return  # somebody was faster, or it cannot be written now: an audit will find it
