"""What the v3 API calls things: packages, classes and methods per kind of entity.

A table and the rules that build names from it; used by everything here that writes or sends a
request.
"""

from __future__ import annotations

from dataclasses import dataclass

from backends.records import Kind


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of one kind: `package` and `entity` as in `as.dto.<package>.…<Entity>…`."""

    package: str
    entity: str

    @property
    def plural(self) -> str:
        """As methods and operations spell it: `searchSamples`, `GetSamplesOperation`."""
        return f"{self.entity}s"

    @property
    def criteria(self) -> str:
        """The class of search criteria."""
        return f"as.dto.{self.package}.search.{self.entity}SearchCriteria"

    @property
    def type_criteria(self) -> str:
        """The class of criteria on the entity's type."""
        return f"as.dto.{self.package}.search.{self.entity}TypeSearchCriteria"

    @property
    def fetch_options(self) -> str:
        """The class of fetch options."""
        return f"as.dto.{self.package}.fetchoptions.{self.entity}FetchOptions"

    @property
    def type_fetch_options(self) -> str:
        """The class of fetch options of the entity's type."""
        return f"as.dto.{self.package}.fetchoptions.{self.entity}TypeFetchOptions"

    @property
    def sort_options(self) -> str:
        """The class of sort options."""
        return f"as.dto.{self.package}.fetchoptions.{self.entity}SortOptions"

    @property
    def perm_id(self) -> str:
        """The class of permanent ids."""
        return f"as.dto.{self.package}.id.{self.entity}PermId"

    @property
    def identifier(self) -> str:
        """The class of identifiers, `/SPACE/PROJECT` and the like."""
        return f"as.dto.{self.package}.id.{self.entity}Identifier"

    def operation(self, verb: str) -> str:
        """The class of an operation within `executeOperations`; `verb` is `search` or `get`."""
        return f"as.dto.{self.package}.{verb}.{verb.capitalize()}{self.plural}Operation"

    def method(self, verb: str) -> str:
        """The method that does the same alone."""
        return f"{verb}{self.plural}"


NAMES: dict[Kind, Naming] = {
    Kind.SPACE: Naming("space", "Space"),
    Kind.PROJECT: Naming("project", "Project"),
    Kind.EXPERIMENT: Naming("experiment", "Experiment"),
    Kind.SAMPLE: Naming("sample", "Sample"),
    Kind.OMICS_DATASET: Naming("dataset", "DataSet"),
}

# Spaces and data sets have no permanent id beside their code.
CODE_IS_PERM_ID = frozenset({Kind.SPACE, Kind.OMICS_DATASET})
