"""Images: searched, by id, and per dataset, with their facets along.

A page per dataset is loaded in one of three ways. A dataset whose images all fit on one page is
asked for by its own id, together with hundreds of others, and so are its facets: the calls do not
grow with the rows. Of larger ones the (dataset, image) pairs are asked first and cut to pages here.
A single dataset, or a very large one, is a search with a limit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from backends.fetch import Fetch
from backends.filters import ImageFilter, Page, PageRequest, Sort
from backends.omero import decode, facets, queries
from backends.omero.asking import Ask, Scope, together
from backends.omero.conditions import Clause, padded
from backends.omero.keyset import IMAGE_SORTS, Keyset, empty
from backends.omero.predicates import Predicates
from backends.omero.queries import Projection
from backends.omero.table import Rows, merged
from backends.omero.transport import HqlValue
from backends.records import ImageRecord

# Above this many images a dataset is paged by the server, with calls of its own.
PAIRS_AT_MOST = 5_000
# A reply by dataset ids holds no more images than this, whatever the number of datasets.
IMAGES_PER_CALL = 25_000
# Rows of two numbers each.
DATASETS_PER_CALL = 20_000

Images = dict[int, ImageRecord]
Pages = dict[int, Page[ImageRecord]]


@dataclass(slots=True)
class Wish:
    """Which images, in which order, with which facets; the filter is translated once."""

    where: ImageFilter | None
    page: PageRequest
    fetch: Fetch
    clause: Clause = field(init=False)
    params: dict[str, HqlValue] = field(init=False)
    facets: frozenset[str] = field(init=False)
    keyset: Keyset = field(init=False)

    def __post_init__(self) -> None:
        predicates = Predicates()
        self.clause = predicates.image(self.where)
        self.params = dict(predicates.parameters.values)
        self.facets = facets.wanted(self.fetch)
        self.keyset = Keyset.of(self.page, IMAGE_SORTS, "i.id")

    def paged(self, projection: Projection) -> tuple[Projection, dict[str, HqlValue]]:
        """The projection with filter, key, order and sort value, and what it binds."""
        predicates = Predicates()
        predicates.parameters.values.update(self.params)
        paged = self.keyset.apply(projection.filter(self.clause), predicates.parameters)
        return paged, predicates.parameters.values


async def search(
    ask: Ask, wish: Wish, *, dataset: int | None = None, total: int | None = None
) -> Page[ImageRecord]:
    """One page of all images, or of one dataset's; counts concurrently unless the total is known.

    Calls: the images, the count if asked for, then one per facet.
    """
    if wish.clause is False:
        return empty(wish.page)
    inside = queries.IN_DATASET if dataset is not None else True
    parent: dict[str, HqlValue] = {} if dataset is None else {"parent": dataset}
    paged, params = wish.paged(_with_optics(queries.IMAGES, wish.facets).filter(inside))
    work = [ask.rows(paged, {**params, **parent}, limit=wish.page.limit + 1)]
    if wish.page.count and total is None:
        counting = queries.COUNT_IMAGES.filter(inside, wish.clause)
        work.append(ask.rows(counting, {**wish.params, **parent}))
    rows, *counted = await together(*work)
    if counted:
        total = counted[0][0][0]
    shown = [row[0] for row in rows[: wish.page.limit]]
    loaded = await facets.load(ask, wish.facets, ask.scope(shown))
    return wish.keyset.cut(rows, lambda row: decode.image(row, wish.facets, loaded), total)


async def by_ids(ask: Ask, ids: Collection[int], fetch: Fetch) -> Images:
    """Images by id with their facets, all at once; those the viewer may not see are missing."""
    wanted, scope = facets.wanted(fetch), ask.scope(ids)
    if not scope.chunks:
        return {}
    projection = _with_optics(queries.IMAGES, wanted).filter(scope.condition("i.id"))
    found: list[Any] = await together(
        ask.rows_in(scope, projection), facets.load(ask, wanted, scope)
    )
    chunks, loaded = found
    return _decoded(chunks, wanted, loaded)


async def count(ask: Ask, where: ImageFilter | None) -> int:
    """How many images."""
    predicates = Predicates()
    clause = predicates.image(where)
    if clause is False:
        return 0
    rows = await ask.rows(queries.COUNT_IMAGES.filter(clause), predicates.parameters.values)
    return int(rows[0][0])


async def datasets_with(
    ask: Ask, where: ImageFilter | None, ids: Collection[int] | None
) -> dict[int, int]:
    """How many matching images each dataset has; datasets without any are missing.

    Calls: one per chunk of the given datasets, else one per `DATASETS_PER_CALL` found.
    """
    wish = Wish(where, PageRequest(0, Sort("id")), Fetch())
    if wish.clause is False:
        return {}
    if ids is not None:
        return await _counts(ask, ids, wish)
    found: dict[int, int] = {}
    beyond: int | None = None
    projection = queries.DATASETS_WITH_IMAGES.filter(wish.clause)
    while True:
        paged, params = projection, dict(wish.params)
        if beyond is not None:
            paged, params = projection.filter("l.parent.id > :beyond"), {**params, "beyond": beyond}
        rows = await ask.rows(paged, params, limit=DATASETS_PER_CALL)
        found.update((row[0], row[1]) for row in rows)
        if len(rows) < DATASETS_PER_CALL:
            return found
        beyond = rows[-1][0]


async def values_of(ask: Ask, key: str, ids: Collection[int]) -> dict[int, dict[str, int]]:
    """How many images of each dataset have each value of a key: a call per chunk of datasets."""
    projection = queries.IMAGE_VALUES_OF_DATASETS.filter("l.parent.id in (:ids)")
    found: dict[int, dict[str, int]] = {}
    for rows in await ask.rows_in(ask.scope(ids), projection, {"key": key}):
        for dataset, value, number in rows:
            found.setdefault(dataset, {})[value] = number
    return found


# --- Per dataset ----------------------------------------------------------------------------------


async def of_datasets(
    ask: Ask, ids: Collection[int], wish: Wish, counts: Mapping[int, int] | None
) -> Pages:
    """A page of images for each dataset; one that is empty or not visible has an empty page.

    Args:
        ask: the session.
        ids: the datasets.
        wish: filter, page, and what to load along.
        counts: images per dataset where known; asked for where not.
    """
    distinct = tuple(dict.fromkeys(ids))
    pages: Pages = dict.fromkeys(distinct, empty(wish.page))
    if wish.clause is False or not distinct:
        return pages
    known = dict(counts or {})
    unknown = [dataset for dataset in distinct if dataset not in known]
    if len(distinct) == 1 and unknown:
        return {distinct[0]: await search(ask, wish, dataset=distinct[0])}
    if unknown:
        known.update(dict.fromkeys(unknown, 0))
        known.update(await _counts(ask, unknown, None))
    filled = [dataset for dataset in distinct if known[dataset] > 0]
    fitting = [dataset for dataset in filled if known[dataset] <= wish.page.limit]
    paged = [d for d in filled if wish.page.limit < known[d] <= PAIRS_AT_MOST]
    large = [d for d in filled if known[d] > max(wish.page.limit, PAIRS_AT_MOST)]
    if len(paged) == 1:
        large, paged = large + paged, []
    totals = known if wish.clause is True else None
    work = [_whole(ask, fitting, wish, known, totals)] if fitting else []
    work += [_cut(ask, paged, wish, known, totals)] if paged else []
    work += [_one(ask, dataset, wish, totals) for dataset in large]
    for part in await together(*work):
        pages.update(part)
    return pages


async def _one(ask: Ask, dataset: int, wish: Wish, totals: Mapping[int, int] | None) -> Pages:
    total = totals[dataset] if totals else None
    return {dataset: await search(ask, wish, dataset=dataset, total=total)}


async def _whole(
    ask: Ask,
    ids: Sequence[int],
    wish: Wish,
    known: Mapping[int, int],
    totals: Mapping[int, int] | None,
) -> Pages:
    """Datasets whose images fit on a page: images and facets all by dataset id, concurrently."""
    chunks = _packed(ids, known, ask.chunk)
    images = _with_optics(queries.IMAGES_OF_DATASETS, wish.facets).select("l.parent.id")
    projection, params = wish.paged(images.filter("l.parent.id in (:ids)"))
    scope = Scope.images_of_datasets(chunks, wish.clause, wish.params)
    found: list[Any] = await together(
        ask.rows_in(Scope(chunks), projection, params),
        facets.load(ask, wish.facets, scope),
        _totals(ask, ids, wish, totals),
    )
    rows, loaded, counted = found
    decoded = _decoded(rows, wish.facets, loaded)
    pages: Pages = {}
    for dataset, below in _grouped(rows, parent=-2).items():
        total = len(below) if wish.page.key is None else counted.get(dataset, 0)
        pages[dataset] = wish.keyset.cut(below, lambda row: decoded[row[0]], total)
    return _with_totals(pages, ids, wish, counted)


async def _cut(
    ask: Ask,
    ids: Sequence[int],
    wish: Wish,
    known: Mapping[int, int],
    totals: Mapping[int, int] | None,
) -> Pages:
    """Larger datasets: the pairs, cut to pages here, then the images of those pages by id."""
    chunks = _packed(ids, known, ask.chunk)
    projection, params = wish.paged(queries.IMAGE_PAIRS.filter("l.parent.id in (:ids)"))
    found: list[Any] = await together(
        ask.rows_in(Scope(chunks), projection, params), _totals(ask, ids, wish, totals)
    )
    rows, counted = found
    grouped = _grouped(rows, parent=-2)
    shown = {row[0] for below in grouped.values() for row in below[: wish.page.limit]}
    images = await by_ids(ask, shown, wish.fetch)
    pages: Pages = {}
    for dataset, below in grouped.items():
        total = len(below) if wish.page.key is None else counted.get(dataset, 0)
        # An image that was deleted between the two questions is gone from the page.
        kept = [row for row in below if row[0] in images or row[0] not in shown]
        pages[dataset] = wish.keyset.cut(kept, lambda row: images[row[0]], total)
    return _with_totals(pages, ids, wish, counted)


async def _totals(
    ask: Ask, ids: Sequence[int], wish: Wish, totals: Mapping[int, int] | None
) -> Mapping[int, int]:
    """The totals of pages beyond the first, where the rows themselves do not tell."""
    if not wish.page.count or wish.page.key is None:
        return {}
    if totals is not None:
        return totals
    return await _counts(ask, ids, wish)


async def _counts(ask: Ask, ids: Collection[int], wish: Wish | None) -> dict[int, int]:
    projection = queries.COUNT_IMAGES_OF_DATASETS
    params: Mapping[str, HqlValue] = {}
    if wish is not None:
        projection = queries.COUNT_MATCHING_IMAGES_OF_DATASETS.filter(wish.clause)
        params = wish.params
    chunks = await ask.rows_in(ask.scope(ids), projection.filter("l.parent.id in (:ids)"), params)
    return {row[0]: row[1] for rows in chunks for row in rows}


def _with_totals(pages: Pages, ids: Sequence[int], wish: Wish, counted: Mapping[int, int]) -> Pages:
    """Adds the pages of datasets that have no rows beyond the key."""
    for dataset in ids:
        if dataset not in pages:
            nothing: Page[ImageRecord] = empty(wish.page)
            pages[dataset] = (
                msgspec.structs.replace(nothing, total=counted.get(dataset, 0))
                if wish.page.count
                else nothing
            )
    return pages


def _decoded(chunks: Sequence[Rows], wanted: frozenset[str], loaded: decode.Facets) -> Images:
    """Images by id; one of two datasets is one record."""

    def read(rows: Rows) -> Images:
        found: Images = {}
        for row in rows:
            if row[0] not in found:
                found[row[0]] = decode.image(row, wanted, loaded)
        return found

    return dict(merged(chunks, ("images", wanted), read, loaded.parts()))


def _grouped(chunks: Sequence[Rows], *, parent: int) -> dict[int, Rows]:
    """Rows by parent in their order, a pair that two users linked only once."""
    grouped: dict[int, dict[int, list[Any]]] = {}
    for rows in chunks:
        current, below = None, dict[int, list[Any]]()
        for row in rows:
            if row[parent] != current:  # they stand together, mostly
                current = row[parent]
                below = grouped.setdefault(current, {})
            if row[0] not in below:
                below[row[0]] = row
    return {number: list(below.values()) for number, below in grouped.items()}


def _packed(ids: Sequence[int], known: Mapping[int, int], size: int) -> tuple[tuple[int, ...], ...]:
    """Chunks of at most `size` datasets and about `IMAGES_PER_CALL` images."""
    chunks: list[list[int]] = []
    weight = IMAGES_PER_CALL + 1
    for dataset in ids:
        weight += known[dataset]
        if weight > IMAGES_PER_CALL or len(chunks[-1]) == size:
            chunks.append([])
            weight = known[dataset]
        chunks[-1].append(dataset)
    return tuple(padded(chunk) for chunk in chunks)


def _with_optics(projection: Projection, wanted: frozenset[str]) -> Projection:
    """The images with objective and instrument joined, where wanted: no call of their own."""
    if "objective" in wanted:
        projection = projection.join(queries.OBJECTIVE_JOINS).select(*queries.OBJECTIVE_COLUMNS)
    elif "magnification" in wanted:
        projection = projection.join(queries.MAGNIFICATION_JOINS)
        projection = projection.select(*queries.MAGNIFICATION_COLUMNS)
    if "instrument" in wanted:
        projection = projection.join(queries.INSTRUMENT_JOINS).select(*queries.INSTRUMENT_COLUMNS)
    return projection
