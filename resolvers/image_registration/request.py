"""Images that are to be registered, row by row: of which sample, from where, with what to say.

Rows come from the API, from a plain table (`read_rows`) or from a table that a mapping explains
(`rows_of_plan`). They are plain data, so that a workflow can keep them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from backends.sheets.faults import Fault, too_many
from backends.sheets.formulas import check_formulas
from backends.sheets.mapping import CLIENT_NAMESPACE
from backends.sheets.mapping import Mapping as SheetMapping
from backends.sheets.plan import Plan
from backends.sheets.table import Row, Table

SAMPLE_COLUMNS: Final = ("sample", "sample id", "sample code", "barcode")
ID_COLUMNS: Final = ("image", "image id", "omero id")
FILE_COLUMNS: Final = ("file", "path", "image data path")
TAG_COLUMNS: Final = ("tags", "omero tags")
TAG_DIVIDER: Final = ";"
NO_VALUE: Final = "*"  # as the image tables of QBiC have it

Triple = tuple[str, str, str]  # namespace, key, value


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image that exists (`image_id`), or a file that is to be imported (`file`).

    Attributes:
        sample: the code of its sample, or the name that its submitter gave it.
        image_id: the image in OMERO.
        file: the file below the import folder.
        pairs: key-values for the image, each with its namespace.
        tags: texts of tags.
        line: where a table says so.
        series: which of the file's images, where several rows speak of one file.
    """

    sample: str
    image_id: int | None = None
    file: str | None = None
    pairs: tuple[Triple, ...] = ()
    tags: tuple[str, ...] = ()
    line: int | None = None
    series: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "sample": self.sample,
            "image_id": self.image_id,
            "file": self.file,
            "pairs": [list(each) for each in self.pairs],
            "tags": list(self.tags),
            "series": self.series,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ImageRow:
        """Read plain data again."""
        return ImageRow(
            data["sample"],
            data["image_id"],
            data["file"],
            tuple((each[0], each[1], each[2]) for each in data["pairs"]),
            tuple(data["tags"]),
            series=data["series"],
        )


def read_rows(table: Table, faults: list[Fault]) -> tuple[ImageRow, ...]:
    """Read a plain table: sample, image id or file, tags; all other columns are key-values."""
    check_formulas(table, faults)
    known = {" ".join(each.replace("_", " ").split()).casefold(): each for each in table.columns}

    def column(names: tuple[str, ...]) -> str | None:
        return next((known[name] for name in names if name in known), None)

    sample, number = column(SAMPLE_COLUMNS), column(ID_COLUMNS)
    file, tags = column(FILE_COLUMNS), column(TAG_COLUMNS)
    if sample is None:
        faults.append(Fault(1, "sample", "this column is missing: it names the sample"))
    if number is None and file is None:
        faults.append(Fault(1, "image id", "this column is missing, or `file` instead of it"))
    if sample is None or (number is None and file is None):
        return ()
    special = {sample, number, file, tags}
    rows: dict[tuple[Any, ...], ImageRow] = {}
    for row in table.rows:
        read = _row(row, sample, number, file, tags, special, faults)
        if read is not None:
            key = (read.sample, read.image_id, read.file)
            if key in rows:
                message = f"the same image stands in line {rows[key].line}, too"
                faults.append(Fault(row.line, number or file, message))
            rows.setdefault(key, read)
        if too_many(faults):
            break
    return tuple(rows.values())


def _row(
    row: Row,
    sample: str,
    number: str | None,
    file: str | None,
    tags: str | None,
    special: set[str | None],
    faults: list[Fault],
) -> ImageRow | None:
    cells = row.cells
    before = len(faults)
    given = cells[number] if number else ""
    path = cells[file] if file else ""
    if not cells[sample]:
        faults.append(Fault(row.line, sample, "must not be empty"))
    if bool(given) == bool(path):
        faults.append(Fault(row.line, number or file, "give an image id or a file"))
    elif given and not (given.isascii() and given.isdigit() and 0 < int(given) < 2**63):
        faults.append(Fault(row.line, number, f"{given!r} is no OMERO id"))
    if len(faults) > before:
        return None
    return ImageRow(
        cells[sample],
        int(given) if given else None,
        path or None,
        tuple(
            (CLIENT_NAMESPACE, name, cell)
            for name, cell in cells.items()
            if name not in special and cell and cell != NO_VALUE
        ),
        tuple(_divided(cells[tags])) if tags else (),
        row.line,
    )


def _divided(cell: str) -> Iterator[str]:
    if cell != NO_VALUE:
        for each in cell.replace(",", TAG_DIVIDER).split(TAG_DIVIDER):
            if each.strip():
                yield each.strip()


def rows_of_plan(plan: Plan, mapping: SheetMapping) -> tuple[ImageRow, ...]:
    """Return the images that a mapped table tells of, to be imported from their files."""
    images = mapping.images
    if images is None:
        return ()

    rows = []
    for name, planned in plan.samples.items():
        series: dict[str, int] = {}  # rows of one file are its images, in their order
        for image in planned.images.values():
            place = series[image.file] = series.get(image.file, -1) + 1
            pairs = tuple((ns or CLIENT_NAMESPACE, key, value) for ns, key, value in image.pairs)
            tags, line = images.kinds[image.kind].tags, planned.image_lines[image.name]
            rows.append(ImageRow(name, None, image.file, pairs, tags, line, place))
    return tuple(rows)
