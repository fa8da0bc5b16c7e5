"""What one person may see and change in the embedded openBIS.

Rights come from role assignments of the person and of the person's groups: on the instance, on
spaces, on projects. Who has any role sees all types, vocabularies, persons and systems; who has
none is refused every call. Search and get leave out what is not visible, silently. Tags are their
owner's alone. A role includes the weaker ones; an instance administrator counts as ETL server too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from backends.demo.openbis import rows
from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.kinds import Kind

OBSERVER, USER, POWER_USER, ADMIN = 1, 2, 3, 4

_RANKS = {"OBSERVER": OBSERVER, "USER": USER, "POWER_USER": POWER_USER, "ADMIN": ADMIN}
_ETL_SERVER = "ETL_SERVER"


class Rights:
    """The rights of one person, as the roles stand now."""

    def __init__(self, catalog: Catalog, person: rows.Person) -> None:
        self._catalog = catalog
        self.person = person
        self.roles = _roles(catalog, person.user_id)
        instance = {role.role for role in self.roles if role.level == "INSTANCE"}
        self.everything = bool(instance - {"DISABLED"})
        self.administers = "ADMIN" in instance
        self._registers = bool(instance & {"ADMIN", _ETL_SERVER})  # on the whole instance
        self._spaces = _ranks(self.roles, "SPACE")
        self._projects = _ranks(self.roles, "PROJECT")
        self._etl_spaces = {
            role.scope for role in self.roles if role.level == "SPACE" and role.role == _ETL_SERVER
        }
        projects = catalog.projects.rows
        self._spaces_of_projects = {
            projects[key].space for key in self._projects if key in projects
        }
        self._sees: dict[Kind, Callable[[Any], bool]] = {
            Kind.SPACE: self._sees_space,
            Kind.PROJECT: self._sees_project,
            Kind.EXPERIMENT: self._sees_experiment,
            Kind.SAMPLE: self._sees_sample,
            Kind.DATA_SET: self._sees_data_set,
            Kind.DELETION: self._sees_deletion,
        }
        if not self.everything:
            self._sees[Kind.PERSONAL_ACCESS_TOKEN] = self._owns
        self._sees_all = {Kind.TAG: self._owns}  # not even an administrator sees others' tags

    def require_any_role(self) -> None:
        """Refuse a person without any role, in openBIS' words."""
        if not self.roles:
            reason = f"No role assignments could be found for user '{self.person.user_id}'."
            raise UserFailure.in_operation(f'Authorization failure: ERROR: "{reason}".')

    def sees(self, kind: Kind, row: Any) -> bool:
        """Whether one row is visible."""
        test = self._test(kind)
        return test is None or test(row)

    def visible(self, kind: Kind, keys: Iterable[str]) -> set[str]:
        """Those of the keys whose rows are visible."""
        test = self._test(kind)
        if test is None:
            return set(keys)
        table = self._catalog.table(kind).rows
        return {key for key in keys if test(table[key])}

    def may(self, kind: Kind, row: Any, rank: int, project_rank: int | None = None) -> bool:
        """Whether the person has a role of this rank, or ETL server, where the row belongs.

        Args:
            kind: a space, project, experiment, sample or data set.
            row: the row; what is shared or belongs nowhere needs the instance's role.
            rank: the least role on the instance or the space.
            project_rank: the least role on the project, if it differs; 0 when none will do.
        """
        space, project = self._place(kind, row)
        if self._registers:
            return True
        if space is not None and (self._spaces.get(space, 0) >= rank or space in self._etl_spaces):
            return True
        wanted = rank if project_rank is None else project_rank
        return bool(wanted) and self._projects.get(project or "", 0) >= wanted

    def has_somewhere(self, rank: int, *, in_projects: bool = True) -> bool:
        """Whether the person has a role of this rank anywhere, or is an ETL server anywhere."""
        ranks = [*self._spaces.values(), *(self._projects.values() if in_projects else ())]
        return self.registers_somewhere or any(each >= rank for each in ranks)

    @property
    def registers(self) -> bool:
        """Whether the person is administrator or ETL server of the instance."""
        return self._registers

    @property
    def registers_somewhere(self) -> bool:
        """Whether the person is at least ETL server of some space."""
        return self._registers or bool(self._etl_spaces)

    def _test(self, kind: Kind) -> Callable[[Any], bool] | None:
        always = self._sees_all.get(kind)
        return always if always or self.everything else self._sees.get(kind)

    def _place(self, kind: Kind, row: Any) -> tuple[str | None, str | None]:
        """The space and the project of a row."""
        catalog = self._catalog
        if kind is Kind.SPACE:
            return row.code, None
        if kind is Kind.SAMPLE:
            return row.space, catalog.project_of_sample(row)
        if kind is Kind.DATA_SET:
            experiment = catalog.experiments.rows.get(catalog.experiment_of_data_set(row) or "")
            if experiment is None:
                sample = catalog.samples.rows.get(row.sample or "")
                return (None, None) if sample is None else self._place(Kind.SAMPLE, sample)
            return self._place(Kind.EXPERIMENT, experiment)
        project = row if kind is Kind.PROJECT else catalog.projects.rows.get(row.project)
        return (None, None) if project is None else (project.space, project.perm_id)

    def _owns(self, row: Any) -> bool:
        return bool(row.owner == self.person.user_id)

    def _sees_space(self, row: Any) -> bool:
        return row.code in self._spaces or row.code in self._spaces_of_projects

    def _sees_project(self, row: Any) -> bool:
        return row.space in self._spaces or row.perm_id in self._projects

    def _sees_experiment(self, row: Any) -> bool:
        return self._sees_project(self._catalog.projects.rows[row.project])

    def _sees_sample(self, row: Any) -> bool:
        if not row.space or row.space in self._spaces:  # shared samples are everybody's
            return True
        return bool(self._projects) and self._catalog.project_of_sample(row) in self._projects

    def _sees_data_set(self, row: Any) -> bool:
        experiment = self._catalog.experiment_of_data_set(row)
        if experiment is not None and experiment in self._catalog.experiments.rows:
            return self._sees_experiment(self._catalog.experiments.rows[experiment])
        sample = self._catalog.samples.rows.get(row.sample or "")
        return sample is not None and self._sees_sample(sample)

    def _sees_deletion(self, row: rows.Deletion) -> bool:
        return (
            row.person == self.person.user_id
            or any(map(self._sees_experiment, row.experiments))
            or any(map(self._sees_sample, row.samples))
            or any(map(self._sees_data_set, row.data_sets))
        )


def _roles(catalog: Catalog, user_id: str) -> list[rows.RoleAssignment]:
    assignments = catalog.role_assignments
    keys = dict.fromkeys(assignments.by("user", user_id))
    for group in catalog.groups.by("user", user_id):
        keys.update(dict.fromkeys(assignments.by("group", group)))
    return [assignments.rows[key] for key in keys]


def _ranks(roles: list[rows.RoleAssignment], level: str) -> dict[str, int]:
    """The best rank on each space or project; an ETL server sees like an observer."""
    ranks: dict[str, int] = {}
    for role in roles:
        if role.level == level and role.scope is not None and role.role != "DISABLED":
            rank = _RANKS.get(role.role, OBSERVER)
            ranks[role.scope] = max(rank, ranks.get(role.scope, 0))
    return ranks
