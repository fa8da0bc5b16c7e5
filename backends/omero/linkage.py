"""What linking asks of OMERO in bulk: contents of projects, what annotations claim, and rights.

`Linkage` is the part of `OmeroClient` that discovery, audit and rebuilding stand on: each method
answers for hundreds of objects in one call, or gives one page of all that there are, so that their
calls do not grow with more than the number of pages. What the answers mean is decided by
`resolvers/links`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from backends.lane import Call
from backends.omero import queries
from backends.omero.asking import Ask
from backends.omero.changes import Changing
from backends.omero.queries import Projection
from backends.omero.transport import HqlValue
from backends.omero.write import Changes, Pairs, Ref
from backends.records import ImagingKind

# Anything that can be the address of an object in an openBIS: its interfaces have these in common.
OPENBIS_ADDRESS: Final = "%openbis%"


@dataclass(frozen=True, slots=True)
class ContainedDataset:
    """A dataset as it lies in a project; in two projects it comes twice."""

    link_id: int  # the place in the list: pages begin beyond one
    project_id: int
    omero_id: int
    name: str
    group_id: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One value under a key of a map annotation on a project or dataset."""

    link_id: int  # the place in the list
    omero_id: int
    value: str


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the viewer may do with an object, as OMERO itself says."""

    can_annotate: bool
    can_edit: bool
    can_link: bool
    can_delete: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Key-values that an object shall bear: in place of those of an annotation, or in a new one."""

    pairs: Sequence[tuple[str, str]]
    annotation_id: int | None = None


class Linkage(Changing):
    """The part of `OmeroClient` that links are found, compared and noted with."""

    async def contained_datasets(
        self, session: SecretStr, projects: Collection[int], call: Call, *, beyond: int, limit: int
    ) -> tuple[ContainedDataset, ...]:
        """One page of the datasets in some projects, in the order of their places."""
        if not projects:
            return ()
        ask = self._ask(session, call)
        params: dict[str, HqlValue] = {"ids": tuple(projects), "beyond": beyond}
        rows = await ask.rows(queries.CONTAINED_DATASETS, params, limit=limit)
        return tuple(ContainedDataset(*row) for row in rows)

    async def claims(
        self,
        session: SecretStr,
        kind: ImagingKind,
        namespace: str,
        key: str,
        call: Call,
        *,
        beyond: int,
        limit: int,
    ) -> tuple[Claim, ...]:
        """One page of all that annotations of a namespace say under a key, on any object."""
        ask = self._ask(session, call)
        params: dict[str, HqlValue] = {"ns": namespace, "key": key, "beyond": beyond}
        rows = await ask.rows(queries.claims(kind), params, limit=limit)
        return tuple(Claim(*row) for row in rows)

    async def claimants(
        self,
        session: SecretStr,
        kind: ImagingKind,
        namespace: str,
        key: str,
        values: Collection[str],
        call: Call,
    ) -> tuple[Claim, ...]:
        """All objects whose annotation of a namespace has one of these values under a key."""
        if not values:
            return ()
        ask = self._ask(session, call)
        params: dict[str, HqlValue] = {"ns": namespace, "key": key, "values": tuple(values)}
        rows = await ask.rows(queries.claimants(kind), params)
        return tuple(Claim(*row) for row in rows)

    async def addresses(
        self, session: SecretStr, kind: ImagingKind, ids: Collection[int], call: Call
    ) -> dict[int, tuple[str, ...]]:
        """Comments on projects or datasets that may hold an address in openBIS."""
        return await self._comments(session, queries.addresses(kind), ids, call)

    async def addresses_on_images(
        self, session: SecretStr, datasets: Collection[int], call: Call
    ) -> dict[int, tuple[str, ...]]:
        """Such comments on the images of datasets, each text once per dataset."""
        return await self._comments(session, queries.ADDRESSES_ON_IMAGES, datasets, call)

    async def permissions(
        self, session: SecretStr, kind: ImagingKind, ids: Collection[int], call: Call
    ) -> dict[int, Permissions]:
        """What the viewer may do; objects that the viewer does not see are missing."""
        ask = self._ask(session, call)
        chunks = await ask.rows_in(ask.scope(ids), queries.permissions(kind))
        found = {}
        for rows in chunks:
            for (row,) in rows:
                told = row["o_details_permissions"]
                found[row["id"]] = Permissions(
                    can_annotate=bool(told["canAnnotate"]),
                    can_edit=bool(told["canEdit"]),
                    can_link=bool(told["canLink"]),
                    can_delete=bool(told["canDelete"]),
                )
        return found

    async def write_notes(
        self,
        session: SecretStr,
        kind: ImagingKind,
        notes: Mapping[int, Note],
        *,
        namespace: str,
        group: int,
        call: Call,
    ) -> None:
        """Let each object bear its note, in one transaction: at most 1,000 objects at a time.

        Raises:
            NotFound: an object or annotation is not there, or not visible; nothing was written.
            AccessDenied: the viewer may not annotate one; nothing was written.
            OutcomeUnknown: it was cut off.
        """
        changes = Changes()
        for omero_id, note in notes.items():
            values = Pairs(tuple(note.pairs))
            if note.annotation_id is not None:
                changes.update(Ref("MapAnnotation", note.annotation_id), None, {"mapValue": values})
                continue
            made = changes.new("MapAnnotation", {"ns": namespace, "mapValue": values})
            changes.annotate(Ref(kind.value, omero_id), made)
        if changes.items:
            await self.save(session, changes.items, group=group, call=call)

    async def _comments(
        self, session: SecretStr, projection: Projection, ids: Collection[int], call: Call
    ) -> dict[int, tuple[str, ...]]:
        ask: Ask = self._ask(session, call)
        chunks = await ask.rows_in(ask.scope(ids), projection, {"address": OPENBIS_ADDRESS})
        found: dict[int, dict[str, None]] = {}
        for rows in chunks:
            for omero_id, text in rows:
                found.setdefault(omero_id, {})[text or ""] = None
        return {omero_id: tuple(texts) for omero_id, texts in found.items()}
