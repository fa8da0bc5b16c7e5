"""Values that are others than when a cohort was frozen; `comparison.py` asks member by member."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import orjson

from resolvers.cohorts.changes import Change, ChangeEvent, ChangeKind, ChangeReason
from resolvers.cohorts.exports.table import Row

_SHARED: Final = ("subject_", "member_perm_id", "project")  # told with the member


def _key(row: Row) -> tuple[str, str, str]:
    return (row["sample_perm_id"], row["kind"], str(row.get("image_id", row.get("omics_perm_id"))))


def changed_values(member: str, before: list[Row], after: Collection[Row]) -> Iterator[Change]:
    """Which values of the same images and data sets are others."""
    now = {_key(row): row for row in after}
    for old in before:
        new = now.get(_key(old))
        if new is None or new == old:
            continue
        _, kind, id_ = _key(old)
        about = ChangeKind.IMAGE if kind == "image" else ChangeKind.OMICS_DATASET
        for column in sorted(old.keys() | new.keys()):
            if not column.startswith(_SHARED) and old.get(column) != new.get(column):
                yield value_change(about, id_, member, column, old.get(column), new.get(column))


def value_change(
    kind: ChangeKind, id_: str, member: str, column: str, before: Any, after: Any
) -> Change:
    """A value that is another now; both are told as JSON."""
    texts = (None if value is None else orjson.dumps(value).decode() for value in (before, after))
    return Change(
        kind, id_, member, ChangeEvent.CHANGED, ChangeReason.VALUES_CHANGED, column, *texts
    )
