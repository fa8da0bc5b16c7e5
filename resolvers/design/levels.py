"""The levels of a design, entity → biological sample → test sample, and what openBIS calls them.

The types, codes and properties are those of QBiC's model. Everything here is a table; the rest of
the package reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NAME_PROPERTY: Final = "Q_SECONDARY_NAME"
EXTERNAL_ID_PROPERTY: Final = "Q_EXTERNALDB_ID"
INFO_TYPE: Final = "Q_PROJECT_DETAILS"  # the experiment that keeps a project's design
STATUS_PROPERTY: Final = "Q_CURRENT_STATUS"


class Level(StrEnum):
    """Where in the chain a sample stands."""

    ENTITY = "ENTITY"
    BIOLOGICAL_SAMPLE = "BIOLOGICAL_SAMPLE"
    TEST_SAMPLE = "TEST_SAMPLE"


class Series(StrEnum):
    """What is counted to make codes, each series within one project."""

    BARCODE = "BARCODE"
    ENTITY = "ENTITY"
    EXPERIMENT = "EXPERIMENT"


@dataclass(frozen=True, slots=True)
class LevelDescription:
    """How a level stands in openBIS.

    Attributes:
        type: the sample type.
        experiment_type: of the experiment that holds the samples of one registration.
        subject: what is chosen on this level, in the words of a sheet's header.
        property: the property that the choice is stored in.
        series: what the codes are made of.
        parents: the levels that a sample of this one may be taken from.
        words: what people call the level.
    """

    type: str
    experiment_type: str
    subject: str
    property: str
    series: Series
    parents: tuple[Level, ...]
    words: tuple[str, ...]


LEVELS: Final[dict[Level, LevelDescription]] = {
    Level.ENTITY: LevelDescription(
        "Q_BIOLOGICAL_ENTITY",
        "Q_EXPERIMENTAL_DESIGN",
        "species",
        "Q_NCBI_ORGANISM",
        Series.ENTITY,
        (Level.ENTITY,),
        ("entity", "biological entity", "subject", "patient", "source", "organism"),
    ),
    Level.BIOLOGICAL_SAMPLE: LevelDescription(
        "Q_BIOLOGICAL_SAMPLE",
        "Q_SAMPLE_EXTRACTION",
        "tissue",
        "Q_PRIMARY_TISSUE",
        Series.BARCODE,
        (Level.ENTITY, Level.BIOLOGICAL_SAMPLE),
        ("biological sample", "sample", "biopsy", "extraction", "specimen"),
    ),
    Level.TEST_SAMPLE: LevelDescription(
        "Q_TEST_SAMPLE",
        "Q_SAMPLE_PREPARATION",
        "analyte",
        "Q_SAMPLE_TYPE",
        Series.BARCODE,
        (Level.BIOLOGICAL_SAMPLE, Level.TEST_SAMPLE),
        ("test sample", "extract", "analyte", "preparation"),
    ),
}
TYPES: Final[dict[str, Level]] = {each.type: level for level, each in LEVELS.items()}


def level_of(words: str) -> Level | None:
    """Return the level that a cell names, by its words or its openBIS type, in whatever case."""
    wanted = " ".join(words.replace("_", " ").split()).casefold()
    for level, described in LEVELS.items():
        names = (*described.words, level.value.replace("_", " "), described.type.replace("_", " "))
        if wanted in {name.casefold() for name in names}:
            return level
    return None
