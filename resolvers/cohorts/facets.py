"""Facets of a cohort: how its members spread over the values of something.

Members are read in batches and only numbers are kept, so that memory does not grow with them. A
member counts once in each bucket that one of its values falls into. Terms are told by frequency,
numbers and dates as histograms over their range.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from backends.errors import BackendError
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import OmicsFilter
from backends.records import PropertyRecord, SampleRecord
from resolvers import catalog, masterdata
from resolvers.cohorts.finding import WITH_DESCENDANTS, Finder
from resolvers.context import RequestContext
from resolvers.errors import BadInput, NotSignedIn

BATCH: Final = 2_000  # members in memory at a time
MOST_BUCKETS: Final = 100


class FacetKind(StrEnum):
    """How the values are put into buckets."""

    TERMS = "TERMS"
    NUMBERS = "NUMBERS"
    DATES = "DATES"


class FacetOf(StrEnum):
    """Whose property it is."""

    MEMBER = "MEMBER"
    SAMPLES = "SAMPLES"


class FacetAttribute(StrEnum):
    """What there is beside properties and pairs."""

    TYPE = "TYPE"
    REGISTERED = "REGISTERED"
    OMICS_TYPE = "OMICS_TYPE"


@dataclass(frozen=True, slots=True)
class FacetBy:
    """What to spread a cohort over: exactly one of the first three."""

    code: str | None = None  # of an openBIS property
    key: str | None = None  # of a key-value pair among the images
    attribute: FacetAttribute | None = None
    of: FacetOf = FacetOf.MEMBER
    buckets: int = 10

    @property
    def name(self) -> str:
        """What it is called in the answer."""
        return self.code or self.key or str(self.attribute)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Members with a value, or with one from `low` to below `high`; the last bucket has both."""

    label: str
    count: int
    low: float | None = None
    high: float | None = None
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facet:
    """The buckets, and how many members have no value; incomplete where a source is down."""

    by: FacetBy
    kind: FacetKind
    buckets: tuple[Bucket, ...]
    missing: int | None
    others: int = 0  # members' values in terms beyond the buckets
    complete: bool = True

    @property
    def name(self) -> str:
        """What it is of."""
        return self.by.name


def checked(by: FacetBy) -> FacetBy:
    """Return the facet if it can be made.

    Raises:
        BadInput: not exactly one thing is named, or the number of buckets is out of range.
    """
    given = [each for each in (by.code, by.key, by.attribute) if each is not None]
    if len(given) != 1:
        raise BadInput("A facet is by exactly one of `property`, `keyValue` and `attribute`.")
    if not 1 <= by.buckets <= MOST_BUCKETS:
        raise BadInput(f"A facet has 1 to {MOST_BUCKETS} buckets; these are {by.buckets}.")
    return by


async def facet(context: RequestContext, ids: Sequence[str], by: FacetBy) -> Facet:
    """Spread members over something.

    Raises:
        BackendError: openBIS did not answer.
    """
    kind = await _kind(context, by)
    terms: Counter[str] = Counter()
    numbers: list[tuple[float, ...]] = []
    missing, complete = 0, True
    try:
        async for values in _values(context, ids, by):
            if not values:
                missing += 1
            elif kind is FacetKind.TERMS:
                terms.update(values)
            elif read := _numbers(values, kind):
                numbers.append(read)
            else:
                missing += 1
    except (BackendError, NotSignedIn) as error:
        if by.key is None:
            raise
        if isinstance(error, BackendError):
            context.note(error)
        complete = False
    if not complete:
        return Facet(by, kind, (), None, complete=False)
    if kind is FacetKind.TERMS:
        most = terms.most_common()
        most.sort(key=lambda pair: (-pair[1], pair[0]))
        buckets = tuple(Bucket(label, count) for label, count in most[: by.buckets])
        others = sum(count for _, count in most[by.buckets :])
        return Facet(by, kind, buckets, missing, others)
    return Facet(by, kind, tuple(_histogram(numbers, by.buckets, kind)), missing)


