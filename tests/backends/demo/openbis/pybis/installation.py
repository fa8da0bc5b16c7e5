"""One embedded openBIS on a port, pybis connected to it, and its rows as pybis should show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import pytest
from pybis import Openbis
from starlette.applications import Starlette

from backends.demo.accounts import DEMO_PASSWORD, OPENBIS_ADMIN_PASSWORD
from backends.demo.world import Experiment, OpenbisContent, Project, Sample

Start: TypeAlias = Callable[..., AbstractContextManager["Installation"]]

VARIANTS: dict[str, dict[str, Any]] = {
    "server": {"references": "server"},
    "none": {"references": "none"},
    "adversarial": {"references": "adversarial"},
    "project-samples": {"references": "server", "project_samples": True},
}

# Filters do not care how objects are written, so two of the variants are enough for them.
FILTERED = pytest.mark.parametrize("reading", ["server", "project-samples"], indirect=True)


@dataclass(frozen=True, slots=True)
class Installation:
    """A running server with what it was started with."""

    url: str
    app: Starlette
    content: OpenbisContent
    references: str = "server"

    @property
    def project_samples(self) -> bool:
        return bool(self.app.state.api.catalog.project_samples)

    def calls(self, act: Callable[[], Any]) -> list[str]:
        """The methods that an action calls, in order."""
        before = len(self.app.state.log)
        act()
        return list(self.app.state.log[before:])


def password(user: str) -> str:
    return OPENBIS_ADMIN_PASSWORD if user == "admin" else DEMO_PASSWORD


def disconnected(installation: Installation, **options: Any) -> Openbis:
    return Openbis(
        installation.url,
        allow_http_but_do_not_use_this_in_production_and_only_within_safe_networks=True,
        **options,
    )


def connect(installation: Installation, user: str, **options: Any) -> Openbis:
    client = disconnected(installation, **options)
    client.login(user, password(user))
    return client


def saved(entity: Any) -> Any:
    """Save a new entity; some of pybis' `save` return it, those of samples do not."""
    entity.save()
    return entity


def shown(milliseconds: int) -> str:
    """A time as pybis prints it: local, to the second."""
    moment = datetime.fromtimestamp(round(milliseconds / 1000))  # noqa: DTZ006 - local on purpose
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def records(things: Any) -> dict[str, dict[str, Any]]:
    """The rows of a pybis result by their identifying column."""
    name = things.identifier_name
    rows = things.df.to_dict("records")
    found = {row[name]: row for row in rows}
    assert len(found) == len(rows)
    return found


class Rows:
    """The content's rows by the names that people use."""

    def __init__(self, content: OpenbisContent) -> None:
        self.content = content
        self._projects = {row.perm_id: row for row in content.projects}
        self._experiments = {row.perm_id: row for row in content.experiments}
        self.samples = {row.perm_id: row for row in content.samples}

    def project(self, code: str) -> Project:
        return _only(row for row in self.content.projects if row.code == code)

    def experiment(self, identifier: str) -> Experiment:
        return _only(
            row for row in self.content.experiments if self.of_experiment(row) == identifier
        )

    def sample(self, code: str) -> Sample:
        return _only(row for row in self.content.samples if row.code == code)

    def of_project(self, row: Project) -> str:
        return f"/{row.space}/{row.code}"

    def of_experiment(self, row: Experiment) -> str:
        return f"{self.of_project(self._projects[row.project])}/{row.code}"

    def experiment_of(self, row: Any) -> str:
        """The identifier of the experiment that a sample or a data set belongs to."""
        return self.of_experiment(self._experiments[row.experiment])

    def of_sample(self, row: Sample) -> str:
        return f"/{row.space}/{row.code}"

    def parents(self, row: Sample) -> set[str]:
        return {self.of_sample(self.samples[key]) for key in row.parents}

    def children(self, row: Sample) -> set[str]:
        return {
            self.of_sample(child) for child in self.content.samples if row.perm_id in child.parents
        }


def _only(rows: Iterable[Any]) -> Any:
    (row,) = rows
    return row
