"""What a spreadsheet would run is refused; what only has a sign is not."""

import pytest

from backends.sheets.faults import Fault
from backends.sheets.formulas import check_formulas, is_formula
from backends.sheets.table import Row, Table

FORMULAS = (
    "=1+1",
    '=HYPERLINK("http://x")',
    "@SUM(A1:A9)",
    "+2+5+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "  =A1",
    "\uff1d1+1",
    "|cmd",
    "+A1",
    "-A1*2",
)
PLAIN = ("-80 °C", "+5%", "-0.5", "1e-3", "-1.5e-3", "+", "++", "+/-", "-", "a=b", "5'-end", "")


@pytest.mark.parametrize("cell", FORMULAS)
def test_formulas(cell: str) -> None:
    assert is_formula(cell)


@pytest.mark.parametrize("cell", PLAIN)
def test_plain_cells(cell: str) -> None:
    assert not is_formula(cell)


def test_each_is_told_with_its_place() -> None:
    table = Table(("name", "=x"), (Row(2, {"name": "a", "=x": "-1"}), Row(3, {"name": "@b"})))
    faults: list[Fault] = []
    check_formulas(table, faults)
    assert [(fault.line, fault.column) for fault in faults] == [(1, "=x"), (3, "name")]
