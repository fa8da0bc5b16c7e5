"""Pages: walking forward, or backward, meets every row once, in order, whatever the sort."""

from typing import Any

import pytest

from backends.demo.world import OpenbisContent
from backends.errors import InvalidRequest
from backends.filters import (
    ExperimentFilter,
    Key,
    OmicsFilter,
    PageRequest,
    ProjectFilter,
    SampleFilter,
    Sort,
    StringMatch,
)
from backends.openbis.client import Search
from backends.openbis.paging import beyond, sort_options
from backends.records import Kind

PROJECT = ProjectFilter(code=StringMatch(one_of=("QRUP2", "QHCC0")))
RUNS = SampleFilter(project=PROJECT, type=StringMatch(starts_with="Q_BMI"))
FILTERS: dict[Kind, Any] = {
    Kind.PROJECT: ProjectFilter(code=StringMatch(starts_with="Q")),
    Kind.EXPERIMENT: ExperimentFilter(project=PROJECT),
    Kind.SAMPLE: RUNS,
    Kind.OMICS_DATASET: OmicsFilter(sample=SampleFilter(project=PROJECT)),
}


async def walk(openbis: Any, token: Any, kind: Kind, page: PageRequest) -> list[Any]:
    """All records, page by page; the rows of a page come in the order of the sort."""
    found: list[Any] = []
    while True:
        (answer,) = await openbis.ask(token, Search(kind, FILTERS[kind], page))
        assert len(answer.items) == len(answer.keys) <= page.limit
        found = [*answer.items, *found] if page.backward else [*found, *answer.items]
        if not answer.has_more:
            return found
        assert len(answer.items) == page.limit
        key = answer.keys[0] if page.backward else answer.keys[-1]
        page = PageRequest(page.limit, page.sort, key, page.backward, page.count)


def order(record: Any, sort: Sort) -> tuple[Any, str]:
    value = {
        "code": record.code,
        "perm_id": record.perm_id,
        "registered": record.registered_at,
        "modified": record.modified_at,
    }[sort.field]
    return value, record.perm_id


@pytest.mark.parametrize("kind", list(FILTERS))
@pytest.mark.parametrize("field", ["code", "perm_id", "registered", "modified"])
@pytest.mark.parametrize("descending", [False, True])
async def test_both_ways_meet_every_row_once_in_order(
    openbis: Any, kind: Kind, field: str, descending: bool
) -> None:
    token = await openbis.login()
    sort = Sort(field, descending)
    limit = {Kind.PROJECT: 2, Kind.EXPERIMENT: 5}.get(kind, 23)
    forward = await walk(openbis, token, kind, PageRequest(limit, sort))
    backward = await walk(openbis, token, kind, PageRequest(limit, sort, backward=True))
    (whole,) = await openbis.ask(token, Search(kind, FILTERS[kind], PageRequest(1000, sort)))
    expected = sorted(whole.items, key=lambda each: order(each, sort), reverse=descending)
    assert list(whole.items) == expected
    assert forward == expected
    assert backward == expected
    assert len(expected) > limit


async def test_the_total_is_over_all_pages(openbis: Any) -> None:
    token = await openbis.login()
    first = PageRequest(5, Sort("code"), count=True)
    (one,) = await openbis.ask(token, Search(Kind.SAMPLE, RUNS, first))
    later = PageRequest(5, Sort("code"), one.keys[-1], count=True)
    (two,) = await openbis.ask(token, Search(Kind.SAMPLE, RUNS, later))
    (uncounted,) = await openbis.ask(token, Search(Kind.SAMPLE, RUNS, PageRequest(5, Sort("code"))))
    everything = await walk(openbis, token, Kind.SAMPLE, PageRequest(100, Sort("code")))
    assert one.total == two.total == len(everything)
    assert uncounted.total is None


async def test_projects_by_date_know_their_total_on_later_pages(openbis: Any) -> None:
    token = await openbis.login()
    sort = Sort("registered")
    (one,) = await openbis.ask(token, Search(Kind.PROJECT, None, PageRequest(2, sort)))
    page = PageRequest(1, sort, one.keys[-1], count=True)
    (two,) = await openbis.ask(token, Search(Kind.PROJECT, None, page))
    assert (two.total, len(two.items), two.has_more) == (4, 1, True)


async def test_an_empty_page_still_tells_whether_there_is_more(openbis: Any) -> None:
    token = await openbis.login()
    (page,) = await openbis.ask(token, Search(Kind.SAMPLE, RUNS, PageRequest(0, Sort("code"))))
    assert (page.items, page.keys, page.has_more) == ((), (), True)


async def test_rows_that_go_between_two_pages_shift_nothing(
    openbis: Any, content: OpenbisContent
) -> None:
    token = await openbis.login()
    codes = sorted(each.code for each in content.samples if each.space == "PLANT_BIOLOGY")
    sort = Sort("code")
    space = SampleFilter(project=ProjectFilter(code=StringMatch(eq="QRUP2")))
    gone: Key = (codes[9] + "0", "19990101000000000-1")  # a row that is no more
    (page,) = await openbis.ask(token, Search(Kind.SAMPLE, space, PageRequest(3, sort, gone)))
    assert [each.code for each in page.items] == codes[10:13]


def test_the_sort_on_the_wire() -> None:
    assert sort_options(Kind.SAMPLE, PageRequest(1, Sort("code"), backward=True)) == {
        "@type": "as.dto.sample.fetchoptions.SampleSortOptions",
        "sortings": [
            {
                "@type": "as.dto.common.fetchoptions.Sorting",
                "field": field,
                "order": {"@type": "as.dto.common.fetchoptions.SortOrder", "asc": False},
            }
            for field in ("CODE", "PERM_ID")
        ],
    }


@pytest.mark.parametrize("key", [("A",), ("A", 1), (), ("A", "1-1", "x")])
def test_a_foreign_cursor_is_refused(key: Key) -> None:
    with pytest.raises(InvalidRequest, match="start from its beginning"):
        beyond(Kind.SAMPLE, PageRequest(1, Sort("code"), key))


@pytest.mark.parametrize("kind", [Kind.SAMPLE, Kind.PROJECT])
async def test_a_cursor_of_another_sort_is_refused(openbis: Any, kind: Kind) -> None:
    token = await openbis.login()
    page = PageRequest(1, Sort("modified"), ("CODE", "1-1"))
    with pytest.raises(InvalidRequest, match="start from its beginning"):
        await openbis.ask(token, Search(kind, None, page))


async def test_an_unknown_sort_is_refused(openbis: Any) -> None:
    token = await openbis.login()
    with pytest.raises(InvalidRequest, match="sorts by code"):
        await openbis.ask(token, Search(Kind.SAMPLE, None, PageRequest(1, Sort("size"))))
    assert openbis.log == []
