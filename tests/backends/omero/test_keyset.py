from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.errors import InvalidRequest
from backends.fetch import NOTHING_MORE
from backends.filters import Key, Page, PageRequest, Sort
from backends.lane import Call
from backends.omero.conditions import Parameters
from backends.omero.keyset import CONTAINER_SORTS, IMAGE_SORTS, Keyset
from backends.omero.transport import RTime

PICTURES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["a", "A", "b", "Ä", "ä", ""]),
            "acquired": st.none() | st.sampled_from([-1000, 0, 1, 2]),
            "imported": st.sampled_from([0, 1, 1000]),
            "datasets": st.just((0, 1)),
        }
    ),
    min_size=1,
    max_size=7,
)


def in_order(pictures: list[dict[str, Any]], sort: Sort) -> list[int]:
    """Ids as the sort has them: ties by id in its direction, missing dates last in both."""
    numbered = list(enumerate(pictures, 1))

    def value(entry: tuple[int, dict[str, Any]]) -> tuple[Any, int]:
        number, picture = entry
        if sort.field == "id":
            return number, number
        found = picture[sort.field]
        return (found.lower() if sort.field == "name" else found), number

    missing = [e for e in numbered if sort.field == "acquired" and e[1]["acquired"] is None]
    present = [entry for entry in numbered if entry not in missing]
    present.sort(key=value, reverse=sort.descending)
    missing.sort(key=lambda entry: entry[0], reverse=sort.descending)
    return [number for number, _ in present + missing]


async def walk(viewer: Any, first: PageRequest, ways: str) -> list[int]:
    """All ids by turning pages from one end to the other."""
    seen: list[int] = []
    page = first
    for _ in range(20):
        answer = await turn(viewer, page, ways)
        ids = [image.omero_id for image in answer.items]
        assert len(ids) <= page.limit
        seen = ids + seen if page.backward else seen + ids
        if not answer.has_more:
            assert answer.total == len(seen)
            return seen
        page = page.beyond(answer.keys[0] if page.backward else answer.keys[-1])
    raise AssertionError("pages do not end")


async def turn(viewer: Any, page: PageRequest, ways: str) -> Page[Any]:
    if ways == "all images":
        return await viewer.client.images(viewer.session, None, page, NOTHING_MORE, Call())
    ids = [1] if ways == "of one dataset" else [1, 2]
    pages = await viewer.client.images_of_datasets(
        viewer.session, ids, None, page, NOTHING_MORE, Call()
    )
    assert pages[ids[-1]] == pages[1]  # both datasets hold the same images
    return pages[1]


@pytest.mark.parametrize("ways", ["all images", "of one dataset", "of two datasets"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    pictures=PICTURES,
    first=st.builds(
        PageRequest,
        limit=st.integers(1, 4),
        sort=st.builds(Sort, field=st.sampled_from(sorted(IMAGE_SORTS)), descending=st.booleans()),
        backward=st.booleans(),
        count=st.just(True),
    ),
)
def test_turning_pages_shows_every_image_once_in_order(
    kit: SimpleNamespace, ways: str, pictures: list[dict[str, Any]], first: PageRequest
) -> None:
    async def run() -> list[int]:
        described = tuple(kit.Picture(**each) for each in pictures)
        content = kit.Gallery(described, (("d", None), ("e", None))).content()
        async with kit.viewer_of(content) as viewer:
            return await walk(viewer, first, ways)

    assert asyncio.run(run()) == in_order(pictures, first.sort)


def page(key: Key | None, field: str = "name", **more: Any) -> PageRequest:
    return PageRequest(10, Sort(field), key=key, **more)


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("name", (1, 1)),
        ("name", (None, 1)),
        ("name", ("a",)),
        ("name", ("a", "1")),
        ("name", ("a", 1, 2)),
        ("imported", ("a", 1)),
        ("imported", (None, 1)),
        ("id", (1.0, 1)),
        ("id", (True, True)),
    ],
)
def test_a_key_of_another_order_is_refused(field: str, key: Key) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        Keyset.of(page(key, field), IMAGE_SORTS, "i.id").beyond(Parameters())


@pytest.mark.parametrize("field", ["code", "acquired"])
def test_an_unknown_order_is_refused_with_those_there_are(field: str) -> None:
    with pytest.raises(InvalidRequest, match="id, name, imported"):
        Keyset.of(page(None, field), CONTAINER_SORTS, "c.id")


def test_a_page_has_no_negative_size() -> None:
    with pytest.raises(InvalidRequest, match="0 or more"):
        Keyset.of(PageRequest(-1, Sort("id")), IMAGE_SORTS, "i.id")


def test_a_time_in_a_key_stands_for_its_whole_millisecond() -> None:
    # A database that stores microseconds would else return the key's own row again.
    parameters = Parameters()
    condition = Keyset.of(page((5, 7), "imported"), IMAGE_SORTS, "i.id").beyond(parameters)
    assert condition == "(ce.time >= :p2 or (ce.time >= :p1 and ce.time < :p2 and i.id > :p0))"
    assert parameters.values == {"p0": 7, "p1": RTime(5), "p2": RTime(6)}
