"""Cohorts worked out in plain Python over the rows of a small installation: the witness.

No adapter, no wire, no set algebra on ids from elsewhere: each candidate is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from backends.demo.world import DataSet, Sample
from backends.filters import (
    DateMatch,
    ImageFilter,
    KeyValueMatch,
    NumberMatch,
    OmicsFilter,
    ProjectFilter,
    PropertyMatch,
    QuantityMatch,
    SampleFilter,
    StringMatch,
)
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate, Unit
from tests.resolvers.cohorts.worlds import ENTITY, Land, Picture

METRES = {"MICROMETER": 1e-6, "NANOMETER": 1e-9, "MILLIMETER": 1e-3}


@dataclass
class Witness:
    """What one viewer of an installation sees, and what cohorts it makes."""

    land: Land
    viewer: str

    # --- Rights

    @cached_property
    def samples(self) -> dict[str, Sample]:
        return {s.perm_id: s for s in self.land.world.openbis.samples if self._sees(s)}

    @property
    def _all(self) -> bool:
        return self.viewer == "steward"

    def project_of(self, sample: Sample) -> str | None:
        for experiment in self.land.world.openbis.experiments:
            if experiment.perm_id == sample.experiment:
                return experiment.project
        return None

    def _sees(self, sample: Sample) -> bool:
        if self._all or sample.space in self.land.spaces_of[self.viewer]:
            return True
        return self.project_of(sample) in self.land.projects_of[self.viewer]

    @cached_property
    def data_sets(self) -> list[DataSet]:
        found = []
        for data_set in self.land.world.openbis.data_sets:
            if data_set.sample not in self.samples:
                continue  # whose sample is hidden belongs to nothing that is seen
            sample = self.samples[data_set.sample]
            experiment = data_set.experiment or sample.experiment
            project = self.project_of(replace(sample, experiment=experiment))
            space = next(
                (p.space for p in self.land.world.openbis.projects if p.perm_id == project), None
            )
            if (
                self._all
                or (experiment is None and self._sees(sample))
                or space in self.land.spaces_of[self.viewer]
                or project in self.land.projects_of[self.viewer]
            ):
                found.append(data_set)
        return found

    def _reads(self, thing: Any) -> bool:
        if self._all:
            return True
        if thing.group not in self.land.groups_of[self.viewer]:
            return False
        return thing.group != self.land.private or thing.owner == self.viewer

    @cached_property
    def pictures(self) -> dict[str, list[Picture]]:
        """The images of each sample, across active links."""
        found: dict[str, list[Picture]] = {}
        for link in self.land.world.sample_links:
            if link.perm_id in self.land.broken or not self._reads(
                self.land.shelves[link.omero_id]
            ):
                continue
            found[link.perm_id] = [
                each
                for each in self.land.pictures
                if link.omero_id in each.datasets and self._reads(each)
            ]
        return found

    # --- Lineage

    def parents(self, perm_id: str) -> list[str]:
        return [each for each in self.samples[perm_id].parents if each in self.samples]

    @cached_property
    def below(self) -> dict[str, set[str]]:
        """Each sample with itself and all its descendants."""
        found: dict[str, set[str]] = {perm_id: set() for perm_id in self.samples}
        for perm_id in self.samples:
            waiting, seen = [perm_id], set()
            while waiting:
                one = waiting.pop()
                if one not in seen:
                    seen.add(one)
                    found[one].add(perm_id)
                    waiting += self.parents(one)
        return found

    def units(self, unit: Unit) -> list[str]:
        if unit is Unit.SAMPLE:
            return list(self.samples)
        found = []
        for perm_id, sample in self.samples.items():
            project = self.project_of(sample)
            siblings = [s for s in self.samples.values() if self.project_of(s) == project]
            bare = project is not None and all(s.type != ENTITY for s in siblings)
            if sample.type == ENTITY or (bare and not self.parents(perm_id)):
                found.append(perm_id)
        return found

    # --- Predicates

    def cohort(self, unit: Unit, where: CohortPredicate) -> list[str]:
        return sorted(each for each in self.units(unit) if self.belongs(each, where))

    def belongs(self, perm_id: str, where: CohortPredicate) -> bool:
        sample = self.samples[perm_id]
        return (
            (where.project is None or self.project(sample, where.project))
            and (where.itself is None or self.sample(sample, where.itself))
            and (where.has is None or self.has(perm_id, where.has))
            and groups(where, lambda each: self.belongs(perm_id, each))
        )

    def has(self, perm_id: str, has: SpecimenPredicate) -> bool:
        specimens = [
            each
            for each in self.below[perm_id]
            if has.sample is None or self.sample(self.samples[each], has.sample)
        ]
        if has.omics is not None:
            least = 1 if has.image is not None else has.at_least
            specimens = [
                each
                for each in specimens
                if sum(
                    data_set.sample in self.below[each] and self.omics(data_set, has.omics)
                    for data_set in self.data_sets
                )
                >= least
            ]
        if has.image is not None:
            specimens = [
                each
                for each in specimens
                if sum(image(one, has.image) for one in self.pictures.get(each, ())) >= has.at_least
            ]
        bare = has.omics is None and has.image is None
        return len(specimens) >= (has.at_least if bare else 1)

    def project(self, sample: Sample, where: ProjectFilter) -> bool:
        perm_id = self.project_of(sample)
        if perm_id is None:
            return False
        code = next(p.code for p in self.land.world.openbis.projects if p.perm_id == perm_id)
        return text(where.code, [code]) and groups(where, lambda each: self.project(sample, each))

    def sample(self, sample: Sample, where: SampleFilter) -> bool:
        children = [s for s in self.samples.values() if sample.perm_id in s.parents]
        return (
            text(where.code, [sample.code])
            and text(where.type, [sample.type])
            and all(has_property(sample.properties, each) for each in where.properties)
            and (where.project is None or self.project(sample, where.project))
            and date(where.registered, sample.registered)
            and (
                where.parent is None
                or any(
                    self.sample(self.samples[each], where.parent)
                    for each in self.parents(sample.perm_id)
                )
            )
            and (where.child is None or any(self.sample(each, where.child) for each in children))
            and groups(where, lambda each: self.sample(sample, each))
        )

    def omics(self, data_set: DataSet, where: OmicsFilter) -> bool:
        return (
            text(where.type, [data_set.type])
            and all(has_property(data_set.properties, each) for each in where.properties)
            and groups(where, lambda each: self.omics(data_set, each))
        )


def image(one: Picture, where: ImageFilter) -> bool:
    size = None if one.pixel is None else one.pixel[0] * METRES[one.pixel[1]]
    return (
        text(where.name, [one.name])
        and all(pair(one, each) for each in where.key_values)
        and text(where.tag, one.tags)
        and text(where.channel, one.channels)
        and number(where.magnification, one.magnification)
        and (where.pixel_size is None or number(in_metres(where.pixel_size), size))
        and moment(where.acquired, one.acquired)
        and groups(where, lambda each: image(one, each))
    )


def groups(where: Any, holds: Callable[[Any], bool]) -> bool:
    return (
        all(holds(each) for each in where.all_of)
        and (not where.any_of or any(holds(each) for each in where.any_of))
        and not any(holds(each) for each in where.none_of)
    )


def pair(one: Picture, match: KeyValueMatch) -> bool:
    values = [value for key, value in one.pairs if key == match.key]
    if match.value is None or match.value == StringMatch():
        return bool(values)
    return text(match.value, values)


def text(match: StringMatch | None, values: Iterable[str]) -> bool:
    """Whether a match holds of a thing with these values; comparisons need one."""
    if match is None or match == StringMatch():
        return True
    values = list(values)
    if match.exists is not None and match.exists is not bool(values):
        return False
    if match.ne is not None and (not values or match.ne in values):
        return False
    positive = (match.eq, match.one_of, match.contains, match.starts_with)
    if positive == (None,) * 4:
        return True
    return any(
        (match.eq is None or value == match.eq)
        and (match.one_of is None or value in match.one_of)
        and (match.contains is None or match.contains.lower() in value.lower())
        and (match.starts_with is None or value.lower().startswith(match.starts_with.lower()))
        for value in values
    )


def has_property(properties: dict[str, str], match: PropertyMatch) -> bool:
    value = properties.get(match.code)
    if match.boolean is not None and value != str(match.boolean).lower():
        return False
    if match.number is not None and not number(
        match.number, None if value is None else float(value)
    ):
        return False
    return text(match.string, [] if value is None else [value])


def number(match: NumberMatch | None, value: float | None) -> bool:
    if match is None or match == NumberMatch():
        return True
    if value is None:
        return False
    low, high = match.between or (value, value)
    close = 1e-9 * abs(value)
    return (
        (match.eq is None or abs(value - match.eq) <= close)
        and (match.lt is None or value < match.lt)
        and (match.le is None or value <= match.le + close)
        and (match.gt is None or value > match.gt)
        and (match.ge is None or value >= match.ge - close)
        and low - close <= value <= high + close
    )


def in_metres(match: QuantityMatch) -> NumberMatch:
    def metres(quantity: Any) -> float:
        return float(quantity.value * METRES[quantity.unit])

    between = None if match.between is None else tuple(map(metres, match.between))
    return NumberMatch(
        le=None if match.le is None else metres(match.le),
        ge=None if match.ge is None else metres(match.ge),
        between=between,  # type: ignore[arg-type]
    )


def date(match: DateMatch | None, milliseconds: int) -> bool:
    return moment(match, datetime.fromtimestamp(milliseconds / 1000, UTC))


def moment(match: DateMatch | None, at: datetime | None) -> bool:
    if match is None or match == DateMatch():
        return True
    if at is None:
        return False
    return (match.since is None or at >= match.since) and (
        match.before is None or at < match.before
    )
