"""The mapping: what the columns of an annotation table mean, written in TOML.

The models below are the format; unknown keys and wrong types are faults. `examples/idr0082.toml` is
a commented example. `read_mapping` checks a mapping by itself; whether it fits a sheet, and the
installation that it is registered in, is for the callers to see: the demonstration's loader, which
asks for more than the least (its `StudyMapping`), and the registration of designs and images.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from backends.sheets.faults import Fault

CLIENT_NAMESPACE: Final = "openmicroscopy.org/omero/client/mapAnnotation"
LARGEST_MAPPING: Final = 1_000_000  # characters

Text = Annotated[str, Field(min_length=1)]
Code = Annotated[str, Field(pattern=r"^\$?[A-Z][A-Z0-9_]*$")]
Count = Annotated[int, Field(ge=1, strict=True)]
Number = Annotated[float, Field(gt=0, allow_inf_nan=False)]
DataType = Literal["VARCHAR", "INTEGER", "REAL", "BOOLEAN", "CONTROLLEDVOCABULARY"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Study(_Part):
    """The openBIS project, its OMERO counterpart, and who may see them."""

    project: Annotated[str, Field(pattern=r"^Q[A-X0-9]{4}$")]
    space: Code
    title: Text
    # The next five are for the demonstration, which makes who and what is not there.
    group: Text | None = None  # in OMERO
    registrator: Text | None = None
    registered: AwareDatetime | None = None
    openbis_users: tuple[Text, ...] = ()
    omero_users: tuple[Text, ...] = ()
    design: Text = "Observational study"
    key_values: dict[Text, Text] = {}  # on the OMERO project: licence, publication


class Sheet(_Part):
    """The form of the sheet."""

    model_config = ConfigDict(str_strip_whitespace=False)  # a tab is one

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None


class NewProperty(_Part):
    """A property type that the installation does not have yet, for use in constants."""

    code: Code
    label: Text
    description: Text
    data_type: Literal["VARCHAR", "INTEGER", "REAL", "BOOLEAN"] = "VARCHAR"


class PropertyColumn(_Part):
    """A column that becomes a property of the sample or subject."""

    column: Text
    code: Code
    label: Text | None = None
    data_type: DataType = "VARCHAR"
    vocabulary: Code | None = None
    terms: dict[Text, Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9_.-]*$")]] | None = None
    required: bool = False
    factor: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] | None = None
    unit: Text | None = None  # of the factor, which makes it continuous


class Entity(_Part):
    """Which column tells samples (or subjects) apart, and what is known of each."""

    column: Text
    type: Code | None = None
    constants: dict[Code, Text] = {}
    properties: tuple[PropertyColumn, ...] = ()


class KeyValueColumn(_Part):
    """A column that becomes a key-value pair of the image."""

    column: Text
    key: Text | None = None
    namespace: Text = CLIENT_NAMESPACE


class ImageKind(_Part):
    """What is common to all images that the kind column gives this value."""

    acquisition: Text
    tags: tuple[Text, ...] = ()
    key_values: dict[Text, Text] = {}


class Images(_Part):
    """Which columns describe the image of a row."""

    name: Text
    file: Text
    kind: Text
    kinds: Annotated[dict[Text, ImageKind], Field(min_length=1)]
    constants: dict[Text, dict[Text, Text]] = {}  # namespace → key → value, on every image
    key_values: tuple[KeyValueColumn, ...] = ()


class Scanner(_Part):
    """The instrument of an acquisition, with the objective it was taken with."""

    manufacturer: Text
    model: Text
    magnification: Number | None = None
    numerical_aperture: Number | None = None


class AcquisitionDefaults(_Part):
    """Acquisition metadata that the sheet does not hold; marked as assumed on the images."""

    format: Text
    pixel_type: Literal["int8", "int16", "uint8", "uint16", "int32", "uint32", "float", "double"]
    significant_bits: Count
    size: tuple[Count, Count]
    size_z: Count = 1
    size_t: Count = 1
    channels: Literal["RGB"] | tuple[Text, ...]
    pixel_size: Number | None = None
    pixel_unit: Text = "MICROMETER"
    scanner: Scanner | None = None


class OmicsColumn(_Part):
    """A column of accessions: one openBIS data set for each accession of a sample."""

    column: Text
    label: Text
    type: Code
    property: Code
    kind: Literal["LINK", "PHYSICAL"]
    system: Code | None = None  # the external system, for LINK
    constants: dict[Code, Text] = {}


class ExternalSystem(_Part):
    """An archive that LINK data sets point into; `${code}` stands for the accession."""

    code: Code
    label: Text
    url_template: Text


class Mapping(_Part):
    """A whole mapping."""

    study: Study
    sheet: Sheet = Sheet()
    new_properties: tuple[NewProperty, ...] = ()
    subject: Entity | None = None
    sample: Entity | None = None
    images: Images | None = None
    acquisitions: dict[Text, AcquisitionDefaults] = {}  # for the demonstration
    omics: tuple[OmicsColumn, ...] = ()
    external_systems: tuple[ExternalSystem, ...] = ()

    @model_validator(mode="after")
    def _has_entities(self) -> Self:
        if self.sample is None and self.subject is None:
            raise ValueError("say which column tells samples apart (sample), or subjects (subject)")
        if self.sample is None and (self.images is not None or self.omics):
            raise ValueError(
                "images and omics belong to samples: say which column tells those apart"
            )
        return self

    def columns(self) -> list[tuple[str, str]]:
        """Return every column that is named, with the path of the setting that names it."""
        named: list[tuple[str, str]] = []
        for path, entity in (("sample", self.sample), ("subject", self.subject)):
            if entity is not None:
                named.append((entity.column, f"{path}.column"))
                named += [(each.column, f"{path}.properties") for each in entity.properties]
        if self.images is not None:
            named += [
                (self.images.name, "images.name"),
                (self.images.file, "images.file"),
                (self.images.kind, "images.kind"),
            ]
            named += [(each.column, "images.key_values") for each in self.images.key_values]
        return named + [(each.column, "omics") for each in self.omics]


Model = TypeVar("Model", bound=Mapping)


def read_mapping(mapping: Path, faults: list[Fault], model: type[Model]) -> Model | None:
    """Read a mapping, adding to `faults` whatever is wrong with it by itself."""
    try:
        text = mapping.read_text(encoding="utf-8-sig")
    except OSError as error:
        faults.append(Fault(None, None, f"the mapping cannot be read: {error.strerror}"))
        return None
    except UnicodeDecodeError:
        faults.append(Fault(None, None, "the mapping is not UTF-8: save it as UTF-8"))
        return None
    return parse_mapping(text, faults, model)


def parse_mapping(text: str, faults: list[Fault], model: type[Model]) -> Model | None:
    """Read the text of a mapping, adding to `faults` whatever is wrong with it by itself."""
    if len(text) > LARGEST_MAPPING:
        faults.append(Fault(None, None, "the mapping is too large to be one"))
        return None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        faults.append(Fault(None, None, f"the mapping is not TOML: {error}"))
        return None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults += [
            Fault(None, ".".join(map(str, each["loc"])) or None, f"mapping: {each['msg']}")
            for each in error.errors(include_url=False)
        ]
        return None
