"""The frozen records of cohort snapshots: what `snapshots.py` takes and returns.

Plain Python values; JSON stays text, exactly as the digest was taken of it. Times are
timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class CohortUnit(StrEnum):
    """What is counted in a cohort."""

    SUBJECT = "SUBJECT"
    SAMPLE = "SAMPLE"


@dataclass(frozen=True, slots=True)
class NewMember:
    """A subject or sample to be frozen, with whatever shall be provable about it later.

    `details` is a JSON object: its specimens, data sets, images, links, in the freezer's own words.
    """

    perm_id: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SnapshotMember:
    """One member of a frozen cohort; positions count from 1 in order of permId."""

    position: int
    perm_id: str
    details: str


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """A frozen cohort without its members; a deleted one says by whom and when."""

    id: int
    openbis_instance: str
    omero_instance: str
    name: str
    description: str
    unit: CohortUnit
    predicate: str
    completeness: str
    backend_versions: str
    link_revision: int
    member_count: int
    digest: str
    author: str
    created_at: datetime
    deleted_by: str | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """Frozen cohorts, newest first, whether more lie beyond, and the total if asked for."""

    items: tuple[SnapshotRecord, ...]
    has_more: bool
    total: int | None = None
