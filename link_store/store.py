"""`LinkStore`, the only door to the links: look-ups (`reading.py`), transfer, and the writes.

Every write is one transaction together with its entry in the history; the database's own rules
decide whether it may be, not the checks made here beforehand, which only word the refusal better.
A call that changes a link names the revision it was decided on. Resolvers and the durable
registration call this; nobody else writes links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from link_store.errors import InvalidLink
from link_store.records import (
    Evidence,
    LinkChange,
    LinkKind,
    LinkRecord,
    LinkRef,
    LinkState,
    NewSampleLink,
    ProjectLinkRecord,
    SampleLinkRecord,
)
from link_store.transfer import LinkTransfer
from link_store.writing import (
    checked_id,
    checked_perm_id,
    retire_samples,
    to_json,
)


class LinkStore(LinkTransfer):
    """The links between one openBIS and one OMERO instance."""

    async def link_project(
        self,
        openbis_perm_id: str,
        omero_id: int,
        *,
        author: str,
        evidence: str = Evidence.DECLARED,
        state: LinkState = LinkState.ACTIVE,
        details: Mapping[str, Any] | None = None,
    ) -> ProjectLinkRecord:
        """Link an openBIS project with an OMERO project, or reserve the link.

        Raises:
            LinkConflict: when one of the ends already stands in a live link.
            InvalidLink: when an id cannot be one.
        """
        with self.observed("link_project"):
            made = await self.create(
                LinkKind.PROJECT,
                [(openbis_perm_id, omero_id)],
                author=author,
                evidence=evidence,
                state=state,
                details=details,
            )
        return cast("ProjectLinkRecord", made[0])

    async def link_sample(
        self,
        link: NewSampleLink,
        *,
        author: str,
        evidence: str = Evidence.DECLARED,
        state: LinkState = LinkState.ACTIVE,
        details: Mapping[str, Any] | None = None,
    ) -> SampleLinkRecord:
        """Link an openBIS sample with an OMERO dataset; see `link_samples`."""
        made = await self.link_samples(
            [link], author=author, evidence=evidence, state=state, details=details
        )
        return made[0]

    async def link_samples(
        self,
        links: Sequence[NewSampleLink],
        *,
        author: str,
        evidence: str = Evidence.DECLARED,
        state: LinkState = LinkState.ACTIVE,
        details: Mapping[str, Any] | None = None,
    ) -> tuple[SampleLinkRecord, ...]:
        """Link thousands of samples in one transaction: all of them, or none.

        Args:
            links: The ends, and the openBIS project each sample is in.
            author: Who does it.
            evidence: Why the links are believed to be right.
            state: ACTIVE, or RESERVED while a registration is under way.
            details: Written into the history.

        Raises:
            LinkConflict: when an end already stands in a live link; `taken` says which.
            LinkNotFound: when a project has no live link.
            InvalidLink: when an id cannot be one, or is named twice.
        """
        with self.observed("link_samples"):
            made = await self.create(
                LinkKind.SAMPLE,
                [(link.openbis_perm_id, link.omero_id) for link in links],
                [link.project_perm_id for link in links],
                author=author,
                evidence=evidence,
                state=state,
                details=details,
            )
        return tuple(cast("list[SampleLinkRecord]", made))

    async def activate(
        self,
        ref: LinkRef,
        *,
        expected_revision: int,
        author: str,
        details: Mapping[str, Any] | None = None,
    ) -> LinkRecord:
        """Make a reserved link, or one that was found whole again, active; else no change."""
        with self.observed("activate"):
            return await self._step(
                ref,
                expected_revision,
                state=LinkState.ACTIVE,
                change=LinkChange.ACTIVATED,
                author=author,
                details=details,
            )

    async def mark_broken(
        self,
        ref: LinkRef,
        *,
        expected_revision: int,
        author: str,
        details: Mapping[str, Any] | None = None,
    ) -> LinkRecord:
        """Note that one end of a link is gone; a link already broken stays as it is."""
        with self.observed("mark_broken"):
            return await self._step(
                ref,
                expected_revision,
                state=LinkState.BROKEN,
                change=LinkChange.BROKEN,
                author=author,
                details=details,
            )

    async def retire(
        self,
        ref: LinkRef,
        *,
        expected_revision: int,
        author: str,
        with_samples: bool = False,
        details: Mapping[str, Any] | None = None,
    ) -> LinkRecord:
        """End a link for good; a link already retired stays as it is.

        Args:
            ref: Which link.
            expected_revision: The revision the decision was made on.
            author: Who does it.
            with_samples: For a project link: end the sample links below it, too.
            details: Written into the history.

        Raises:
            LinkConflict: when sample links live below a project link and may not be ended.
            LinkNotFound: when there is no such link.
            StaleRevision: when the link has another revision.
        """
        with self.observed("retire"), self.worded():
            async with self.database.write() as connection:
                link = await self.expect(connection, ref, expected_revision)
                if link.state is LinkState.RETIRED:
                    return link
                if ref.kind is LinkKind.PROJECT and with_samples:
                    await retire_samples(connection, ref.id, author, to_json(details))
                return await self.change(
                    connection,
                    link,
                    {"state": LinkState.RETIRED},
                    change=LinkChange.RETIRED,
                    author=author,
                    details=to_json(details),
                )

    async def move(
        self,
        ref: LinkRef,
        *,
        expected_revision: int,
        author: str,
        openbis_perm_id: str | None = None,
        omero_id: int | None = None,
        project_perm_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> LinkRecord:
        """Give a link another end; a broken link is active again by that.

        Args:
            ref: Which link.
            expected_revision: The revision the decision was made on.
            author: Who does it.
            openbis_perm_id: The new openBIS end, if it changes. A project link that has, or has
                had, sample links keeps its openBIS end.
            omero_id: The new OMERO end, if it changes.
            project_perm_id: For a sample link: the openBIS project that the sample is in now.
            details: Written into the history, beside the old ends.

        Raises:
            LinkConflict: when a new end stands in another live link.
            LinkNotFound: when there is no such link, or the project has no live link.
            StaleRevision: when the link has another revision.
            InvalidLink: when the link is retired, nothing changes, or an id cannot be one.
        """
        values: dict[str, Any] = {}
        if openbis_perm_id is not None:
            values["openbis_perm_id"] = checked_perm_id(openbis_perm_id)
        if omero_id is not None:
            values["omero_id"] = checked_id(omero_id)
        if project_perm_id is not None:
            if ref.kind is LinkKind.PROJECT:
                raise InvalidLink("a project link stands below no project: leave it out")
            values["project_perm_id"] = checked_perm_id(project_perm_id)
        with self.observed("move"), self.worded():
            async with self.database.write() as connection:
                link = await self.expect(connection, ref, expected_revision)
                old = {name: getattr(link, name) for name in values}
                if old == values:
                    raise InvalidLink("the link has these ends already: give another one")
                if project_perm_id is not None:
                    found = await self.projects(connection, {project_perm_id})
                    values["project_link_id"] = found[project_perm_id]
                if link.state is LinkState.BROKEN:
                    values["state"] = LinkState.ACTIVE
                told = to_json({**(details or {}), "from": old})
                return await self.change(
                    connection, link, values, change=LinkChange.MOVED, author=author, details=told
                )

    async def _step(
        self,
        ref: LinkRef,
        expected_revision: int,
        *,
        state: LinkState,
        change: LinkChange,
        author: str,
        details: Mapping[str, Any] | None,
    ) -> LinkRecord:
        with self.worded():
            async with self.database.write() as connection:
                link = await self.expect(connection, ref, expected_revision)
                if link.state is state:
                    return link
                return await self.change(
                    connection,
                    link,
                    {"state": state},
                    change=change,
                    author=author,
                    details=to_json(details),
                )
