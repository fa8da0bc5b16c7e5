"""What must hold of a sample after every change: its places agree, its code is its own.

The messages are the server's.
"""

from __future__ import annotations

from collections.abc import Iterable

from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.rows import Sample
from backends.demo.openbis.writing.properties import check_mandatory
from backends.demo.openbis.writing.work import Work


def check_sample(work: Work, row: Sample) -> None:
    """Refuse a sample that breaks a rule."""
    check_mandatory(work, Kind.SAMPLE, row)
    _check_experiment(work, row)
    _check_project(work, row)
    _check_container(work, row)
    _check_parents(work, row)


def check_unique(work: Work, keys: Iterable[str]) -> None:
    """Refuse a sample whose place has its code already, be it in the trash."""
    samples = work.catalog.samples
    trashed = {
        _place(work, sample)
        for deletion in work.catalog.deletions.rows.values()
        for sample in deletion.samples
    }
    for key in keys:
        row = samples.rows[key]
        place = _place(work, row)
        others = (samples.rows[other] for other in samples.by("code", row.code) if other != key)
        if place in trashed or any(_place(work, other) == place for other in others):
            raise UserFailure.in_operation(
                f"Insert/Update of sample (code: {row.code}) failed because "
                "sample with the same code already exists."
            )


def _place(work: Work, row: Sample) -> tuple[str | None, ...]:
    return (row.code, row.container, work.catalog.own_project(row), row.space)


def _check_experiment(work: Work, row: Sample) -> None:
    catalog = work.catalog
    experiment = catalog.experiments.rows.get(row.experiment or "")
    if experiment is None:
        return
    shown = catalog.identifier(Kind.SAMPLE, row)
    place = catalog.identifier(Kind.EXPERIMENT, experiment)
    project = catalog.projects.rows[experiment.project]
    if row.space is None:
        raise UserFailure.in_operation(
            f"Shared samples cannot be attached to experiments. Sample: {shown}, "
            f"Experiment: {place}"
        )
    if row.space != project.space:
        raise UserFailure.in_operation(
            f"Sample space must be the same as experiment space. Sample: {shown}, "
            f"Experiment: {place}"
        )
    own = catalog.projects.rows.get(catalog.own_project(row) or "")
    if own is not None and own.perm_id != project.perm_id:
        raise UserFailure.in_operation(
            f"Sample project must be the same as experiment project. Sample: {shown}, "
            f"Project: {catalog.identifier(Kind.PROJECT, own)}, Experiment: {place}"
        )


def _check_project(work: Work, row: Sample) -> None:
    catalog = work.catalog
    project = catalog.projects.rows.get(catalog.own_project(row) or "")
    if project is None:
        return
    shown = f"Sample: {catalog.identifier(Kind.SAMPLE, row)}, Project: " + (
        catalog.identifier(Kind.PROJECT, project)
    )
    if row.space is None:
        raise UserFailure.in_operation(f"Shared samples cannot be attached to projects. {shown}")
    if row.space != project.space:
        raise UserFailure.in_operation(f"Sample space must be the same as project space. {shown}")


def _check_container(work: Work, row: Sample) -> None:
    samples = work.catalog.samples.rows
    seen: set[str] = set()
    above = row.container
    while above is not None and above in samples and above not in seen:
        if above == row.perm_id:
            raise UserFailure.in_operation(
                f"'/{row.space}/{row.code}' cannot be it's own container."
            )
        seen.add(above)
        above = samples[above].container


def _check_parents(work: Work, row: Sample) -> None:
    """Nothing shared descends from what belongs to a space."""
    samples = work.catalog.samples
    if row.space is None:
        pairs = [(row, samples.rows[key]) for key in row.parents if key in samples.rows]
    else:
        pairs = [(samples.rows[key], row) for key in samples.by("parent", row.perm_id)]
    for child, parent in pairs:
        if child.space is None and parent.space is not None:
            shown = work.catalog.identifier(Kind.SAMPLE, child)
            raise UserFailure.in_operation(
                f"The database instance sample '{shown}' can not be child of the space sample "
                f"'{work.catalog.identifier(Kind.SAMPLE, parent)}'."
            )
