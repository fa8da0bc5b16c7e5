"""Designs as plain data and back, as a workflow keeps them between its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from backends.openbis.masterdata import (
    Additions,
    Assignment,
    NewExternalSystem,
    NewPropertyType,
    NewVocabulary,
)
from backends.records import Kind
from resolvers.design.draft import Draft, DraftSample, FactorValue
from resolvers.design.factorial import Cell, DesignFactor, FactorialDesign, Stage
from resolvers.design.levels import Level
from resolvers.design.preparation import SheetSource, Source

Json = dict[str, Any]


def source_to_json(source: Source) -> Json:
    """A design as it was handed in; bytes that are no UTF-8 have been refused before."""
    if isinstance(source, SheetSource):
        return {
            "sheet": source.data.decode("utf-8", errors="replace"),
            "delimiter": source.delimiter,
            "mapping": source.mapping,
            "study_design": source.study_design,
        }
    return {
        "stages": [
            {
                "level": stage.level.value,
                "choices": list(stage.choices),
                "factors": [_listed(asdict(factor)) for factor in stage.factors],
                "replicates": stage.replicates,
                "properties": [list(each) for each in stage.properties],
            }
            for stage in source.stages
        ],
        "cells": [
            {"where": [list(each) for each in cell.where], "replicates": cell.replicates}
            for cell in source.cells
        ],
        "study_design": source.study_design,
        "technologies": list(source.technologies),
    }


def source_from_json(data: Mapping[str, Any]) -> Source:
    """Read a design again."""
    if "sheet" in data:
        return SheetSource(
            data["sheet"].encode(), data["delimiter"], data["mapping"], data["study_design"]
        )
    return FactorialDesign(
        tuple(
            Stage(
                Level(stage["level"]),
                tuple(stage["choices"]),
                tuple(
                    DesignFactor(**{**factor, "values": tuple(factor["values"])})
                    for factor in stage["factors"]
                ),
                stage["replicates"],
                tuple((code, value) for code, value in stage["properties"]),
            )
            for stage in data["stages"]
        ),
        tuple(
            Cell(tuple((label, value) for label, value in cell["where"]), cell["replicates"])
            for cell in data["cells"]
        ),
        data["study_design"],
        tuple(data["technologies"]),
    )


def draft_to_json(draft: Draft) -> Json:
    """A draft that has been checked."""
    return {
        "samples": [
            [
                each.key,
                each.level.value,
                each.name,
                list(each.parents),
                list(each.registered_parents),
                dict(each.properties),
                [[has.label, has.value, has.unit] for has in each.factors],
                each.line,
                each.type,
            ]
            for each in draft.samples
        ],
        "study_design": draft.study_design,
        "technologies": list(draft.technologies),
    }


def draft_from_json(data: Mapping[str, Any]) -> Draft:
    """Read a draft again."""
    return Draft(
        tuple(
            DraftSample(
                key,
                Level(level),
                name,
                tuple(parents),
                tuple(registered),
                properties,
                tuple(FactorValue(label, value, unit) for label, value, unit in factors),
                line,
                type_code,
            )
            for (
                key,
                level,
                name,
                parents,
                registered,
                properties,
                factors,
                line,
                type_code,
            ) in data["samples"]
        ),
        data["study_design"],
        tuple(data["technologies"]),
    )


def additions_to_json(additions: Additions) -> Json:
    """What is to be added to the master data."""
    return {
        "vocabularies": [
            [each.code, each.description, [list(term) for term in each.terms]]
            for each in additions.vocabularies
        ],
        "property_types": [_listed(asdict(each)) for each in additions.property_types],
        "assignments": [
            [each.kind.value, each.type, each.property] for each in additions.assignments
        ],
        "systems": [_listed(asdict(each)) for each in additions.systems],
    }


def additions_from_json(data: Mapping[str, Any]) -> Additions:
    """Read it again."""
    return Additions(
        tuple(
            NewVocabulary(code, description, tuple((term, label) for term, label in terms))
            for code, description, terms in data["vocabularies"]
        ),
        tuple(NewPropertyType(**each) for each in data["property_types"]),
        tuple(Assignment(Kind(kind), type_, code) for kind, type_, code in data["assignments"]),
        tuple(NewExternalSystem(**each) for each in data["systems"]),
    )


def _listed(data: Json) -> Json:
    return {name: list(each) if isinstance(each, tuple) else each for name, each in data.items()}
