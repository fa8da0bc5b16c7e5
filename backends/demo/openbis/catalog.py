"""The embedded openBIS' content in memory: one table per kind with indexes over its relations.

Tables are mutable: `put` inserts or re-indexes a row, `drop` removes it. Rows are those of
`world.py`, except that a term knows its vocabulary. Identifiers are computed, never stored, so a
moved project needs no re-indexing below it. Nothing here knows of sessions, rights or JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from backends.demo.openbis.kinds import TYPED_BY, Kind
from backends.demo.world import (
    DataSet,
    EntityType,
    Experiment,
    ExternalDms,
    OpenbisContent,
    Person,
    Project,
    PropertyType,
    Sample,
    Space,
    Term,
    Vocabulary,
)

Row = TypeVar("Row")

_NONE: dict[str, None] = {}


@dataclass(slots=True)
class TermRow:
    """A vocabulary term with its place."""

    term: Term
    vocabulary: str
    ordinal: int

    @property
    def code(self) -> str:
        """The term's code, which is unique within its vocabulary only."""
        return self.term.code


@dataclass(slots=True)
class DataStore:
    """The data store server that data sets name."""

    code: str
    download_url: str


class Index(Generic[Row]):
    """From a value to the keys of the rows that have it, in order of insertion."""

    def __init__(self, values: Callable[[Row], Iterable[str | None]]) -> None:
        self._values = values
        self._keys: dict[str, dict[str, None]] = {}
        self._indexed: dict[str, tuple[str, ...]] = {}

    def put(self, key: str, row: Row) -> None:
        """Index a row anew."""
        self.drop(key)
        values = tuple(value for value in self._values(row) if value is not None)
        self._indexed[key] = values
        for value in values:
            self._keys.setdefault(value, {})[key] = None

    def drop(self, key: str) -> None:
        """Forget a row."""
        for value in self._indexed.pop(key, ()):
            self._keys.get(value, {}).pop(key, None)

    def keys(self, value: str) -> Collection[str]:
        """The keys of the rows with this value."""
        return self._keys.get(value, _NONE)


class Table(Generic[Row]):
    """The rows of one kind by key."""

    def __init__(self, key: Callable[[Row], str], **indexes: Index[Row]) -> None:
        self._key = key
        self._indexes = indexes
        self.rows: dict[str, Row] = {}

    def put(self, row: Row) -> None:
        """Insert a row, or index it anew after a change."""
        key = self._key(row)
        self.rows[key] = row
        for index in self._indexes.values():
            index.put(key, row)

    def drop(self, key: str) -> None:
        """Remove a row."""
        del self.rows[key]
        for index in self._indexes.values():
            index.drop(key)

    def has_index(self, index: str) -> bool:
        """Whether rows can be found by this value."""
        return index in self._indexes

    def by(self, index: str, value: str) -> Collection[str]:
        """The keys of the rows that an index has under a value."""
        return self._indexes[index].keys(value)

    def by_any(self, index: str, values: Iterable[str]) -> set[str]:
        """The keys of the rows that an index has under any of the values."""
        found: set[str] = set()
        for value in values:
            found.update(self._indexes[index].keys(value))
        return found


