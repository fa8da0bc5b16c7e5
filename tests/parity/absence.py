"""An installation as one user sees it: what the witnesses do not show is not there at all.

Two houses that differ in this alone must answer that user alike, in all there is to an answer.
Links stay where their openBIS end does, for that is whose they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backends.demo.omero.model import omero_model
from backends.demo.world import OmeroContent, World
from resolvers.paging import decode_id
from tests.parity.conftest import Ids

OMERO_NAMES = {"ImageProject": "Project", "ImageDataset": "Dataset", "Image": "Image"}


def purge(world: World, all_: Ids, seen: Ids) -> None:
    """Take out of a world what a user does not see."""
    hidden = {type_: natives(all_[type_] - seen[type_]) for type_ in all_}
    openbis = world.openbis
    gone = set().union(
        *(hidden[type_] for type_ in ("Project", "Experiment", "Sample", "OmicsDataset"))
    )
    openbis.projects = [each for each in openbis.projects if each.perm_id not in gone]
    openbis.experiments = [each for each in openbis.experiments if each.perm_id not in gone]
    openbis.samples = [each for each in openbis.samples if each.perm_id not in gone]
    openbis.data_sets = [each for each in openbis.data_sets if each.code not in gone]
    for sample in openbis.samples:
        sample.parents = [each for each in sample.parents if each not in gone]
        sample.experiment = None if sample.experiment in gone else sample.experiment
        sample.project = None if sample.project in gone else sample.project
    for data_set in openbis.data_sets:
        data_set.parents = [each for each in data_set.parents if each not in gone]
        data_set.experiment = None if data_set.experiment in gone else data_set.experiment
        data_set.sample = None if data_set.sample in gone else data_set.sample
    for person in openbis.persons:
        person.roles = [role for role in person.roles if role.scope not in gone]
    world.project_links = [each for each in world.project_links if each.perm_id not in gone]
    world.sample_links = [
        each
        for each in world.sample_links
        if each.perm_id not in gone and each.project_perm_id not in gone
    ]
    for type_, name in OMERO_NAMES.items():
        take_out(world.omero, name, set(map(int, hidden[type_])))


def natives(ids: Iterable[str]) -> set[str]:
    """The ids that the systems have for global ids."""
    return {decode_id(each)[1] for each in ids}


def take_out(content: OmeroContent, table: str, numbers: set[int]) -> None:
    """Take out rows of OMERO's, and all that refers to them."""
    model = omero_model()
    removed = {(table, number) for number in numbers}
    while removed:
        lost: set[tuple[str, int]] = set()
        for name, rows in content.rows.items():
            own = model.table_of(name)
            kept: list[dict[str, Any]] = []
            for row in rows:
                if (own, row["id"]) in removed or _refers(name, row, removed):
                    lost.add((own, row["id"]))
                else:
                    kept.append(row)
            content.rows[name] = kept
        removed = lost - removed
    content.rows = {name: rows for name, rows in content.rows.items() if rows}


def _refers(name: str, row: dict[str, Any], removed: set[tuple[str, int]]) -> bool:
    entity = omero_model().entities[name]
    for key, value in row.items():
        for each in entity.find(key):
            if each.target is None or each.kind != "reference":
                continue
            if (omero_model().table_of(each.target), value) in removed:
                return True
    return False
