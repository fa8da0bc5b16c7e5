"""What every writer is given: a frozen cohort's columns, its rows one by one, and its facts."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeAlias

from resolvers.cohorts.columns import Column

Row: TypeAlias = dict[str, Any]  # by column name; an absent value is left out

BATCH: Final = 2_000  # rows that a writer holds at a time


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told about a frozen cohort in each of its files.

    Attributes:
        id: the snapshot's number on its server.
        name: as its author called it.
        digest: SHA-256 over what was frozen.
        question: the predicate with its unit, as canonical JSON.
        link_revision: the state of the links that it was answered on.
        versions: of the systems, by their names.
        author: who froze it.
        created_at: when.
        members: how many.
        rows: how many.
    """

    id: str
    name: str
    digest: str
    question: str
    link_revision: int
    versions: Mapping[str, str]
    author: str
    created_at: datetime
    members: int
    rows: int

    @property
    def uri(self) -> str:
        """The snapshot's name for all times and places: its digest, as RFC 6920 writes it."""
        code = base64.urlsafe_b64encode(bytes.fromhex(self.digest)).decode().rstrip("=")
        return f"ni:///sha-256;{code}"


@dataclass(frozen=True, slots=True)
class Table:
    """A frozen cohort to be written.

    Attributes:
        facts: about the cohort.
        digest: of this table: the cohort's, or where it is split, that of both.
        columns: in order.
        rows: gives the rows from the start, each time it is called.
        parts: the names of the parts, where the cohort is split.
        split: the split as JSON, where it is.
    """

    facts: Facts
    digest: str
    columns: tuple[Column, ...]
    rows: Callable[[], Iterator[Row]]
    parts: tuple[str, ...] = ()
    split: str | None = None

    def batches(self) -> Iterator[list[Row]]:
        """The rows, a batch at a time."""
        rows = self.rows()
        while batch := list(islice(rows, BATCH)):
            yield batch
