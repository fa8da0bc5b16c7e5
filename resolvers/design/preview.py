"""A design before it is written: how many of what, under which codes, and all that is in the way.

The codes are those that the samples would get now; they are claimed only when the design is
registered, and may be others by then.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from backends.openbis.masterdata import Additions
from backends.sheets.faults import Fault
from resolvers.context import RequestContext
from resolvers.design.checks import MissingTerm
from resolvers.design.codes import Codes, foreseen
from resolvers.design.draft import DraftSample
from resolvers.design.levels import Level
from resolvers.design.preparation import Preparation
from resolvers.design.project import Place
from resolvers.design.registration import Registration


@dataclass(frozen=True, slots=True)
class LevelCount:
    """How many samples of one type would be registered, in which experiment."""

    level: Level
    type: str
    count: int
    experiment: str | None


@dataclass(frozen=True, slots=True)
class PreviewSample:
    """A sample with the code that it would get; parents are codes."""

    code: str
    sample: DraftSample
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DesignPreview:
    """What a registration would do."""

    place: Place
    counts: tuple[LevelCount, ...]
    samples: tuple[PreviewSample, ...]
    faults: tuple[Fault, ...]
    missing: tuple[MissingTerm, ...]
    additions: Additions
    transactions: int
    image_datasets: int


async def preview(
    context: RequestContext,
    place: Place,
    preparation: Preparation,
    image_levels: frozenset[Level] = frozenset(),
) -> DesignPreview:
    """Tell what registering a prepared design would do; nothing is written, no code is claimed.

    Raises:
        BadInput: the project has no barcodes.
        BackendError: a system did not answer.
    """
    draft = preparation.draft
    codes = Codes({}, {})
    if draft.samples:
        codes = await foreseen(context, place.code, draft.samples)
    counted = Counter((each.level, each.type_code) for each in draft.samples)
    return DesignPreview(
        place=place,
        counts=tuple(
            LevelCount(level, type_code, count, codes.experiments.get(level))
            for (level, type_code), count in counted.items()
        ),
        samples=tuple(
            PreviewSample(
                codes.samples[each.key],
                each,
                (*(codes.samples[key] for key in each.parents), *each.registered_parents),
            )
            for each in draft.samples
        ),
        faults=preparation.faults,
        missing=preparation.missing,
        additions=preparation.additions,
        transactions=len(Registration("", place, draft).parts()) if draft.samples else 0,
        image_datasets=sum(each.level in image_levels for each in draft.samples),
    )
