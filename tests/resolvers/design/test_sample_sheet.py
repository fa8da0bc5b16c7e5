"""Plain sample sheets: understood, or every fault told with line and column."""

from __future__ import annotations

from backends.sheets.faults import Fault
from backends.sheets.table import parse_table
from resolvers.design.draft import Draft, FactorValue
from resolvers.design.levels import Level
from resolvers.design.sample_sheet import draft_of

GOOD = """\
name\tlevel\tparents\tspecies\ttissue\tanalyte\tfactor: genotype\tFactor: dose [mg]\tQ_GENDER
leaf 1 RNA\ttest sample\tleaf 1\t\t\tRNA\t\t\t
plant 1\tentity\t\tArabidopsis thaliana\t\t\twild type\t10\tfemale
leaf 1\tQ_BIOLOGICAL_SAMPLE\tplant 1\t\tLeaf\t\t\t\t
pool\tTest_Sample\tleaf 1; QABCD002A8 ;leaf 1 RNA\t\t\tDNA\t\t\t
"""


def read(text: str) -> tuple[Draft, list[tuple[int | None, str | None, str]]]:
    faults: list[Fault] = []
    table = parse_table(text.encode(), "\t", faults)
    draft = draft_of(table, faults) if table.columns else Draft()
    return draft, [tuple(each) for each in sorted(faults, key=lambda one: one.line or 0)]


def test_a_sheet_becomes_a_draft_with_parents_first() -> None:
    draft, faults = read(GOOD)
    assert not faults
    plant, leaf, rna, pool = draft.samples
    assert (plant.name, leaf.name, rna.name, pool.name) == (
        "plant 1",
        "leaf 1",
        "leaf 1 RNA",
        "pool",
    )
    assert plant.level is Level.ENTITY
    assert plant.properties == {"Q_NCBI_ORGANISM": "Arabidopsis thaliana", "Q_GENDER": "female"}
    assert plant.factors == (
        FactorValue("genotype", "wild type"),
        FactorValue("dose", "10", "mg"),
    )
    assert leaf.parents == ("plant 1",)
    assert pool.parents == ("leaf 1", "leaf 1 RNA")
    assert pool.registered_parents == ("QABCD002A8",)
    assert draft.columns["Q_NCBI_ORGANISM"] == "species"


def test_missing_and_unknown_columns() -> None:
    _, faults = read("nmae\tspeceis\tQ_A\tproperty: Q_A\nx\ty\tz\tz\n")
    assert [fault[:2] for fault in faults] == [
        (1, "nmae"),
        (1, "speceis"),
        (1, "property: Q_A"),
        (1, "name"),
        (1, "level"),
    ]
    assert "did you mean 'name'?" in faults[0][2]
    assert "did you mean 'species'?" in faults[1][2]


def test_every_faulty_cell_is_told() -> None:
    _, faults = read(
        "name\tlevel\tparents\tspecies\ttissue\tanalyte\n"
        "a\tentity\t\thuman\tliver\t\n"  # a tissue of an entity
        "\tentity\t\t\t\t\n"  # no name
        "b\tbiopsie\t\t\t\t\n"  # no level
        "a\tentity\t\t\t\t\n"  # the name again
        "c\tbiological sample\tA\t\t\t\n"  # a slip of the pen
        "d\tbiological sample\tQABCD002A9\t\t\t\n"  # a wrong check character
        "e\ttest sample\ta\t\t\t\n"  # an extract of an entity
        "=cmd()\tentity\t\t\t\t\n"
    )
    assert [fault[:2] for fault in faults] == [
        (2, "tissue"),
        (3, "name"),
        (4, "level"),
        (5, "name"),
        (6, "parents"),
        (7, "parents"),
        (8, "parents"),
        (9, "name"),
    ]
    told = dict(zip((fault[0] for fault in faults), (fault[2] for fault in faults), strict=True))
    assert told[5] == "the name 'a' is given in line 2, too"
    assert (
        told[6] == "no sample of the sheet is called 'A': did you mean 'a'?" or "no code" in told[6]
    )
    assert told[7] == "the check character of 'QABCD002A9' is wrong: look for a slip of the pen"
    assert told[8] == "no test sample from entity (a) is possible"


def test_each_cycle_is_told_at_all_of_its_lines() -> None:
    lines = ["name\tlevel\tparents", "r\tentity\t"]
    for ring in ("x", "y"):
        lines += [f"{ring}{n}\tentity\t{ring}{(n + 1) % 3}; r" for n in range(3)]
    _, faults = read("\n".join(lines))
    assert [fault[:2] for fault in faults] == [(line, "parents") for line in range(3, 9)]
    assert all("go round in a circle" in fault[2] for fault in faults)
    _, own = read("name\tlevel\tparents\nx\tentity\tx\n")
    assert own[0][:2] == (2, "parents")
