"""What a sheet says, once it is understood: subjects, samples with images and accessions.

`plan_rows` folds the rows of a sheet into one entry for each sample, and reports every cell that
does not fit. It changes nothing: the demonstration's loader and the registration write plans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from backends.sheets.faults import Fault, too_many
from backends.sheets.mapping import Entity, Images, Mapping
from backends.sheets.table import Row, Table
from backends.sheets.values import Vocabularies, property_value

Triple = tuple[str, str, str]  # namespace, key, value


@dataclass(slots=True)
class PlannedImage:
    """The image of one row."""

    name: str
    file: str
    kind: str
    pairs: list[Triple]


@dataclass(slots=True)
class PlannedEntity:
    """One sample or subject: its first line, what its columns say, and its property values."""

    line: int
    cells: dict[str, str]
    properties: dict[str, str]
    factors: dict[str, str]  # label → value
    subject: str | None = None
    images: dict[str, PlannedImage] = field(default_factory=dict)
    image_lines: dict[str, int] = field(default_factory=dict)
    accessions: dict[int, str] = field(default_factory=dict)  # place in the mapping → accession


@dataclass(slots=True)
class Plan:
    """All that is to be written, by the names of subjects and samples."""

    subjects: dict[str, PlannedEntity] = field(default_factory=dict)
    samples: dict[str, PlannedEntity] = field(default_factory=dict)


class _Planner:
    def __init__(self, mapping: Mapping, vocabularies: Vocabularies, faults: list[Fault]) -> None:
        self._mapping = mapping
        self._vocabularies = vocabularies
        self._faults = faults
        self.plan = Plan()

    def add(self, row: Row) -> None:
        mapping = self._mapping
        subject = None
        if mapping.subject is not None:
            name = row.cells[mapping.subject.column]
            if name:
                subject = name
                self._entity(self.plan.subjects, mapping.subject, name, row, ())
            else:
                self._miss(row, mapping.subject.column)
        if mapping.sample is None:
            return
        name = row.cells[mapping.sample.column]
        if not name:
            self._miss(row, mapping.sample.column)
            return
        columns = tuple(each.column for each in mapping.omics)
        sample = self._entity(self.plan.samples, mapping.sample, name, row, columns)
        if sample.line == row.line:
            sample.subject = subject
            sample.accessions = {
                place: row.cells[each.column]
                for place, each in enumerate(mapping.omics)
                if row.cells[each.column]
            }
        elif sample.subject != subject and mapping.subject is not None:
            self._conflict(row, mapping.subject.column, name, sample.subject or "", sample.line)
        if mapping.images is not None:
            self._image(mapping.images, sample, row)

    def _miss(self, row: Row, column: str) -> None:
        self._faults.append(Fault(row.line, column, "must not be empty"))

    def _conflict(self, row: Row, column: str, name: str, first: str, line: int) -> None:
        cell = row.cells[column]
        message = f"{name} has {cell!r} here, but {first!r} in line {line}: make them agree"
        self._faults.append(Fault(row.line, column, message))

    def _entity(
        self,
        known: dict[str, PlannedEntity],
        described: Entity,
        name: str,
        row: Row,
        further: tuple[str, ...],
    ) -> PlannedEntity:
        cells = {each.column: row.cells[each.column] for each in described.properties}
        cells |= {column: row.cells[column] for column in further}
        entity = known.get(name)
        if entity is not None:
            for column, cell in cells.items():
                if cell != entity.cells[column]:
                    self._conflict(row, column, name, entity.cells[column], entity.line)
            return entity
        entity = known[name] = PlannedEntity(row.line, cells, {}, {})
        for each in described.properties:
            cell = cells[each.column]
            if not cell:
                if each.required:
                    self._miss(row, each.column)
                continue
            try:
                value = property_value(each, cell, self._vocabularies)
            except ValueError as error:
                self._faults.append(Fault(row.line, each.column, str(error)))
                continue
            entity.properties[each.code] = value
            if each.factor:
                entity.factors[each.factor] = cell
        return entity

    def _image(self, images: Images, sample: PlannedEntity, row: Row) -> None:
        empty = [
            column for column in (images.name, images.file, images.kind) if not row.cells[column]
        ]
        for column in empty:
            self._miss(row, column)
        kind = row.cells[images.kind]
        if kind and kind not in images.kinds:
            self._faults.append(
                Fault(row.line, images.kind, f"{kind!r} is not among images.kinds of the mapping")
            )
        name = row.cells[images.name]
        if name in sample.images:
            first = sample.image_lines[name]
            message = f"the sample has an image {name!r} already, in line {first}"
            self._faults.append(Fault(row.line, images.name, message))
        if not empty and name not in sample.images:
            sample.images[name] = PlannedImage(
                name, row.cells[images.file], kind, list(_pairs(images, row))
            )
            sample.image_lines[name] = row.line


def _pairs(images: Images, row: Row) -> Iterator[Triple]:
    for namespace, pairs in images.constants.items():
        for key, value in pairs.items():
            yield namespace, key, value
    kind = images.kinds.get(row.cells[images.kind])
    for key, value in (kind.key_values if kind else {}).items():
        yield "", key, value
    for each in images.key_values:
        if row.cells[each.column]:
            yield each.namespace, each.key or each.column, row.cells[each.column]


def plan_rows(
    table: Table, mapping: Mapping, vocabularies: Vocabularies, faults: list[Fault]
) -> Plan:
    """Fold a sheet's rows into a plan, adding to `faults` every cell that does not fit."""
    planner = _Planner(mapping, vocabularies, faults)
    for row in table.rows:
        planner.add(row)
        if too_many(faults):
            break
    return planner.plan
