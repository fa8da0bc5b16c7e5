"""Filters against an evaluation in plain Python that was written without looking at the HQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.errors import InvalidRequest
from backends.fetch import NOTHING_MORE
from backends.filters import (
    ContainerFilter,
    DateMatch,
    ImageFilter,
    KeyValueMatch,
    NumberMatch,
    PageRequest,
    QuantityMatch,
    Sort,
    StringMatch,
)
from backends.lane import Call
from backends.omero.predicates import Predicates
from backends.records import Quantity

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVERYTHING = PageRequest(limit=1000, sort=Sort("id"))

# --- The naive evaluation -------------------------------------------------------------------------


def holds(match: StringMatch | None, values: Iterable[str | None]) -> bool:
    """One value fulfils all that is asked positively; no value is the `ne`."""
    if match is None or match == StringMatch():
        return True
    present = [value for value in values if value is not None]

    def fulfils(value: str) -> bool:
        return (
            (match.eq is None or value == match.eq)
            and (match.one_of is None or value in match.one_of)
            and (match.contains is None or match.contains.lower() in value.lower())
            and (match.starts_with is None or value.lower().startswith(match.starts_with.lower()))
        )

    asks = (match.eq, match.one_of, match.contains, match.starts_with)
    positive = any(each is not None for each in asks) or match.exists is True
    return (
        (not positive or any(fulfils(value) for value in present))
        and (match.ne is None or match.ne not in present)
        and (match.exists is not False or not present)
    )


def within(match: Any, value: Any, measure: Callable[[Any], Any]) -> bool:
    if match is None or match == type(match)():
        return True
    if value is None:
        return False
    here = measure(value)

    def compares(bound: Any, check: Callable[[Any, Any], bool]) -> bool:
        if bound is None:
            return True
        there = measure(bound)
        return here[0] == there[0] and check(here[1], there[1])

    between = match.between or (None, None)
    return (
        compares(match.eq, lambda a, b: a == b)
        and compares(match.lt, lambda a, b: a < b)
        and compares(match.le, lambda a, b: a <= b)
        and compares(match.gt, lambda a, b: a > b)
        and compares(match.ge, lambda a, b: a >= b)
        and compares(between[0], lambda a, b: a >= b)
        and compares(between[1], lambda a, b: a <= b)
    )


def plain(value: float) -> tuple[str, float]:
    return "number", value


SIZES = {
    "NANOMETER": Decimal("1e-9"),
    "MICROMETER": Decimal("1e-6"),
    "MILLIMETER": Decimal("1e-3"),
    "ANGSTROM": Decimal("1e-10"),
    "INCH": Decimal("0.0254"),
}


def physical(quantity: Any) -> tuple[str, Decimal]:
    number, unit = (quantity.value, quantity.unit) if isinstance(quantity, Quantity) else quantity
    if unit in SIZES:
        return "metre", Decimal(repr(number)) * SIZES[unit]
    return unit, Decimal(repr(number))


def dated(match: DateMatch | None, milliseconds: int | None) -> bool:
    if match is None or match == DateMatch():
        return True
    if milliseconds is None:
        return False
    here = EPOCH + timedelta(milliseconds=milliseconds)
    return (match.since is None or here >= match.since) and (
        match.before is None or here < match.before
    )


def paired(match: KeyValueMatch, notes: Any) -> bool:
    values = [
        value
        for namespace, pairs in notes
        if match.namespace is None or namespace == match.namespace
        for key, value in pairs
        if key == match.key
    ]
    if match.value is None or match.value == StringMatch():
        return bool(values)
    return holds(match.value, values)


def contained(where: ContainerFilter, number: int, name: str) -> bool:
    return (
        (where.omero_ids is None or number in where.omero_ids)
        and holds(where.name, [name])
        and all(paired(match, ()) for match in where.key_values)
        and holds(where.tag, [])
        and all(contained(each, number, name) for each in where.all_of)
        and (not where.any_of or any(contained(each, number, name) for each in where.any_of))
        and not any(contained(each, number, name) for each in where.none_of)
    )


def selected(where: ImageFilter, number: int, picture: Any, gallery: Any) -> bool:
    pixels = picture.pixels
    sizes = pixels.sizes if pixels else (None,) * 5
    asked = (where.size_x, where.size_y, where.size_z, where.size_c, where.size_t)
    channels = [text for pair in (pixels.channels if pixels else ()) for text in pair]
    inside = [gallery.datasets[index] for index in picture.datasets]
    datasets = [
        (index + 1, name) for index, (name, _) in zip(picture.datasets, inside, strict=True)
    ]
    projects = [(above + 1, gallery.projects[above]) for _, above in inside if above is not None]
    return (
        (where.omero_ids is None or number in where.omero_ids)
        and holds(where.name, [picture.name])
        and all(paired(match, picture.notes) for match in where.key_values)
        and holds(where.tag, picture.tags)
        and holds(where.channel, channels)
        and within(where.magnification, picture.magnification, plain)
        and within(where.pixel_size, pixels and pixels.width, physical)
        and all(within(match, size, plain) for match, size in zip(asked, sizes, strict=True))
        and holds(where.pixel_type, [pixels.type] if pixels else [])
        and holds(where.format, [picture.format])
        and dated(where.acquired, picture.acquired)
        and dated(where.imported, picture.imported)
        and (
            where.image_dataset is None
            or any(contained(where.image_dataset, *each) for each in datasets)
        )
        and (
            where.image_project is None
            or any(contained(where.image_project, *each) for each in projects)
        )
        and all(selected(each, number, picture, gallery) for each in where.all_of)
        and (
            not where.any_of
            or any(selected(each, number, picture, gallery) for each in where.any_of)
        )
        and not any(selected(each, number, picture, gallery) for each in where.none_of)
    )


# --- Random galleries and filters -----------------------------------------------------------------

TEXTS = st.sampled_from(["a", "A", "a%b", "a_b", "axb", "!a", "Äb", "'; drop", "", "b"])
KEYS = st.sampled_from(["k", "K", "k%"])
SPACES = st.sampled_from(["n/1", "n/2"])
LENGTHS = st.tuples(
    st.sampled_from([0.1, 100.0, 0.3, 0.07, 70.0, 1.0, 1000.0, 0.0001, 2.54, 3.0]),
    st.sampled_from(["NANOMETER", "MICROMETER", "MILLIMETER", "ANGSTROM", "INCH", "PIXEL"]),
)
TIMES = st.integers(-2, 2).map(lambda n: n * 1000)
PIXELS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["uint8", "float"]),
        "sizes": st.tuples(*[st.integers(1, 3)] * 5),
        "width": st.none() | LENGTHS,
        "channels": st.lists(st.tuples(st.none() | TEXTS, st.none() | TEXTS), max_size=2).map(
            tuple
        ),
    }
)
PICTURES = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "acquired": st.none() | TIMES,
        "imported": TIMES,
        "format": st.none() | st.sampled_from(["DICOM", "ZeissLSM"]),
        "pixels": st.none() | PIXELS,
        "magnification": st.none() | st.sampled_from([10.0, 40.0, 63.0]),
        "tags": st.lists(TEXTS, max_size=2, unique=True).map(tuple),
        "notes": st.lists(
            st.tuples(st.none() | SPACES, st.lists(st.tuples(KEYS, TEXTS), max_size=2).map(tuple)),
            max_size=2,
        ).map(tuple),
        "datasets": st.lists(st.integers(0, 2), max_size=2, unique=True).map(tuple),
    }
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def some(strategy: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=most).map(tuple)


# Mostly one condition at a time: several at once seldom hold for anything.
STRINGS = st.one_of(
    *(
        st.builds(StringMatch, **{name: TEXTS})
        for name in ("eq", "ne", "contains", "starts_with") * 2
    ),
    st.builds(StringMatch, exists=st.booleans()),
    st.builds(StringMatch, one_of=some(TEXTS, 4)),
    st.builds(
        StringMatch,
        eq=maybe(TEXTS),
        ne=maybe(TEXTS),
        one_of=maybe(some(TEXTS)),
        contains=maybe(TEXTS),
        starts_with=maybe(TEXTS),
        exists=maybe(st.booleans()),
    ),
)
BOUNDS = st.sampled_from([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, -1e12, 1e12])


def numbers(kind: Any, bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    single = [st.builds(kind, **{name: bounds}) for name in ("eq", "lt", "le", "gt", "ge")]
    both = st.builds(kind, ge=maybe(bounds), lt=maybe(bounds), between=st.tuples(bounds, bounds))
    return st.one_of(*single, both)


DATES = st.builds(
    DateMatch,
    since=maybe(st.integers(-2_001_001, 2_001_001).map(lambda n: EPOCH + timedelta(0, 0, n)))
    | TIMES.map(lambda ms: EPOCH + timedelta(milliseconds=ms)),
    before=maybe(TIMES.map(lambda ms: EPOCH + timedelta(milliseconds=ms))),
)
PAIRS = st.builds(KeyValueMatch, key=KEYS, namespace=maybe(SPACES), value=maybe(STRINGS))
IDS = some(st.integers(1, 4), 3)
CONTAINERS = st.recursive(
    st.builds(
        ContainerFilter,
        omero_ids=maybe(IDS),
        name=maybe(STRINGS),
        key_values=some(PAIRS, 1),
        tag=maybe(STRINGS),
    ),
    lambda inner: st.builds(
        ContainerFilter, all_of=some(inner), any_of=some(inner), none_of=some(inner)
    ),
    max_leaves=3,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "omero_ids": IDS,
    "name": STRINGS,
    "key_values": some(PAIRS),
    "tag": STRINGS,
    "channel": STRINGS,
    "magnification": numbers(NumberMatch, st.sampled_from([10.0, 20.0, 40.0, 63.0])),
    "pixel_size": numbers(QuantityMatch, LENGTHS.map(lambda pair: Quantity(*pair))),
    **{f"size_{axis}": numbers(NumberMatch, BOUNDS) for axis in "xyzct"},
    "pixel_type": STRINGS | st.builds(StringMatch, eq=st.just("uint8")),
    "format": STRINGS | st.builds(StringMatch, ne=st.just("DICOM")),
    "acquired": DATES,
    "imported": DATES,
    "image_dataset": CONTAINERS,
    "image_project": CONTAINERS,
}
LEAVES = st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=2, unique=True).flatmap(
    lambda names: st.builds(ImageFilter, **{name: FIELDS[name] for name in names})
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        ImageFilter,
        all_of=some(inner),
        any_of=some(inner),
        none_of=some(inner),
    ),
    max_leaves=5,
)


def gallery_of(kit: SimpleNamespace, described: list[dict[str, Any]]) -> Any:
    pictures = []
    for each in described:
        pixels = None if each["pixels"] is None else kit.Pixels(**each["pixels"])
        pictures.append(kit.Picture(**{**each, "pixels": pixels}))
    datasets = (("a", 0), ("a%b", 1), ("b", None))
    return kit.Gallery(tuple(pictures), datasets, ("a", "Äb"))


async def found_by(kit: SimpleNamespace, gallery: Any, filters: list[ImageFilter]) -> list[Any]:
    answers: list[Any] = []
    async with kit.viewer_of(gallery.content()) as viewer:
        ask = viewer.client
        for where in filters:
            page = await ask.images(viewer.session, where, EVERYTHING, NOTHING_MORE, Call())
            count = await ask.count_images(viewer.session, where, Call())
            answers.append(([image.omero_id for image in page.items], count))
    return answers


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    described=st.lists(PICTURES, min_size=2, max_size=6),
    filters=st.lists(FILTERS, min_size=6, max_size=6),
)
def test_the_images_found_are_those_that_fulfil_the_filter(
    kit: SimpleNamespace, described: list[dict[str, Any]], filters: list[ImageFilter]
) -> None:
    gallery = gallery_of(kit, described)
    expected = [
        [
            number
            for number, picture in enumerate(gallery.pictures, 1)
            if selected(where, number, picture, gallery)
        ]
        for where in filters
    ]
    answers = asyncio.run(found_by(kit, gallery, filters))
    assert answers == [(numbers, len(numbers)) for numbers in expected]


# --- Single promises ------------------------------------------------------------------------------


async def names(kit: SimpleNamespace, pictures: list[Any], where: ImageFilter) -> list[str]:
    gallery = kit.Gallery(tuple(pictures))
    (numbers, _), *_ = await found_by(kit, gallery, [where])
    return [gallery.pictures[number - 1].name for number in numbers]


async def test_two_pairs_may_stand_in_different_annotations_but_each_is_one_pair(
    kit: SimpleNamespace,
) -> None:
    pictures = [
        kit.Picture("both", notes=(("n", (("Gene", "CO"),)), ("n", (("Dye", "GFP"),)))),
        kit.Picture("crossed", notes=(("n", (("Gene", "GFP"), ("Dye", "CO"))),)),
        kit.Picture("elsewhere", notes=(("m", (("Gene", "CO"), ("Dye", "GFP"))),)),
    ]
    where = ImageFilter(
        key_values=(
            KeyValueMatch("Gene", "n", StringMatch(eq="CO")),
            KeyValueMatch("Dye", "n", StringMatch(eq="GFP")),
        )
    )
    assert await names(kit, pictures, where) == ["both"]


async def test_ne_and_none_of_are_true_and_comparisons_false_for_what_is_missing(
    kit: SimpleNamespace,
) -> None:
    pictures = [
        kit.Picture("none"),
        kit.Picture("ten", magnification=10.0, format="DICOM", acquired=5),
        kit.Picture("forty", magnification=40.0, format="ZeissLSM", acquired=6),
    ]

    async def found(**conditions: Any) -> list[str]:
        return await names(kit, pictures, ImageFilter(**conditions))

    ten = ImageFilter(magnification=NumberMatch(le=10))
    assert await found(magnification=NumberMatch(le=10)) == ["ten"]
    assert await found(none_of=(ten,)) == ["none", "forty"]
    assert await found(format=StringMatch(ne="DICOM")) == ["none", "forty"]
    assert await found(format=StringMatch(exists=False)) == ["none"]
    early = ImageFilter(acquired=DateMatch(before=EPOCH + timedelta(milliseconds=6)))
    assert await found(all_of=(early,)) == ["ten"]
    assert await found(none_of=(early,)) == ["none", "forty"]


async def test_an_empty_container_filter_asks_for_images_within_any_container(
    kit: SimpleNamespace,
) -> None:
    gallery = kit.Gallery(
        (kit.Picture("alone"), kit.Picture("inside", datasets=(0,))), (("d", None),)
    )
    where = ImageFilter(image_dataset=ContainerFilter())
    outside = ImageFilter(none_of=(where,))
    above = ImageFilter(image_project=ContainerFilter())
    answers = await found_by(kit, gallery, [where, outside, above])
    assert answers == [([2], 1), ([1], 1), ([], 0)]


async def test_pixel_sizes_compare_as_one_physical_quantity(kit: SimpleNamespace) -> None:
    widths = [
        (0.07, "MICROMETER"),
        (70.0, "NANOMETER"),
        (700.0, "ANGSTROM"),
        (0.00007, "MILLIMETER"),
        (0.07000000000000002, "MICROMETER"),
        (0.07, "PIXEL"),
    ]
    pictures = [
        kit.Picture(f"{number} {unit}", pixels=kit.Pixels(width=(number, unit)))
        for number, unit in widths
    ]
    equal = ["0.07 MICROMETER", "70.0 NANOMETER", "700.0 ANGSTROM", "7e-05 MILLIMETER"]
    for bound in (Quantity(0.07, "MICROMETER"), Quantity(70.0, "NANOMETER")):
        for match in (QuantityMatch(eq=bound), QuantityMatch(le=bound)):
            assert await names(kit, pictures, ImageFilter(pixel_size=match)) == equal
        above = ImageFilter(pixel_size=QuantityMatch(gt=bound))
        assert await names(kit, pictures, above) == ["0.07000000000000002 MICROMETER"]
    in_pixels = ImageFilter(pixel_size=QuantityMatch(le=Quantity(1.0, "PIXEL")))
    assert await names(kit, pictures, in_pixels) == ["0.07 PIXEL"]


@pytest.mark.parametrize(
    "where",
    [
        ImageFilter(omero_ids=()),
        ImageFilter(name=StringMatch(one_of=())),
        ImageFilter(size_x=NumberMatch(eq=1.5)),
        ImageFilter(none_of=(ImageFilter(),)),
        ImageFilter(tag=StringMatch(one_of=())),
        ImageFilter(image_dataset=ContainerFilter(omero_ids=())),
        ImageFilter(any_of=(ImageFilter(omero_ids=()), ImageFilter(omero_ids=()))),
    ],
)
def test_what_nothing_can_fulfil_is_decided_without_asking(where: ImageFilter) -> None:
    assert Predicates().image(where) is False
    assert Predicates().image(ImageFilter(none_of=(where,))) is True


@pytest.mark.parametrize(
    ("where", "advice"),
    [
        (ImageFilter(acquired=DateMatch(since=datetime(2020, 1, 1))), "zone"),  # noqa: DTZ001 - the fault asked for
        (ImageFilter(omero_ids=tuple(range(20_001))), "20000 ids"),
        (ImageFilter(pixel_size=QuantityMatch(eq=Quantity(1.0, "SECOND"))), "MICROMETER"),
        (ImageFilter(pixel_size=QuantityMatch(eq=Quantity(1.0, "CUBIT"))), "MICROMETER"),
        (ImageFilter(magnification=NumberMatch(ge=float("nan"))), "finite"),
        (ImageFilter(size_x=NumberMatch(ge=float("inf"))), "finite"),
        (ImageFilter(name=StringMatch(eq="a\0b")), "cannot be stored"),
        (ImageFilter(name=StringMatch(one_of=("\ud800",))), "cannot be stored"),
    ],
)
def test_what_cannot_be_asked_says_what_to_change(where: ImageFilter, advice: str) -> None:
    with pytest.raises(InvalidRequest, match=advice):
        Predicates().image(where)


def test_lists_of_ids_are_distinct_and_of_few_lengths() -> None:
    predicates = Predicates()
    predicates.image(ImageFilter(omero_ids=(3, 1, 3)))
    assert predicates.parameters.values == {"p0": (3, 1, 1, 1, 1, 1, 1, 1, 1, 1)}
    longer = Predicates()
    longer.image(ImageFilter(omero_ids=tuple(range(601))))
    assert [len(value) for value in longer.parameters.values.values()] == [500, 500]
