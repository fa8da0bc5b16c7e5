"""The clock and the counters of the embedded openBIS: permIds, database numbers, generated codes.

A permId is the time in milliseconds and a counter, as on the real server, so it is unique even
when the clock stands still in a test. As with a database's sequences, a transaction that fails
leaves gaps behind. `state.py` keeps the counters beside the rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from backends.demo.openbis.catalog import Catalog

_PERM_ID = re.compile(r"[0-9]{17}-([0-9]+)")


@dataclass(slots=True)
class Numbering:
    """The counters; each holds the last number that was given out."""

    clock: Callable[[], float]
    perm_ids: int = 0
    tech_ids: int = 0
    codes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def after(cls, catalog: Catalog, clock: Callable[[], float]) -> Numbering:
        """Counters that begin above everything that a catalog holds."""
        keys = (*catalog.projects.rows, *catalog.experiments.rows, *catalog.samples.rows)
        suffixes = map(_PERM_ID.fullmatch, (*keys, *catalog.data_sets.rows))
        spaces = (row.tech_id for row in catalog.spaces.rows.values())
        numbered = map(int, (*catalog.role_assignments.rows, *catalog.deletions.rows))
        return cls(
            clock,
            max((int(found[1]) for found in suffixes if found), default=0),
            max((*spaces, *numbered), default=0),
        )

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock() * 1000)

    def perm_id(self) -> str:
        """A new permId."""
        self.perm_ids += 1
        moment = datetime.fromtimestamp(self.clock(), UTC)
        return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}-{self.perm_ids}"

    def tech_id(self) -> int:
        """A new database number."""
        self.tech_ids += 1
        return self.tech_ids

    def code(self, sequence: str, prefix: str, taken: Callable[[str], bool]) -> str:
        """A new code of the given prefix; codes that are taken are skipped."""
        sequence = str(sequence)  # a plain one, whatever enumeration it comes from
        while True:
            self.codes[sequence] = number = self.codes.get(sequence, 0) + 1
            if not taken(code := f"{prefix}{number}"):
                return code

    def to_json(self) -> dict[str, Any]:
        """The counters as plain data."""
        return {"permIds": self.perm_ids, "techIds": self.tech_ids, "codes": self.codes}

    def restore(self, counters: dict[str, Any]) -> None:
        """Go on from counters that `to_json` gave."""
        self.perm_ids, self.tech_ids = counters["permIds"], counters["techIds"]
        self.codes = dict(counters["codes"])
