"""The raw reader and writer beside the generated classes, over Ice's own marshalling.

A servant that keeps the bytes it is sent and answers with the values it is given stands at the
other end, so that whatever Ice writes is read here, and whatever is written here is read by Ice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.omero import raw
from backends.omero.transport import RInt, RTime

Ice = pytest.importorskip("Ice", reason="the extra omnibis[omero] is not installed")
omero = pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
typed = pytest.importorskip("backends.omero.typed")
wire_types = pytest.importorskip("omero.rtypes")
pytest.importorskip("omero.clients")
registrar = pytest.importorskip("omero.ObjectFactoryRegistrar")

LONGS = st.integers(-(2**63), 2**63 - 1)
INTS = st.integers(-(2**31), 2**31 - 1).map(RInt)
TIMES = LONGS.map(RTime)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="aµ😀", min_size=60, max_size=300),  # around the border of short sizes
)
DOUBLES = st.floats(allow_nan=False)
SCALARS = st.one_of(TEXTS, LONGS, INTS, TIMES, st.booleans(), DOUBLES)
MAPS = st.dictionaries(st.text(max_size=8), st.none() | SCALARS, max_size=4)
CELLS = st.one_of(st.none(), SCALARS, MAPS, st.lists(SCALARS, max_size=4))
ROWS = st.lists(st.lists(CELLS, max_size=6), max_size=8)
# Rows of a table: few kinds of columns, in which zeros and empty texts are often one instance.
COLUMNS = st.lists(
    st.sampled_from([TEXTS, LONGS, INTS, TIMES, st.booleans(), DOUBLES, st.none(), MAPS])
    | st.sampled_from([st.none() | TEXTS, st.sampled_from([RInt(0), RInt(1)]), st.just("")]),
    min_size=1,
    max_size=6,
)
TABLES = COLUMNS.flatmap(lambda kinds: st.lists(st.tuples(*kinds), min_size=4, max_size=30))
PARAMETERS = st.dictionaries(
    st.text(max_size=10), st.one_of(SCALARS, st.lists(SCALARS, max_size=300)), max_size=4
)
PAGES = st.none() | st.integers(0, 2**31 - 1)


class Wire:
    """Both ends of one `IQuery` over loopback."""

    def __init__(self) -> None:

        data = Ice.InitializationData()
        data.properties = Ice.createProperties()
        data.properties.setProperty("Answer.Endpoints", "tcp -h 127.0.0.1")
        self.communicator = Ice.initialize(data)
        registrar.registerObjectFactory(self.communicator, None)
        for factory in wire_types.ObjectFactories.values():
            factory.register(self.communicator)
        self.answer: list[list[Any]] = []
        self.asked: tuple[str, Any] | None = None
        wire = self

        class Query(omero.api.IQuery):  # type: ignore[misc]
            def projection_async(
                self, callback: Any, hql: str, parameters: Any, _current: Any = None
            ) -> None:
                wire.asked = hql, parameters
                callback.ice_response(wire.answer)

        adapter = self.communicator.createObjectAdapter("Answer")
        self.proxy = omero.api.IQueryPrx.uncheckedCast(
            adapter.add(Query(), self.communicator.stringToIdentity("query"))
        ).ice_collocationOptimized(False)
        adapter.activate()
        self.mode = Ice.OperationMode.Idempotent

    def invoke(self, request: bytes) -> bytes:
        is_result, reply = self.proxy.ice_invoke("projection", self.mode, request)
        assert is_result
        return bytes(reply)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.communicator.destroy()


def read(data: bytes, step: int = 7) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for _ in raw.read(data, rows, step):
        pass
    return rows


def types_of(value: Any) -> Any:
    """The value with its types: 1, 1.0 and True are not the same, nor are 0.0 and -0.0."""
    if isinstance(value, dict):
        return {key: types_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [types_of(each) for each in value]
    return (type(value).__name__, repr(value))


def wrapped(cell: Any) -> Any:

    if isinstance(cell, dict):
        return wire_types.rmap({key: typed.wrap(value) for key, value in cell.items()})
    return typed.wrap(cell)


@settings(max_examples=300, deadline=None)
@given(rows=ROWS)
def test_what_ice_writes_is_read_as_the_generated_classes_read_it(
    wire: Wire, rows: list[list[Any]]
) -> None:

    wire.answer = [[wrapped(cell) for cell in row] for row in rows]
    mine = read(wire.invoke(raw.request("select 1", {})))
    theirs = typed.plain_rows(wire.proxy.projection("select 1", None))
    assert types_of(mine) == types_of(theirs)


@settings(max_examples=300, deadline=None)
@given(rows=TABLES, data=st.data())
def test_rows_of_few_layouts_are_read_likewise_even_if_tampered_with(
    wire: Wire, rows: list[tuple[Any, ...]], data: Any
) -> None:
    wire.answer = [[wrapped(cell) for cell in row] for row in rows]
    reply = wire.invoke(raw.request("select 1", {}))
    assert types_of(read(reply)) == types_of(typed.plain_rows(wire.proxy.projection("s", None)))
    broken = bytearray(reply)
    at = data.draw(st.integers(len(reply) // 2, len(reply) - 1))
    broken[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(reply) - 1))
    with pytest.raises(raw.Unreadable):
        read(reply[:cut])
    assert outcome(bytes(broken), by_cells=False) == outcome(bytes(broken), by_cells=True)


def outcome(reply: bytes, *, by_cells: bool) -> Any:
    """What is read of a reply, or that it cannot be read."""
    reader = raw._Reader
    known = reader._known
    if by_cells:
        reader._known = lambda _self, _at: None  # type: ignore[method-assign]
    try:
        return types_of(read(reply))
    except raw.Unreadable:
        return "unreadable"
    finally:
        reader._known = known  # type: ignore[method-assign]


def test_rows_that_come_again_are_read_at_one_go(wire: Wire, monkeypatch: Any) -> None:
    zero = wire_types.rint(0)
    wire.answer = [
        [wire_types.rlong(number), zero if number % 3 else wire_types.rint(number), None,
         wire_types.rstring(f"text {number}")]
        for number in range(1, 301)
    ]  # fmt: skip
    by_cells = []
    one = raw._Reader._row

    def counted(self: Any, at: int) -> Any:
        by_cells.append(at)
        return one(self, at)

    monkeypatch.setattr(raw._Reader, "_row", counted)
    rows = read(wire.invoke(raw.request("select 1", {})))
    assert rows == [
        [number, 0 if number % 3 else number, None, f"text {number}"] for number in range(1, 301)
    ]
    assert len(by_cells) < 10


@settings(max_examples=300, deadline=None)
@given(hql=st.text(max_size=400), params=PARAMETERS, offset=PAGES, limit=PAGES)
def test_what_is_written_is_read_by_ice(
    wire: Wire, hql: str, params: dict[str, Any], offset: int | None, limit: int | None
) -> None:

    wire.answer = []
    assert read(wire.invoke(raw.request(hql, params, offset, limit))) == []
    assert wire.asked is not None
    text, parameters = wire.asked
    expected = typed.parameters(params, offset, limit)
    assert text == hql
    assert described(parameters) == described(expected)


def described(parameters: Any) -> Any:
    page = parameters.theFilter
    return (
        {name: cell(value) for name, value in (parameters.map or {}).items()},
        None if page is None else (cell(page.offset), cell(page.limit), page.unique, page.ownerId),
        parameters.theOptions,
    )


def cell(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value.val, list):
        return (value.ice_id(), [cell(each) for each in value.val])
    return (value.ice_id(), repr(value.val))


def test_objects_that_come_twice_and_classes_are_read(wire: Wire) -> None:

    text, number = wire_types.rstring("µm"), wire_types.rint(7)
    unit = wire_types.rmap({"unit": text, "value": wire_types.rfloat(0.5)})
    wire.answer = [
        [text, number, unit, wire_types.rclass("x.Y")],
        [unit, text, wire_types.rlist([text, wire_types.rlong(1)]), None],
    ]
    mine = read(wire.invoke(raw.request("select 1", {})))
    length = {"unit": "µm", "value": 0.5}
    assert mine == [["µm", 7, length, "x.Y"], [length, "µm", ["µm", 1], None]]


def test_entities_are_left_to_the_generated_classes(wire: Wire) -> None:

    wire.answer = [[wire_types.robject(omero.model.DatasetI(5, False))]]
    with pytest.raises(raw.Unreadable, match="RObject"):
        read(wire.invoke(raw.request("select d from Dataset d", {})))
    assert typed.plain_rows(wire.proxy.projection("select d from Dataset d", None)) == [[5]]


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, data=st.data())
def test_a_reply_that_was_tampered_with_is_refused_or_read_and_never_breaks(
    wire: Wire, rows: list[list[Any]], data: Any
) -> None:
    wire.answer = [[wrapped(cell) for cell in row] for row in rows]
    reply = bytearray(wire.invoke(raw.request("select 1", {})))
    at = data.draw(st.integers(0, len(reply) - 1))
    reply[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(reply)))
    for broken in (bytes(reply), bytes(reply[:cut]), bytes(reply) + b"\x00"):
        try:
            read(broken)
        except raw.Unreadable:
            continue
        assert broken == bytes(reply)  # what is shorter or longer is never taken


@pytest.mark.parametrize(
    "params",
    [{"a": 2**63}, {"a": RInt(2**31)}, {"a": "\ud800"}, {"a": None}, {"a": object()}],
)
def test_values_that_have_no_place_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        raw.request("select 1", params)


def test_a_long_reply_is_read_in_steps(wire: Wire) -> None:

    wire.answer = [[wire_types.rlong(row), wire_types.rlong(row * row)] for row in range(1_000)]
    rows: list[list[Any]] = []
    progress = [len(rows) for _ in raw.read(wire.invoke(raw.request("s", {})), rows, 100)]
    assert progress == list(range(50, 1_001, 50))
    assert rows == [[row, row * row] for row in range(1_000)]
