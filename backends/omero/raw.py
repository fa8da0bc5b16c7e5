"""Projections on the wire: writes the request of `IQuery.projection` and reads its reply.

The generated classes make an object of each cell; this makes plain values, several times faster.
Written and read is Ice encoding 1.1 with classes in the compact format, and of those just what a
projection holds. Whatever is not exactly as expected raises `Unreadable`, and the caller asks again
through the generated classes. Nothing of Ice is imported here: bytes in, values out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

from backends.omero.raw_layout import LONGEST, Cell, Layout, ReadRow, Reference, reader
from backends.omero.transport import HqlValue, RInt, RTime

CELLS_PER_STEP: Final = 1_500  # read within a millisecond or two, then others have their turn

LAYOUTS: Final = 64  # of rows of one reply that are remembered
READERS: Final = 4  # that are tried

_HEADER: Final = struct.Struct("<iBB")
_INT: Final = struct.Struct("<i")
_ENCODING: Final = (1, 1)
_LONG_SIZE: Final = 255

# Flags before each slice of an instance.
_TYPE_BY_NAME: Final = 1
_TYPE_BY_INDEX: Final = 2
_LAST_SLICE: Final = 0x20
_NULL: Final = 0
_INLINE: Final = 1

# Types of one slice of their own with one value, and the slice of RType, which is its flags alone.
_FIXED: Final[Mapping[str, str]] = {
    "::omero::RLong": "q",
    "::omero::RTime": "q",
    "::omero::RInt": "i",
    "::omero::RDouble": "d",
    "::omero::RFloat": "f",
    "::omero::RBool": "?",
}
_STRING: Final = "::omero::RString"
_CLASS: Final = "::omero::RClass"
_MAP: Final = "::omero::RMap"
_COLLECTIONS: Final = frozenset({"::omero::RList", "::omero::RArray", "::omero::RSet"})


class Unreadable(Exception):  # noqa: N818 - no error of anybody's: the other way is taken
    """The reply holds something that only the generated classes can read."""


# --- Writing ------------------------------------------------------------------------------------


def request(
    hql: str, params: Mapping[str, HqlValue], offset: int | None = None, limit: int | None = None
) -> bytes:
    """The encapsulated arguments of `IQuery.projection`.

    Raises:
        ValueError: a number does not fit into its type, or a text is no Unicode.
        TypeError: a value is of no type that HQL parameters have.
    """
    writer = _Writer()
    try:
        writer.text(hql)
        writer.parameters(params, offset, limit)
    except struct.error as error:
        raise ValueError("a number is out of range") from error
    body = b"".join(writer.parts)
    return _HEADER.pack(len(body) + _HEADER.size, *_ENCODING) + body


class _Writer:
    """Collects the parts of a body; knows which types were named already."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._types: dict[str, int] = {}

    def size(self, size: int) -> None:
        short = size < _LONG_SIZE
        self.parts.append(bytes((size,)) if short else b"\xff" + _INT.pack(size))

    def text(self, text: str) -> None:
        data = text.encode()
        self.size(len(data))
        self.parts.append(data)

    def begin(self, type_id: str, *, last: bool = False) -> None:
        """The head of an instance: that it stands here, its flags, and its type."""
        flags = _LAST_SLICE if last else 0
        index = self._types.get(type_id)
        if index is None:
            self._types[type_id] = len(self._types) + 1
            self.parts.append(bytes((_INLINE, flags | _TYPE_BY_NAME)))
            self.text(type_id)
        else:
            self.parts.append(bytes((_INLINE, flags | _TYPE_BY_INDEX)))
            self.size(index)

    def parameters(
        self, params: Mapping[str, HqlValue], offset: int | None, limit: int | None
    ) -> None:
        self.begin("::omero::sys::Parameters", last=True)
        self.size(len(params))
        for name, value in params.items():
            self.text(name)
            self.value(value)
        if offset is None and limit is None:
            self.parts.append(bytes((_NULL,)))
        else:
            self.begin("::omero::sys::Filter", last=True)
            self.parts.append(bytes((_NULL, _NULL, _NULL)))  # unique, ownerId, groupId
            for bound in (offset, limit):
                if bound is None:
                    self.parts.append(bytes((_NULL,)))
                else:
                    self.value(RInt(bound))
            self.parts.append(bytes((_NULL, _NULL)))  # startTime, endTime
        self.parts.append(bytes((_NULL,)))  # theOptions

    def value(self, value: HqlValue) -> None:
        if isinstance(value, str):
            self.begin(_STRING)
            self.text(value)
            self.parts.append(bytes((_LAST_SLICE,)))
        elif isinstance(value, bool):
            self._fixed("::omero::RBool", value)
        elif isinstance(value, RInt):
            self._fixed("::omero::RInt", value)
        elif isinstance(value, RTime):
            self._fixed("::omero::RTime", value)
        elif isinstance(value, int):
            self._fixed("::omero::RLong", value)
        elif isinstance(value, float):
            self._fixed("::omero::RDouble", value)
        elif isinstance(value, (list, tuple)):
            self.begin("::omero::RList")
            self.parts.append(b"\x00")  # the slice of RCollection
            self.size(len(value))
            for each in value:
                self.value(each)
            self.parts.append(bytes((_LAST_SLICE,)))
        else:
            raise TypeError(f"no HQL parameter can be a {type(value).__name__}")

    def _fixed(self, type_id: str, value: float) -> None:
        self.begin(type_id)
        self.parts.append(struct.pack(f"<{_FIXED[type_id]}B", value, _LAST_SLICE))


