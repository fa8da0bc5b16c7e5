"""From a table that somebody hands in to rows of omics data sets."""

from __future__ import annotations

from backends.sheets.faults import Fault
from backends.sheets.mapping import Mapping, parse_mapping
from backends.sheets.values import Vocabularies
from resolvers.design.mapped_sheet import read_plan
from resolvers.design.preparation import SheetSource
from resolvers.image_registration.source import read
from resolvers.omics_registration.request import OmicsRow, read_rows, rows_of_plan


def read_omics(source: SheetSource, faults: list[Fault]) -> tuple[OmicsRow, ...]:
    """Read the data sets that a table tells of, adding to `faults` whatever is wrong with it."""
    mapping = parse_mapping(source.mapping, faults, Mapping) if source.mapping else None
    table = read(source, mapping, faults)
    if not table.columns or (source.mapping and mapping is None):
        return ()
    if mapping is None:
        return read_rows(table, faults)
    if not mapping.omics:
        faults.append(Fault(None, "omics", "mapping: it says nothing of omics data"))
        return ()
    return rows_of_plan(read_plan(table, mapping, Vocabularies({}), faults), mapping, faults)
