"""The types that openBIS declares for samples, experiments and omics datasets.

At run time a type is a `TypeRef`: the code is known from the entity itself, and the declaration is
read only when more than the code is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import strawberry

from api.selection import Info
from api.types.property import PropertyDefinition, Vocabulary
from api.types.source import openbis
from backends.records import Kind
from resolvers import masterdata


@dataclass(frozen=True, slots=True)
class TypeRef:
    """A type by its kind and code."""

    kind: Kind
    code: str


async def resolve_description(root: strawberry.Parent[TypeRef], info: Info) -> str | None:
    """Return what the type is for."""
    declared = await masterdata.entity_type(info.context, root.kind, root.code)
    return declared.description if declared else None


async def resolve_prefix(root: strawberry.Parent[TypeRef], info: Info) -> str | None:
    """Return the prefix of generated codes."""
    declared = await masterdata.entity_type(info.context, root.kind, root.code)
    return declared.generated_code_prefix if declared else None


async def resolve_properties(
    root: strawberry.Parent[TypeRef], info: Info
) -> list[PropertyDefinition] | None:
    """Return the declared properties."""
    declared = await masterdata.entity_type(info.context, root.kind, root.code)
    return declared.properties if declared else ()


@strawberry.type(description="A sample type, such as Q_BIOLOGICAL_SAMPLE.")
class SampleType:
    """Backed by `TypeRef`."""

    code: str = openbis("The type's code.", "SampleType.code")
    description: str | None = openbis(
        "What the type is for.", "SampleType.description", resolve_description
    )
    generated_code_prefix: str | None = openbis(
        "What generated codes begin with.", "SampleType.generatedCodePrefix", resolve_prefix
    )
    properties: list[PropertyDefinition] | None = openbis(
        "The properties that samples of this type may have.",
        "SampleType.propertyAssignments",
        resolve_properties,
    )


@strawberry.type(description="An experiment type, such as Q_SAMPLE_EXTRACTION.")
class ExperimentType:
    """Backed by `TypeRef`."""

    code: str = openbis("The type's code.", "ExperimentType.code")
    description: str | None = openbis(
        "What the type is for.", "ExperimentType.description", resolve_description
    )
    properties: list[PropertyDefinition] | None = openbis(
        "The properties that experiments of this type may have.",
        "ExperimentType.propertyAssignments",
        resolve_properties,
    )


@strawberry.type(description="A type of omics dataset, such as Q_NGS_RAW_DATA.")
class OmicsDatasetType:
    """Backed by `TypeRef`."""

    code: str = openbis("The type's code.", "DataSetType.code")
    description: str | None = openbis(
        "What the type is for.", "DataSetType.description", resolve_description
    )
    properties: list[PropertyDefinition] | None = openbis(
        "The properties that datasets of this type may have.",
        "DataSetType.propertyAssignments",
        resolve_properties,
    )


@strawberry.type(description="All that openBIS declares about its entities, for this viewer.")
class TypeCatalog:
    """A namespace; its value is nothing."""

    @strawberry.field(description="All sample types, by code.")
    async def sample_types(self, info: Info) -> list[SampleType] | None:
        """Read once per viewer."""
        return await _refs(info, Kind.SAMPLE)

    @strawberry.field(description="All experiment types, by code.")
    async def experiment_types(self, info: Info) -> list[ExperimentType] | None:
        """Read once per viewer."""
        return await _refs(info, Kind.EXPERIMENT)

    @strawberry.field(description="All types of omics dataset, by code.")
    async def omics_dataset_types(self, info: Info) -> list[OmicsDatasetType] | None:
        """Read once per viewer."""
        return await _refs(info, Kind.OMICS_DATASET)

    @strawberry.field(description="The vocabularies that any property uses, by code.")
    async def vocabularies(self, info: Info) -> list[Vocabulary] | None:
        """Read with the types."""
        return await masterdata.vocabularies(info.context)


async def _refs(info: Info, kind: Kind) -> list[TypeRef]:
    return [
        TypeRef(kind, code) for code in sorted(await masterdata.entity_types(info.context, kind))
    ]
