"""What a design would become, before anything is written: counts, codes, faults, missing terms."""

from __future__ import annotations

from typing import Any

import strawberry

from api.types.scalars import BigInt
from api.types.source import own
from resolvers.design.levels import Level

strawberry.enum(
    Level,
    name="DesignLevel",
    description=(
        "ENTITY: a patient, animal or plant. BIOLOGICAL_SAMPLE: material taken from one. "
        "TEST_SAMPLE: what was extracted from that, to be measured."
    ),
)


@strawberry.type(description="How many samples of one kind a design has.")
class DesignLevelCount:
    """Backed by `LevelCount`."""

    level: Level = own("Where in the chain they stand.")
    type: str = own("Their sample type.")
    count: BigInt = own("How many.")
    experiment: str | None = own("The experiment that would hold them.")


@strawberry.type(description="What a sample has of a factor.")
class DesignFactorValue:
    """Backed by `FactorValue`."""

    label: str = own("The factor.")
    value: str = own("Its value.")
    unit: str | None = own("Its unit.")


@strawberry.type(description="A sample as it would be registered.")
class DesignSample:
    """Made of a `PreviewSample`."""

    code: str = own("The code that it would get now.")
    name: str = own("What it is called.")
    level: Level = own("Where in the chain it stands.")
    parents: list[str] = own("The codes of what it is taken from.")
    factors: list[DesignFactorValue] = own("What was varied, as it has it.")


@strawberry.type(description="Something wrong with a sheet or a mapping, and where.")
class SheetFault:
    """Backed by `Fault`."""

    line: int | None = own("The line of the sheet.")
    column: str | None = own("The column, by its name or number; a setting of the mapping.")
    message: str = own("What to change.")


@strawberry.type(description="A term that could have been meant.")
class NearTerm:
    """Made of code and label."""

    code: str = own("Its code.")
    label: str | None = own("Its label.")


@strawberry.type(description="A value that is no term of its vocabulary.")
class MissingTerm:
    """Made of a `MissingTerm`."""

    vocabulary: str = own("The vocabulary.")
    value: str = own("The value.")
    nearest: list[NearTerm] = own("The terms that are most like it.")


@strawberry.type(description="What registering a design would do.")
class DesignPreview:
    """Made of a `DesignPreview` of the resolvers."""

    counts: list[DesignLevelCount] = own("How many samples of each kind.")
    sample_count: BigInt = own("How many samples in all.")
    samples: list[DesignSample] = own("The first of them; see `sampleCount`.")
    transactions: int = own("How many transactions of openBIS it takes.")
    image_datasets: BigInt = own("How many datasets OMERO would get.")
    faults: list[SheetFault] = own("All that is wrong; with a fault, nothing is registered.")
    missing_terms: list[MissingTerm] = own("Values that the vocabularies have not.")
    missing_masterdata: list[str] = own(
        "Vocabularies, properties and external systems that have to be added first."
    )


def told(preview: Any, first: int) -> DesignPreview:
    """Return what is shown of a preview."""
    additions = preview.additions
    missing = [
        *(each.code for each in additions.vocabularies),
        *(each.code for each in additions.property_types),
        *(f"{each.type}.{each.property}" for each in additions.assignments),
        *(each.code for each in additions.systems),
    ]
    return DesignPreview(
        counts=list(preview.counts),
        sample_count=BigInt(len(preview.samples)),
        samples=[
            DesignSample(
                code=each.code,
                name=each.sample.name,
                level=each.sample.level,
                parents=list(each.parents),
                factors=list(each.sample.factors),
            )
            for each in preview.samples[:first]
        ],
        transactions=preview.transactions,
        image_datasets=BigInt(preview.image_datasets),
        faults=list(preview.faults),
        missing_terms=[
            MissingTerm(
                vocabulary=each.vocabulary,
                value=each.value,
                nearest=[NearTerm(code=code, label=label) for code, label in each.nearest],
            )
            for each in preview.missing
        ],
        missing_masterdata=missing,
    )
