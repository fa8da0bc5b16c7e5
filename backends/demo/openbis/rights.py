"""What one person may see in the embedded openBIS.

Rights come from the person's roles: on the instance, on spaces, on projects. Who has any role
sees all types, vocabularies, persons and systems; who has none is refused every call. Search and
get leave out what is not visible, silently; reading needs no more than OBSERVER.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.kinds import Kind
from backends.demo.world import Person


class Rights:
    """The reading rights of one person, as the roles stand now."""

    def __init__(self, catalog: Catalog, person: Person) -> None:
        self._catalog = catalog
        self._person = person
        self.everything = any(role.level == "INSTANCE" for role in person.roles)
        self._spaces = {role.scope for role in person.roles if role.level == "SPACE"}
        self._projects = {role.scope for role in person.roles if role.level == "PROJECT"}
        rows = catalog.projects.rows
        self._spaces_of_projects = {rows[key].space for key in self._projects if key in rows}
        self._sees: dict[Kind, Callable[[Any], bool]] = {
            Kind.SPACE: self._sees_space,
            Kind.PROJECT: self._sees_project,
            Kind.EXPERIMENT: self._sees_experiment,
            Kind.SAMPLE: self._sees_sample,
            Kind.DATA_SET: self._sees_data_set,
        }

    @property
    def administers(self) -> bool:
        """Whether the person is an instance administrator."""
        return any(role.level == "INSTANCE" and role.role == "ADMIN" for role in self._person.roles)

    def require_any_role(self) -> None:
        """Refuse a person without any role, in openBIS' words."""
        if not self._person.roles:
            reason = f"No role assignments could be found for user '{self._person.user_id}'."
            raise UserFailure.in_operation(f'Authorization failure: ERROR: "{reason}".')

    def sees(self, kind: Kind, row: Any) -> bool:
        """Whether one row is visible."""
        return self.everything or kind not in self._sees or self._sees[kind](row)

    def visible(self, kind: Kind, keys: Iterable[str]) -> set[str]:
        """Those of the keys whose rows are visible."""
        if self.everything or kind not in self._sees:
            return set(keys)
        rows, sees = self._catalog.table(kind).rows, self._sees[kind]
        return {key for key in keys if sees(rows[key])}

    def _sees_space(self, row: Any) -> bool:
        return row.code in self._spaces or row.code in self._spaces_of_projects

    def _sees_project(self, row: Any) -> bool:
        return row.space in self._spaces or row.perm_id in self._projects

    def _sees_experiment(self, row: Any) -> bool:
        return self._sees_project(self._catalog.projects.rows[row.project])

    def _sees_sample(self, row: Any) -> bool:
        if row.space in self._spaces or not row.space:  # shared samples are everybody's
            return True
        return bool(self._projects) and self._catalog.project_of_sample(row) in self._projects

    def _sees_data_set(self, row: Any) -> bool:
        experiment = self._catalog.experiment_of_data_set(row)
        if experiment is not None:
            return self._sees_experiment(self._catalog.experiments.rows[experiment])
        sample = self._catalog.samples.rows.get(row.sample or "")
        return sample is not None and self._sees_sample(sample)
