"""Key-values and tags of images, written in few saves and never twice.

What an image says already, in the same namespace and with the same pairs, is not said again; a tag
that its group has is used rather than made anew. Repeating any of it changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backends.fetch import Fetch
from backends.omero.write import Changes, Made, Pairs, Properties, Ref
from backends.records import ImagingKind
from resolvers.context import RequestContext

IMAGES_AT_ONCE: Final = 200
CHANGES_AT_ONCE: Final = 1_500  # of the 2,000 that one save may hold

Triple = tuple[str, str, str]  # namespace, key, value


@dataclass(frozen=True, slots=True)
class Annotating:
    """What one image is to say."""

    image_id: int
    pairs: tuple[Triple, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Annotated:
    """What was new."""

    annotations: int = 0
    tags: int = 0

    def plus(self, other: Annotated) -> Annotated:
        """The sum of both."""
        return Annotated(self.annotations + other.annotations, self.tags + other.tags)


async def annotate(context: RequestContext, wanted: Sequence[Annotating]) -> Annotated:
    """Give images their key-values and tags.

    Raises:
        BackendError: OMERO did not answer, or the viewer may not annotate one of them.
    """
    told = Annotated()
    for start in range(0, len(wanted), IMAGES_AT_ONCE):
        chunk = {each.image_id: each for each in wanted[start : start + IMAGES_AT_ONCE]}
        images = await context.services.omero.images_by_ids(
            context.omero_session(), tuple(chunk), Fetch(), context.call
        )
        groups: dict[int, list[Annotating]] = {}
        for number, image in images.items():
            groups.setdefault(image.group_id, []).append(chunk[number])
        for group, members in groups.items():
            told = told.plus(await _annotate(context, group, members))
    return told


async def _annotate(context: RequestContext, group: int, wanted: Sequence[Annotating]) -> Annotated:
    session, call, omero = context.omero_session(), context.call, context.services.omero
    ids = tuple(each.image_id for each in wanted)
    texts = tuple(dict.fromkeys(tag for each in wanted for tag in each.tags))
    has, tagged, known = await asyncio.gather(
        omero.key_values(session, ImagingKind.IMAGE, ids, call),
        omero.tags(session, ImagingKind.IMAGE, ids, call),
        omero.tags_by_text(session, texts, group, call),
    )
    saving = _Saving(context, group)
    tags: dict[str, Ref | Made] = {
        text: Ref("TagAnnotation", known[text]) for text in texts if text in known
    }
    for each in wanted:
        image = Ref(ImagingKind.IMAGE.value, each.image_id)
        said: dict[tuple[int, str], list[tuple[str, str]]] = {}
        for pair in has.get(each.image_id, ()):
            key = (pair.annotation_id, pair.namespace or "")
            said.setdefault(key, []).append((pair.key, pair.value))
        for namespace, pairs in _by_namespace(each.pairs).items():
            if any(ns == namespace and its == pairs for (_, ns), its in said.items()):
                continue
            saving.say(image, namespace, pairs)
        present = {tag.value for tag in tagged.get(each.image_id, ())}
        for text in dict.fromkeys(each.tags):
            if text not in present:
                if text not in tags:
                    tags[text] = saving.changes.new("TagAnnotation", {"textValue": text})
                saving.tag(image, tags[text])
        if len(saving.changes.items) > CHANGES_AT_ONCE:
            made = await saving.save()
            tags = {text: _kept(tag, made) for text, tag in tags.items()}
    await saving.save()
    return saving.told


class _Saving:
    """Collects changes of one group, and saves them."""

    def __init__(self, context: RequestContext, group: int) -> None:
        self._context = context
        self._group = group
        self.changes = Changes()
        self.told = Annotated()

    def say(self, image: Ref, namespace: str, pairs: Sequence[tuple[str, str]]) -> None:
        values: Properties = {"ns": namespace, "mapValue": Pairs(tuple(pairs))}
        self.changes.annotate(image, self.changes.new("MapAnnotation", values))
        self.told = self.told.plus(Annotated(annotations=1))

    def tag(self, image: Ref, tag: Ref | Made) -> None:
        self.changes.annotate(image, tag)
        self.told = self.told.plus(Annotated(tags=1))

    async def save(self) -> Mapping[int, int]:
        """Save what is there; returns the ids of what was made, by its place."""
        changes, self.changes = self.changes, Changes()
        if not changes.items:
            return {}
        saved = await self._context.services.omero.save(
            self._context.omero_session(),
            changes.items,
            group=self._group,
            call=self._context.call,
        )
        return {place: each.id for place, each in enumerate(saved)}


def _kept(tag: Ref | Made, made: Mapping[int, int]) -> Ref | Made:
    return tag if isinstance(tag, Ref) else Ref("TagAnnotation", made[tag.index])


def _by_namespace(pairs: Sequence[Triple]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for namespace, key, value in pairs:
        found.setdefault(namespace, []).append((key, value))
    return found
