"""The ends of links that are to be made, looked at in both systems before anything is written.

A pair is refused unless both ends are there for the viewer, both systems say that the viewer may
change them, no other live link stands in the way, and a sample's dataset lies in the OMERO project
that the sample's project is linked to. Thousands of pairs cost a few calls: everything is asked for
in bulk. `commands.py`, discovery, repair and imports ask here; whether a link can be made is in the
end the link store's to say.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backends.errors import AccessDenied, Source
from backends.fetch import Fetch
from backends.omero.linkage import Permissions
from backends.openbis.client import Get
from backends.records import (
    ImageDatasetRecord,
    ImageProjectRecord,
    ImagingKind,
    Kind,
    ProjectRecord,
    SampleRecord,
)
from link_store.records import LinkKind, LinkRecord, LinkState, ProjectLinkRecord
from resolvers.context import RequestContext
from resolvers.links.remarks import Code, Remark

RIGHTS_AT_ONCE = 1_000  # ids per question of rights

OPENBIS_KINDS = {LinkKind.PROJECT: Kind.PROJECT, LinkKind.SAMPLE: Kind.SAMPLE}
OMERO_KINDS = {
    LinkKind.PROJECT: ImagingKind.IMAGE_PROJECT,
    LinkKind.SAMPLE: ImagingKind.IMAGE_DATASET,
}
NOUNS = {LinkKind.PROJECT: ("project", "image project"), LinkKind.SAMPLE: ("sample", "dataset")}
_FETCH = {
    LinkKind.PROJECT: Fetch.of("space"),
    LinkKind.SAMPLE: Fetch.of("type", "properties", "project"),
}

OpenbisEnd = ProjectRecord | SampleRecord
OmeroEnd = ImageProjectRecord | ImageDatasetRecord


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ends that shall be linked: a permId or identifier, and an OMERO id."""

    openbis: str
    omero_id: int


@dataclass(slots=True)
class Seen:
    """A pair with what was found of it; without remarks it can be linked."""

    pair: Pair
    openbis: OpenbisEnd | None = None
    omero: OmeroEnd | None = None
    project_link: ProjectLinkRecord | None = None  # what a sample's link will stand below
    existing: LinkRecord | None = None  # a live link of these very ends
    remarks: list[Remark] = field(default_factory=list)

    def refuse(
        self, code: Code, message: str, name: str | None, source: Source | None = None
    ) -> None:
        """Add a reason why the pair cannot be linked."""
        self.remarks.append(Remark(code, message, name, source))


@dataclass(slots=True)
class Ends:
    """What both systems hold of some ends, and what the viewer may do with them."""

    openbis: dict[str, Any] = field(default_factory=dict)  # by the id as it was asked
    omero: dict[int, Any] = field(default_factory=dict)
    updatable: frozenset[str] = frozenset()  # permIds
    permissions: dict[int, Permissions] = field(default_factory=dict)


async def read_ends(
    context: RequestContext, kind: LinkKind, openbis: Collection[str], omero: Collection[int]
) -> Ends:
    """Read both sides at once, and the viewer's rights on what is there."""
    ends = Ends()
    await asyncio.gather(
        _read_openbis(context, kind, openbis, ends), _read_omero(context, kind, omero, ends)
    )
    return ends


async def see(
    context: RequestContext,
    kind: LinkKind,
    pairs: Sequence[Pair],
    assumed: Mapping[str, ProjectLinkRecord] | None = None,
) -> list[Seen]:
    """Look at pairs, and say of each what stands in its way.

    Args:
        context: the request.
        kind: what the pairs are of.
        pairs: as many as you like.
        assumed: links of projects, by permId, that a dry run takes for made.

    Raises:
        BackendError: a source did not answer: nothing can be said.
    """
    ends = await read_ends(
        context, kind, [pair.openbis for pair in pairs], [pair.omero_id for pair in pairs]
    )
    seen = [
        Seen(pair, ends.openbis.get(pair.openbis), ends.omero.get(pair.omero_id)) for pair in pairs
    ]
    for one in seen:
        check_end(one, kind, ends)
    _check_repeated(seen)
    if kind is LinkKind.SAMPLE:
        await check_projects(context, seen, assumed or {})
    await _check_taken(context, kind, seen)
    return seen


def check_end(one: Seen, kind: LinkKind, ends: Ends) -> None:
    """See that both ends are there, and that both may be changed."""
    noun, image_noun = NOUNS[kind]
    if one.openbis is None:
        one.refuse(
            Code.NOT_FOUND,
            f"There is no {noun} {one.pair.openbis} in openBIS, or you may not see it; "
            "check its identifier and your rights.",
            "openbis",
            Source.OPENBIS,
        )
    elif one.openbis.perm_id not in ends.updatable:
        one.refuse(
            Code.FORBIDDEN,
            f"You may not change {noun} {one.openbis.identifier} in openBIS; "
            "ask for a role that allows it.",
            "openbis",
            Source.OPENBIS,
        )
    if one.omero is None:
        one.refuse(
            Code.NOT_FOUND,
            f"There is no {image_noun} {one.pair.omero_id} in OMERO, or you may not see it; "
            "check its id and your groups.",
            "omero",
            Source.OMERO,
        )
    elif not ends.permissions[one.omero.omero_id].can_annotate:
        one.refuse(
            Code.FORBIDDEN,
            f"You may not annotate {image_noun} {one.omero.omero_id} in OMERO; "
            "its owner, or an owner of its group, may.",
            "omero",
            Source.OMERO,
        )


