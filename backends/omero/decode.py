"""Rows of the projections in `queries.py` as frozen records; nothing is asked from here.

Every column may be missing but ids, names and owners. Times are epoch milliseconds on the wire
and timezone-aware UTC in records; a quantity without number or unit is no quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from backends.omero.queries import CONTAINER_WIDTH
from backends.omero.units import length_name
from backends.records import (
    ChannelRecord,
    ExperimenterRecord,
    FileRecord,
    FilesetRecord,
    GroupRecord,
    ImageDatasetRecord,
    ImageProjectRecord,
    ImageRecord,
    InstrumentRecord,
    KeyValueRecord,
    ObjectiveRecord,
    Quantity,
    TagRecord,
)

Row = Sequence[Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def moment(milliseconds: int | None) -> datetime | None:
    """A time of the wire as aware UTC."""
    return None if milliseconds is None else _EPOCH + milliseconds * _MILLISECOND


@lru_cache(
    maxsize=16384, typed=True
)  # the images of a study have the same few: one record serves them all
def quantity(value: float | None, unit: str | None) -> Quantity | None:
    """A length from its two columns."""
    return None if value is None or unit is None else Quantity(value, length_name(unit))


@dataclass(slots=True)
class Facets:
    """What belongs to images beyond their own row, by image id; channels by pixels id."""

    channels: Mapping[int, tuple[ChannelRecord, ...]] = field(default_factory=dict)
    key_values: Mapping[int, tuple[KeyValueRecord, ...]] = field(default_factory=dict)
    tags: Mapping[int, tuple[TagRecord, ...]] = field(default_factory=dict)
    roi_counts: Mapping[int, int] = field(default_factory=dict)
    filesets: Mapping[int, FilesetRecord] = field(default_factory=dict)

    def parts(self) -> tuple[object, ...]:
        """All of it; what was not wanted is the same for all."""
        each = (self.channels, self.key_values, self.tags, self.roi_counts, self.filesets)
        return tuple(part or None for part in each)


def image(row: Row, wanted: frozenset[str], facets: Facets) -> ImageRecord:
    """An image with the wanted facets; objective and instrument stand in the row, in this order."""
    (
        omero_id, name, description, owner, group, acquired, imported, form, pixels, pixel_type,
        size_x, size_y, size_z, size_c, size_t, bits, x, x_unit, y, y_unit, z, z_unit,
        instrument_id, fileset_id, *optics,
    ) = row  # fmt: skip
    has_objective, has_instrument = "magnification" in wanted, "instrument" in wanted
    behind = (OBJECTIVE_WIDTH if "objective" in wanted else _SHORT) if has_objective else 0
    fileset = facets.filesets.get(fileset_id) if "fileset" in wanted else None
    return ImageRecord(  # by position: names cost half as much again
        omero_id,
        name,
        description,
        owner,
        group,
        moment(acquired),
        moment(imported),
        form,
        pixels,
        pixel_type,
        size_x,
        size_y,
        size_z,
        size_c,
        size_t,
        bits,
        quantity(x, x_unit),
        quantity(y, y_unit),
        quantity(z, z_unit),
        instrument_id,
        fileset_id,
        facets.channels.get(pixels, ()) if "channel_names" in wanted else None,
        objective(optics[:behind]) if has_objective else None,
        instrument(optics[behind : behind + INSTRUMENT_WIDTH]) if has_instrument else None,
        facets.key_values.get(omero_id, ()) if "key_value_pairs" in wanted else None,
        facets.tags.get(omero_id, ()) if "tags" in wanted else None,
        facets.roi_counts.get(omero_id, 0) if "roi_count" in wanted else None,
        fileset,
        wanted,
    )


OBJECTIVE_WIDTH = 12
_SHORT = 2  # its id and its magnification
INSTRUMENT_WIDTH = 5


def objective(row: Row) -> ObjectiveRecord | None:
    """The objective and its settings, or with its magnification alone; None where there is none."""
    return _magnification(*row) if len(row) == _SHORT else _objective(*row)


@lru_cache(maxsize=1024, typed=True)  # thousands of images are taken with the same few
def _magnification(omero_id: int | None, nominal: float | None) -> ObjectiveRecord | None:
    if omero_id is None:
        return None
    return ObjectiveRecord(omero_id, None, None, nominal, *(None,) * 7)


@lru_cache(maxsize=1024, typed=True)
def _objective(*row: Any) -> ObjectiveRecord | None:
    omero_id, manufacturer, model, nominal, calibrated, aperture, immersion, correction = row[:8]
    distance, distance_unit, medium, refractive_index = row[8:]
    if omero_id is None:
        return None
    return ObjectiveRecord(
        omero_id=omero_id,
        manufacturer=manufacturer,
        model=model,
        nominal_magnification=nominal,
        calibrated_magnification=calibrated,
        lens_na=aperture,
        immersion=immersion,
        correction=correction,
        working_distance=quantity(distance, distance_unit),
        medium=medium,
        refractive_index=refractive_index,
    )


def instrument(row: Row) -> InstrumentRecord | None:
    """The instrument with its microscope; None for an image without."""
    return _instrument(*row)


@lru_cache(maxsize=1024, typed=True)
def _instrument(*row: Any) -> InstrumentRecord | None:
    omero_id, manufacturer, model, serial_number, kind = row
    if omero_id is None:
        return None
    return InstrumentRecord(omero_id, manufacturer, model, serial_number, kind)


def channels(rows: Iterable[Row]) -> dict[int, tuple[ChannelRecord, ...]]:
    """Channels in their order, by the id of their pixels."""
    found: dict[int, list[ChannelRecord]] = {}
    for row in rows:
        _, pixels, index, name, fluor, emission, emission_unit = row[:7]
        excitation, excitation_unit, red, green, blue, alpha = row[7:13]
        mode, contrast, illumination = row[13:]
        colorless = None in (red, green, blue)
        found.setdefault(pixels, []).append(
            ChannelRecord(
                index,
                name,
                fluor,
                None if emission is None else quantity(emission, emission_unit),
                None if excitation is None else quantity(excitation, excitation_unit),
                None if colorless else (red, green, blue, 255 if alpha is None else alpha),
                mode,
                contrast,
                illumination,
            )
        )
    return _frozen(found)


def channel_names(rows: Iterable[Row]) -> dict[int, tuple[ChannelRecord, ...]]:
    """Channels in their order with nothing but their names, by the id of their pixels."""
    found: dict[int, list[ChannelRecord]] = {}
    for _, pixels, index, name, fluor in rows:
        found.setdefault(pixels, []).append(
            ChannelRecord(index, name, fluor, None, None, None, None, None, None)
        )
    return _frozen(found)


def key_values(
    rows: Iterable[Row], *, namespaced: bool = True
) -> dict[int, tuple[KeyValueRecord, ...]]:
    """Pairs by object, maybe without namespace; what several users linked counts once."""
    found: dict[int, list[KeyValueRecord]] = {}
    first_link: dict[tuple[int, int], int] = {}
    current_parent = current_link = -1
    append: Callable[[KeyValueRecord], None] | None = None
    namespace: str | None = None
    for row in rows:
        if namespaced:
            parent, link, annotation, namespace, key, value = row
        else:
            parent, link, annotation, key, value = row
        if link != current_link or parent != current_parent:  # an annotation's pairs are together
            current_parent, current_link = parent, link
            counts = first_link.setdefault((parent, annotation), link) == link
            append = found.setdefault(parent, []).append if counts else None
        if append is not None:
            append(KeyValueRecord(annotation, namespace, key or "", value or ""))
    return _frozen(found)


def key_value_pairs(rows: Iterable[Row]) -> dict[int, tuple[KeyValueRecord, ...]]:
    """Pairs by object from rows that have no column of namespaces."""
    return key_values(rows, namespaced=False)


def tags(rows: Iterable[Row]) -> dict[int, tuple[TagRecord, ...]]:
    """Tags by object, each once."""
    found: dict[int, dict[int, TagRecord]] = {}
    for parent, tag, value, namespace, description in rows:
        found.setdefault(parent, {})[tag] = TagRecord(tag, value or "", namespace, description)
    return {parent: tuple(tags_of.values()) for parent, tags_of in found.items()}


def filesets(rows: Iterable[Row]) -> dict[int, FilesetRecord]:
    """Filesets with their files, by fileset."""
    prefixes: dict[int, str | None] = {}
    files: dict[int, list[FileRecord]] = {}
    for fileset, prefix, client_path, *file in rows:
        prefixes[fileset] = prefix
        listed = files.setdefault(fileset, [])
        number, name, path, size, digest, mimetype = file
        if number is not None:
            listed.append(FileRecord(number, name or "", path, client_path, size, digest, mimetype))
    return {
        fileset: FilesetRecord(fileset, prefixes[fileset], tuple(listed))
        for fileset, listed in files.items()
    }


def image_project(row: Row, *, counted: bool) -> ImageProjectRecord:
    """A project; its number of datasets stands behind the columns when it was asked for."""
    omero_id, name, description, owner, group, created = row[:CONTAINER_WIDTH]
    return ImageProjectRecord(
        omero_id=omero_id,
        name=name,
        description=description,
        owner_id=owner,
        group_id=group,
        created_at=moment(created),
        image_dataset_count=row[CONTAINER_WIDTH] if counted else None,
    )


def image_dataset(row: Row, *, counted: bool) -> ImageDatasetRecord:
    """A dataset; its number of images stands behind the columns when it was asked for."""
    omero_id, name, description, owner, group, created = row[:CONTAINER_WIDTH]
    return ImageDatasetRecord(
        omero_id=omero_id,
        name=name,
        description=description,
        owner_id=owner,
        group_id=group,
        created_at=moment(created),
        image_count=row[CONTAINER_WIDTH] if counted else None,
    )


def experimenters(rows: Iterable[Row]) -> dict[int, ExperimenterRecord]:
    """Users by id."""
    return {row[0]: ExperimenterRecord(*row) for row in rows}


def groups(rows: Iterable[Row]) -> dict[int, GroupRecord]:
    """Groups by id."""
    return {row[0]: GroupRecord(*row) for row in rows}


def _frozen(found: Mapping[int, list[Any]]) -> dict[int, tuple[Any, ...]]:
    return {key: tuple(values) for key, values in found.items()}
