"""Parents and children: where a change of one end is kept, and that nothing descends from itself.

Rows keep their parents only; children are the other direction of the same relation. Shared by
samples and data sets, whose rows call the relation alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.writing.changes import Update, has_actions, listed
from backends.demo.openbis.writing.work import Creation, Work


def set_lineage(work: Work, kind: Kind, key: str, creation: Creation) -> None:
    """Set the parents and children that a creation names, beside those that others named."""
    rows = work.catalog.table(kind).rows
    parents = work.keys(kind, creation.get("parentIds"))
    _set_parents(work, kind, key, dict.fromkeys((*rows[key].parents, *parents)))
    for child in work.keys(kind, creation.get("childIds")):
        _set_parents(work, kind, child, dict.fromkeys((*rows[child].parents, key)))


def change_lineage(work: Work, kind: Kind, key: str, update: Update) -> None:
    """Change parents and children as an update says."""
    table = work.catalog.table(kind)

    def resolve(items: Any) -> list[str]:
        return work.keys(kind, items)

    if has_actions(update, "parentIds"):
        parents = listed(table.rows[key].parents, update, "parentIds", resolve)
        _set_parents(work, kind, key, parents)
    if has_actions(update, "childIds"):
        before = dict.fromkeys(table.by("parent", key))
        after = dict.fromkeys(listed(before, update, "childIds", resolve))
        for child in [each for each in before if each not in after]:
            rest = (parent for parent in table.rows[child].parents if parent != key)
            _set_parents(work, kind, child, rest)
        for child in [each for each in after if each not in before]:
            _set_parents(work, kind, child, (*table.rows[child].parents, key))


def check_cycles(work: Work, kind: Kind, keys: Iterable[str], relation: str = "parents") -> None:
    """Refuse when any of the rows is its own ancestor."""
    rows = work.catalog.table(kind).rows
    finished: set[str] = set()
    for start in keys:
        path: dict[str, None] = {}
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            key, leaving = stack.pop()
            if leaving:
                finished.add(key)
                del path[key]
            elif key in path:
                shown = " -> ".join(rows[each].code for each in (*path, key))
                raise UserFailure.in_operation(f"Circular dependency found: {shown}")
            elif key in rows and key not in finished:
                path[key] = None
                stack.append((key, True))
                stack.extend((above, False) for above in getattr(rows[key], relation))


def _set_parents(work: Work, kind: Kind, key: str, parents: Iterable[str]) -> None:
    row = work.catalog.table(kind).rows[key]
    after = tuple(parents)
    if after != row.parents:
        work.change(kind, row, parents=after)
        work.touch(kind, set(row.parents) ^ set(after))
