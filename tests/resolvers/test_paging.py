from __future__ import annotations

import base64
import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.filters import Page, PageRequest, Sort
from resolvers.errors import BadInput
from resolvers.paging import (
    DEFAULT_PAGE,
    MAXIMUM_PAGE,
    Window,
    connect,
    decode_cursor,
    decode_id,
    encode_cursor,
    encode_id,
    nothing,
)

CODE = Sort("code")
KINDS = st.from_regex(r"[A-Za-z]{1,20}", fullmatch=True)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
# A sort field with the keys it can have.
KEYS = st.one_of(
    st.tuples(st.sampled_from(["code", "perm_id"]), st.text(), st.text()),
    st.tuples(st.sampled_from(["registered", "modified"]), INTEGERS | st.none(), st.text()),
    st.tuples(st.just("id"), INTEGERS, INTEGERS),
    st.tuples(st.sampled_from(["name", "link"]), st.text(), INTEGERS),
    st.tuples(st.sampled_from(["acquired", "imported"]), INTEGERS | st.none(), INTEGERS),
)


def forge(*parts: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


@given(kind=KINDS, native=st.text(min_size=1) | INTEGERS)
def test_a_global_id_leads_back(kind: str, native: str | int) -> None:
    global_id = encode_id(kind, native)
    assert decode_id(global_id) == (kind, str(native))
    assert re.fullmatch(r"[A-Za-z0-9_-]+", global_id)


@given(first=st.tuples(KINDS, st.text(min_size=1)), second=st.tuples(KINDS, st.text(min_size=1)))
def test_different_objects_have_different_ids(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    assert (encode_id(*first) == encode_id(*second)) is (first == second)


@given(text=st.text())
def test_any_text_is_an_id_of_ours_or_refused(text: str) -> None:
    try:
        kind, native = decode_id(text)
    except BadInput as refused:
        assert "use the `id` field" in refused.message  # noqa: PT017 - most texts are refused
    else:
        assert encode_id(kind, native) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "Sample:1",
        "ä",
        encode_id("Sample", "1") + "=",
        encode_id("", "1"),
        encode_id("S1", "1"),
    ],
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(BadInput):
        decode_id(text)


@given(key=KEYS, descending=st.booleans(), scope=st.text())
def test_a_cursor_leads_back_in_its_own_list(
    key: tuple[str, Any, Any], descending: bool, scope: str
) -> None:
    field, value, unique = key
    sort = Sort(field, descending)
    cursor = encode_cursor((value, unique), scope, sort)
    assert decode_cursor(cursor, scope, sort) == (value, unique)
    for other_scope, other_sort in ((scope + "x", sort), (scope, Sort(field, not descending))):
        with pytest.raises(BadInput, match="another list or order"):
            decode_cursor(cursor, other_scope, other_sort)


@given(text=st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"cursor"):
        decode_cursor(text, "Query.samples", CODE)


@pytest.mark.parametrize(
    ("parts", "sort"),
    [
        (("L", "code", 0), CODE),
        (("L", "code", 0, "a"), CODE),
        (("L", "code", 0, "a", "b", "c"), CODE),
        (("L", "code", 0, 1, "b"), CODE),
        (("L", "code", 0, None, "b"), CODE),
        (("L", "code", 0, "a", 1), CODE),
        (("L", "code", 0, ["a"], "b"), CODE),
        (("L", "id", 0, True, 1), Sort("id")),
        (("L", "id", 0, 1, True), Sort("id")),
        (("L", "id", 0, 1.0, 1), Sort("id")),
        (("L", "id", 0, 2**63, 1), Sort("id")),
        (("L", "id", 0, 1, 2**63), Sort("id")),
        (("L", "registered", 0, 2**63, "a"), Sort("registered")),
        (("L", "elsewhere", 0, "a", "b"), Sort("elsewhere")),
    ],
)
def test_a_forged_cursor_is_refused(parts: tuple[Any, ...], sort: Sort) -> None:
    with pytest.raises(BadInput, match="not a cursor of this server"):
        decode_cursor(forge(*parts), "L", sort)


@pytest.mark.parametrize("value", [{"a": 1}, "text", 3, None])
def test_a_cursor_that_is_no_list_is_refused(value: Any) -> None:
    cursor = base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")
    with pytest.raises(BadInput):
        decode_cursor(cursor, "L", CODE)


def test_without_arguments_the_first_page_comes() -> None:
    assert Window().request("L", CODE, count=True) == PageRequest(
        DEFAULT_PAGE, CODE, key=None, backward=False, count=True
    )


def test_the_four_arguments() -> None:
    cursor = encode_cursor(("a", "b"), "L", CODE)
    assert Window(first=3, after=cursor).request("L", CODE, count=False) == PageRequest(
        3, CODE, key=("a", "b")
    )
    assert Window(last=3, before=cursor).request("L", CODE, count=False) == PageRequest(
        3, CODE, key=("a", "b"), backward=True
    )
    assert Window(first=0).request("L", CODE, count=False).limit == 0
    assert Window(last=MAXIMUM_PAGE).request("L", CODE, count=False).limit == MAXIMUM_PAGE


@pytest.mark.parametrize(
    ("window", "advice"),
    [
        (Window(first=-1), "`first` must be between 0 and 500; it is -1."),
        (Window(first=501), "`first` must be between 0 and 500; it is 501."),
        (Window(last=-7), "`last` must be between"),
        (Window(last=10**9), "`last` must be between"),
        (Window(first=1, last=1), "not both"),
        (Window(last=1, after="x"), "use `before` with `last`"),
        (Window(first=1, before="x"), "use `after` with `first`"),
        (Window(before="x"), "use `after` with `first`"),
        (Window(after="x", before="y"), "use `after` with `first`"),
        (Window(after=""), "not a cursor"),
    ],
)
def test_arguments_that_contradict_each_other(window: Window, advice: str) -> None:
    with pytest.raises(BadInput, match=re.escape(advice)):
        window.request("L", CODE, count=False)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize("more", [False, True])
def test_where_a_page_stands(*, backward: bool, beyond: bool, more: bool) -> None:
    request = PageRequest(2, CODE, key=("a", "1") if beyond else None, backward=backward)
    page = Page(("x", "y"), (("b", "2"), ("c", "3")), has_more=more, total=9)
    shaped = connect(page, request, "L")
    ahead, behind = (beyond, more) if backward else (more, beyond)
    assert shaped.page_info.has_next_page is ahead
    assert shaped.page_info.has_previous_page is behind
    assert [edge.node for edge in shaped.edges] == ["x", "y"]
    assert decode_cursor(shaped.edges[0].cursor, "L", CODE) == ("b", "2")
    assert shaped.page_info.start_cursor == shaped.edges[0].cursor
    assert shaped.page_info.end_cursor == shaped.edges[1].cursor
    assert shaped.total_count == 9


@pytest.mark.parametrize("count", [False, True])
def test_nothing_has_a_total_of_none(*, count: bool) -> None:
    request = PageRequest(5, CODE, count=count)
    shaped = connect(nothing(request), request, "L")
    assert shaped.edges == []
    assert shaped.page_info.start_cursor is None
    assert shaped.total_count == (0 if count else None)
