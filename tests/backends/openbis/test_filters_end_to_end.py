"""Any filter finds through openBIS what a plain reading of the data finds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.demo.world import OpenbisContent
from backends.filters import (
    DateMatch,
    ExperimentFilter,
    NumberMatch,
    OmicsFilter,
    PageRequest,
    ProjectFilter,
    PropertyMatch,
    SampleFilter,
    Sort,
    StringMatch,
)
from backends.openbis.client import Count, Search
from backends.records import Kind

RELAXED = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MOMENT = datetime(2021, 4, 15, 7, 30, 21, tzinfo=UTC)


@dataclass
class Reading:
    """The data read without any openBIS: filters mean what `backends/filters.py` says."""

    content: OpenbisContent
    projects: dict[str, Any] = field(init=False)
    experiments: dict[str, Any] = field(init=False)
    samples: dict[str, Any] = field(init=False)
    children: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.projects = {each.perm_id: each for each in self.content.projects}
        self.experiments = {each.perm_id: each for each in self.content.experiments}
        self.samples = {each.perm_id: each for each in self.content.samples}
        for sample in self.content.samples:
            for parent in sample.parents:
                self.children.setdefault(parent, []).append(sample)

    def sample(self, row: Any, f: SampleFilter) -> bool:
        experiment = self.experiments.get(row.experiment)
        project = self.projects.get(experiment.project) if experiment else None
        return (
            code(row.code, f.code)
            and text(row.perm_id, f.perm_id)
            and code(row.type, f.type)
            and all(self.property(row, each) for each in f.properties)
            and date(row.modified, f.modified)
            and (f.project is None or (project is not None and self.project(project, f.project)))
            and (
                f.experiment is None
                or (experiment is not None and self.experiment(experiment, f.experiment))
            )
            and self.relative(f.parent, [self.samples[each] for each in row.parents])
            and self.relative(f.child, self.children.get(row.perm_id, []))
            and groups(f, lambda each: self.sample(row, each))
        )

    def relative(self, f: SampleFilter | None, rows: list[Any]) -> bool:
        return f is None or any(self.sample(row, f) for row in rows)

    def experiment(self, row: Any, f: ExperimentFilter) -> bool:
        return (
            code(row.code, f.code)
            and code(row.type, f.type)
            and (f.project is None or self.project(self.projects[row.project], f.project))
            and groups(f, lambda each: self.experiment(row, each))
        )

    def project(self, row: Any, f: ProjectFilter) -> bool:
        return (
            code(row.code, f.code)
            and code(row.space, f.space)
            and groups(f, lambda each: self.project(row, each))
        )

    def omics(self, row: Any, f: OmicsFilter) -> bool:
        sample = self.samples.get(row.sample)
        return (
            code(row.type, f.type)
            and (f.kind is None or row.kind == f.kind)
            and (f.sample is None or (sample is not None and self.sample(sample, f.sample)))
            and groups(f, lambda each: self.omics(row, each))
        )

    def property(self, row: Any, match: PropertyMatch) -> bool:
        value = row.properties.get(match.code.upper())
        if match.number is not None and (value is None or not number(float(value), match.number)):
            return False
        if match.boolean is not None and (value is None or (value == "true") is not match.boolean):
            return False
        return text(value, match.string)


def groups(f: Any, holds: Callable[[Any], bool]) -> bool:
    return (
        all(holds(each) for each in f.all_of)
        and (not f.any_of or any(holds(each) for each in f.any_of))
        and not any(holds(each) for each in f.none_of)
    )


def code(value: str, match: StringMatch | None) -> bool:
    if match is None:
        return True
    upper = StringMatch(
        eq=match.eq and match.eq.upper(),
        ne=match.ne and match.ne.upper(),
        one_of=None if match.one_of is None else tuple(each.upper() for each in match.one_of),
        contains=match.contains,
        starts_with=match.starts_with,
        exists=match.exists,
    )
    return text(value, upper)


def text(value: str | None, match: StringMatch | None) -> bool:
    if match is None:
        return True
    if value is None:
        return match == StringMatch() or match == StringMatch(exists=False)
    return (
        (match.eq is None or value == match.eq)
        and (match.ne is None or value != match.ne)
        and (match.one_of is None or value in match.one_of)
        and (match.contains is None or match.contains.lower() in value.lower())
        and (match.starts_with is None or value.lower().startswith(match.starts_with.lower()))
        and match.exists is not False
    )


def number(value: float, match: NumberMatch) -> bool:
    low, high = match.between or (value, value)
    return (
        (match.ge is None or value >= match.ge)
        and (match.lt is None or value < match.lt)
        and low <= value <= high
    )


def date(value: int, match: DateMatch | None) -> bool:
    moment = datetime.fromtimestamp(value / 1000, tz=UTC)
    return match is None or (
        (match.since is None or moment >= match.since)
        and (match.before is None or moment < match.before)
    )


def strings(*values: str) -> st.SearchStrategy[StringMatch]:
    value = st.sampled_from(values)
    some = st.lists(value, max_size=2).map(tuple)
    return st.one_of(
        value.map(lambda each: StringMatch(eq=each)),
        value.map(lambda each: StringMatch(ne=each)),
        some.map(lambda each: StringMatch(one_of=each)),
        value.map(lambda each: StringMatch(contains=each[1:4].lower())),
        value.map(lambda each: StringMatch(starts_with=each[:3])),
        st.booleans().map(lambda each: StringMatch(exists=each)),
        st.tuples(value, value).map(lambda two: StringMatch(ne=two[0], starts_with=two[1][:2])),
    )


PROPERTIES = st.one_of(
    strings("LIVER", "ABDOMEN").map(lambda each: PropertyMatch("Q_PRIMARY_TISSUE", each)),
    strings("FEMALE", "MALE").map(lambda each: PropertyMatch("q_gender", each)),
    st.booleans().map(lambda each: PropertyMatch("Q_IS_METASTASIS", boolean=each)),
    st.sampled_from([NumberMatch(ge=60, lt=70.5), NumberMatch(between=(50, 61))]).map(
        lambda each: PropertyMatch("Q_AGE_AT_DIAGNOSIS", number=each)
    ),
)
DATES = st.sampled_from([DateMatch(since=MOMENT), DateMatch(before=MOMENT)])


def nested(base: Any, inner: Any, *, negative: bool = True) -> Any:
    """A filter with its nested filters; `negative` as far as openBIS can be asked that."""
    group = st.lists(inner.filter(lambda each: each != type(each)()), min_size=1, max_size=2)
    some = seldom(group.map(tuple), ())
    return st.builds(
        lambda one, every, either, none: type(one)(
            **{name: getattr(one, name) for name in one.__slots__}
            | {"all_of": every, "any_of": either, "none_of": none}
        ),
        base,
        some,
        some,
        some if negative else st.just(()),
    )


def optional(strategy: Any) -> Any:
    return seldom(strategy, None)


def seldom(strategy: Any, otherwise: Any) -> Any:
    """Few conditions at a time, so that most filters find something."""
    return st.integers(0, 3).flatmap(lambda n: strategy if n == 3 else st.just(otherwise))


PROJECTS = st.builds(
    ProjectFilter,
    code=optional(strings("QCLIN", "qhcc0", "QRUP2")),
    space=optional(strings("CLINICAL", "HEPATOLOGY")),
)
PROJECT_FILTERS = nested(PROJECTS, PROJECTS)
EXPERIMENTS = st.builds(
    ExperimentFilter,
    type=optional(strings("Q_SAMPLE_EXTRACTION", "Q_NGS_MEASUREMENT")),
    project=optional(PROJECT_FILTERS),
)
PLAIN_SAMPLES = st.builds(
    SampleFilter,
    code=optional(strings("QCLIN002AE", "qhcc0entity-1", "QRUP2001A5")),
    type=optional(strings("Q_BIOLOGICAL_SAMPLE", "Q_TEST_SAMPLE", "q_biological_entity")),
    properties=seldom(st.lists(PROPERTIES, min_size=1, max_size=2).map(tuple), ()),
    project=optional(PROJECT_FILTERS),
    modified=optional(DATES),
)
SAMPLE_GROUPS = nested(PLAIN_SAMPLES, nested(PLAIN_SAMPLES, PLAIN_SAMPLES))
SAMPLES_WITH_FAMILY = st.builds(
    SampleFilter,
    type=optional(strings("Q_BIOLOGICAL_SAMPLE", "Q_TEST_SAMPLE")),
    experiment=optional(nested(EXPERIMENTS, EXPERIMENTS)),
    parent=optional(SAMPLE_GROUPS),
    child=optional(SAMPLE_GROUPS),
)
SAMPLE_FILTERS = st.one_of(
    SAMPLE_GROUPS,
    nested(SAMPLES_WITH_FAMILY, SAMPLES_WITH_FAMILY, negative=False),
)
OMICS = st.builds(
    OmicsFilter,
    type=optional(strings("Q_NGS_RAW_DATA", "Q_BMI_IMAGING_DATA")),
    kind=optional(st.sampled_from(["PHYSICAL", "LINK", "CONTAINER"])),
    sample=optional(SAMPLE_FILTERS),
)


@pytest.fixture(scope="module")
def reading(content: OpenbisContent) -> Reading:
    return Reading(content)


async def found(openbis: Any, kind: Kind, f: Any) -> list[str]:
    token = await openbis.login()
    page = PageRequest(2000, Sort("perm_id"))
    answer, count = await openbis.ask(token, Search(kind, f, page), Count(kind, f))
    assert count == len(answer.items)
    return [each.perm_id for each in answer.items]


@given(f=SAMPLE_FILTERS)
@RELAXED
async def test_samples(openbis: Any, reading: Reading, f: SampleFilter) -> None:
    expected = [row.perm_id for row in reading.content.samples if reading.sample(row, f)]
    assert await found(openbis, Kind.SAMPLE, f) == sorted(expected)


@given(f=nested(PROJECT_FILTERS, PROJECT_FILTERS))
@RELAXED
async def test_projects(openbis: Any, reading: Reading, f: ProjectFilter) -> None:
    expected = [row.perm_id for row in reading.content.projects if reading.project(row, f)]
    assert await found(openbis, Kind.PROJECT, f) == sorted(expected)


@given(f=nested(EXPERIMENTS, EXPERIMENTS))
@RELAXED
async def test_experiments(openbis: Any, reading: Reading, f: ExperimentFilter) -> None:
    rows = reading.content.experiments
    expected = [row.perm_id for row in rows if reading.experiment(row, f)]
    assert await found(openbis, Kind.EXPERIMENT, f) == sorted(expected)


@given(f=nested(OMICS, OMICS))
@RELAXED
async def test_data_sets(openbis: Any, reading: Reading, f: OmicsFilter) -> None:
    expected = [row.code for row in reading.content.data_sets if reading.omics(row, f)]
    assert await found(openbis, Kind.OMICS_DATASET, f) == sorted(expected)
