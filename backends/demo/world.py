"""What an embedded installation contains, before either embedded server has loaded it.

`study.py` and `sheet/loader.py` fill a `World`; `openbis/server.py` serves its openBIS side,
`omero/store.py` its OMERO side, and the link store is seeded from its links. openBIS content is
typed here; OMERO content is rows of the real OMERO model, because the store derives its tables
from that model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from backends.demo.omero.model import omero_model


@dataclass(slots=True)
class Term:
    """A vocabulary term."""

    code: str
    label: str | None = None
    description: str | None = None


@dataclass(slots=True)
class Vocabulary:
    """A controlled vocabulary; the order of its terms is their ordinal."""

    code: str
    description: str
    terms: list[Term]


@dataclass(slots=True)
class PropertyType:
    """A property type; `data_type` as openBIS spells it (VARCHAR, REAL, CONTROLLEDVOCABULARY)."""

    code: str
    label: str
    description: str
    data_type: str
    vocabulary: str | None = None


@dataclass(slots=True)
class EntityType:
    """A sample, experiment or data set type; `kind` is SAMPLE, EXPERIMENT or DATA_SET."""

    kind: str
    code: str
    description: str
    property_codes: list[str]
    generated_code_prefix: str | None = None


@dataclass(slots=True)
class Role:
    """A role: level INSTANCE, SPACE or PROJECT; role ADMIN, USER or OBSERVER.

    `scope` is the space code, the project's permId, or None for the instance.
    """

    level: str
    role: str
    scope: str | None = None


@dataclass(slots=True)
class Person:
    """An openBIS user with password and roles."""

    user_id: str
    first_name: str
    last_name: str
    email: str
    password: str
    roles: list[Role]


@dataclass(slots=True)
class Space:
    """An openBIS space; times are epoch milliseconds here and below."""

    code: str
    description: str
    registered: int
    registrator: str


@dataclass(slots=True)
class Project:
    """An openBIS project; `space` is a code."""

    perm_id: str
    code: str
    space: str
    description: str
    registered: int
    modified: int
    registrator: str
    leader: str | None = None


@dataclass(slots=True)
class Experiment:
    """An openBIS experiment; `project` is a permId."""

    perm_id: str
    code: str
    type: str
    project: str
    properties: dict[str, str]
    registered: int
    modified: int
    registrator: str


@dataclass(slots=True)
class Sample:
    """An openBIS sample; `experiment`, `project` and `parents` are permIds."""

    perm_id: str
    code: str
    type: str
    space: str
    experiment: str | None
    properties: dict[str, str]
    parents: list[str]
    registered: int
    modified: int
    registrator: str
    project: str | None = None  # only where project samples are enabled


@dataclass(slots=True)
class ExternalDms:
    """An external data management system that LINK data sets point into."""

    code: str
    label: str
    url_template: str
    address_type: str = "URL"


@dataclass(slots=True)
class DataSet:
    """An openBIS data set; `code` is its permId, `kind` PHYSICAL, CONTAINER or LINK."""

    code: str
    type: str
    kind: str
    experiment: str | None
    sample: str | None
    properties: dict[str, str]
    registered: int
    modified: int
    registrator: str
    parents: list[str] = field(default_factory=list)
    size: int | None = None  # bytes
    location: str | None = None
    file_format: str | None = None
    external_dms: str | None = None
    external_code: str | None = None


@dataclass(slots=True)
class OpenbisContent:
    """All that the embedded openBIS holds at its start."""

    vocabularies: list[Vocabulary] = field(default_factory=list)
    property_types: list[PropertyType] = field(default_factory=list)
    entity_types: list[EntityType] = field(default_factory=list)
    persons: list[Person] = field(default_factory=list)
    spaces: list[Space] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    experiments: list[Experiment] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    external_dms: list[ExternalDms] = field(default_factory=list)
    data_sets: list[DataSet] = field(default_factory=list)


@dataclass(slots=True)
class OmeroContent:
    """All that the embedded OMERO holds at its start, as rows of the OMERO model.

    `rows[entity]` lists dictionaries whose keys are the model's property names: `name`, `sizeX`.
    A reference is the id of its target (`{"pixelsType": 3}`), a quantity a `(value, unit)` pair
    (`{"physicalSizeX": (0.5, "MICROMETER")}`), a time epoch milliseconds, `mapValue` a list of
    `(name, value)` pairs. Ownership stands under the dotted names `details.owner`,
    `details.group`, `details.creationEvent` and `details.updateEvent` (ids). An ordered
    collection (`Pixels.channels`, `Image.pixels`) is kept by its inverse reference and the order of
    insertion. A subclass row stands under its own name (`MapAnnotation`, `TagAnnotation`).
    """

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)  # omeName → password
    _enumerations: dict[tuple[str, str], int] = field(default_factory=dict)
    _next: dict[str, int] = field(default_factory=dict)

    def add(self, entity: str, **properties: Any) -> int:
        """Add one row and return its new id; ids count from 1 per table, subclasses share one."""
        table = omero_model().table_of(entity)
        number = self._next.get(table, 0) + 1
        self._next[table] = number
        self.rows.setdefault(entity, []).append({"id": number, **properties})
        return number

    def put(self, entity: str, number: int, **properties: Any) -> int:
        """Add one row under a given id, as OMERO's standard users and groups have; return it."""
        table = "Annotation" if entity.endswith("Annotation") else entity
        self._next[table] = max(self._next.get(table, 0), number)
        self.rows.setdefault(entity, []).append({"id": number, **properties})
        return number

    def reserve(self, entity: str) -> int:
        """Use up an id without a row, as a row that was deleted leaves one behind."""
        table = "Annotation" if entity.endswith("Annotation") else entity
        self._next[table] = self._next.get(table, 0) + 1
        return self._next[table]

    def last_ids(self) -> dict[str, int]:
        """Return the last id that was given or used up, by table."""
        return dict(self._next)

    def add_owned(
        self, entity: str, owner: int, group: int, event: int, properties: dict[str, Any]
    ) -> int:
        """Add one row with its ownership; `event` is both its creation and its update."""
        details = {
            "details.owner": owner,
            "details.group": group,
            "details.creationEvent": event,
            "details.updateEvent": event,
        }
        return self.add(entity, **properties, **details)

    def enumerate(self, entity: str, value: str) -> int:
        """Return the id of an enumeration row (`PixelsType`, `uint8`), adding it once."""
        known = self._enumerations.get((entity, value))
        if known is None:
            known = self._enumerations[entity, value] = self.add(entity, value=value)
        return known


@dataclass(slots=True)
class ProjectLink:
    """One openBIS project ↔ one OMERO project."""

    perm_id: str
    omero_id: int


@dataclass(slots=True)
class SampleLink:
    """One openBIS sample ↔ one OMERO dataset, below the link of the sample's project."""

    perm_id: str
    project_perm_id: str
    omero_id: int


@dataclass(slots=True)
class World:
    """Both systems' content and the correspondence between them."""

    openbis: OpenbisContent = field(default_factory=OpenbisContent)
    omero: OmeroContent = field(default_factory=OmeroContent)
    project_links: list[ProjectLink] = field(default_factory=list)
    sample_links: list[SampleLink] = field(default_factory=list)

    def link_samples(self, project: str, pairs: Iterable[tuple[str, int]]) -> None:
        """Link samples of one project to OMERO datasets."""
        self.sample_links.extend(SampleLink(sample, project, omero) for sample, omero in pairs)
