"""Splitting a frozen cohort: its members divided by a plan, and what leaks between the parts.

Reads the frozen members a page at a time and keeps ids only; asks no backend. The rules themselves
are in `splits.py` and `leakage.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from link_store.snapshot_records import SnapshotMember, SnapshotRecord
from resolvers.cohorts import snapshots, splits
from resolvers.cohorts.columns import Column, ColumnType
from resolvers.cohorts.leakage import Bonds, LeakageReport, Tie
from resolvers.cohorts.shelf import Division
from resolvers.cohorts.splits import Bond, SplitPlan
from resolvers.context import RequestContext
from resolvers.errors import BadInput

MOST_STRATA: Final = 200


@dataclass(frozen=True, slots=True)
class PartCount:
    """What one part of a split got."""

    name: str
    fraction: float  # as wanted
    subjects: int
    members: int
    rows: int


@dataclass(frozen=True, slots=True)
class Split:
    """A divided cohort.

    Attributes:
        plan: how.
        parts: in the plan's order.
        assigned: the part of each member, by permId.
        leakage: what subjects in different parts have in common.
    """

    plan: SplitPlan
    parts: tuple[PartCount, ...]
    assigned: Mapping[str, str]
    leakage: LeakageReport

    @property
    def division(self) -> Division:
        """The split as exports need it."""
        names = tuple(part.name for part in self.plan.parts)
        return Division(self.plan.canonical(), names, self.assigned)


async def divide(context: RequestContext, record: SnapshotRecord, plan: SplitPlan) -> Split:
    """Divide a frozen cohort.

    Raises:
        BadInput: the plan makes no sense, or not for this cohort.
    """
    splits.checked(plan)
    property_ = _stratum_column(record, plan)
    subjects: dict[str, str] = {}  # by member
    strata: dict[str, str] = {}
    rows: Counter[str] = Counter()
    bonds = Bonds()
    async for page in context.services.snapshots.pages(record.id):
        for member in page:
            details = orjson.loads(member.details)
            subject = subjects[member.perm_id] = details["subject"] or member.perm_id
            rows[member.perm_id] = details["rows"]["count"]
            bonds.extend(_ties(member, details, subject))
            if property_ is not None:
                value = details["properties"].get(property_.name)
                if value is not None:
                    strata[subject] = orjson.dumps(value).decode()
    if len(set(strata.values())) > MOST_STRATA:
        raise BadInput(
            f"{plan.stratify_by} has more than {MOST_STRATA} different values here; stratify by a "
            "property with few."
        )
    chosen = splits.divide(
        plan,
        subjects.values(),
        strata=None if property_ is None else strata,
        groups=bonds.groups(plan.together),
    )
    assigned = {member: chosen[subject] for member, subject in subjects.items()}
    return Split(plan, tuple(_counts(plan, chosen, assigned, rows)), assigned, bonds.report(chosen))


def _stratum_column(record: SnapshotRecord, plan: SplitPlan) -> Column | None:
    if plan.stratify_by is None:
        return None
    name = f"subject_{plan.stratify_by.removeprefix('subject_').upper()}"
    columns = {column.name: column for column in snapshots.manifest_of(record).columns}
    column = columns.get(name)
    if column is None:
        known = sorted(
            each.removeprefix("subject_")
            for each in columns
            if each.startswith("subject_") and not each.islower()
        )
        raise BadInput(
            f"No subject of this cohort has the property {plan.stratify_by}; there are: "
            f"{', '.join(known) or 'none'}."
        )
    if column.type in {ColumnType.REAL, ColumnType.TIME, ColumnType.DATE}:
        raise BadInput(
            f"{plan.stratify_by} is a measured value, of which nearly every subject has another; "
            "stratify by a property with few values."
        )
    return column


def _ties(member: SnapshotMember, details: Mapping[str, Any], subject: str) -> Iterator[Tie]:
    for ancestor in details["ancestors"]:
        yield Tie(Bond.SHARED_ANCESTOR, ancestor, subject)
    for specimen in details["specimens"]:
        sample = specimen["permId"]
        if sample not in {member.perm_id, subject}:
            yield Tie(Bond.POOLED_SAMPLE, sample, subject)
        for image, fileset in specimen["images"]:
            yield Tie(Bond.SHARED_IMAGE, str(image), subject)
            if fileset is not None:
                yield Tie(Bond.SHARED_FILESET, str(fileset), subject)


def _counts(
    plan: SplitPlan, chosen: Mapping[str, str], assigned: Mapping[str, str], rows: Counter[str]
) -> Iterator[PartCount]:
    subjects = Counter(chosen.values())
    members = Counter(assigned.values())
    lines: Counter[str] = Counter()
    for member, part in assigned.items():
        lines[part] += rows[member]
    for wanted in plan.parts:
        name = wanted.name
        yield PartCount(name, wanted.fraction, subjects[name], members[name], lines[name])
