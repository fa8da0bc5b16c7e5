"""What openBIS keeps of registered images: an imaging run of the sample, or a linked data set.

Which of both is the institute's choice (setting `image_record`). A run is a sample below the one
that was imaged, with the OMERO ids in `Q_OMERO_IDS`, as the image registration of QBiC wrote them;
a data set of kind LINK points to the images in OMERO as an external system. Both are found again by
their codes, so that repeating changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backends.filters import PageRequest, SampleFilter, StringMatch
from backends.openbis.client import Get, Search
from backends.openbis.write import (
    Change,
    Made,
    NewContentCopy,
    NewExperiment,
    NewOmicsDataset,
    NewSample,
)
from backends.records import Kind
from link_store.codes import CodeBook
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.design.codes import code_of, used_numbers
from resolvers.design.levels import NAME_PROPERTY, Series
from resolvers.design.project import Place
from resolvers.image_registration.targets import RUN_TYPE, Target

RUN_EXPERIMENT_TYPE: Final = "Q_BMI_GENERIC_IMAGING"
IDS_PROPERTY: Final = "Q_OMERO_IDS"
DATA_SET_TYPE: Final = "Q_BMI_IMAGING_DATA"
RUN_SERIES: Final = "IMAGING_RUN"
ROWS: Final = 999  # and one experiment
_RUN = re.compile(r"IMG([1-9][0-9]{0,8})(Q[A-Z0-9-]+)")


class ImageRecordKind(StrEnum):
    """How openBIS is told of images."""

    RUN_SAMPLE = "run-sample"
    LINK_DATA_SET = "link-data-set"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What stands in openBIS for the images of one sample."""

    sample: str  # permId
    code: str
    perm_id: str


def parts(samples: int) -> int:
    """How many transactions so many samples need."""
    return -(-samples // ROWS) or 1


async def record(
    context: RequestContext,
    place: Place,
    images: Sequence[tuple[Target, Sequence[int]]],
    *,
    key: str,
    kind: ImageRecordKind,
    system: str,
) -> tuple[ImageRecord, ...]:
    """Tell openBIS of the images of samples, at most `ROWS` samples at a time, in one transaction.

    Args:
        context: the request.
        place: the project.
        images: the samples, each with the ids of its images.
        key: of this registration; asking again with it finds what was written.
        kind: what is written.
        system: the external system that stands for OMERO, for data sets.

    Raises:
        InvalidRequest: openBIS has no such type, or no such system.
        BackendError: a system did not answer, or the viewer may not.
    """
    if kind is ImageRecordKind.NONE or not images:
        return ()
    if kind is ImageRecordKind.LINK_DATA_SET:
        return await _data_sets(context, images, key, system)
    return await _runs(context, place, images, key)


async def _runs(
    context: RequestContext,
    place: Place,
    images: Sequence[tuple[Target, Sequence[int]]],
    key: str,
) -> tuple[ImageRecord, ...]:
    codes = await _run_codes(context, images, key)
    found = await _existing(context, codes.values())
    missing = [(target, ids) for target, ids in images if codes[target.perm_id] not in found]
    if missing:
        book = CodeBook(context.services.links.database, context.services.links.openbis_instance)
        used = await used_numbers(context, place.code)
        block = book.claim(
            place.code, Series.EXPERIMENT, 1, owner=key, beyond=used[Series.EXPERIMENT]
        )
        numbers = await context.ask_links("claimCodes", block)
        code = code_of(Series.EXPERIMENT, place.code, numbers[0])
        changes: list[Change] = [
            NewExperiment(RUN_EXPERIMENT_TYPE, place.perm_id, code, mark="experiment"),
            *(_run(place, target, ids, codes[target.perm_id]) for target, ids in missing),
        ]
        made = await context.services.openbis.transact(
            context.openbis_token(), changes, context.call
        )
        for (target, _), perm_id in zip(missing, made[1:], strict=True):
            found[codes[target.perm_id]] = perm_id or ""
    return tuple(
        ImageRecord(target.perm_id, codes[target.perm_id], found[codes[target.perm_id]])
        for target, _ in images
    )


def _run(place: Place, target: Target, ids: Sequence[int], code: str) -> NewSample:
    properties = {IDS_PROPERTY: "\n".join(map(str, ids))}
    if target.name:
        properties[NAME_PROPERTY] = target.name
    return NewSample(
        RUN_TYPE,
        place.space,
        code,
        experiment=Made("experiment"),
        parents=(target.perm_id,),
        properties=properties,
    )


async def _run_codes(
    context: RequestContext, images: Sequence[tuple[Target, Sequence[int]]], key: str
) -> dict[str, str]:
    """`IMG<n><code of the sample>` for each, n being the next that the sample has not got."""
    book = CodeBook(context.services.links.database, context.services.links.openbis_instance)
    parent = SampleFilter(perm_id=StringMatch(one_of=tuple(each.perm_id for each, _ in images)))
    where = SampleFilter(type=StringMatch(eq=RUN_TYPE), parent=parent)
    used: dict[str, int] = {}
    page_request = PageRequest(2000, catalog.CODE_ORDER)
    while True:
        (page,) = await context.services.openbis.execute(
            context.openbis_token(), [Search(Kind.SAMPLE, where, page_request)], context.call
        )
        for each in page.items:
            if match := _RUN.fullmatch(each.code):
                used[match[2]] = max(used.get(match[2], 0), int(match[1]))
        if not page.has_more:
            break
        page_request = PageRequest(2000, catalog.CODE_ORDER, key=page.keys[-1])
    wanted = {target.code: used.get(target.code, 0) for target, _ in images}
    numbers = await context.ask_links("claimCodes", book.claim_each(RUN_SERIES, wanted, owner=key))
    return {target.perm_id: f"IMG{numbers[target.code]}{target.code}" for target, _ in images}


async def _existing(context: RequestContext, codes: Iterable[str]) -> dict[str, str]:
    where = SampleFilter(code=StringMatch(one_of=tuple(codes)), type=StringMatch(eq=RUN_TYPE))
    (page,) = await context.services.openbis.execute(
        context.openbis_token(),
        [Search(Kind.SAMPLE, where, PageRequest(2000, catalog.CODE_ORDER))],
        context.call,
    )
    return {each.code: each.perm_id for each in page.items}


async def _data_sets(
    context: RequestContext,
    images: Sequence[tuple[Target, Sequence[int]]],
    key: str,
    system: str,
) -> tuple[ImageRecord, ...]:
    codes = {target.perm_id: f"{key}-{target.code}".upper() for target, _ in images}
    (found,) = await context.services.openbis.execute(
        context.openbis_token(), [Get(Kind.OMICS_DATASET, tuple(codes.values()))], context.call
    )
    missing = [(target, ids) for target, ids in images if codes[target.perm_id] not in found]
    if missing:
        store = await context.services.openbis.data_store(context.openbis_token(), context.call)
        await context.services.openbis.transact(
            context.openbis_token(),
            [
                NewOmicsDataset(
                    DATA_SET_TYPE,
                    sample=target.perm_id,
                    code=codes[target.perm_id],
                    copies=[NewContentCopy(system, f"Image:{number}") for number in ids],
                    data_store=store,
                    properties={NAME_PROPERTY: f"Images of {target.name or target.code}"},
                )
                for target, ids in missing
            ],
            context.call,
        )
    return tuple(
        ImageRecord(target.perm_id, codes[target.perm_id], codes[target.perm_id])
        for target, _ in images
    )
