from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.byte_range import Span, Unsatisfiable, is_another, is_current, span_of

TAG = '"abc"'
CONTENT = bytes(range(100))


def part(range_: str, size: int = 100, **more: str) -> Span | None:
    headers = {"range": range_} | {name.replace("_", "-"): value for name, value in more.items()}
    return span_of(headers, TAG, size)


@given(st.integers(0, 99), st.integers(0, 200))
def test_a_range_is_those_bytes(first: int, length: int) -> None:
    span = part(f"bytes={first}-{first + length}")
    assert span is not None
    assert CONTENT[span.start : span.end] == CONTENT[first : first + length + 1]
    assert span.header(100) == f"bytes {first}-{min(first + length, 99)}/100"


def test_the_forms_of_a_range() -> None:
    assert part("bytes=10-") == Span(10, 100)
    assert part("bytes=-10") == Span(90, 100)
    assert part("bytes=-1000") == Span(0, 100)
    assert part("bytes= 0-0 ") == Span(0, 1)


@pytest.mark.parametrize(
    "range_",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "items=0-1", "bytes=0-1,5-6",
     "bytes=0-" + "9" * 30, "bytes=\uff11-\uff12"],
)  # fmt: skip
def test_what_is_no_single_range_gets_the_whole_file(range_: str) -> None:
    assert part(range_) is None


@pytest.mark.parametrize(
    ("range_", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0)]
)
def test_what_lies_beyond_cannot_be_had(range_: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        part(range_, size)


def test_only_the_same_file_is_gone_on_with() -> None:
    assert part("bytes=10-", if_range=TAG) == Span(10, 100)
    assert part("bytes=10-", if_range='"other"') is None
    assert part("bytes=10-", if_range=f"W/{TAG}") is None
    assert part("bytes=10-", if_range="Wed, 21 Oct 2015 07:28:00 GMT") is None


def test_whether_the_client_has_it() -> None:
    for header in (TAG, f"W/{TAG}", f'"x", {TAG}', "*"):
        assert is_current({"if-none-match": header}, TAG)
    assert not is_current({"if-none-match": '"x"'}, TAG)
    assert not is_current({}, TAG)


def test_whether_the_client_wants_another() -> None:
    assert not is_another({}, TAG)
    assert not is_another({"if-match": f'"x", {TAG}'}, TAG)
    assert not is_another({"if-match": "*"}, TAG)
    assert is_another({"if-match": '"x"'}, TAG)
