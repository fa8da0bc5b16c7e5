"""The columns of a cohort's table: their names, types, units and where their values come from.

One row stands for one image or one omics dataset. The fixed columns are listed here; properties
that openBIS declares for the samples and data sets of a cohort become further ones, typed as
declared. Every export is a rendering of these columns, and `rows.py` fills them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from math import isfinite
from typing import Any, Final

from backends.records import PropertyDefinitionRecord, PropertyRecord

IMAGE: Final = "image"
OMICS: Final = "omics"
SPLIT: Final = "split"
_LEAST, _MOST = -(2**63), 2**63 - 1


class ColumnType(StrEnum):
    """What the values of a column are; in JSON, times and dates are ISO 8601 texts in UTC."""

    TEXT = "TEXT"
    INTEGER = "INTEGER"  # 64 bits
    REAL = "REAL"
    BOOLEAN = "BOOLEAN"
    TIME = "TIME"
    DATE = "DATE"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: unique in its table.
        type: of its values.
        description: a sentence for who meets it in a file.
        unit: of its numbers, by its OME name where OME has one.
        source: the system that the values come from; None for what omnibis adds.
        many: whether a value is a list.
        terms: code and label of the vocabulary that the values are from.
    """

    name: str
    type: ColumnType
    description: str
    unit: str | None = None
    source: str | None = None
    many: bool = False
    terms: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The column as JSON, without what is not set."""
        form: dict[str, Any] = {
            "name": self.name,
            "type": self.type.value,
            "description": self.description,
        }
        if self.unit is not None:
            form["unit"] = self.unit
        if self.source is not None:
            form["source"] = self.source
        if self.many:
            form["many"] = True
        if self.terms:
            form["terms"] = dict(self.terms)
        return form

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Column:
        """Read what `as_json` wrote."""
        return cls(
            form["name"],
            ColumnType(form["type"]),
            form["description"],
            form.get("unit"),
            form.get("source"),
            many=form.get("many", False),
            terms=tuple(form.get("terms", {}).items()),
        )


_T, _I, _R, _TIME = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.REAL, ColumnType.TIME
_OPENBIS, _OMERO = "OPENBIS", "OMERO"

SPLIT_COLUMN: Final = Column(SPLIT, _T, "The part of the split that the row's subject is in.")
BEFORE: Final = (
    Column("kind", _T, f"What the row stands for: {IMAGE} or {OMICS}."),
    Column("member_perm_id", _T, "The member of the cohort that it belongs to.", None, _OPENBIS),
    Column("subject_perm_id", _T, "The subject it was taken from.", None, _OPENBIS),
    Column(
        "subject_perm_ids",
        _T,
        "All members of the cohort it belongs to: several where samples were pooled.",
        None,
        _OPENBIS,
        many=True,
    ),
    Column("subject_code", _T, "The subject's code.", None, _OPENBIS),
    Column("subject_type", _T, "The subject's type.", None, _OPENBIS),
    Column("project", _T, "The openBIS project's identifier.", None, _OPENBIS),
    Column("sample_perm_id", _T, "The sample it was measured on.", None, _OPENBIS),
    Column("sample_code", _T, "That sample's code.", None, _OPENBIS),
    Column("sample_type", _T, "That sample's type.", None, _OPENBIS),
    Column("omics_perm_id", _T, "The omics dataset's permanent id.", None, _OPENBIS),
    Column("omics_type", _T, "The omics dataset's type.", None, _OPENBIS),
    Column("omics_kind", _T, "PHYSICAL, CONTAINER or LINK.", None, _OPENBIS),
    Column("omics_format", _T, "The files' format, as openBIS names it.", None, _OPENBIS),
    Column("omics_location", _T, "Where in the data store the files lie.", None, _OPENBIS),
    Column("omics_size", _I, "The files' size.", "BYTE", _OPENBIS),
    Column("image_id", _I, "The image's id.", None, _OMERO),
    Column("image_name", _T, "The image's name.", None, _OMERO),
    Column("image_dataset_id", _I, "The OMERO dataset linked to the sample.", None, _OMERO),
    Column("fileset_id", _I, "The import that brought the image in.", None, _OMERO),
    Column("image_format", _T, "The format it was imported from.", None, _OMERO),
    Column("acquired_at", _TIME, "When it was acquired.", None, _OMERO),
    Column("imported_at", _TIME, "When it was imported.", None, _OMERO),
    Column("size_x", _I, "Its width.", "PIXEL", _OMERO),
    Column("size_y", _I, "Its height.", "PIXEL", _OMERO),
    Column("size_z", _I, "Its number of planes.", None, _OMERO),
    Column("size_c", _I, "Its number of channels.", None, _OMERO),
    Column("size_t", _I, "Its number of time points.", None, _OMERO),
    Column("pixel_type", _T, "The type of a pixel's value.", None, _OMERO),
    Column("pixel_size_x", _R, "A pixel's width.", "MICROMETER", _OMERO),
    Column("pixel_size_y", _R, "A pixel's height.", "MICROMETER", _OMERO),
    Column("pixel_size_z", _R, "The distance of planes.", "MICROMETER", _OMERO),
    Column("pixel_size_stored", _R, "A pixel's width as OMERO stores it.", None, _OMERO),
    Column("pixel_size_unit", _T, "The unit of `pixel_size_stored`.", None, _OMERO),
    Column("channel_names", _T, "The channels' names or fluorophores.", None, _OMERO, many=True),
    Column(
        "channel_emission", _R, "The channels' emission wavelength.", "NANOMETER", _OMERO, many=True
    ),
    Column("magnification", _R, "The objective's nominal magnification.", None, _OMERO),
    Column("numerical_aperture", _R, "The objective's numerical aperture.", None, _OMERO),
    Column("immersion", _T, "The objective's immersion.", None, _OMERO),
    Column("tags", _T, "The image's tags.", None, _OMERO, many=True),
    Column(
        "key_namespaces", _T, "The namespaces of its key-value pairs.", None, _OMERO, many=True
    ),
    Column("key_names", _T, "The keys of its pairs, in the same order.", None, _OMERO, many=True),
    Column("key_values", _T, "The values of its pairs, likewise.", None, _OMERO, many=True),
)  # fmt: skip
_OWNERS: Final = {"subject": "subject", "sample": "sample", "omics": "omics dataset"}
_TYPES: Final = {
    "INTEGER": ColumnType.INTEGER,
    "REAL": ColumnType.REAL,
    "BOOLEAN": ColumnType.BOOLEAN,
    "TIMESTAMP": ColumnType.TIME,
    "DATE": ColumnType.DATE,
}
_ARRAY: Final = "ARRAY_"
_FORMS: Final = ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


def property_column(
    owner: str, declared: PropertyDefinitionRecord, terms: Iterable[tuple[str, str]]
) -> Column:
    """Return the column of a property.

    Args:
        owner: `subject`, `sample` or `omics`.
        declared: what openBIS says about it.
        terms: code and label of those terms of its vocabulary that occur.
    """
    data_type = declared.data_type.removeprefix(_ARRAY)
    label = declared.label or declared.code
    more = f": {declared.description}" if declared.description else ""
    return Column(
        f"{owner}_{declared.code}",
        _TYPES.get(data_type, ColumnType.TEXT),
        f"The {_OWNERS[owner]}'s {label}{more}.".replace("..", "."),
        source=_OPENBIS,
        many=declared.multi_valued or data_type != declared.data_type,
        terms=tuple(terms),
    )


def property_value(column: Column, stored: PropertyRecord) -> Any:
    """Return a property's value as the column's type, in JSON; None for what it cannot be."""
    read = _READERS.get(column.type, str)
    values = [read(text) for text in stored.values]
    if column.many:
        return [value for value in values if value is not None]
    return values[0] if values else None


def table(properties: Iterable[Column]) -> tuple[Column, ...]:
    """Return all columns of a table in their order, given those of properties."""
    order = list(_OWNERS)
    rank = {column.name: order.index(column.name.split("_")[0]) for column in properties}
    ranked = sorted(properties, key=lambda column: (rank[column.name], column.name))
    return (*BEFORE, *ranked)


def time_text(moment: datetime) -> str:
    """Write a time as this table does: ISO 8601 in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _integer(text: str) -> int | None:
    try:
        number = int(text)
    except ValueError:
        return None
    return number if _LEAST <= number <= _MOST else None


def _real(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _moment(text: str) -> datetime | None:
    for form in _FORMS:
        try:
            read = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is set below
        except ValueError:
            continue
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    return None


def _time(text: str) -> str | None:
    read = _moment(text)
    return None if read is None else time_text(read)


def _date(text: str) -> str | None:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return None


_READERS: Final[dict[ColumnType, Callable[[str], Any]]] = {
    ColumnType.INTEGER: _integer,
    ColumnType.REAL: _real,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.TIME: _time,
    ColumnType.DATE: _date,
}