class Catalog:
    """The whole content. `project_samples` is the server's switch of the same name."""

    def __init__(self, content: OpenbisContent, *, project_samples: bool = False) -> None:
        self.project_samples = project_samples
        self.spaces = Table[Space](lambda row: row.code, code=Index(lambda row: (row.code,)))
        self.projects = Table[Project](
            lambda row: row.perm_id,
            code=Index(lambda row: (row.code,)),
            space=Index(lambda row: (row.space,)),
        )
        self.experiments = Table[Experiment](
            lambda row: row.perm_id,
            code=Index(lambda row: (row.code,)),
            project=Index(lambda row: (row.project,)),
            type=Index(lambda row: (row.type,)),
        )
        self.samples = Table[Sample](
            lambda row: row.perm_id,
            code=Index(lambda row: (row.code,)),
            space=Index(lambda row: (row.space,)),
            project=Index(lambda row: (self.own_project(row),)),
            experiment=Index(lambda row: (row.experiment,)),
            type=Index(lambda row: (row.type,)),
            parent=Index(lambda row: row.parents),
        )
        self.data_sets = Table[DataSet](
            lambda row: row.code,
            code=Index(lambda row: (row.code,)),
            experiment=Index(lambda row: (self.experiment_of_data_set(row),)),
            sample=Index(lambda row: (row.sample,)),
            type=Index(lambda row: (row.type,)),
            parent=Index(lambda row: row.parents),
        )
        self.vocabularies = _by_code(Vocabulary)
        self.terms = Table[TermRow](
            lambda row: f"{row.code} ({row.vocabulary})",
            code=Index(lambda row: (row.code,)),
            vocabulary=Index(lambda row: (row.vocabulary,)),
        )
        self.property_types = Table[PropertyType](
            lambda row: row.code,
            code=Index(lambda row: (row.code,)),
            vocabulary=Index(lambda row: (row.vocabulary,)),
        )
        self.types = {kind: _by_code(EntityType) for kind in TYPED_BY}
        self.persons = Table[Person](lambda row: row.user_id)
        self.external_dms = _by_code(ExternalDms)
        self.data_stores = _by_code(DataStore)
        self._tables: dict[Kind, Table[Any]] = {
            Kind.SPACE: self.spaces,
            Kind.PROJECT: self.projects,
            Kind.EXPERIMENT: self.experiments,
            Kind.SAMPLE: self.samples,
            Kind.DATA_SET: self.data_sets,
            Kind.PROPERTY_TYPE: self.property_types,
            Kind.VOCABULARY: self.vocabularies,
            Kind.TERM: self.terms,
            Kind.PERSON: self.persons,
            Kind.EXTERNAL_DMS: self.external_dms,
            Kind.DATA_STORE: self.data_stores,
            **self.types,
        }
        self.founded = min((space.registered for space in content.spaces), default=0)
        self._load(content)

    def table(self, kind: Kind) -> Table[Any]:
        """The table of one kind."""
        return self._tables[kind]

    def own_project(self, sample: Sample) -> str | None:
        """The sample's own project: there is none unless project samples are enabled."""
        return sample.project if self.project_samples else None

    def project_of_sample(self, sample: Sample) -> str | None:
        """The sample's own project, else its experiment's."""
        experiment = self.experiments.rows.get(sample.experiment or "")
        return self.own_project(sample) or (experiment.project if experiment else None)

    def experiment_of_data_set(self, data_set: DataSet) -> str | None:
        """The data set's experiment, else its sample's."""
        sample = self.samples.rows.get(data_set.sample or "")
        return data_set.experiment or (sample.experiment if sample else None)

    def identifier(self, kind: Kind, row: Any) -> str:
        """The identifier of a space, project, experiment or sample; the code of anything else."""
        if kind is Kind.PROJECT:
            return f"/{row.space}/{row.code}"
        if kind is Kind.EXPERIMENT:
            return f"{self.identifier(Kind.PROJECT, self.projects.rows[row.project])}/{row.code}"
        if kind is Kind.SAMPLE:
            project = self.projects.rows.get(self.own_project(row) or "")
            if project is not None:
                return f"{self.identifier(Kind.PROJECT, project)}/{row.code}"
            return f"/{row.space}/{row.code}" if row.space else f"/{row.code}"
        return f"/{row.code}" if kind is Kind.SPACE else str(row.code)

    def key_of_identifier(self, kind: Kind, identifier: str) -> str | None:
        """The key of the row with this identifier."""
        table = self.table(kind)
        for key in table.by("code", identifier.rpartition("/")[2]):
            if self.identifier(kind, table.rows[key]) == identifier:
                return key
        return None

    def _load(self, content: OpenbisContent) -> None:
        self.data_stores.put(DataStore("DSS1", "https://localhost:444"))
        for vocabulary in content.vocabularies:
            self.vocabularies.put(vocabulary)
            for ordinal, term in enumerate(vocabulary.terms, start=1):
                self.terms.put(TermRow(term, vocabulary.code, ordinal))
        for entity_type in content.entity_types:
            self.types[Kind(f"{entity_type.kind}_TYPE")].put(entity_type)
        for kind, rows in (
            (Kind.PROPERTY_TYPE, content.property_types),
            (Kind.PERSON, content.persons),
            (Kind.SPACE, content.spaces),
            (Kind.PROJECT, content.projects),
            (Kind.EXPERIMENT, content.experiments),
            (Kind.SAMPLE, content.samples),
            (Kind.EXTERNAL_DMS, content.external_dms),
            (Kind.DATA_SET, content.data_sets),
        ):
            table = self.table(kind)
            for row in rows:
                table.put(row)


def _by_code(row_type: type[Row]) -> Table[Row]:  # noqa: ARG001 - names the row for the checker
    def code(row: Any) -> str:
        return str(row.code)

    return Table(code, code=Index(lambda row: (code(row),)))
