"""The frozen records that both adapters map to, and that resolvers and the schema read.

A relation that was not asked for is `None`; `fetched` names the relations that were, so that
"not fetched" and "there is none" stay apart. Times are timezone-aware UTC. No behaviour lives here
beyond what can be read off a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

NOTHING: frozenset[str] = frozenset()


class Record(msgspec.Struct, frozen=True, gc=False):
    """The base of all records: made in C, a fifth of a frozen dataclass' time for a wide one.

    They hold no cycles, so the garbage collector need not walk them.
    """


class Kind(StrEnum):
    """The kinds of openBIS entity that can be searched and read."""

    SPACE = "SPACE"
    PROJECT = "PROJECT"
    EXPERIMENT = "EXPERIMENT"
    SAMPLE = "SAMPLE"
    OMICS_DATASET = "OMICS_DATASET"


class ImagingKind(StrEnum):
    """The kinds of OMERO object that carry annotations and belong to a container."""

    IMAGE_PROJECT = "Project"
    IMAGE_DATASET = "Dataset"
    IMAGE = "Image"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, the unit by its OME enumeration name (`MICROMETER`).

    Not a `Record`, because it stands in the questions of cohorts, too, which pydantic reads.
    """

    value: float
    unit: str


# --- openBIS -----------------------------------------------------------------------------------


class PersonRecord(Record, frozen=True):
    """A person who registered or changed something in openBIS."""

    user_id: str
    first_name: str | None = None
    last_name: str | None = None


class TermRecord(Record, frozen=True):
    """One term of a controlled vocabulary."""

    code: str
    label: str | None
    description: str | None
    ordinal: int
    official: bool


class VocabularyRecord(Record, frozen=True):
    """A controlled vocabulary with its terms in order."""

    code: str
    description: str | None
    terms: tuple[TermRecord, ...]


class PropertyDefinitionRecord(Record, frozen=True):
    """A property as an entity type declares it."""

    code: str
    label: str | None
    description: str | None
    data_type: str
    mandatory: bool
    multi_valued: bool
    section: str | None
    vocabulary: VocabularyRecord | None


class EntityTypeRecord(Record, frozen=True):
    """A sample, experiment or data set type with its property definitions."""

    kind: Kind
    code: str
    description: str | None
    generated_code_prefix: str | None
    properties: tuple[PropertyDefinitionRecord, ...]


class PropertyRecord(Record, frozen=True):
    """One property of one entity; openBIS sends every value as text, newer servers as lists."""

    code: str
    values: tuple[str, ...]

    @property
    def value(self) -> str | None:
        """The first value; nearly all properties have just one."""
        return self.values[0] if self.values else None


class SpaceRecord(Record, frozen=True):
    """An openBIS space; its permanent id is its code."""

    perm_id: str
    code: str
    description: str | None
    registered_at: datetime | None
    modified_at: datetime | None
    registrator: PersonRecord | None = None
    fetched: frozenset[str] = NOTHING


class ProjectRecord(Record, frozen=True):
    """An openBIS project."""

    perm_id: str
    code: str
    identifier: str
    description: str | None
    registered_at: datetime | None
    modified_at: datetime | None
    space: str | None = None
    registrator: PersonRecord | None = None
    leader: PersonRecord | None = None
    fetched: frozenset[str] = NOTHING


class ExperimentRecord(Record, frozen=True):
    """An openBIS experiment (called collection in newer interfaces)."""

    perm_id: str
    code: str
    identifier: str
    registered_at: datetime | None
    modified_at: datetime | None
    type_code: str | None = None
    properties: tuple[PropertyRecord, ...] | None = None
    project: ProjectRecord | None = None
    registrator: PersonRecord | None = None
    fetched: frozenset[str] = NOTHING


class SampleRecord(Record, frozen=True):
    """An openBIS sample: a patient, a biopsy, an extract, a run."""

    perm_id: str
    code: str
    identifier: str
    registered_at: datetime | None
    modified_at: datetime | None
    type_code: str | None = None
    space: str | None = None
    properties: tuple[PropertyRecord, ...] | None = None
    experiment: ExperimentRecord | None = None
    project: ProjectRecord | None = None  # the sample's own, else its experiment's
    parents: tuple[SampleRecord, ...] | None = None
    children: tuple[SampleRecord, ...] | None = None
    omics_datasets: tuple[OmicsDatasetRecord, ...] | None = None
    registrator: PersonRecord | None = None
    fetched: frozenset[str] = NOTHING


class ContentCopyRecord(Record, frozen=True):
    """Where a linked data set's content lies in an external data management system."""

    external_code: str | None
    path: str | None
    system_code: str | None
    system_label: str | None
    url_template: str | None


