"""What is wrong with a sheet or its mapping: every fault with its place, raised together.

The reader, the mapping and the checks append to one list of `Fault`; who called them raises it as
one `SheetError`, before anything has been written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

MOST_FAULTS: Final = 1000  # listed; nobody mends more at a time


class Fault(NamedTuple):
    """One fault: the sheet's line and column (its name, or its number where it has none).

    A fault of the mapping has no line; its column is the path of the setting, `sample.column`.
    """

    line: int | None
    column: str | None
    message: str

    def __str__(self) -> str:
        place = [] if self.line is None else [f"line {self.line}"]
        place += [] if self.column is None else [self.column]
        return f"{', '.join(place)}: {self.message}" if place else self.message


class SheetError(Exception):
    """The sheet cannot be loaded; `faults` says all that has to be changed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: (fault.line or 0, fault.column or ""))
        count = len(self.faults)
        head = f"nothing was loaded: {count} fault{'s' if count > 1 else ''}"
        super().__init__("\n".join([head, *map(str, self.faults)]))


def too_many(faults: list[Fault]) -> bool:
    """Tell whether enough faults are listed; the last one then says that there may be more."""
    if len(faults) < MOST_FAULTS:
        return False
    more = Fault(None, None, f"there are {MOST_FAULTS} faults or more: mend these first")
    if more not in faults[-2:]:
        faults.append(more)
    return True
