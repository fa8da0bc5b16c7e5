"""What can become of a frozen cohort, in words and records; `comparison.py` finds it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ChangeKind(StrEnum):
    """What a change is about."""

    MEMBER = "MEMBER"
    SPECIMEN = "SPECIMEN"
    OMICS_DATASET = "OMICS_DATASET"
    IMAGE = "IMAGE"


class ChangeEvent(StrEnum):
    """Whether it came, went, or has other values."""

    ADDED = "ADDED"
    REMOVED = "REMOVED"
    CHANGED = "CHANGED"


class ChangeReason(StrEnum):
    """Why.

    NEW: it came into openBIS or OMERO after the freezing. DELETED: it is gone, while what contained
    it is there. RELINKED: the link between sample and OMERO dataset is another. PERMISSION_LOST:
    neither it nor what contained it is shown to you any more. VALUES_CHANGED: it is there, and its
    values, or those that the question asks for, are others.
    """

    NEW = "NEW"
    DELETED = "DELETED"
    RELINKED = "RELINKED"
    PERMISSION_LOST = "PERMISSION_LOST"
    VALUES_CHANGED = "VALUES_CHANGED"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between what was frozen and what is there now.

    Attributes:
        kind: of what.
        id: its permId, or its id in OMERO.
        member: the member it belongs to.
        event: what happened to it.
        reason: why.
        column: whose value changed, where one did.
        before: that value as it was frozen, as JSON.
        after: the value now, as JSON.
    """

    kind: ChangeKind
    id: str
    member: str
    event: ChangeEvent
    reason: ChangeReason
    column: str | None = None
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a snapshot is as it was written."""

    members_intact: bool  # the database's part has the digest that was told
    rows_intact: bool  # the folder's part is there, byte for byte

    @property
    def intact(self) -> bool:
        """Whether all of it is."""
        return self.members_intact and self.rows_intact


@dataclass(frozen=True, slots=True)
class Comparison:
    """How today's answer differs; `changes` are the first thousand, `counts` is of all."""

    changes: tuple[Change, ...]
    counts: Mapping[ChangeReason, int]
    members_before: int
    members_now: int

    @property
    def unchanged(self) -> bool:
        """Whether nothing has changed."""
        return not self.counts
