"""The kinds of entity that the embedded openBIS serves, and how the v3 interface names them.

All class and method names of the interface follow one rule; the rule stands here once. Nothing
else of the interface does: content is in `catalog.py`, beans are in `beans.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of entity; the values are openBIS' own names of the kinds."""

    SPACE = "SPACE"
    PROJECT = "PROJECT"
    EXPERIMENT = "EXPERIMENT"
    SAMPLE = "SAMPLE"
    DATA_SET = "DATA_SET"
    SAMPLE_TYPE = "SAMPLE_TYPE"
    EXPERIMENT_TYPE = "EXPERIMENT_TYPE"
    DATA_SET_TYPE = "DATA_SET_TYPE"
    PROPERTY_TYPE = "PROPERTY_TYPE"
    VOCABULARY = "VOCABULARY"
    TERM = "VOCABULARY_TERM"
    PERSON = "PERSON"
    AUTHORIZATION_GROUP = "AUTHORIZATION_GROUP"
    ROLE_ASSIGNMENT = "ROLE_ASSIGNMENT"
    TAG = "METAPROJECT"
    PERSONAL_ACCESS_TOKEN = "PERSONAL_ACCESS_TOKEN"  # noqa: S105 - the name of a kind
    DELETION = "DELETION"
    PLUGIN = "SCRIPT"
    SEMANTIC_ANNOTATION = "SEMANTIC_ANNOTATION"
    EXTERNAL_DMS = "EXTERNAL_DMS"
    DATA_STORE = "DATA_STORE"


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of one kind: `as.dto.<package>.<bean>`, `search<plural>`, `get<plural>`."""

    package: str
    bean: str
    plural: str

    @property
    def bean_type(self) -> str:
        """The `@type` of the entity itself."""
        return f"as.dto.{self.package}.{self.bean}"

    @property
    def options_type(self) -> str:
        """The `@type` of its fetch options."""
        return f"as.dto.{self.package}.fetchoptions.{self.bean}FetchOptions"

    @property
    def criteria_type(self) -> str:
        """The `@type` of its search criteria."""
        return f"as.dto.{self.package}.search.{self.bean}SearchCriteria"

    def operation_type(self, verb: str) -> str:
        """The `@type` of an operation: verb `search` gives `…search.Search<plural>Operation`."""
        return f"as.dto.{self.package}.{verb}.{verb.capitalize()}{self.plural}Operation"


NAMES = {
    Kind.SPACE: Naming("space", "Space", "Spaces"),
    Kind.PROJECT: Naming("project", "Project", "Projects"),
    Kind.EXPERIMENT: Naming("experiment", "Experiment", "Experiments"),
    Kind.SAMPLE: Naming("sample", "Sample", "Samples"),
    Kind.DATA_SET: Naming("dataset", "DataSet", "DataSets"),
    Kind.SAMPLE_TYPE: Naming("sample", "SampleType", "SampleTypes"),
    Kind.EXPERIMENT_TYPE: Naming("experiment", "ExperimentType", "ExperimentTypes"),
    Kind.DATA_SET_TYPE: Naming("dataset", "DataSetType", "DataSetTypes"),
    Kind.PROPERTY_TYPE: Naming("property", "PropertyType", "PropertyTypes"),
    Kind.VOCABULARY: Naming("vocabulary", "Vocabulary", "Vocabularies"),
    Kind.TERM: Naming("vocabulary", "VocabularyTerm", "VocabularyTerms"),
    Kind.PERSON: Naming("person", "Person", "Persons"),
    Kind.AUTHORIZATION_GROUP: Naming(
        "authorizationgroup", "AuthorizationGroup", "AuthorizationGroups"
    ),
    Kind.ROLE_ASSIGNMENT: Naming("roleassignment", "RoleAssignment", "RoleAssignments"),
    Kind.TAG: Naming("tag", "Tag", "Tags"),
    Kind.PERSONAL_ACCESS_TOKEN: Naming("pat", "PersonalAccessToken", "PersonalAccessTokens"),
    Kind.DELETION: Naming("deletion", "Deletion", "Deletions"),
    Kind.PLUGIN: Naming("plugin", "Plugin", "Plugins"),
    Kind.SEMANTIC_ANNOTATION: Naming(
        "semanticannotation", "SemanticAnnotation", "SemanticAnnotations"
    ),
    Kind.EXTERNAL_DMS: Naming("externaldms", "ExternalDms", "ExternalDataManagementSystems"),
    Kind.DATA_STORE: Naming("datastore", "DataStore", "DataStores"),
}

TYPE_OF = {
    Kind.SAMPLE: Kind.SAMPLE_TYPE,
    Kind.EXPERIMENT: Kind.EXPERIMENT_TYPE,
    Kind.DATA_SET: Kind.DATA_SET_TYPE,
}
TYPED_BY = {type_kind: kind for kind, type_kind in TYPE_OF.items()}

# What a tag calls the things of each kind that it is on.
TAGGED = {Kind.EXPERIMENT: "experiments", Kind.SAMPLE: "samples", Kind.DATA_SET: "data_sets"}
