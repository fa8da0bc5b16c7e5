"""The trash: experiments, samples and data sets go there first, with what depends on them.

An experiment takes its samples and data sets along, a sample its components and data sets, a
container those components that lie in no other. Trashed rows are in no table, so nobody sees
them; references to them stay in the rows that remain and come alive again on revert.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.ids import key_of_id, name_of_id, perm_id_fields
from backends.demo.openbis.kinds import TAGGED, Kind
from backends.demo.openbis.rights import ADMIN, POWER_USER, USER
from backends.demo.openbis.rows import DataSet, Deletion, Experiment, Sample
from backends.demo.openbis.writing.work import CREATE_OR_DELETE, Work, denied, missing

Lost = dict[Kind, dict[str, Any]]


def trash(work: Work, kind: Kind, ids: list[Any], reason: str) -> str | None:
    """Move entities to the trash; ids of what does not exist are passed over.

    Returns:
        The number of the deletion, or None when there was nothing to delete.
    """
    table = work.catalog.table(kind)
    originals: dict[str, None] = {}
    for given in ids:
        key = key_of_id(work.catalog, kind, given, work.user)
        if key is not None:
            allowed = work.rights.may(kind, table.rows[key], POWER_USER)
            work.require(kind, table.rows[key], allowed, given)
            originals[key] = None
    if not originals:
        return None
    lost: Lost = {Kind.EXPERIMENT: {}, Kind.SAMPLE: {}, Kind.DATA_SET: {}}
    for key in originals:
        _lose(work, lost, kind, key)
    for key in lost[Kind.DATA_SET]:
        _require_deletable(work, key)
    _touch_neighbours(work, lost)
    for each, rows in lost.items():
        for key in rows:
            work.remove(each, key)
    deletion = Deletion(
        str(work.numbering.tech_id()),
        reason,
        work.now,
        work.user,
        tuple(originals),
        tuple(lost[Kind.EXPERIMENT].values()),
        tuple(lost[Kind.SAMPLE].values()),
        tuple(lost[Kind.DATA_SET].values()),
    )
    return work.insert(Kind.DELETION, deletion)


def confirm(work: Work, ids: list[Any]) -> None:
    """Make deletions permanent."""
    deletions = [_deletion(work, given, ADMIN) for given in ids]
    confirmed = {deletion.tech_id for deletion in deletions}
    for deletion in deletions:
        lost = {each.perm_id for each in deletion.owners}
        for other in work.catalog.deletions.rows.values():
            owners = {each.experiment for each in other.samples}
            for data_set in other.data_sets:
                owners |= {data_set.experiment, data_set.sample}
            if other.tech_id not in confirmed and owners & lost:
                raise UserFailure.in_operation(
                    f"Deletion {deletion.tech_id} cannot be confirmed: deletion {other.tech_id} "
                    "depends on it and has to be confirmed as well."
                )
    for deletion in deletions:
        work.remove(Kind.DELETION, deletion.tech_id)
        _forget(work, deletion)


def revert(work: Work, ids: list[Any]) -> None:
    """Bring entities back from the trash."""
    for given in ids:
        deletion = _deletion(work, given, USER)
        work.remove(Kind.DELETION, deletion.tech_id)
        rows: tuple[tuple[Kind, Iterable[Any]], ...] = (
            (Kind.EXPERIMENT, deletion.experiments),
            (Kind.SAMPLE, deletion.samples),
            (Kind.DATA_SET, deletion.data_sets),
        )
        for kind, lost in rows:
            for row in lost:
                _require_owners(work, deletion, row)
                work.catalog.table(kind).put(row)
                work.stamps.add((kind, CREATE_OR_DELETE))
        _touch_neighbours(
            work, {kind: {_key(kind, row): row for row in lost} for kind, lost in rows}
        )


def _lose(work: Work, lost: Lost, kind: Kind, key: str) -> None:
    """Add an entity and what depends on it."""
    catalog = work.catalog
    if key in lost[kind]:
        return
    lost[kind][key] = catalog.table(kind).rows[key]
    if kind is Kind.EXPERIMENT:
        for sample in catalog.samples.by("experiment", key):
            _lose(work, lost, Kind.SAMPLE, sample)
        for data_set in catalog.data_sets.by("experiment", key):
            _lose(work, lost, Kind.DATA_SET, data_set)
    elif kind is Kind.SAMPLE:
        for component in catalog.components(kind, key):
            _lose(work, lost, kind, component)
        for data_set in catalog.data_sets.by("sample", key):
            _lose(work, lost, Kind.DATA_SET, data_set)
    else:
        for component in catalog.components(kind, key):
            if lost[kind].keys() >= set(catalog.data_sets.rows[component].containers):
                _lose(work, lost, kind, component)


def _require_deletable(work: Work, key: str) -> None:
    row = work.catalog.data_sets.rows[key]
    entity_type = work.catalog.types[Kind.DATA_SET_TYPE].rows[row.type]
    if entity_type.disallow_deletion:
        raise UserFailure.in_operation(
            f"Data set {row.code} can not be deleted because it isn't allowed by its data set "
            f"type {entity_type.code}."
        )


def _touch_neighbours(work: Work, lost: Lost) -> None:
    catalog = work.catalog
    near: dict[Kind, set[str | None]] = {kind: set() for kind in (*lost, Kind.PROJECT)}
    for row in lost[Kind.EXPERIMENT].values():
        near[Kind.PROJECT].add(row.project)
    for key, row in lost[Kind.SAMPLE].items():
        near[Kind.EXPERIMENT].add(row.experiment)
        near[Kind.PROJECT].add(catalog.own_project(row))
        children = catalog.samples.by("parent", key)
        near[Kind.SAMPLE].update(row.parents, children, (row.container,))
    for key, row in lost[Kind.DATA_SET].items():
        near[Kind.EXPERIMENT].add(catalog.experiment_of_data_set(row))
        near[Kind.SAMPLE].add(row.sample)
        children = catalog.data_sets.by("parent", key)
        near[Kind.DATA_SET].update(row.parents, children, row.containers)
    for kind, keys in near.items():
        work.touch(kind, keys - lost.get(kind, {}).keys())


def _deletion(work: Work, given: Any, rank: int) -> Deletion:
    """The deletion of an id, if the person may decide on all that it holds."""
    key = name_of_id(Kind.DELETION, given if isinstance(given, dict) else {"id": given})
    deletion = work.catalog.deletions.rows.get(key)
    fields = perm_id_fields(Kind.DELETION, key) if key.isdigit() else {"id": key}
    if deletion is None:
        raise missing(Kind.DELETION, fields)
    own = {each.perm_id for each in deletion.owners}
    allowed = [work.rights.may(Kind.EXPERIMENT, row, rank) for row in deletion.experiments]
    allowed += [work.rights.may(Kind.SAMPLE, row, rank) for row in deletion.samples]
    allowed += [
        work.rights.may(Kind.DATA_SET, row, rank)
        for row in deletion.data_sets
        if not own & {row.sample, row.experiment}
    ]
    if not all(allowed):
        raise denied(Kind.DELETION, fields)
    return deletion


def _require_owners(work: Work, deletion: Deletion, row: Experiment | Sample | DataSet) -> None:
    """What an entity belongs to must be there when it comes back."""
    catalog = work.catalog
    owners = (
        (catalog.experiments.rows, getattr(row, "experiment", None)),
        (catalog.samples.rows, getattr(row, "sample", None)),
        (catalog.samples.rows, getattr(row, "container", None)),
    )
    for rows, key in owners:
        if key is not None and key not in rows:
            raise UserFailure.in_operation(
                f"Deletion {deletion.tech_id} cannot be reverted: {row.code} belongs to {key}, "
                "which is in the trash."
            )


def _forget(work: Work, deletion: Deletion) -> None:
    """Remove every reference to what is gone for good."""
    for kind, keys in (
        (Kind.SAMPLE, [each.perm_id for each in deletion.samples]),
        (Kind.DATA_SET, [each.code for each in deletion.data_sets]),
    ):
        for key in keys:
            _forget_in(work, kind, "parent", "parents", key)
            if kind is Kind.DATA_SET:
                _forget_in(work, kind, "container", "containers", key)
    gone = [each.perm_id for each in deletion.owners]
    for key in (*gone, *(each.code for each in deletion.data_sets)):
        for name in TAGGED.values():
            _forget_in(work, Kind.TAG, "tagged", name, key)


def _forget_in(work: Work, kind: Kind, index: str, relation: str, gone: str) -> None:
    table = work.catalog.table(kind)
    for key in list(table.by(index, gone)):
        keys = getattr(table.rows[key], relation)
        if gone in keys:
            rest = tuple(each for each in keys if each != gone)
            work.change(kind, table.rows[key], **{relation: rest})


def _key(kind: Kind, row: Any) -> str:
    return str(row.code if kind is Kind.DATA_SET else row.perm_id)
