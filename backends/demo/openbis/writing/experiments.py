"""Experiments: created in a project, changed, moved to another one with their samples.

Deleting one is the business of `trash.py`.
"""

from __future__ import annotations

from dataclasses import replace

from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.rights import USER
from backends.demo.openbis.rows import Experiment
from backends.demo.openbis.writing.changes import Update, is_changed, new_value
from backends.demo.openbis.writing.places import samples_of_experiment
from backends.demo.openbis.writing.properties import (
    check_mandatory,
    type_of_creation,
    with_delta,
)
from backends.demo.openbis.writing.tags import change_tags, put_tags
from backends.demo.openbis.writing.work import Creation, Work, code_of, not_unique


def create_experiments(work: Work, creations: list[Creation]) -> list[str]:
    """Create experiments; needs users of the project."""
    keys = []
    for creation in creations:
        entity_type = type_of_creation(work, Kind.EXPERIMENT, creation)
        if creation.get("projectId") is None:
            raise UserFailure.in_operation("Project id cannot be null.")
        code = code_of(creation)
        row = Experiment(
            work.numbering.perm_id(),
            code,
            entity_type.code,
            work.key(Kind.PROJECT, creation["projectId"]),
            {},
            work.now,
            work.now,
            work.user,
            work.user,
        )
        allowed = work.rights.may(Kind.EXPERIMENT, row, USER)
        work.require(Kind.EXPERIMENT, row, allowed)
        _check_unique(work, row)
        key = work.insert(Kind.EXPERIMENT, row)
        work.name(creation, Kind.EXPERIMENT, key)
        properties = with_delta(work, entity_type, {}, creation.get("properties"))
        work.catalog.experiments.put(replace(row, properties=properties))
        put_tags(work, Kind.EXPERIMENT, key, creation.get("tagIds"))
        keys.append(key)
    for key in keys:
        check_mandatory(work, Kind.EXPERIMENT, work.catalog.experiments.rows[key])
    return keys


def update_experiments(work: Work, updates: list[Update]) -> list[str]:
    """Change properties, tags and project of experiments."""
    keys = []
    for update in updates:
        row = work.row(Kind.EXPERIMENT, update.get("experimentId"), "Experiment id")
        allowed = work.rights.may(Kind.EXPERIMENT, row, USER)
        work.require(Kind.EXPERIMENT, row, allowed, update["experimentId"])
        entity_type = work.catalog.types[Kind.EXPERIMENT_TYPE].rows[row.type]
        properties = with_delta(work, entity_type, row.properties, update.get("properties"))
        row = work.change(Kind.EXPERIMENT, row, properties=properties)
        if is_changed(update, "projectId"):
            row = _moved(work, row, update)
        change_tags(work, Kind.EXPERIMENT, row.perm_id, update)
        check_mandatory(work, Kind.EXPERIMENT, row)
        keys.append(row.perm_id)
    return keys


def _moved(work: Work, row: Experiment, update: Update) -> Experiment:
    given = new_value(update, "projectId")
    if given is None:
        raise UserFailure.in_operation("Project id cannot be null.")
    project = work.catalog.projects.rows[work.key(Kind.PROJECT, given)]
    if project.perm_id == row.project:
        return row
    before = row.project
    row = work.change(Kind.EXPERIMENT, row, project=project.perm_id)
    work.require(Kind.EXPERIMENT, row, work.rights.may(Kind.EXPERIMENT, row, USER))
    _check_unique(work, row)
    samples_of_experiment(work, row.perm_id, project)
    work.touch(Kind.PROJECT, (before, project.perm_id))
    return row


def _check_unique(work: Work, row: Experiment) -> None:
    """No other experiment of the project has the code, not even in the trash."""
    catalog = work.catalog
    others = [catalog.experiments.rows[key] for key in catalog.experiments.by("code", row.code)]
    for deletion in catalog.deletions.rows.values():
        others += [each for each in deletion.experiments if each.code == row.code]
    if any(each.project == row.project and each.perm_id != row.perm_id for each in others):
        raise not_unique(Kind.EXPERIMENT)
