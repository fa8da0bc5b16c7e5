"""From a table that somebody hands in to rows of images."""

from __future__ import annotations

from backends.sheets.faults import Fault
from backends.sheets.mapping import Mapping, parse_mapping
from backends.sheets.table import Table, parse_table
from backends.sheets.values import Vocabularies
from resolvers.design.mapped_sheet import read_plan
from resolvers.design.preparation import SheetSource
from resolvers.image_registration.request import ImageRow, read_rows, rows_of_plan


def read_images(source: SheetSource, faults: list[Fault]) -> tuple[ImageRow, ...]:
    """Read the images that a table tells of, adding to `faults` whatever is wrong with it."""
    mapping = parse_mapping(source.mapping, faults, Mapping) if source.mapping else None
    table = read(source, mapping, faults)
    if not table.columns or (source.mapping and mapping is None):
        return ()
    if mapping is None:
        return read_rows(table, faults)
    if mapping.images is None:
        faults.append(Fault(None, "images", "mapping: it says nothing of images"))
        return ()
    return rows_of_plan(read_plan(table, mapping, Vocabularies({}), faults), mapping)


def read(source: SheetSource, mapping: Mapping | None, faults: list[Fault]) -> Table:
    """Read the table itself."""
    delimiter = (mapping.sheet.delimiter if mapping else None) or source.delimiter
    return parse_table(source.data, delimiter, faults)
