"""A plain sample sheet: one row for each sample, with parents, and columns that say what they are.

Columns, in any order and case: `name` and `level` (or `type`) must be there; `parents` names
samples of the sheet, or codes of samples that openBIS has, divided by `;`; `species`, `tissue` and
`analyte` are the choices of the three levels; `factor: dose [mg]` is a factor, with a unit if it
has one; an openBIS property stands under its code. Every fault is told with its line and column;
values are looked at by `checks.py`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from backends.openbis.barcodes import is_barcode
from backends.sheets.faults import Fault, too_many
from backends.sheets.formulas import check_formulas
from backends.sheets.table import Row, Table
from resolvers.design.draft import Draft, DraftSample, FactorValue
from resolvers.design.levels import LEVELS, Level, level_of
from resolvers.design.lineage import check_lineage

PARENT_DIVIDER: Final = ";"
_FACTOR = re.compile(r"factor:\s*(?P<label>[^\[\]]+?)\s*(\[(?P<unit>[^\[\]]+)\])?", re.IGNORECASE)
_PROPERTY = re.compile(r"(property:\s*)?(?P<code>\$?[A-Z][A-Z0-9_]*_[A-Z0-9_]*)", re.IGNORECASE)
_CODE = re.compile(r"/?([A-Z0-9_.-]+/)*Q[A-X0-9]{4}(ENTITY-[1-9][0-9]*|[0-9]{3}[A-X][A-X0-9])")
_SUBJECTS: Final = {described.subject: level for level, described in LEVELS.items()}
_KNOWN: Final = ("name", "level", "type", "parents", *_SUBJECTS)


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the sheet's columns are, by their names in the sheet."""

    name: str
    level: str
    parents: str | None
    subjects: Mapping[Level, str]
    factors: Mapping[str, FactorValue]  # label and unit
    properties: Mapping[str, str]  # column → code


def draft_of(table: Table, faults: list[Fault], study_design: str | None = None) -> Draft:
    """Read a table as a sample sheet, adding to `faults` whatever is wrong with it."""
    check_formulas(table, faults)
    columns = _columns(table, faults)
    if columns is None:
        return Draft()
    samples: dict[str, DraftSample] = {}
    for row in table.rows:
        sample = _sample(row, columns, faults)
        if sample is not None:
            first = samples.setdefault(sample.key, sample)
            if first is not sample:
                message = f"the name {sample.key!r} is given in line {first.line}, too"
                faults.append(Fault(row.line, columns.name, message))
        if too_many(faults):
            break
    resolved = _with_parents(samples, columns.parents, faults)
    named = {code: column for column, code in columns.properties.items()}
    named |= {LEVELS[level].property: column for level, column in columns.subjects.items()}
    ordered = check_lineage(resolved, columns.parents or "", faults)
    return Draft(ordered, study_design, columns=named)


def _columns(table: Table, faults: list[Fault]) -> _Columns | None:
    """Understand the header, or say what is missing and unknown in it."""
    found: dict[str, str] = {}
    factors: dict[str, FactorValue] = {}
    properties: dict[str, str] = {}
    for column in table.columns:
        word = " ".join(column.replace("_", " ").split()).casefold()
        if word in _KNOWN:
            found[word] = column
        elif match := _FACTOR.fullmatch(column):
            factors[column] = FactorValue(match["label"].strip(), "", match["unit"])
        elif match := _PROPERTY.fullmatch(column):
            properties[column] = match["code"].upper()
        elif column:
            faults.append(Fault(1, column, f"unknown column{_proposal(word)}"))
    faults += _given_twice({column: each.label for column, each in factors.items()})
    faults += _given_twice(properties)
    level = found.get("level", found.get("type"))
    if "name" not in found:
        faults.append(Fault(1, "name", "this column is missing: it tells the samples apart"))
    if level is None:
        advice = "this column is missing: entity, biological sample or test sample"
        faults.append(Fault(1, "level", advice))
    if "name" not in found or level is None:
        return None
    subjects = {_SUBJECTS[word]: column for word, column in found.items() if word in _SUBJECTS}
    return _Columns(found["name"], level, found.get("parents"), subjects, factors, properties)


def _given_twice(meanings: Mapping[str, str]) -> list[Fault]:
    """Faults of the columns that mean what another column means already."""
    first: dict[str, str] = {}
    return [
        Fault(1, column, f"{meaning} is given by {first[meaning]!r}, too")
        for column, meaning in meanings.items()
        if first.setdefault(meaning, column) != column
    ]


def _proposal(word: str) -> str:
    near = difflib.get_close_matches(word, _KNOWN, n=1)
    if near:
        return f": did you mean {near[0]!r}?"
    return ": a factor is headed `factor: label [unit]`, a property by its openBIS code"


def _sample(row: Row, columns: _Columns, faults: list[Fault]) -> DraftSample | None:
    cells = row.cells
    name = cells[columns.name]
    if not name:
        faults.append(Fault(row.line, columns.name, "must not be empty"))
    level = level_of(cells[columns.level])
    if level is None:
        wanted = "write entity, biological sample or test sample"
        told = f"{cells[columns.level]!r} is no level: {wanted}" if cells[columns.level] else wanted
        faults.append(Fault(row.line, columns.level, told))
    if not name or level is None:
        return None
    properties = {code: cells[each] for each, code in columns.properties.items() if cells[each]}
    for of, column in columns.subjects.items():
        if not cells[column]:
            continue
        if of is level:
            properties.setdefault(LEVELS[level].property, cells[column])
        else:
            message = f"a {LEVELS[level].words[0]} has no {LEVELS[of].subject}: leave it empty"
            faults.append(Fault(row.line, column, message))
    parents = cells[columns.parents].split(PARENT_DIVIDER) if columns.parents else []
    return DraftSample(
        key=name,
        level=level,
        name=name,
        parents=tuple(dict.fromkeys(each.strip() for each in parents if each.strip())),
        properties=properties,
        factors=tuple(
            FactorValue(factor.label, cells[column], factor.unit)
            for column, factor in columns.factors.items()
            if cells[column]
        ),
        line=row.line,
    )


def _with_parents(
    samples: Mapping[str, DraftSample], column: str | None, faults: list[Fault]
) -> list[DraftSample]:
    """Tell parents of the sheet from those that openBIS has."""
    made = []
    for sample in samples.values():
        here = tuple(each for each in sample.parents if each in samples)
        there = tuple(each for each in sample.parents if each not in samples)
        problems = {each: _no_code(each, samples) for each in there}
        faults += [Fault(sample.line, column, told) for told in problems.values() if told]
        codes = tuple(each.upper() for each, told in problems.items() if told is None)
        made.append(replace(sample, parents=here, registered_parents=codes))
    return made


def _no_code(text: str, names: Mapping[str, object]) -> str | None:
    """Say why a text cannot be a parent, if it cannot."""
    if not _CODE.fullmatch(text.upper()):
        near = difflib.get_close_matches(text, names, n=1)
        proposal = f": did you mean {near[0]!r}?" if near else ", and it is no code"
        return f"no sample of the sheet is called {text!r}{proposal}"
    code = text.upper().rpartition("/")[2]
    if "ENTITY-" not in code and not is_barcode(code):
        return f"the check character of {text!r} is wrong: look for a slip of the pen"
    return None