# --- Reading ------------------------------------------------------------------------------------


def read(data: bytes, rows: list[list[Any]], step: int = CELLS_PER_STEP) -> Iterator[None]:
    """Read the reply of a projection into `rows`, pausing after every `step` cells.

    Raises:
        Unreadable: something in it is not as a projection's reply is.
    """
    try:
        yield from _Reader(data).rows(rows, step)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise Unreadable("the reply ends too early, or a text is no Unicode") from error


def exception_type(data: bytes) -> str:
    """The type of the exception that a server answered with (`::omero::QueryException`).

    Raises:
        Unreadable: it does not begin as an exception does.
    """
    try:
        # Behind the flags of its first slice; exceptions always name their types in full.
        return _Reader(data).text(_HEADER.size + 1)[0]
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise Unreadable("the exception ends too early") from error


class _Reader:
    """Reads one encapsulation; `values` are its instances, for references back to them."""

    def __init__(self, data: bytes) -> None:
        size, *encoding = _HEADER.unpack_from(data)
        if size != len(data) or tuple(encoding) != _ENCODING:
            raise Unreadable("not an encapsulation of encoding 1.1")
        self.data = data
        self.values: list[Any] = []
        self.types: list[str] = []
        # By the first three bytes of an instance whose type was named before: how to read it.
        self.heads: dict[bytes, tuple[Any, int] | None] = {}
        self.cells: dict[bytes, Cell] = {}  # likewise, for `raw_layout.py`
        self.layouts: set[Layout] = set()  # those of rows that were read by cells
        self.readers: list[ReadRow] = []  # of those that came again
        self.texts: dict[bytes, str] = {}

    def rows(self, rows: list[list[Any]], step: int) -> Iterator[None]:
        """All of it: rows that are laid out like others before at one go, the rest by cells."""
        count, at = self.size(_HEADER.size)
        budget = step
        for _ in range(count):
            row, at = self._known(at) or self._row(at)
            rows.append(row)
            budget -= len(row)
            if budget <= 0:
                budget = step
                yield
        if at != len(self.data):
            raise Unreadable("something follows the rows")

    def _known(self, at: int) -> tuple[list[Any], int] | None:
        """A row of a known layout, and where it ends."""
        readers = self.readers
        for number, read in enumerate(readers):
            try:
                found = read(self.data, at, self.values, self.texts)
            except (struct.error, IndexError, UnicodeDecodeError):
                continue  # it is shorter, or there is something wrong: that is found by cells
            if found is not None:
                if number:  # the next one will be alike
                    readers[number], readers[number - 1] = readers[number - 1], read
                return found
        return None

    def _learn_row(self, layout: Layout) -> None:
        """Remember the layout of a row that came by cells; from the second time on it is known."""
        if layout in self.layouts:
            read = reader(layout)
            if read not in self.readers:  # else the row has a text too long for it
                del self.readers[READERS - 1 :]
                self.readers.append(read)
        elif len(self.layouts) < LAYOUTS:
            self.layouts.add(layout)

    def _row(self, at: int) -> tuple[list[Any], int]:
        """Any row, and where it ends; the loop over cells stands here, in one function."""
        data, heads, cells = self.data, self.heads, self.cells
        known, keep = heads.get, self.values.append
        width, at = self.size(at)
        row: list[Any] = []
        add = row.append
        layout: list[Cell | Reference | None] = []
        for _ in range(width):
            head = data[at : at + 3]
            if head in heads:
                layout.append(cells[head])
                fixed = known(head)
                if fixed is not None:
                    unpack, size = fixed
                    value, tail = unpack(data, at)
                    at += size
                else:
                    size = data[at + 3]
                    if size == _LONG_SIZE:
                        size, at = self.size(at + 3)
                    else:
                        at += 4
                    end = at + size
                    value = data[at:end].decode()
                    tail = data[end]
                    at = end + 1
                if tail != _LAST_SLICE:
                    raise Unreadable("an instance goes on where it should end")
                keep(value)
                add(value)
            elif data[at] == _NULL:
                layout.append(None)
                at += 1
                add(None)
            else:
                marker, end = self.size(at)
                if marker > _INLINE:
                    layout.append(Reference(data[at:end], marker - 2))
                value, at = self.instance(at)
                add(value)
        if len(layout) == width <= LONGEST:
            self._learn_row(tuple(layout))
        return row, at

    def size(self, at: int) -> tuple[int, int]:
        """A size and where it ends."""
        size = self.data[at]
        if size != _LONG_SIZE:
            return size, at + 1
        (size,) = _INT.unpack_from(self.data, at + 1)
        if size < 0:
            raise Unreadable("a size is negative")
        return size, at + 5

    def text(self, at: int) -> tuple[str, int]:
        """A text and where it ends."""
        size, at = self.size(at)
        end = at + size
        if end > len(self.data):
            raise Unreadable("a text is longer than the reply")
        return self.data[at:end].decode(), end

    def instance(self, at: int) -> tuple[Any, int]:
        """Any instance, a reference or null, and where it ends."""
        marker, at = self.size(at)
        if marker == _NULL:
            return None, at
        if marker != _INLINE:
            if not 0 <= marker - 2 < len(self.values):
                raise Unreadable("a reference to nothing")
            return self.values[marker - 2], at
        type_id, at = self.type(at)
        place = len(self.values)
        self.values.append(None)  # instances are numbered before those within them
        value, at = self.content(type_id, at)
        self.values[place] = value
        return value, at

    def type(self, at: int) -> tuple[str, int]:
        """The flags and the type of an instance, and where its content begins."""
        flags, at = self.data[at], at + 1
        if flags == _TYPE_BY_NAME:
            type_id, at = self.text(at)
            self.types.append(type_id)
            self._learn(type_id, len(self.types))
            return type_id, at
        if flags != _TYPE_BY_INDEX:
            raise Unreadable("flags of a kind that projections have not")
        index, at = self.size(at)
        if not 0 < index <= len(self.types):
            raise Unreadable("a type that was not named")
        return self.types[index - 1], at

    def _learn(self, type_id: str, index: int) -> None:
        """Remember how the next instance of a type begins, if the loop over cells can read it."""
        if index >= _LONG_SIZE:
            return
        head = bytes((_INLINE, _TYPE_BY_INDEX, index))
        if type_id == _STRING:
            self.heads[head] = None
            self.cells[head] = Cell(head, None)
        elif type_id in _FIXED:
            layout = struct.Struct(f"<3x{_FIXED[type_id]}B")
            self.heads[head] = (layout.unpack_from, layout.size)
            self.cells[head] = Cell(head, _FIXED[type_id])

    def content(self, type_id: str, at: int) -> tuple[Any, int]:
        """The slices of an instance as a plain value."""
        value: Any
        if type_id in _FIXED:
            layout = struct.Struct(f"<{_FIXED[type_id]}")
            (value,) = layout.unpack_from(self.data, at)
            at += layout.size
        elif type_id == _STRING:
            value, at = self.text(at)
        elif type_id == _CLASS:
            value, at = self.text(self._slice(at, 0))
        elif type_id == _MAP:
            value, at = self._map(at)
        elif type_id in _COLLECTIONS:
            size, at = self.size(self._slice(at, 0))
            value = []
            for _ in range(size):
                each, at = self.instance(at)
                value.append(each)
        else:
            raise Unreadable(f"an instance of {type_id}")
        return value, self._slice(at, _LAST_SLICE)

    def _map(self, at: int) -> tuple[dict[str, Any], int]:
        size, at = self.size(at)
        entries: dict[str, Any] = {}
        for _ in range(size):
            key, at = self.text(at)
            entries[key], at = self.instance(at)
        return entries, at

    def _slice(self, at: int, flags: int) -> int:
        if self.data[at] != flags:
            raise Unreadable("a slice is not as it should be")
        return at + 1
