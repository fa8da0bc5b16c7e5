"""Cells that a spreadsheet would take for formulas.

What is registered is exported again one day, and opened in a spreadsheet: a cell that begins with
`=` or the like would then be run there, on somebody else's machine. Such cells are refused where
people register data; numbers and quantities with a sign are none.
"""

from __future__ import annotations

import re

from backends.sheets.faults import Fault, too_many
from backends.sheets.table import Table

_DANGEROUS = re.compile(r"\s*[=@+\-\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}|%]")
_SIGNED = re.compile(
    r"[+-]{1,3}|[+-]/[+-]?"  # findings: ++, +/-
    r"|[+-]\s?[0-9][0-9.,]*([eE][+-]?[0-9]+)?\s?(°?[^\W\d_]{0,8}|%)"  # -80 °C, +5%
)
_ADVICE = "begins as a formula of a spreadsheet does: write it differently"


def is_formula(cell: str) -> bool:
    """Tell whether a spreadsheet would take a cell for a formula.

    Example:
        >>> is_formula("=1+1"), is_formula("-80 °C")
        (True, False)
    """
    return bool(_DANGEROUS.match(cell)) and not _SIGNED.fullmatch(cell.strip())


def check_formulas(table: Table, faults: list[Fault]) -> None:
    """Add a fault for each name of a column, and each cell, that looks like a formula."""
    faults += [Fault(1, name, _ADVICE) for name in table.columns if is_formula(name)]
    for row in table.rows:
        faults += [
            Fault(row.line, column, _ADVICE)
            for column, cell in row.cells.items()
            if cell and is_formula(cell)
        ]
        if too_many(faults):
            return
