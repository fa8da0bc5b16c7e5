"""The embedded openBIS' content in memory: one table per kind with indexes over its relations.

Tables are mutable, rows are not. Between `begin` and `commit` every change is noted, so that
`rollback` can undo all of it. Identifiers are computed, never stored, so a moved project needs no
re-indexing below it. Nothing here knows of sessions, rights or JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeVar

from backends.demo.openbis import rows
from backends.demo.openbis.kinds import TYPED_BY, Kind
from backends.demo.openbis.tables import Index, Table

Row = TypeVar("Row")


class Catalog:
    """The whole content. `project_samples` is the server's switch of the same name."""

    def __init__(
        self, content: Iterable[tuple[Kind, Any]], *, project_samples: bool = False
    ) -> None:
        self.project_samples = project_samples
        self.spaces = Table[rows.Space](lambda row: row.code, code=Index(lambda row: (row.code,)))
        self.projects = Table[rows.Project](
            lambda row: row.perm_id,
            code=Index(lambda row: (row.code,)),
            space=Index(lambda row: (row.space,)),
        )
        self.experiments = Table[rows.Experiment](
            lambda row: row.perm_id,
            code=Index(lambda row: (row.code,)),
            project=Index(lambda row: (row.project,)),
            type=Index(lambda row: (row.type,)),
        )
        self.samples = Table[rows.Sample](
            lambda row: row.perm_id,
            code=Index(lambda row: (row.code,)),
            space=Index(lambda row: (row.space,)),
            project=Index(lambda row: (self.own_project(row),)),
            experiment=Index(lambda row: (row.experiment,)),
            type=Index(lambda row: (row.type,)),
            parent=Index(lambda row: row.parents),
            container=Index(lambda row: (row.container,)),
        )
        self.data_sets = Table[rows.DataSet](
            lambda row: row.code,
            code=Index(lambda row: (row.code,)),
            experiment=Index(lambda row: (self.experiment_of_data_set(row),)),
            sample=Index(lambda row: (row.sample,)),
            type=Index(lambda row: (row.type,)),
            parent=Index(lambda row: row.parents),
            container=Index(lambda row: row.containers),
        )
        self.vocabularies = _by_code(rows.Vocabulary)
        self.terms = Table[rows.Term](
            lambda row: f"{row.code} ({row.vocabulary})",
            code=Index(lambda row: (row.code,)),
            vocabulary=Index(lambda row: (row.vocabulary,)),
        )
        self.property_types = Table[rows.PropertyType](
            lambda row: row.code,
            code=Index(lambda row: (row.code,)),
            vocabulary=Index(lambda row: (row.vocabulary,)),
        )
        self.types = {kind: _by_code(rows.EntityType) for kind in TYPED_BY}
        self.persons = Table[rows.Person](lambda row: row.user_id)
        self.groups = Table[rows.Group](
            lambda row: row.code,
            code=Index(lambda row: (row.code,)),
            user=Index(lambda row: row.users),
        )
        self.role_assignments = Table[rows.RoleAssignment](
            lambda row: row.tech_id,
            user=Index(lambda row: (row.user,)),
            group=Index(lambda row: (row.group,)),
            space=Index(lambda row: (row.scope if row.level == "SPACE" else None,)),
            project=Index(lambda row: (row.scope if row.level == "PROJECT" else None,)),
        )
        self.tags = Table[rows.Tag](
            lambda row: f"/{row.owner}/{row.code}",
            code=Index(lambda row: (row.code,)),
            owner=Index(lambda row: (row.owner,)),
            tagged=Index(lambda row: (*row.experiments, *row.samples, *row.data_sets)),
        )
        self.tokens = Table[rows.PersonalAccessToken](
            lambda row: row.perm_id, owner=Index(lambda row: (row.owner,))
        )
        self.deletions = Table[rows.Deletion](lambda row: row.tech_id)
        self.external_dms = _by_code(rows.ExternalDms)
        self.data_stores = _by_code(rows.DataStore)
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
            Kind.AUTHORIZATION_GROUP: self.groups,
            Kind.ROLE_ASSIGNMENT: self.role_assignments,
            Kind.TAG: self.tags,
            Kind.PERSONAL_ACCESS_TOKEN: self.tokens,
            Kind.DELETION: self.deletions,
            Kind.PLUGIN: _by_code(rows.Plugin),
            Kind.SEMANTIC_ANNOTATION: _by_code(rows.SemanticAnnotation),
            Kind.EXTERNAL_DMS: self.external_dms,
            Kind.DATA_STORE: self.data_stores,
            **self.types,
        }
        self.founded = 0
        self._journal: dict[tuple[Kind, str], Any] | None = None
        for kind, row in content:
            table = self._tables[kind]
            table.rows[table.key(row)] = row
        for kind, table in self._tables.items():
            table.note = self._noting(kind)
            for key in table.rows:  # only now, since some indexes look into other tables
                table.index(key)
        self.founded = min((row.registered for row in self.spaces.rows.values()), default=0)

    def begin(self) -> None:
        """Note every change from here on."""
        self._journal = {}

    def changes(self) -> dict[tuple[Kind, str], Any]:
        """What has changed since `begin`, by kind and key: the new row, or None."""
        return {
            (kind, key): self._tables[kind].rows.get(key)
            for (kind, key), old in (self._journal or {}).items()
            if self._tables[kind].rows.get(key) is not old
        }

    def commit(self) -> None:
        """End the transaction and let its changes stand."""
        self._journal = None

    def rollback(self) -> None:
        """Undo every change since `begin`."""
        journal, self._journal = self._journal or {}, None
        for (kind, key), old in journal.items():
            if old is None:
                self._tables[kind].rows.pop(key, None)
            else:
                self._tables[kind].rows[key] = old
        for kind, key in journal:  # only now, since some indexes look into other tables
            self._tables[kind].index(key)

    def content(self) -> Iterator[tuple[Kind, str, Any]]:
        """All rows with kind and key, in an order in which each can be put."""
        for kind, table in self._tables.items():
            for key, row in table.rows.items():
                yield kind, key, row

    def image(self) -> dict[Kind, dict[str, Any]]:
        """All rows as they are now, to be compared with another image."""
        return {kind: dict(table.rows) for kind, table in self._tables.items()}

    def _noting(self, kind: Kind) -> Callable[[str, Any], None]:
        def note(key: str, old: Any) -> None:
            if self._journal is not None:
                self._journal.setdefault((kind, key), old)

        return note

    def table(self, kind: Kind) -> Table[Any]:
        """The table of one kind."""
        return self._tables[kind]

    def own_project(self, sample: rows.Sample) -> str | None:
        """The sample's own project: there is none unless project samples are enabled."""
        return sample.project if self.project_samples else None

    def project_of_sample(self, sample: rows.Sample) -> str | None:
        """The sample's own project, else its experiment's."""
        experiment = self.experiments.rows.get(sample.experiment or "")
        return self.own_project(sample) or (experiment.project if experiment else None)

    def experiment_of_data_set(self, data_set: rows.DataSet) -> str | None:
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
            container = self.samples.rows.get(row.container or "")
            code = row.code if container is None else f"{container.code}:{row.code}"
            project = self.projects.rows.get(self.own_project(row) or "")
            if project is not None:
                return f"{self.identifier(Kind.PROJECT, project)}/{code}"
            return f"/{row.space}/{code}" if row.space else f"/{code}"
        return f"/{row.code}" if kind is Kind.SPACE else str(row.code)

    def key_of_identifier(self, kind: Kind, identifier: str) -> str | None:
        """The key of the row with this identifier."""
        table = self.table(kind)
        code = identifier.rpartition("/")[2].rpartition(":")[2]
        for key in table.by("code", code):
            if self.identifier(kind, table.rows[key]) == identifier:
                return key
        return None

    def components(self, kind: Kind, key: str) -> Collection[str]:
        """The keys of what a sample or a data set contains."""
        return self.table(kind).by("container", key)


def _by_code(row_type: type[Row]) -> Table[Row]:  # noqa: ARG001 - names the row for the checker
    def code(row: Any) -> str:
        return str(row.code)

    return Table(code, code=Index(lambda row: (code(row),)))