async def check_projects(
    context: RequestContext, seen: Sequence[Seen], assumed: Mapping[str, ProjectLinkRecord]
) -> None:
    """See that each sample's project is linked, and that the dataset lies in its image project."""
    store = context.services.links
    samples = [one for one in seen if isinstance(one.openbis, SampleRecord)]
    projects = {project.perm_id for one in samples if (project := _project_of(one)) is not None}
    datasets = {one.omero.omero_id for one in samples if one.omero is not None}
    links, above = await asyncio.gather(
        context.ask_links("projectLinks", store.project_links(projects)),
        context.services.omero.image_projects_of_datasets(
            context.omero_session(), list(datasets), context.call
        ),
    )
    links = {**assumed, **links}
    for one in samples:
        sample = one.openbis
        if not isinstance(sample, SampleRecord):  # pragma: no cover - chosen above
            continue
        if sample.project is None:
            one.refuse(
                Code.BAD_USER_INPUT,
                f"Sample {sample.identifier} belongs to no project, so nothing can be linked to "
                "it; put it into one first.",
                "openbis",
            )
            continue
        link = one.project_link = links.get(sample.project.perm_id)
        if link is None or link.state is not LinkState.ACTIVE:
            one.refuse(
                Code.BAD_USER_INPUT,
                f"Project {sample.project.code} has no active link to an image project; "
                "link it first.",
                "openbis",
            )
        elif one.omero is not None and link.omero_id not in {
            project.omero_id for project in above.get(one.omero.omero_id, ())
        }:
            one.refuse(
                Code.CROSS_PROJECT,
                f"Dataset {one.omero.omero_id} does not lie in image project {link.omero_id}, "
                f"which project {sample.project.code} is linked to; put it there, or choose "
                "another.",
                "omero",
                Source.OMERO,
            )


def _project_of(one: Seen) -> ProjectRecord | None:
    return one.openbis.project if isinstance(one.openbis, SampleRecord) else None


def _check_repeated(seen: Sequence[Seen]) -> None:
    here = Counter(one.openbis.perm_id for one in seen if one.openbis is not None)
    there = Counter(one.pair.omero_id for one in seen)
    for one in seen:
        twice_here = one.openbis is not None and here[one.openbis.perm_id] > 1
        if twice_here or there[one.pair.omero_id] > 1:
            name = one.pair.openbis if twice_here else one.pair.omero_id
            one.refuse(
                Code.BAD_USER_INPUT,
                f"{name} is named more than once; each object has one counterpart.",
                "openbis" if twice_here else "omero",
            )


async def _check_taken(context: RequestContext, kind: LinkKind, seen: Sequence[Seen]) -> None:
    store = context.services.links
    here = [one.openbis.perm_id for one in seen if one.openbis is not None]
    there = [one.pair.omero_id for one in seen]
    by_openbis: dict[str, Any]
    by_omero: dict[int, Any]
    if kind is LinkKind.PROJECT:
        look_ups = (store.project_links(here), store.project_links_of_omero(there))
    else:
        look_ups = (store.sample_links(here), store.sample_links_of_omero(there))  # type: ignore[assignment] # likewise
    by_openbis = await context.ask_links("linksOfOpenbis", look_ups[0])
    by_omero = await context.ask_links("linksOfOmero", look_ups[1])
    noun, image_noun = NOUNS[kind]
    for one in seen:
        if one.openbis is None:
            continue
        link, other = by_openbis.get(one.openbis.perm_id), by_omero.get(one.pair.omero_id)
        if link is not None and link == other:
            one.existing = link
            continue
        if link is not None:
            one.refuse(
                Code.LINK_CONFLICT,
                f"{noun.capitalize()} {one.openbis.identifier} is linked to {image_noun} "
                f"{link.omero_id}; unlink or move that link first.",
                "openbis",
                Source.LINK_STORE,
            )
        if other is not None:
            one.refuse(
                Code.LINK_CONFLICT,
                f"{image_noun.capitalize()} {one.pair.omero_id} is linked to another {noun}; "
                "unlink or move that link first.",
                "omero",
                Source.LINK_STORE,
            )


async def _read_openbis(
    context: RequestContext, kind: LinkKind, ids: Collection[str], ends: Ends
) -> None:
    client, token = context.services.openbis, context.openbis_token()
    of_kind = OPENBIS_KINDS[kind]
    try:
        (ends.openbis,) = await client.execute(
            token, [Get(of_kind, tuple(dict.fromkeys(ids)), _FETCH[kind])], context.call
        )
    except AccessDenied:  # without any role nothing is there
        return
    there = list({record.perm_id for record in ends.openbis.values()})
    allowed: set[str] = set()
    for start in range(0, len(there), RIGHTS_AT_ONCE):
        part = there[start : start + RIGHTS_AT_ONCE]
        allowed |= await client.updatable(token, of_kind, part, context.call)
    ends.updatable = frozenset(allowed)


async def _read_omero(
    context: RequestContext, kind: LinkKind, ids: Collection[int], ends: Ends
) -> None:
    client, session, of_kind = context.services.omero, context.omero_session(), OMERO_KINDS[kind]
    wanted = [number for number in dict.fromkeys(ids) if number > 0]
    read = (
        client.image_projects_by_ids if kind is LinkKind.PROJECT else client.image_datasets_by_ids
    )
    ends.omero, ends.permissions = await asyncio.gather(
        read(session, wanted, Fetch(), context.call),
        client.permissions(session, of_kind, wanted, context.call),
    )
