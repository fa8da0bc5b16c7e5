"""What the client changes in OMERO: containers, links, key-values, tags, deletions.

`Changing` is the writing half of `OmeroClient`. Each method is one transaction and is sent once: a
write that was cut off raises `OutcomeUnknown` and is not repeated, for it may have happened.
Methods that link look first what is linked, so that calling them again changes nothing; projects
and datasets are found again by the identity that they were given (`external`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import SecretStr

from backends.errors import InvalidRequest, OutcomeUnknown, Source, TimedOut
from backends.lane import Call, Lane
from backends.omero import queries
from backends.omero.asking import Ask
from backends.omero.transport import OmeroTransport
from backends.omero.write import (
    Change,
    Changes,
    Deletion,
    ExternalId,
    Made,
    Pairs,
    Properties,
    Ref,
    Saved,
)
from backends.records import ImagingKind

T = TypeVar("T")

CHILDREN: Final[Mapping[ImagingKind, tuple[str, ...]]] = {
    ImagingKind.IMAGE_PROJECT: ("Dataset", "Image"),
    ImagingKind.IMAGE_DATASET: ("Image",),
    ImagingKind.IMAGE: (),
}
# Annotations that may be meant for more than what is deleted, though nothing else has them yet.
SHARED_ANNOTATIONS: Final = ("TagAnnotation", "TermAnnotation", "FileAnnotation")


@dataclass(frozen=True, slots=True)
class NewContainer:
    """A project or dataset to be made; `key_values` are pairs by namespace."""

    name: str
    description: str | None = None
    external: ExternalId | None = None
    key_values: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)


class Changing:
    """The writing half of `OmeroClient`."""

    _transport: OmeroTransport
    _lane: Lane

    def _ask(self, session: SecretStr, call: Call) -> Ask:
        raise NotImplementedError

    # --- Anything ------------------------------------------------------------------------------

    async def save(
        self, session: SecretStr, changes: Sequence[Change], *, group: int, call: Call
    ) -> tuple[Saved, ...]:
        """Carry out all changes or none; see `write.py`.

        Raises:
            ChangedMeanwhile: an object has another version than its update was decided on.
            NotFound: an object to be changed or referred to is not there.
            OutcomeUnknown: it was cut off: look before you repeat.
        """
        return await self._once(
            "saveChanges", lambda: self._transport.save(session, changes, group=group), call
        )

    async def delete(
        self, session: SecretStr, deletion: Deletion, *, group: int, call: Call
    ) -> dict[str, tuple[int, ...]]:
        """Delete, or only tell what would be; see `write.py`.

        Raises:
            NotFound: a target is not there.
            OutcomeUnknown: it was cut off: look before you repeat.
        """
        return await self._once(
            "deleteObjects", lambda: self._transport.delete(session, deletion, group=group), call
        )

    # --- Projects and datasets -----------------------------------------------------------------

    async def create_image_project(
        self, session: SecretStr, new: NewContainer, *, group: int, call: Call
    ) -> Saved:
        """Make a project with its annotations."""
        changes = Changes()
        project = _contain(changes, "Project", new)
        saved = await self.save(session, changes.items, group=group, call=call)
        return saved[project.index]

    async def create_image_datasets(
        self,
        session: SecretStr,
        project: int | None,
        new: Sequence[NewContainer],
        *,
        group: int,
        call: Call,
    ) -> tuple[Saved, ...]:
        """Make datasets with their annotations, within a project if one is named."""
        changes = Changes()
        made = []
        for each in new:
            dataset = _contain(changes, "Dataset", each)
            if project is not None:
                changes.link("ProjectDatasetLink", Ref("Project", project), dataset)
            made.append(dataset.index)
        saved = await self.save(session, changes.items, group=group, call=call)
        return tuple(saved[index] for index in made)

    async def find_external(
        self,
        session: SecretStr,
        kind: ImagingKind,
        entity_type: str,
        uuids: Collection[str],
        call: Call,
    ) -> dict[str, tuple[int, ...]]:
        """Which objects were given these identities elsewhere: how to find them again.

        More than one id means that two writers made the same at once.
        """
        if not uuids:
            return {}
        bound = {"type": entity_type, "uuids": tuple(uuids)}
        rows = await self._ask(session, call).rows(queries.by_external_id(kind), bound)
        found: dict[str, tuple[int, ...]] = {}
        for uuid, number in rows:
            found[uuid] = (*found.get(uuid, ()), number)
        return found

    async def update(
        self,
        session: SecretStr,
        target: Ref,
        version: int | None,
        properties: Properties,
        *,
        group: int,
        call: Call,
    ) -> Saved:
        """Give an object other values, if it still has this version."""
        changes = Changes()
        changes.update(target, version, properties)
        return (await self.save(session, changes.items, group=group, call=call))[0]

    # --- Links ---------------------------------------------------------------------------------

    async def link_image_datasets(
        self,
        session: SecretStr,
        project: int,
        datasets: Collection[int],
        *,
        group: int,
        call: Call,
    ) -> int:
        """Put datasets into a project; say how many were not there yet."""
        link = ("ProjectDatasetLink", "Project", "Dataset")
        return await self._link(session, link, project, datasets, group, call)

    async def link_images(
        self, session: SecretStr, dataset: int, images: Collection[int], *, group: int, call: Call
    ) -> int:
        """Put images into a dataset; say how many were not there yet."""
        link = ("DatasetImageLink", "Dataset", "Image")
        return await self._link(session, link, dataset, images, group, call)

    async def unlink(
        self,
        session: SecretStr,
        entity: str,
        parent: int,
        children: Collection[int],
        *,
        group: int,
        call: Call,
    ) -> int:
        """Take children out of their parent (`DatasetImageLink`); say how many links went.

        Only links are deleted, whoever made them.
        """
        if not children:
            return 0
        ids = tuple(row[0] for row in await self._links(session, entity, parent, children, call))
        if not ids:
            return 0
        gone = await self.delete(session, Deletion({entity: ids}), group=group, call=call)
        return len(gone.get(entity, ()))

    # --- Annotations ---------------------------------------------------------------------------

    async def annotate(
        self,
        session: SecretStr,
        kind: ImagingKind,
        pairs_of: Mapping[int, Sequence[tuple[str, str]]],
        *,
        namespace: str,
        group: int,
        call: Call,
    ) -> dict[int, Saved]:
        """Give each object an annotation of its own with key-value pairs; pairs keep their order.

        Returns:
            The annotations by object.
        """
        changes, made = Changes(), {}
        for number, pairs in pairs_of.items():
            annotation = _annotation(changes, namespace, pairs)
            changes.annotate(Ref(kind.value, number), annotation)
            made[number] = annotation.index
        saved = await self.save(session, changes.items, group=group, call=call)
        return {number: saved[index] for number, index in made.items()}

    async def replace_key_values(
        self,
        session: SecretStr,
        annotation: int,
        version: int | None,
        pairs: Sequence[tuple[str, str]],
        *,
        group: int,
        call: Call,
    ) -> Saved:
        """Replace all pairs of one annotation, if it still has this version."""
        target, values = Ref("MapAnnotation", annotation), Pairs(tuple(pairs))
        return await self.update(
            session, target, version, {"mapValue": values}, group=group, call=call
        )

    async def tag(
        self,
        session: SecretStr,
        kind: ImagingKind,
        ids: Collection[int],
        tag: str | int,
        *,
        group: int,
        call: Call,
    ) -> int:
        """Give objects a tag: a new one by its text, or one that exists by its id.

        Returns:
            The tag's id.
        """
        changes, tagged = Changes(), set()
        made: Ref | Made
        if isinstance(tag, int):
            made, ask = Ref("TagAnnotation", tag), self._ask(session, call)
            asked = queries.links(f"{kind}AnnotationLink").filter(
                "l.child.id = :child", "l.parent.id in (:ids)"
            )
            chunks = await ask.rows_in(ask.scope(ids), asked, {"child": tag})
            tagged = {row[1] for rows in chunks for row in rows}
        else:
            made = changes.new("TagAnnotation", {"textValue": tag})
        for number in dict.fromkeys(ids):
            if number not in tagged:
                changes.annotate(Ref(kind.value, number), made)
        saved = await self.save(session, changes.items, group=group, call=call)
        return made.id if isinstance(made, Ref) else saved[made.index].id

    # --- Deletions -----------------------------------------------------------------------------

    async def delete_containers(
        self,
        session: SecretStr,
        kind: ImagingKind,
        ids: Collection[int],
        *,
        group: int,
        call: Call,
        with_children: bool = False,
        dry_run: bool = False,
    ) -> dict[str, tuple[int, ...]]:
        """Delete projects, datasets or images; what lies in them only if that is asked for.

        Returns:
            The ids of all that went, by entity: links and own annotations among them.
        """
        keep = SHARED_ANNOTATIONS if with_children else (*CHILDREN[kind], *SHARED_ANNOTATIONS)
        deletion = Deletion({kind.value: tuple(ids)}, keep, dry_run)
        return await self.delete(session, deletion, group=group, call=call)

    async def delete_annotations(
        self, session: SecretStr, ids: Collection[int], *, group: int, call: Call
    ) -> dict[str, tuple[int, ...]]:
        """Delete annotations, and with them their links."""
        deletion = Deletion({"Annotation": tuple(ids)})
        return await self.delete(session, deletion, group=group, call=call)

    # --- Inside --------------------------------------------------------------------------------

    async def _once(self, operation: str, attempt: Callable[[], Awaitable[T]], call: Call) -> T:
        """One write through the lane; if it was begun and not finished in time, nobody knows."""
        begun = False

        async def begin() -> T:
            nonlocal begun
            begun = True
            return await attempt()

        try:
            return await self._lane.call(operation, begin, call, safe=False)
        except TimedOut:
            if not begun:
                raise
            raise OutcomeUnknown(
                Source.OMERO,
                "OMERO did not finish writing in time: look whether the change happened before "
                "you repeat it.",
            ) from None

    async def _link(
        self,
        session: SecretStr,
        link: tuple[str, str, str],
        parent: int,
        children: Collection[int],
        group: int,
        call: Call,
    ) -> int:
        entity, of_parent, of_child = link
        wanted = tuple(dict.fromkeys(children))
        if not wanted:
            return 0
        for attempt in range(2):
            rows = await self._links(session, entity, parent, wanted, call)
            linked = {row[2] for row in rows}
            changes = Changes()
            for child in wanted:
                if child not in linked:
                    changes.link(entity, Ref(of_parent, parent), Ref(of_child, child))
            if not changes.items:
                return 0
            try:
                await self.save(session, changes.items, group=group, call=call)
            except InvalidRequest:
                # Refused, hence not done: somebody else may have made one of them meanwhile.
                if attempt:
                    raise
            else:
                return len(changes.items)
        return 0

    async def _links(
        self,
        session: SecretStr,
        entity: str,
        parent: int,
        children: Collection[int],
        call: Call,
    ) -> list[list[Any]]:
        """Links between a parent and some children: their id, parent and child."""
        ask = self._ask(session, call)
        asked = queries.links(entity).filter("l.parent.id = :parent", "l.child.id in (:ids)")
        chunks = await ask.rows_in(ask.scope(children), asked, {"parent": parent})
        return [row for rows in chunks for row in rows]


def _contain(changes: Changes, entity: str, new: NewContainer) -> Made:
    properties = {"name": new.name, "description": new.description}
    container = changes.new(entity, properties, external=new.external)
    for namespace, pairs in new.key_values.items():
        changes.annotate(container, _annotation(changes, namespace, pairs))
    return container


def _annotation(changes: Changes, namespace: str, pairs: Sequence[tuple[str, str]]) -> Made:
    return changes.new("MapAnnotation", {"ns": namespace, "mapValue": Pairs(tuple(pairs))})
