"""Loading a study from an annotation table into the embedded installation.

`load_sheet` reads a table and the mapping that says what its columns mean, checks everything, and
only then writes both sides of the study, linked. `omnibis demo --sheet FILE --mapping FILE` calls
it with the built-in world. A table is data: no cell is ever interpreted beyond the type it is
mapped to.
"""

from __future__ import annotations

from pathlib import Path

from backends.demo.sheet.checks import check_columns, check_world
from backends.demo.sheet.mapping import StudyMapping
from backends.demo.sheet.study import SheetReport, write_study
from backends.demo.world import World
from backends.openbis.barcodes import LAST_COUNTER, LETTERS
from backends.sheets.faults import Fault, SheetError
from backends.sheets.mapping import read_mapping
from backends.sheets.plan import plan_rows
from backends.sheets.table import delimiter_of, read_table
from backends.sheets.values import Vocabularies

__all__ = ["Fault", "SheetError", "SheetReport", "load_sheet"]

MOST_SAMPLES = LAST_COUNTER * len(LETTERS) - 1  # the first barcode is never given


def load_sheet(world: World, sheet: Path, mapping: Path) -> SheetReport:
    """Add a study to a world.

    Args:
        world: what the study is added to; unchanged if anything is wrong.
        sheet: a CSV file (or TSV, by its suffix or the mapping's `sheet.delimiter`), in UTF-8.
        mapping: a TOML file as `examples/idr0082.toml`.

    Raises:
        SheetError: with every fault of the sheet and the mapping, by line and column.
    """
    faults: list[Fault] = []
    described = read_mapping(mapping, faults, StudyMapping)
    delimiter = described.sheet.delimiter if described else None
    table = read_table(sheet, delimiter or delimiter_of(sheet.name), faults)
    if described is None:
        raise SheetError(faults)
    check_world(described, world, faults)
    if table.columns:
        missing: list[Fault] = []
        check_columns(described, table, missing)
        faults += missing
        vocabularies = Vocabularies(
            {
                each.code: {term.code: term.label for term in each.terms}
                for each in world.openbis.vocabularies
            }
        )
        if not missing:
            plan = plan_rows(table, described, vocabularies, faults)
            if len(plan.samples) > MOST_SAMPLES:
                faults.append(Fault(None, None, f"a project has {MOST_SAMPLES} sample codes"))
    if faults:
        raise SheetError(faults)
    return write_study(world, described, plan, vocabularies)
