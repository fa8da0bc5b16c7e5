"""Codes for a registration: claimed from the link store's code book, and free in openBIS as well.

Replicas of this server never get the same number (`link_store/codes.py`). Others may register in
openBIS behind our back: numbers that they have used are passed over when codes are claimed, and if
one is taken between that and our writing, openBIS refuses the whole transaction, and `renewed` asks
for other codes. Asking again with the same key gives the same codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backends.filters import ExperimentFilter, Page, PageRequest, SampleFilter, StringMatch
from backends.openbis.barcodes import LAST_COUNTER, LETTERS, PROJECT_CODE, barcode, barcode_number
from backends.openbis.client import Search
from backends.records import Kind
from link_store.codes import CodeBook
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.design.draft import DraftSample
from resolvers.design.levels import LEVELS, Level, Series
from resolvers.errors import BadInput, LimitExceeded

PAGE: Final = 2000
FIRST_BARCODE: Final = 1  # is never given, as in the installations that the Project Wizard filled
_ENTITY = re.compile(r"Q[A-X0-9]{4}ENTITY-([1-9][0-9]{0,8})")
_EXPERIMENT = re.compile(r"Q[A-X0-9]{4}E([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of a registration: samples' by their key, experiments' by the level they hold."""

    samples: Mapping[str, str]
    experiments: Mapping[Level, str]


def check_project_code(code: str) -> None:
    """Refuse a project that has no barcodes.

    Raises:
        BadInput: its code is not one of those that barcodes begin with.
    """
    if not PROJECT_CODE.fullmatch(code):
        raise BadInput(
            f"Barcodes need a project code of Q and four letters from A to X or digits, not {code}."
        )


def code_of(series: Series, project: str, number: int) -> str:
    """Return the code that a number of a series becomes.

    Raises:
        LimitExceeded: the project's barcodes are used up.
    """
    if series is Series.ENTITY:
        return f"{project}ENTITY-{number}"
    if series is Series.EXPERIMENT:
        return f"{project}E{number}"
    if number > LAST_COUNTER * len(LETTERS):
        raise used_up(project)
    return barcode(project, number)


def used_up(project: str) -> LimitExceeded:
    """The error for a project that has not enough barcodes left."""
    return LimitExceeded(f"The barcodes of {project} are used up: open another project.")


async def used_numbers(context: RequestContext, project: str) -> dict[Series, int]:
    """Return the highest number of each series that stands in openBIS, whoever registered it."""
    used = {Series.BARCODE: FIRST_BARCODE, Series.ENTITY: 0, Series.EXPERIMENT: 0}
    begins = StringMatch(starts_with=project)
    wanted: list[Search] = [
        Search(Kind.SAMPLE, SampleFilter(code=begins), PageRequest(PAGE, catalog.CODE_ORDER)),
        Search(
            Kind.EXPERIMENT, ExperimentFilter(code=begins), PageRequest(PAGE, catalog.CODE_ORDER)
        ),
    ]
    while wanted:
        pages: list[Page[Any]] = await context.services.openbis.execute(
            context.openbis_token(), wanted, context.call
        )
        following = []
        for search, page in zip(wanted, pages, strict=True):
            for record in page.items:
                series, number = _read(search.kind, record.code)
                used[series] = max(used[series], number)
            if page.has_more:
                key = page.keys[-1]
                request = PageRequest(PAGE, catalog.CODE_ORDER, key=key)
                following.append(Search(search.kind, search.filter, request))
        wanted = following
    return used


def _read(kind: Kind, code: str) -> tuple[Series, int]:
    if kind is Kind.EXPERIMENT:
        match = _EXPERIMENT.fullmatch(code)
        return Series.EXPERIMENT, int(match[1]) if match else 0
    if match := _ENTITY.fullmatch(code):
        return Series.ENTITY, int(match[1])
    return Series.BARCODE, barcode_number(code) or 0


async def claim(
    context: RequestContext,
    project: str,
    samples: Sequence[DraftSample],
    levels: Iterable[Level],
    *,
    key: str,
) -> Codes:
    """Claim codes for samples, and for the experiments that hold their levels.

    Args:
        context: the request.
        project: the project's code.
        samples: in the order in which they get their numbers.
        levels: those that need an experiment.
        key: of this registration, or of a part of it; the same one gets the same codes.

    Raises:
        BadInput: the project has no barcodes.
        LimitExceeded: they are used up.
        Unavailable: openBIS or the link store did not answer.
    """
    check_project_code(project)
    levels = tuple(levels)
    known = await claimed(context, project, samples, levels, key=key)
    if known is not None:
        return known
    used = await used_numbers(context, project)
    book = CodeBook(context.services.links.database, context.services.links.openbis_instance)
    numbers: dict[Series, Iterator[int]] = {}
    for series, count in _counts(samples, levels).items():
        beyond = used[series]
        if series is Series.BARCODE and beyond + count > LAST_COUNTER * len(LETTERS):
            raise used_up(project)
        block = book.claim(project, series, count, owner=key, beyond=beyond)
        numbers[series] = iter(await context.ask_links("claimCodes", block))
    return _codes(project, samples, levels, numbers)


async def claimed(
    context: RequestContext,
    project: str,
    samples: Sequence[DraftSample],
    levels: Iterable[Level],
    *,
    key: str,
) -> Codes | None:
    """Return the codes that were claimed under a key; None when not all of them were."""
    levels = tuple(levels)
    book = CodeBook(context.services.links.database, context.services.links.openbis_instance)
    blocks = await context.ask_links("claimedCodes", book.claimed_by(project, key))
    counts = _counts(samples, levels)
    if any(len(blocks.get(series, ())) != count for series, count in counts.items()):
        return None
    numbers = {series: iter(blocks[series]) for series in counts}
    return _codes(project, samples, levels, numbers)


def _counts(samples: Sequence[DraftSample], levels: Sequence[Level]) -> dict[Series, int]:
    counts: dict[Series, int] = {Series.EXPERIMENT: len(levels)} if levels else {}
    for sample in samples:
        series = LEVELS[sample.level].series
        counts[series] = counts.get(series, 0) + 1
    return counts


def _codes(
    project: str,
    samples: Sequence[DraftSample],
    levels: Sequence[Level],
    numbers: Mapping[Series, Iterator[int]],
) -> Codes:
    def take(series: Series) -> str:
        return code_of(series, project, next(numbers[series]))

    return Codes(
        samples={each.key: take(LEVELS[each.level].series) for each in samples},
        experiments={level: take(Series.EXPERIMENT) for level in Level if level in levels},
    )


async def foreseen(context: RequestContext, project: str, samples: Sequence[DraftSample]) -> Codes:
    """Return the codes that samples would get now, without claiming any."""
    check_project_code(project)
    used = await used_numbers(context, project)
    book = CodeBook(context.services.links.database, context.services.links.openbis_instance)
    for series in used:
        highest = await context.ask_links("highestCode", book.highest(project, series))
        used[series] = max(used[series], highest)

    def take(series: Series) -> str:
        used[series] += 1
        return code_of(series, project, used[series])

    held = [level for level in Level if any(each.level is level for each in samples)]
    return Codes(
        samples={each.key: take(LEVELS[each.level].series) for each in samples},
        experiments={level: take(Series.EXPERIMENT) for level in held},
    )