class OmicsDatasetRecord(Record, frozen=True):
    """An openBIS data set; named so that it is never confused with an OMERO dataset."""

    perm_id: str
    code: str
    kind: str | None  # PHYSICAL, CONTAINER or LINK
    registered_at: datetime | None
    modified_at: datetime | None
    type_code: str | None = None
    properties: tuple[PropertyRecord, ...] | None = None
    size: int | None = None  # bytes
    location: str | None = None
    status: str | None = None
    file_format: str | None = None
    content_copies: tuple[ContentCopyRecord, ...] = ()
    sample: SampleRecord | None = None
    experiment: ExperimentRecord | None = None
    parents: tuple[OmicsDatasetRecord, ...] | None = None
    children: tuple[OmicsDatasetRecord, ...] | None = None
    registrator: PersonRecord | None = None
    fetched: frozenset[str] = NOTHING


# --- OMERO -------------------------------------------------------------------------------------


class ImageProjectRecord(Record, frozen=True):
    """An OMERO project."""

    omero_id: int
    name: str
    description: str | None
    owner_id: int
    group_id: int
    created_at: datetime | None
    image_dataset_count: int | None = None


class ImageDatasetRecord(Record, frozen=True):
    """An OMERO dataset; named so that it is never confused with an openBIS data set."""

    omero_id: int
    name: str
    description: str | None
    owner_id: int
    group_id: int
    created_at: datetime | None
    image_count: int | None = None


class ChannelRecord(Record, frozen=True):
    """One channel of an image."""

    index: int
    name: str | None
    fluor: str | None
    emission: Quantity | None
    excitation: Quantity | None
    color: tuple[int, int, int, int] | None  # red, green, blue, alpha, 0 to 255
    mode: str | None
    contrast_method: str | None
    illumination: str | None


class ObjectiveRecord(Record, frozen=True):
    """The objective an image was taken with, and how it was set."""

    omero_id: int
    manufacturer: str | None
    model: str | None
    nominal_magnification: float | None
    calibrated_magnification: float | None
    lens_na: float | None
    immersion: str | None
    correction: str | None
    working_distance: Quantity | None
    medium: str | None
    refractive_index: float | None


class InstrumentRecord(Record, frozen=True):
    """The microscope or scanner."""

    omero_id: int
    manufacturer: str | None
    model: str | None
    serial_number: str | None
    type: str | None


class KeyValueRecord(Record, frozen=True):
    """One key-value pair of a map annotation."""

    annotation_id: int
    namespace: str | None
    key: str
    value: str


class TagRecord(Record, frozen=True):
    """A tag annotation."""

    omero_id: int
    value: str
    namespace: str | None
    description: str | None


class FileRecord(Record, frozen=True):
    """One original file of a fileset."""

    omero_id: int
    name: str
    path: str | None
    client_path: str | None
    size: int | None  # bytes
    hash: str | None
    mimetype: str | None


class FilesetRecord(Record, frozen=True):
    """The files that one import brought in together."""

    omero_id: int
    template_prefix: str | None
    files: tuple[FileRecord, ...]


class ExperimenterRecord(Record, frozen=True):
    """An OMERO user."""

    omero_id: int
    user_name: str
    first_name: str | None
    last_name: str | None
    institution: str | None


class GroupRecord(Record, frozen=True):
    """An OMERO group."""

    omero_id: int
    name: str
    description: str | None


class ImageRecord(Record, frozen=True):
    """An OMERO image with its primary pixels; facets are `None` unless named in `fetched`."""

    omero_id: int
    name: str
    description: str | None
    owner_id: int
    group_id: int
    acquired_at: datetime | None
    imported_at: datetime | None
    format: str | None
    pixels_id: int | None
    pixel_type: str | None
    size_x: int | None
    size_y: int | None
    size_z: int | None
    size_c: int | None
    size_t: int | None
    significant_bits: int | None
    pixel_size_x: Quantity | None
    pixel_size_y: Quantity | None
    pixel_size_z: Quantity | None
    instrument_id: int | None
    fileset_id: int | None
    channels: tuple[ChannelRecord, ...] | None = None
    objective: ObjectiveRecord | None = None
    instrument: InstrumentRecord | None = None
    key_values: tuple[KeyValueRecord, ...] | None = None
    tags: tuple[TagRecord, ...] | None = None
    roi_count: int | None = None
    fileset: FilesetRecord | None = None
    fetched: frozenset[str] = NOTHING


class ThumbnailRecord(Record, frozen=True):
    """An image's picture in small, as a JPEG file; None where OMERO has none.

    The sizes are the image's own, and None where it has no pixels.
    """

    size_x: int | None
    size_y: int | None
    jpeg: bytes | None
