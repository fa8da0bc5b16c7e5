"""The rows of the embedded openBIS: one dataclass per kind of entity.

Rows never change: an update puts a new row in the place of the old one, which is what makes a
transaction easy to undo. References are keys of other tables, times are epoch milliseconds. The
rows are also what a state file keeps, so each field is plain data. `loading.py` makes the first
rows from a `World`; `catalog.py` holds them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Space:
    """A space; `tech_id` is the number that a database would give it."""

    code: str
    description: str | None
    registered: int
    registrator: str
    modified: int
    tech_id: int = 0


@dataclass(frozen=True, slots=True)
class Project:
    """A project; `space` is a code."""

    perm_id: str
    code: str
    space: str
    description: str | None
    registered: int
    modified: int
    registrator: str
    modifier: str
    leader: str | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment; `project` is a permId."""

    perm_id: str
    code: str
    type: str
    project: str
    properties: dict[str, str]
    registered: int
    modified: int
    registrator: str
    modifier: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample; without a space it is shared. Parents and container are permIds."""

    perm_id: str
    code: str
    type: str
    space: str | None
    experiment: str | None
    properties: dict[str, str]
    registered: int
    modified: int
    registrator: str
    modifier: str
    project: str | None = None
    parents: tuple[str, ...] = ()
    container: str | None = None


@dataclass(frozen=True, slots=True)
class ContentCopy:
    """Where a LINK data set's content lies in an external system."""

    perm_id: str
    external_dms: str | None
    external_code: str | None = None
    path: str | None = None
    git_commit_hash: str | None = None
    git_repository_id: str | None = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set; `code` is its permId, `kind` PHYSICAL, CONTAINER or LINK."""

    code: str
    type: str
    kind: str
    experiment: str | None
    sample: str | None
    properties: dict[str, str]
    registered: int
    modified: int
    registrator: str
    modifier: str
    parents: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    size: int | None = None
    location: str | None = None
    share_id: str | None = "1"
    complete: str = "YES"
    status: str = "AVAILABLE"
    file_format: str | None = None
    external_code: str | None = None
    content_copies: tuple[ContentCopy, ...] = ()
    data_store: str = "DSS1"
    measured: bool = False
    data_producer: str | None = None
    data_production_date: int | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A property type as an entity type has it."""

    code: str
    registered: int
    registrator: str
    mandatory: bool = False
    section: str | None = None
    ordinal: int = 1
    show_in_edit_view: bool = True
    show_raw_value: bool = False


@dataclass(frozen=True, slots=True)
class EntityType:
    """A sample, experiment or data set type; `kind` is SAMPLE, EXPERIMENT or DATA_SET."""

    kind: str
    code: str
    description: str | None
    modified: int
    assignments: tuple[Assignment, ...] = ()
    generated_code_prefix: str = "S"
    auto_generated_code: bool = False
    subcode_unique: bool = False
    listable: bool = True
    show_container: bool = False
    show_parents: bool = True
    show_parent_metadata: bool = False
    main_data_set_pattern: str | None = None
    main_data_set_path: str | None = None
    disallow_deletion: bool = False
    meta_data: dict[str, str] = field(default_factory=dict)

    @property
    def property_codes(self) -> list[str]:
        """The codes of the assigned property types, in their order."""
        return [assignment.code for assignment in self.assignments]


@dataclass(frozen=True, slots=True)
class PropertyType:
    """A property type; `data_type` as openBIS spells it."""

    code: str
    label: str
    description: str
    data_type: str
    registered: int
    registrator: str
    vocabulary: str | None = None
    sample_type: str | None = None
    managed_internally: bool = False
    schema: str | None = None
    transformation: str | None = None
    meta_data: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A controlled vocabulary; its terms are rows of their own."""

    code: str
    description: str | None
    registered: int
    modified: int
    registrator: str
    managed_internally: bool = False
    chosen_from_list: bool = True
    url_template: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A term, whose code is unique within its vocabulary only."""

    code: str
    vocabulary: str
    ordinal: int
    registered: int
    modified: int
    registrator: str
    label: str | None = None
    description: str | None = None
    official: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """A user; what they may do stands in role assignments."""

    user_id: str
    first_name: str | None
    last_name: str | None
    email: str | None
    password: str
    registered: int
    registrator: str | None = None
    space: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """An authorization group: users who share roles."""

    code: str
    description: str | None
    users: tuple[str, ...]
    registered: int
    modified: int
    registrator: str


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role of a user or of a group, on the instance, a space (code) or a project (permId)."""

    tech_id: str
    role: str
    level: str
    scope: str | None
    registered: int
    registrator: str
    user: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of one user, and what it is on."""

    code: str
    owner: str
    description: str | None
    registered: int
    experiments: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    data_sets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExternalDms:
    """An external data management system."""

    code: str
    label: str | None
    address: str | None
    address_type: str


@dataclass(frozen=True, slots=True)
class DataStore:
    """The data store server that data sets name."""

    code: str
    download_url: str
    registered: int


@dataclass(frozen=True, slots=True)
class PersonalAccessToken:
    """A personal access token; its permId is the secret."""

    perm_id: str
    session_name: str
    owner: str
    registrator: str
    modifier: str
    valid_from: int
    valid_to: int
    registered: int
    modified: int
    accessed: int | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """One deletion in the trash with all that went along; `originals` were asked for by name."""

    tech_id: str
    reason: str
    deleted: int
    person: str
    originals: tuple[str, ...]
    experiments: tuple[Experiment, ...] = ()
    samples: tuple[Sample, ...] = ()
    data_sets: tuple[DataSet, ...] = ()

    @property
    def owners(self) -> tuple[Experiment | Sample, ...]:
        """What data sets can belong to."""
        return (*self.experiments, *self.samples)

    def of_kind(
        self, kind: str
    ) -> tuple[Experiment, ...] | tuple[Sample, ...] | tuple[DataSet, ...]:
        """The rows of one kind, by openBIS' name of it."""
        if kind == "EXPERIMENT":
            return self.experiments
        return self.samples if kind == "SAMPLE" else self.data_sets


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin; the embedded server has none."""

    code: str


@dataclass(frozen=True, slots=True)
class SemanticAnnotation:
    """A semantic annotation; the embedded server has none."""

    code: str
