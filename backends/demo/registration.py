"""Registering one project and all below it in the embedded openBIS, as a person would over days.

A `Registration` hands out permIds, codes and times, so that each study states only what is there.
It writes into `OpenbisContent` directly: no rights, no checks, no wire. The built-in studies and
the sheet loader use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from backends.demo.world import DataSet, Experiment, OpenbisContent, Project, Sample
from backends.openbis.barcodes import Barcodes

BATCH_PACE = timedelta(milliseconds=40)  # between two entities of one batch

Properties = Mapping[str, str | None]


def epoch_milliseconds(moment: datetime) -> int:
    """Return a timezone-aware time as openBIS and OMERO store it."""
    return int(moment.timestamp() * 1000)


def perm_id(content: OpenbisContent, moment: datetime) -> str:
    """Return the permId of the next entity: its time and a number unique in the installation."""
    number = (
        len(content.projects)
        + len(content.experiments)
        + len(content.samples)
        + len(content.data_sets)
        + 1
    )
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}-{number}"


def _present(properties: Properties | None) -> dict[str, str]:
    return {code: value for code, value in (properties or {}).items() if value is not None}


class Registration:
    """One person's registration of one project; the project exists once this is made."""

    def __init__(
        self,
        content: OpenbisContent,
        *,
        space: str,
        code: str,
        description: str,
        registrator: str,
        started: datetime,
    ) -> None:
        self._content = content
        self._registrator = registrator
        self._experiments = 0
        self.now = started.astimezone(UTC)
        self.barcodes = Barcodes(code)
        moment = epoch_milliseconds(self.now)
        self.project = Project(
            perm_id=perm_id(content, self.now),
            code=code,
            space=space,
            description=description,
            registered=moment,
            modified=moment,
            registrator=registrator,
            leader=registrator,
        )
        content.projects.append(self.project)

    def pause(self, *, days: float = 0, hours: float = 0) -> None:
        """Let time pass before the next registration."""
        self.now += timedelta(days=days, hours=hours)

    def _tick(self) -> int:
        self.now += BATCH_PACE
        return epoch_milliseconds(self.now)

    def experiment(
        self, kind: str, properties: Properties | None = None, *, code: str | None = None
    ) -> Experiment:
        """Register an experiment, by default with the project's next code `<PROJECT>E<n>`."""
        if code is None:
            self._experiments += 1
            code = f"{self.project.code}E{self._experiments}"
        moment = self._tick()
        made = Experiment(
            perm_id=perm_id(self._content, self.now),
            code=code,
            type=kind,
            project=self.project.perm_id,
            properties=_present(properties),
            registered=moment,
            modified=moment,
            registrator=self._registrator,
        )
        self._content.experiments.append(made)
        return made

    def sample(
        self,
        kind: str,
        experiment: Experiment,
        properties: Properties | None = None,
        *,
        parents: Sequence[Sample] = (),
        code: str | None = None,
    ) -> Sample:
        """Register a sample, by default under the project's next barcode."""
        moment = self._tick()
        made = Sample(
            perm_id=perm_id(self._content, self.now),
            code=code or self.barcodes.take(),
            type=kind,
            space=self.project.space,
            experiment=experiment.perm_id,
            properties=_present(properties),
            parents=[parent.perm_id for parent in parents],
            registered=moment,
            modified=moment,
            registrator=self._registrator,
        )
        self._content.samples.append(made)
        return made

    def stored_data(
        self,
        kind: str,
        sample: Sample,
        properties: Properties,
        *,
        size: int | None,
        file_format: str | None,
    ) -> DataSet:
        """Register a data set whose files lie in openBIS' own store."""
        made = self._data_set("PHYSICAL", kind, sample, properties)
        made.size = size
        made.file_format = file_format
        digits = made.code.replace("-", "")[-6:]
        made.location = f"default/{digits[:2]}/{digits[2:4]}/{digits[4:]}/{made.code}"
        return made

    def linked_data(
        self, kind: str, sample: Sample, properties: Properties, *, dms: str, external_code: str
    ) -> DataSet:
        """Register a data set whose content lies in an external data management system."""
        made = self._data_set("LINK", kind, sample, properties)
        made.external_dms = dms
        made.external_code = external_code
        return made

    def _data_set(self, storage: str, kind: str, sample: Sample, properties: Properties) -> DataSet:
        moment = self._tick()
        made = DataSet(
            code=perm_id(self._content, self.now),
            type=kind,
            kind=storage,
            experiment=sample.experiment,
            sample=sample.perm_id,
            properties=_present(properties),
            registered=moment,
            modified=moment,
            registrator=self._registrator,
        )
        self._content.data_sets.append(made)
        return made
