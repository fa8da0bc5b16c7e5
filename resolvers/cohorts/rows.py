"""From a cohort's members to what is frozen of them: details, and rows of images and data sets.

A member's details say which specimens, images and data sets belong to it, and with which link; they
go into the database, under the digest. The rows carry the values; they go into the snapshot folder,
and the details hold their SHA-256. What a sample pooled from several members holds is written once,
with the first of them. Used by `snapshots.py` and `comparison.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from backends.errors import ChangedMeanwhile, InvalidRequest, Source, Unavailable
from backends.fetch import Fetch
from backends.filters import PageRequest
from backends.omero.units import convert
from backends.records import (
    ImageRecord,
    Kind,
    OmicsDatasetRecord,
    PropertyDefinitionRecord,
    PropertyRecord,
    Quantity,
    SampleRecord,
)
from resolvers import catalog, masterdata
from resolvers.cohorts.answer import (
    MEMBER_ORDER,
    CohortAnswer,
    CohortMember,
    MemberFetch,
    Specimen,
)
from resolvers.cohorts.columns import (
    IMAGE,
    OMICS,
    Column,
    property_column,
    property_value,
    time_text,
)
from resolvers.cohorts.exports.table import Row
from resolvers.context import RequestContext
from resolvers.imaging import ImagingStatus

PAGE: Final = 200  # members read at a time
_TYPED: Final = Fetch.of("type", "properties")
FETCH: Final = MemberFetch(
    subject=_TYPED | Fetch.of("project", ancestors=_TYPED),
    specimen=_TYPED | Fetch.of(ancestors=Fetch()),
    omics=_TYPED | Fetch.of("location"),
    image=Fetch.of("channels", "objective", "key_values", "tags"),
)
_KINDS: Final = {"subject": Kind.SAMPLE, "sample": Kind.SAMPLE, "omics": Kind.OMICS_DATASET}


@dataclass(frozen=True, slots=True)
class Content:
    """What is frozen of one member; `lines` are its rows as canonical JSON.

    `since` is not frozen: when each sample, data set (by permId) and image (by id) came in.
    """

    perm_id: str
    details: dict[str, Any]
    rows: tuple[Row, ...]
    lines: bytes
    since: Mapping[str | int, datetime | None]


class Reader:
    """Reads the content of a cohort's members, and learns the columns on the way.

    Args:
        context: the request; its viewer sees what is read.
        members: the permIds of all members, to tell what is pooled from several.
    """

    def __init__(self, context: RequestContext, members: Collection[str]) -> None:
        self._context = context
        self._members = members if isinstance(members, frozenset) else frozenset(members)
        self._columns: dict[str, Column] = {}
        self._declared: dict[tuple[Kind, str], PropertyDefinitionRecord] | None = None

    def columns(self) -> tuple[Column, ...]:
        """The columns of the properties that were met so far, with the terms that were met."""
        return tuple(self._columns.values())

    async def pages(self, answer: CohortAnswer) -> AsyncIterator[list[Content]]:
        """Read all members in the order of their permIds.

        Raises:
            Unavailable: a source did not answer.
            ChangedMeanwhile: a member is no longer there.
        """
        page = PageRequest(PAGE, MEMBER_ORDER)
        read = 0
        while True:
            found = await answer.members(page, FETCH)
            read += len(found.items)
            yield await self.contents(found.items)
            if not found.has_more:
                break
            # A page can lack those that vanished, but never comes without any key to go on from.
            last = found.keys[-1] if found.keys else None
            if last is None:
                break
            page = PageRequest(PAGE, MEMBER_ORDER, key=last)
        if read != len(answer.member_ids):
            raise ChangedMeanwhile(
                Source.OPENBIS, "Members of the cohort vanished while it was read; try again."
            )

    async def contents(self, members: Collection[CohortMember]) -> list[Content]:
        """Return what is to be frozen of some members."""
        if self._declared is None:
            self._declared = await _declared(self._context)
        return [self._content(member) for member in members]

    def _content(self, member: CohortMember) -> Content:
        record = member.subject
        subject = catalog.subject_of(self._context, record)
        about = self._about(member, subject)
        specimens = sorted(member.specimens, key=lambda each: each.sample.perm_id)
        rows = tuple(row for each in specimens for row in self._rows(record, each, about))
        lines = b"".join(map(line_of, rows))
        project = record.project
        details = {
            "code": record.code,
            "project": None if project is None else project.identifier,
            "projectPermId": None if project is None else project.perm_id,
            "subject": None if subject is None else subject.perm_id,
            "ancestors": sorted(each.perm_id for each in catalog.ancestors(subject or record)),
            "properties": self._values("subject", subject),
            "specimens": [_specimen(each) for each in specimens],
            "rows": {"count": len(rows), "sha256": hashlib.sha256(lines).hexdigest()},
        }
        return Content(record.perm_id, details, rows, lines, _since(member))

    def _about(self, member: CohortMember, subject: SampleRecord | None) -> Row:
        """What all rows of a member have in common."""
        record = member.subject
        row = {
            "member_perm_id": record.perm_id,
            "project": None if record.project is None else record.project.identifier,
        }
        if subject is not None:
            row |= {
                "subject_perm_id": subject.perm_id,
                "subject_code": subject.code,
                "subject_type": subject.type_code,
                **self._values("subject", subject),
            }
        return row

    def _rows(self, member: SampleRecord, specimen: Specimen, about: Row) -> Iterator[Row]:
        sample = specimen.sample
        line = {sample.perm_id, *(each.perm_id for each in catalog.ancestors(sample))}
        owners = sorted(line & self._members) or [member.perm_id]
        if owners[0] != member.perm_id:
            return  # stands with the first of those that it is pooled from
        if not (specimen.images or specimen.omics_datasets):
            return
        shared = about | {
            "subject_perm_ids": owners,
            "sample_perm_id": sample.perm_id,
            "sample_code": sample.code,
            "sample_type": sample.type_code,
            **self._values("sample", sample),
        }
        for image in sorted(specimen.images, key=lambda each: each.omero_id):
            yield _bare({**shared, **_image(image), "image_dataset_id": specimen.image_dataset})
        for omics in sorted(specimen.omics_datasets, key=lambda each: each.perm_id):
            yield _bare({**shared, **_omics(omics), **self._values("omics", omics)})

    def _values(self, owner: str, record: SampleRecord | OmicsDatasetRecord | None) -> Row:
        """The values of a record's properties by column, typed as declared."""
        values: Row = {}
        for stored in (record.properties or ()) if record is not None else ():
            column = self._column(owner, stored)
            value = property_value(column, stored)
            if value is not None:
                values[column.name] = value
        return values

    def _column(self, owner: str, stored: PropertyRecord) -> Column:
        name = f"{owner}_{stored.code}"
        declared = (self._declared or {}).get((_KINDS[owner], stored.code))
        if declared is None:  # a property that is no longer declared is a text
            declared = PropertyDefinitionRecord(
                stored.code, None, None, "VARCHAR", False, len(stored.values) > 1, None, None
            )
        known = self._columns.get(name) or property_column(owner, declared, terms=())
        met = [each for each in stored.values if each not in dict(known.terms)]
        if declared.vocabulary is not None and met:
            labels = {term.code: term.label or term.code for term in declared.vocabulary.terms}
            terms = {**dict(known.terms), **{code: labels.get(code, code) for code in met}}
            known = property_column(owner, declared, terms=sorted(terms.items()))
        self._columns[name] = known
        return known