async def _kind(context: RequestContext, by: FacetBy) -> FacetKind:
    if by.attribute is FacetAttribute.REGISTERED:
        return FacetKind.DATES
    if by.code is None:
        return FacetKind.TERMS
    declared = await masterdata.definition(context, by.code.upper())
    if declared is None:
        raise BadInput(f"openBIS declares no property {by.code}.")
    if declared.data_type in {"INTEGER", "REAL"}:
        return FacetKind.NUMBERS
    return FacetKind.DATES if declared.data_type in {"DATE", "TIMESTAMP"} else FacetKind.TERMS


async def _values(
    context: RequestContext, ids: Sequence[str], by: FacetBy
) -> AsyncIterator[set[str]]:
    """The values of each member."""
    finder = Finder(context)
    own = Fetch.of("properties") if by.code is not None else NOTHING_MORE
    if by.attribute is FacetAttribute.TYPE:
        own = Fetch.of("type")
    below = by.code is None and by.attribute in {None, FacetAttribute.OMICS_TYPE}
    if by.of is FacetOf.SAMPLES or below:
        own = own | Fetch.of(descendants=own) if own.relations else WITH_DESCENDANTS
    for start in range(0, len(ids), BATCH):
        records = await finder.records(ids[start : start + BATCH], own)
        lines = [[record, *_below(record, own)] for record in records]
        samples = {sample.perm_id for line in lines for sample in line}
        if by.key is not None:
            found = await _pairs(context, finder, by.key, samples)
        elif by.attribute is FacetAttribute.OMICS_TYPE:
            found = await _omics_types(finder, samples)
        else:
            found = {s.perm_id: set(_own(s, by)) for line in lines for s in line}
        for line in lines:
            yield {value for sample in line for value in found.get(sample.perm_id, ())}


def _below(record: SampleRecord, fetch: Fetch) -> Iterable[SampleRecord]:
    return catalog.descendants(record) if "descendants" in fetch else ()


def _own(sample: SampleRecord, by: FacetBy) -> Iterable[str]:
    if by.attribute is FacetAttribute.TYPE:
        return [sample.type_code or ""]
    if by.attribute is FacetAttribute.REGISTERED:
        return [sample.registered_at.isoformat()] if sample.registered_at else []
    code = (by.code or "").upper()
    properties: Collection[PropertyRecord] = sample.properties or ()
    return [value for each in properties if each.code == code for value in each.values]


async def _pairs(
    context: RequestContext, finder: Finder, key: str, samples: Collection[str]
) -> dict[str, set[str]]:
    linked = await finder.linked(samples)
    values = await context.noted(
        context.services.omero.image_values(
            context.omero_session(), key, set(linked.values()), context.call
        )
    )
    return {sample: set(values.get(dataset, ())) for sample, dataset in linked.items()}


async def _omics_types(finder: Finder, samples: Collection[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in await finder.data_sets(OmicsFilter(), samples, Fetch.of("type")):
        if record.sample is not None and record.type_code is not None:
            found.setdefault(record.sample.perm_id, set()).add(record.type_code)
    return found


def _numbers(values: Iterable[str], kind: FacetKind) -> tuple[float, ...]:
    if kind is FacetKind.NUMBERS:
        read = (_number(value) for value in values)
    else:
        read = (_moment(value) for value in values)
    return tuple(sorted({each for each in read if each is not None}))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _moment(text: str) -> float | None:
    """A time as openBIS tells it, or as ISO 8601; UTC where it names no zone."""
    try:
        read = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _histogram(
    rows: Sequence[tuple[float, ...]], buckets: int, kind: FacetKind
) -> Iterable[Bucket]:
    """Buckets of equal width over the range of the values; a single value is one bucket."""
    values = [value for row in rows for value in row]
    if not values:
        return
    low, high = min(values), max(values)
    width = (high - low) / buckets
    if width == 0:
        buckets, width = 1, 1.0
    counted: Counter[int] = Counter()
    for row in rows:
        counted.update({min(buckets - 1, int((value - low) / width)) for value in row})
    for place in range(buckets):
        start = low + place * width
        end = high if place == buckets - 1 else low + (place + 1) * width
        if kind is FacetKind.NUMBERS:
            yield Bucket(f"{start:g} to {end:g}", counted[place], start, end)
        else:
            since, before = (datetime.fromtimestamp(each, UTC) for each in (start, end))
            label = f"{since:%Y-%m-%d} to {before:%Y-%m-%d}"
            yield Bucket(label, counted[place], since=since, before=before)
