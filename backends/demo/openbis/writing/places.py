"""Spaces and projects: created, described, moved, and deleted only when nothing is left in them.

What lies in the trash still counts as being there, as in the server's database.
"""

from __future__ import annotations

from typing import Any

from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.rights import ADMIN, POWER_USER
from backends.demo.openbis.rows import Project, Space
from backends.demo.openbis.writing.changes import Update, is_changed, new_value, texts
from backends.demo.openbis.writing.work import Creation, Work, code_of, in_use, not_unique


def create_spaces(work: Work, creations: list[Creation]) -> list[str]:
    """Create spaces; a space administrator may."""
    keys = []
    for creation in creations:
        code = code_of(creation)
        number = work.numbering.tech_id()
        space = Space(code, creation.get("description"), work.now, work.user, work.now, number)
        work.require(Kind.SPACE, space, work.rights.has_somewhere(ADMIN, in_projects=False))
        key = work.insert(Kind.SPACE, space)
        work.name(creation, Kind.SPACE, key)
        keys.append(key)
    return keys


def update_spaces(work: Work, updates: list[Update]) -> list[str]:
    """Change descriptions of spaces."""
    keys = []
    for update in updates:
        row = work.row(Kind.SPACE, update.get("spaceId"), "Space id")
        work.require(Kind.SPACE, row, work.rights.may(Kind.SPACE, row, ADMIN), update["spaceId"])
        work.change(Kind.SPACE, row, **texts(update, description="description"))
        keys.append(row.code)
    return keys


def delete_space(work: Work, key: str, given: dict[str, Any]) -> None:
    """Delete an empty space at once, with the roles on it."""
    catalog = work.catalog
    row = catalog.spaces.rows[key]
    work.require(Kind.SPACE, row, work.rights.may(Kind.SPACE, row, ADMIN), given)
    trashed = any(
        sample.space == key for each in catalog.deletions.rows.values() for sample in each.samples
    )
    if catalog.projects.by("space", key) or catalog.samples.by("space", key) or trashed:
        raise in_use("Space", key)
    _drop_roles(work, "space", key)
    work.remove(Kind.SPACE, key)


def create_projects(work: Work, creations: list[Creation]) -> list[str]:
    """Create projects; needs power users of the space."""
    keys = []
    for creation in creations:
        code = code_of(creation)
        if creation.get("spaceId") is None:
            raise UserFailure.in_operation("Space id cannot be null.")
        project = Project(
            work.numbering.perm_id(),
            code,
            work.key(Kind.SPACE, creation["spaceId"]),
            creation.get("description"),
            work.now,
            work.now,
            work.user,
            work.user,
            work.optional_key(Kind.PERSON, creation.get("leaderId")),
        )
        allowed = work.rights.may(Kind.PROJECT, project, POWER_USER, 0)
        work.require(Kind.PROJECT, project, allowed)
        _check_unique(work, project)
        key = work.insert(Kind.PROJECT, project)
        work.name(creation, Kind.PROJECT, key)
        keys.append(key)
    return keys


def update_projects(work: Work, updates: list[Update]) -> list[str]:
    """Describe projects, or move them with all they hold to another space."""
    keys = []
    for update in updates:
        row = work.row(Kind.PROJECT, update.get("projectId"), "Project id")
        allowed = work.rights.may(Kind.PROJECT, row, POWER_USER, ADMIN)
        work.require(Kind.PROJECT, row, allowed, update["projectId"])
        row = work.change(Kind.PROJECT, row, **texts(update, description="description"))
        if is_changed(update, "leaderId"):
            leader = work.optional_key(Kind.PERSON, new_value(update, "leaderId"))
            row = work.change(Kind.PROJECT, row, leader=leader)
        if is_changed(update, "spaceId"):
            space = work.key(Kind.SPACE, new_value(update, "spaceId"))
            row = work.change(Kind.PROJECT, row, space=space)
            allowed = work.rights.may(Kind.PROJECT, row, POWER_USER, 0)
            work.require(Kind.PROJECT, row, allowed)
            _check_unique(work, row)
            _move_samples(work, row)
        keys.append(row.perm_id)
    return keys


def delete_project(work: Work, key: str, given: dict[str, Any]) -> None:
    """Delete an empty project at once, with the roles on it."""
    catalog = work.catalog
    row = catalog.projects.rows[key]
    allowed = work.rights.may(Kind.PROJECT, row, POWER_USER, ADMIN)
    work.require(Kind.PROJECT, row, allowed, given)
    trashed = any(
        lost.project == key for each in catalog.deletions.rows.values() for lost in each.owners
    )
    if catalog.experiments.by("project", key) or catalog.samples.by("project", key) or trashed:
        raise in_use("Project", row.code)
    _drop_roles(work, "project", key)
    work.remove(Kind.PROJECT, key)


def samples_of_experiment(work: Work, experiment: str, project: Project) -> None:
    """Move the samples of an experiment to where its project is."""
    samples = work.catalog.samples
    for key in list(samples.by("experiment", experiment)):
        sample = samples.rows[key]
        own = project.perm_id if sample.project is not None else None
        if (sample.space, sample.project) != (project.space, own):
            work.change(Kind.SAMPLE, sample, space=project.space, project=own)


def _move_samples(work: Work, project: Project) -> None:
    for experiment in work.catalog.experiments.by("project", project.perm_id):
        samples_of_experiment(work, experiment, project)
    samples = work.catalog.samples
    for key in list(samples.by("project", project.perm_id)):
        work.change(Kind.SAMPLE, samples.rows[key], space=project.space)


def _check_unique(work: Work, project: Project) -> None:
    projects = work.catalog.projects
    for key in projects.by("code", project.code):
        if key != project.perm_id and projects.rows[key].space == project.space:
            raise not_unique(Kind.PROJECT)


def _drop_roles(work: Work, level: str, scope: str) -> None:
    for key in list(work.catalog.role_assignments.by(level, scope)):
        work.remove(Kind.ROLE_ASSIGNMENT, key)
