"""Reads a row of a projection's reply at one go, where it is laid out like the rows before.

The rows of a reply differ in their values and in the lengths of texts, hardly ever in anything
else: so for one layout a function is made that takes all values between two texts with one
`unpack`, and looks whether what stands between them is what it should be. Anything else is none of
its business, and `raw.py`, which is the only caller, reads that row cell by cell. The text of the
functions is made of numbers only.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

LAST_SLICE: Final = b"\x20"
NULL: Final = b"\x00"
LONGEST: Final = 254  # of a text whose size is one byte, and of the cells of a row
TEXTS: Final = 512  # different texts of a reply that are kept, as most come again

Row = list[Any]
# Given the reply, where a row begins, all instances and all texts so far: the row and where it
# ends, or None if it is laid out otherwise.
ReadRow = Callable[[bytes, int, list[Any], dict[bytes, str]], tuple[Row, int] | None]


class Cell(NamedTuple):
    """How a cell begins, and what it holds: a value of `struct`, or a text (None)."""

    head: bytes
    code: str | None


class Reference(NamedTuple):
    """A cell that refers to an instance from before, which servers do for zeros and empty texts."""

    marker: bytes
    place: int


Layout = tuple[Cell | Reference | None, ...]  # None is a null


class _Writer:
    """Writes the function of one layout, run by run: from a text, or the beginning, to the next."""

    def __init__(self, width: int) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {"TEXTS": TEXTS}
        self._joint = bytes((width,))  # what stands between the values before and behind
        self._format = ["<"]
        self._names: list[str] = []
        self._checks: list[str] = []

    def constant(self, marker: bytes) -> None:
        self._joint += marker

    def value(self, cell: Cell, name: str) -> None:
        self._joint += cell.head
        self._meet()
        assert cell.code is not None  # noqa: S101 - the caller looks
        self._format.append(cell.code)
        self._names.append(name)
        self._joint = LAST_SLICE

    def text(self, cell: Cell, name: str) -> None:
        self._joint += cell.head
        self._meet()
        self._format.append("B")
        self._names.append("size")
        self._checks.append(f"size > {LONGEST}")
        self._take()
        self.lines += [
            "end = at + size",
            "piece = data[at:end]",
            f"{name} = texts.get(piece)",
            f"if {name} is None:",
            f"    {name} = piece.decode()",
            f"    if len(texts) < TEXTS: texts[piece] = {name}",
            "at = end",
        ]
        self._joint = LAST_SLICE

    def end(self) -> None:
        self._meet()
        self._take()

    def _meet(self) -> None:
        """Expect the joint."""
        number = len(self.constants)
        self.constants[f"c{number}"] = self._joint
        self._format.append(f"{len(self._joint)}s")
        self._names.append(f"j{number}")
        self._checks.append(f"j{number} != c{number}")

    def _take(self) -> None:
        """Unpack the run, and leave if anything is not as expected."""
        layout = struct.Struct("".join(self._format))
        number = len(self.constants)
        self.constants[f"c{number}"] = layout.unpack_from
        self.lines += [
            f"{', '.join(self._names)}, = c{number}(data, at)",
            f"if {' or '.join(self._checks)}: return None",
            f"at += {layout.size}",
        ]
        self._format, self._names, self._checks = ["<"], [], []


@lru_cache(maxsize=256)
def reader(layout: Layout) -> ReadRow:
    """Make the function that reads rows of a layout; at most `LONGEST` cells.

    The function raises struct.error or IndexError where the reply ends too early, and
    UnicodeDecodeError at a text that is none.
    """
    writer = _Writer(len(layout))
    row: list[str] = []
    held: list[str] = []  # the instances that stand here themselves
    for number, cell in enumerate(layout):
        name = f"v{number}"
        if cell is None:
            writer.constant(NULL)
            row.append("None")
        elif isinstance(cell, Reference):
            writer.constant(cell.marker)
            row.append(f"values[{cell.place}]")
        else:
            (writer.text if cell.code is None else writer.value)(cell, name)
            row.append(name)
            held.append(name)
    writer.end()
    kept = "row" if held == row else f"({''.join(f'{name}, ' for name in held)})"
    lines = [
        f"def make({', '.join(writer.constants)}):",
        "    def read(data, at, values, texts):",
        *(f"        {line}" for line in writer.lines),
        f"        row = [{', '.join(row)}]",
        f"        values += {kept}",
        "        return row, at",
        "    return read",
    ]
    space: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<row>", "exec"), {}, space)  # noqa: S102 - our own text
    made: ReadRow = space["make"](**writer.constants)
    return made
