"""The OMERO side of samples: a dataset for each, in the project's own, and the link between them.

A dataset is found again by the sample's permId, which it has as its identity elsewhere (OMERO's
ExternalInfo), so that making it twice is not possible by repeating. The link is written when both
ends are there. Used by the registration of designs, and of images whose samples have none yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backends.errors import NotFound, Source
from backends.fetch import Fetch
from backends.omero.changes import NewContainer
from backends.omero.write import ExternalId
from backends.records import ImagingKind
from link_store.records import Evidence, LinkState, NewSampleLink
from resolvers.context import RequestContext
from resolvers.design.project import Place
from resolvers.links.notes import NAMESPACE

AT_ONCE: Final = 250  # datasets per save; each is five changes of the 2,000 that one may hold
EXTERNAL_TYPE: Final = "openBIS.Sample"


@dataclass(frozen=True, slots=True)
class SampleEnd:
    """The openBIS end of a link: what its dataset is called and says."""

    perm_id: str
    code: str
    name: str | None


@dataclass(frozen=True, slots=True)
class OmeroPlace:
    """The OMERO project of an openBIS project, and its group."""

    project: int
    group: int


async def find_omero_place(context: RequestContext, place: Place) -> OmeroPlace | None:
    """Return the OMERO project that is linked with a project; None when none is.

    Raises:
        NotFound: there is one, but the viewer does not see it.
    """
    store = context.services.links
    links = await context.ask_links("projectLinks", store.project_links([place.perm_id]))
    link = links.get(place.perm_id)
    if link is None or link.state is not LinkState.ACTIVE:
        return None
    found = await context.services.omero.image_projects_by_ids(
        context.omero_session(), [link.omero_id], Fetch(), context.call
    )
    record = found.get(link.omero_id)
    if record is None:
        raise NotFound(
            Source.OMERO, f"You do not see the OMERO project of {place.code}: ask for the right."
        )
    return OmeroPlace(record.omero_id, record.group_id)


async def ensure_image_datasets(
    context: RequestContext, place: Place, omero: OmeroPlace, samples: Sequence[SampleEnd]
) -> dict[str, int]:
    """Make and link the datasets that samples have not got yet; repeating it changes nothing.

    Returns:
        The dataset of each sample, by the sample's permId.

    Raises:
        BackendError: a system did not answer, or the viewer may not write there.
    """
    store = context.services.links
    perm_ids = [sample.perm_id for sample in samples]
    links = await context.ask_links("sampleLinks", store.sample_links(perm_ids))
    datasets = {perm_id: link.omero_id for perm_id, link in links.items()}
    missing = [sample for sample in samples if sample.perm_id not in datasets]
    if not missing:
        return datasets
    made = await _made_before(context, missing)
    for chunk in _chunks([each for each in missing if each.perm_id not in made], AT_ONCE):
        saved = await context.services.omero.create_image_datasets(
            context.omero_session(),
            omero.project,
            [_container(context, place, sample) for sample in chunk],
            group=omero.group,
            call=context.call,
        )
        made |= {each.perm_id: one.id for each, one in zip(chunk, saved, strict=True)}
    await context.ask_links(
        "linkSamples",
        store.link_samples(
            [NewSampleLink(each.perm_id, place.perm_id, made[each.perm_id]) for each in missing],
            author=context.viewer.user or context.viewer.key,
            evidence=Evidence.REGISTERED,
        ),
    )
    return datasets | made


async def _made_before(context: RequestContext, samples: Sequence[SampleEnd]) -> dict[str, int]:
    """Datasets that were made when this was cut off the last time."""
    found = await context.services.omero.find_external(
        context.omero_session(),
        ImagingKind.IMAGE_DATASET,
        EXTERNAL_TYPE,
        [sample.perm_id for sample in samples],
        context.call,
    )
    return {perm_id: min(ids) for perm_id, ids in found.items()}


def _container(context: RequestContext, place: Place, sample: SampleEnd) -> NewContainer:
    instance = context.services.links.openbis_instance
    identifier = f"/{place.space}/{sample.code}"
    pairs = (
        ("openBIS permId", sample.perm_id),
        ("openBIS identifier", identifier),
        ("openBIS instance", instance),
    )
    return NewContainer(
        sample.code,
        sample.name,
        ExternalId(EXTERNAL_TYPE, sample.perm_id, lsid=f"{instance}:{identifier}"),
        {NAMESPACE: pairs},
    )


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
