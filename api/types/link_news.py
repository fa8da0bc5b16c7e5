"""Changes of links, as a subscription."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from api.selection import Info
from api.types.link import Link, LinkEvent
from api.types.scalars import BigInt
from api.types.source import links
from backends.fetch import Fetch
from resolvers import catalog, link_changes
from resolvers.link_changes import LinkUpdate as UpdateRecord


def resolve_revision(root: strawberry.Parent[UpdateRecord]) -> BigInt:
    """Return the place of the change in the history of all links."""
    return BigInt(root.event.id)


@strawberry.type(description="Something that has happened to a link.")
class LinkUpdate:
    """Backed by `resolvers.link_changes.LinkUpdate`."""

    revision: BigInt = links(
        "The revision of all links after it; give the last one you saw as `after` to go on.",
        "link_event.id",
        resolve_revision,
    )
    event: LinkEvent = links("What has happened.", "link_event")
    link: Link = links("The link as it is by now.", "project_link, sample_link")


@strawberry.type
class LinkNews:
    """What is told of links."""

    @strawberry.subscription(
        description=(
            "Changes of links, as they happen, of all links whose openBIS end the viewer sees."
        )
    )
    async def link_changes(
        self,
        info: Info,
        project: Annotated[
            str | None,
            strawberry.argument(description="Only links of this project; its identifier or code."),
        ] = None,
        after: Annotated[
            BigInt | None,
            strawberry.argument(
                description="Begin after this revision; else with what happens from now on."
            ),
        ] = None,
    ) -> AsyncGenerator[LinkUpdate, None]:
        """Tell changes without end."""
        context = info.context
        found = None
        if project is not None:
            found = await catalog.project_by_identifier(context, project, Fetch())
        async with aclosing(link_changes.changes(context, found, after)) as updates:
            async for update in updates:
                yield update  # type: ignore[misc] # the record, as in all of `api.types`