def line_of(row: Row) -> bytes:
    """A row as canonical JSON with its line end: sorted keys, nothing that is not set."""
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


async def _declared(
    context: RequestContext,
) -> dict[tuple[Kind, str], PropertyDefinitionRecord]:
    return {
        (kind, declared.code): declared
        for kind in (Kind.SAMPLE, Kind.OMICS_DATASET)
        for type_ in (await masterdata.entity_types(context, kind)).values()
        for declared in type_.properties
    }


def _specimen(specimen: Specimen) -> dict[str, Any]:
    if specimen.imaging is ImagingStatus.UNAVAILABLE:
        raise Unavailable(
            Source.OMERO,
            "The images of some members could not be read from OMERO; sign in to it, or try again.",
        )
    images = sorted(specimen.images, key=lambda each: each.omero_id)
    return {
        "permId": specimen.sample.perm_id,
        "imaging": None if specimen.imaging is None else specimen.imaging.value,
        "imageDataset": specimen.image_dataset,
        "images": [[image.omero_id, image.fileset_id] for image in images],
        "omics": sorted(each.perm_id for each in specimen.omics_datasets),
    }


def _since(member: CohortMember) -> dict[str | int, datetime | None]:
    since: dict[str | int, datetime | None] = {member.subject.perm_id: member.subject.registered_at}
    for specimen in member.specimens:
        since[specimen.sample.perm_id] = specimen.sample.registered_at
        since |= {each.perm_id: each.registered_at for each in specimen.omics_datasets}
        since |= {each.omero_id: each.imported_at for each in specimen.images}
    return since


def _bare(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def _omics(record: OmicsDatasetRecord) -> Row:
    return {
        "kind": OMICS,
        "omics_perm_id": record.perm_id,
        "omics_type": record.type_code,
        "omics_kind": record.kind,
        "omics_format": record.file_format,
        "omics_location": record.location,
        "omics_size": record.size,
    }


def _image(image: ImageRecord) -> Row:
    row: Row = {
        "kind": IMAGE,
        "image_id": image.omero_id,
        "image_name": image.name,
        "fileset_id": image.fileset_id,
        "image_format": image.format,
        "acquired_at": None if image.acquired_at is None else time_text(image.acquired_at),
        "imported_at": None if image.imported_at is None else time_text(image.imported_at),
        "size_x": image.size_x,
        "size_y": image.size_y,
        "size_z": image.size_z,
        "size_c": image.size_c,
        "size_t": image.size_t,
        "pixel_type": image.pixel_type,
        "pixel_size_x": _length(image.pixel_size_x, "MICROMETER"),
        "pixel_size_y": _length(image.pixel_size_y, "MICROMETER"),
        "pixel_size_z": _length(image.pixel_size_z, "MICROMETER"),
    }
    if image.pixel_size_x is not None:
        row["pixel_size_stored"] = image.pixel_size_x.value
        row["pixel_size_unit"] = image.pixel_size_x.unit
    if image.channels:
        row["channel_names"] = [each.name or each.fluor for each in image.channels]
        row["channel_emission"] = [_length(each.emission, "NANOMETER") for each in image.channels]
    if image.objective is not None:
        row["magnification"] = image.objective.nominal_magnification
        row["numerical_aperture"] = image.objective.lens_na
        row["immersion"] = image.objective.immersion
    if image.tags:
        row["tags"] = [tag.value for tag in image.tags]
    if image.key_values:
        row["key_namespaces"] = [pair.namespace for pair in image.key_values]
        row["key_names"] = [pair.key for pair in image.key_values]
        row["key_values"] = [pair.value for pair in image.key_values]
    return row


def _length(quantity: Quantity | None, unit: str) -> float | None:
    """A length in another unit; PIXEL and REFERENCEFRAME are no lengths."""
    if quantity is None:
        return None
    try:
        return convert(quantity, unit).value
    except InvalidRequest:
        return None
