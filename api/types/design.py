"""`Project.design`: what was varied, at which levels, and which samples stand at each."""

from __future__ import annotations

from typing import Any

import strawberry

from api.types.source import openbis
from backends.openbis import design as records


@strawberry.type(description="One value of a factor, with the samples that have it.")
class FactorLevel:
    """Backed by `FactorLevel` of the adapter."""

    value: str = openbis("The value, as registered.", "qcatlevel.value")
    sample_codes: list[str] = openbis("The codes of its samples.", "entity_id")


@strawberry.type(description="Something that was varied between samples.")
class Factor:
    """Backed by `Factor` of the adapter."""

    label: str = openbis("What was varied, such as genotype.", "qcategorical.label")
    unit: str | None = openbis(
        "Its unit as registered; a factor without unit is categorical.", "qcontinuous.unit"
    )
    levels: list[FactorLevel] = openbis("Its values.", "qcatlevel")


@strawberry.type(description="What one sample is described by.")
class Characteristic:
    """Backed by `Characteristic` of the adapter."""

    label: str = openbis("What is described, such as age.", "qproperty.label")
    value: str = openbis("The value, as registered.", "qproperty.value")
    unit: str | None = openbis("Its unit, as registered.", "qproperty.unit")
    sample_code: str | None = openbis("The code of the sample.", "qproperty.entity_id")


@strawberry.type(description="A measurement technology, and the samples it was used on.")
class Technology:
    """Backed by `Technology` of the adapter."""

    name: str = openbis("Its name, such as Imaging.", "technology_type.name")
    sample_codes: list[str] = openbis("The codes of its samples.", "entity_id")


def resolve_problem(root: strawberry.Parent[Any]) -> str | None:
    """Say why a design cannot be read."""
    return root.reason if isinstance(root, records.UnreadableDesign) else None


def resolve_study_design(root: strawberry.Parent[Any]) -> str | None:
    """Return the kind of study."""
    return None if isinstance(root, records.UnreadableDesign) else root.study_design


def resolve_technologies(root: strawberry.Parent[Any]) -> list[Technology]:
    """Return the technologies."""
    return () if isinstance(root, records.UnreadableDesign) else root.technologies


def resolve_factors(root: strawberry.Parent[Any]) -> list[Factor]:
    """Return the factors."""
    return () if isinstance(root, records.UnreadableDesign) else root.factors


def resolve_characteristics(root: strawberry.Parent[Any]) -> list[Characteristic]:
    """Return what single samples are described by."""
    return () if isinstance(root, records.UnreadableDesign) else root.sample_properties


@strawberry.type(description="The experimental design of a project.")
class Design:
    """Backed by `Design` or `UnreadableDesign` of the adapter."""

    study_design: str | None = openbis(
        "The kind of study.", "qexperiment.study_design", resolve_study_design
    )
    technologies: list[Technology] = openbis(
        "How samples were measured.", "qexperiment.technology_type", resolve_technologies
    )
    factors: list[Factor] = openbis("What was varied.", "qexperiment.qfactors", resolve_factors)
    characteristics: list[Characteristic] = openbis(
        "What single samples are described by.", "qexperiment.qproperty", resolve_characteristics
    )
    problem: str | None = openbis(
        "Why the registered design cannot be read, if it cannot.",
        "Experiment.properties.Q_EXPERIMENTAL_SETUP",
        resolve_problem,
    )
