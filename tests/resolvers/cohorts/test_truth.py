"""Truth by brute force: the planner's answer is what plain Python finds, for each viewer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from backends.omero import images
from backends.records import Quantity
from resolvers.cohorts import finding, planner
from resolvers.cohorts.evaluation import evaluate
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate, Unit
from resolvers.context import RequestContext
from resolvers.loaders import Loaders
from tests.resolvers.cohorts.asking import request_of
from tests.resolvers.cohorts.naive import Witness
from tests.resolvers.cohorts.worlds import (
    BIOLOGICAL,
    ENTITY,
    EXTRACT,
    STARTED,
    VIEWERS,
    Land,
    make_land,
    open_land,
)

WORLDS = 24
# Each example asks this many questions as every viewer: 2,016 questions in all.
EXAMPLES, QUESTIONS_EACH = int(os.environ.get("OMNIBIS_TEST_COHORTS", "252")), 8


def strings(*values: str) -> st.SearchStrategy[StringMatch]:
    one = st.sampled_from(values)
    return st.one_of(
        st.builds(StringMatch, eq=one),
        st.builds(StringMatch, eq=one),
        st.builds(StringMatch, ne=one),
        st.builds(StringMatch, one_of=st.lists(one, max_size=2).map(tuple)),
        st.builds(StringMatch, contains=one.map(lambda text: text[1:3].lower())),
        st.builds(StringMatch, exists=st.booleans()),
        st.builds(StringMatch, ne=one, exists=st.booleans()),
    )


def maybe(strategy: Any) -> Any:
    """Few conditions at a time, so that most filters find something."""
    return st.integers(0, 2).flatmap(lambda n: strategy if n == 2 else st.none())


def grouped(base: Any, kind: Any) -> Any:
    some = st.lists(base, min_size=1, max_size=2).map(tuple)
    return st.one_of(
        base,
        base,
        base,
        st.builds(kind, any_of=some),
        st.builds(kind, none_of=some),
        st.builds(kind, all_of=some),
    )


PROPERTIES = st.one_of(
    strings("LIVER", "ABDOMEN").map(lambda match: PropertyMatch("Q_PRIMARY_TISSUE", match)),
    strings("FEMALE", "MALE").map(lambda match: PropertyMatch("Q_GENDER", match)),
    strings("Ada", "Ben").map(lambda match: PropertyMatch("Q_SECONDARY_NAME", match)),
    st.booleans().map(lambda value: PropertyMatch("Q_IS_METASTASIS", boolean=value)),
    st.sampled_from([NumberMatch(ge=60), NumberMatch(lt=60), NumberMatch(between=(41, 60))]).map(
        lambda match: PropertyMatch("Q_AGE_AT_DIAGNOSIS", number=match)
    ),
)
DAYS = st.integers(0, 12).map(lambda day: STARTED + timedelta(days=day))
DATES = st.builds(DateMatch, since=maybe(DAYS), before=maybe(DAYS))
PROJECTS = grouped(st.builds(ProjectFilter, code=strings("P1", "P2", "P3")), ProjectFilter)
PLAIN = st.builds(
    SampleFilter,
    type=maybe(strings(ENTITY, BIOLOGICAL, EXTRACT)),
    code=maybe(strings("S01", "S05")),
    properties=st.lists(PROPERTIES, max_size=1).map(tuple),
    registered=maybe(DATES),
    project=maybe(PROJECTS),
)
SAMPLES = st.one_of(
    grouped(PLAIN, SampleFilter),
    grouped(PLAIN, SampleFilter),
    st.builds(SampleFilter, parent=PLAIN),
    st.builds(SampleFilter, child=PLAIN),
)
OMICS = grouped(
    st.builds(
        OmicsFilter,
        type=maybe(strings("Q_NGS_RAW_DATA", "RAW_DATA")),
        properties=st.lists(
            st.just(PropertyMatch("Q_READS_COUNT", number=NumberMatch(gt=10))), max_size=1
        ).map(tuple),
    ),
    OmicsFilter,
)
LENGTHS = st.sampled_from(
    [
        QuantityMatch(between=(Quantity(0.25, "MICROMETER"), Quantity(600.0, "NANOMETER"))),
        QuantityMatch(ge=Quantity(0.5, "MICROMETER")),
        QuantityMatch(le=Quantity(0.0005, "MILLIMETER")),
    ]
)
FIELDS: dict[str, Any] = {
    "key_values": st.builds(
        KeyValueMatch,
        key=st.sampled_from(["Modality", "Grade"]),
        value=maybe(strings("CT", "H&E", "1")),
    ).map(lambda match: (match,)),
    "tag": strings("usable", "H&E"),
    "channel": strings("DAPI", "GFP"),
    "magnification": st.sampled_from([NumberMatch(ge=40), NumberMatch(lt=40), NumberMatch(eq=20)]),
    "pixel_size": LENGTHS,
    "acquired": DATES,
}
IMAGES = grouped(
    st.lists(st.sampled_from(sorted(FIELDS)), max_size=2, unique=True).flatmap(
        lambda names: st.builds(ImageFilter, **{name: FIELDS[name] for name in names})
    ),
    ImageFilter,
)
SPECIMENS = st.builds(
    SpecimenPredicate,
    sample=maybe(SAMPLES),
    omics=maybe(OMICS),
    image=maybe(IMAGES),
    at_least=st.sampled_from([1, 1, 1, 2, 3]),
)
LEAVES = st.one_of(
    st.builds(CohortPredicate, has=SPECIMENS),
    st.builds(CohortPredicate, has=SPECIMENS),
    st.builds(CohortPredicate, itself=SAMPLES),
    st.builds(CohortPredicate, project=PROJECTS),
    st.builds(CohortPredicate, project=maybe(PROJECTS), itself=maybe(SAMPLES), has=SPECIMENS),
)


def branches(inner: Any) -> Any:
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(CohortPredicate, all_of=some),
        st.builds(CohortPredicate, any_of=some),
        st.builds(CohortPredicate, none_of=some),
        st.builds(CohortPredicate, has=maybe(SPECIMENS), any_of=some, none_of=some),
    )


PREDICATES = st.recursive(LEAVES, branches, max_leaves=5)
QUESTIONS = st.tuples(st.sampled_from(Unit), PREDICATES)


class Lands:
    """Small installations, each opened once, with a signed-in request of every viewer."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._open: dict[int, tuple[Land, dict[str, RequestContext]]] = {}

    def at(self, seed: int) -> tuple[Land, dict[str, RequestContext]]:
        if seed not in self._open:
            self._open[seed] = self.runner.run(self._enter(seed))
        return self._open[seed]

    async def _enter(self, seed: int) -> tuple[Land, dict[str, RequestContext]]:
        land = make_land(seed)
        services = await self._stack.enter_async_context(open_land(land))
        left_out = VIEWERS[1 + seed % 3]  # three viewers each: who may see everything, and two
        viewers = [viewer for viewer in VIEWERS if viewer != left_out]
        return land, {viewer: await request_of(services, viewer) for viewer in viewers}

    def close(self) -> None:
        self.runner.run(self._stack.aclose())
        self.runner.close()


@pytest.fixture(scope="module")
def lands() -> Iterator[Lands]:
    opened = Lands()
    yield opened
    opened.close()


@contextmanager
def thrift(*, thrifty: bool) -> Iterator[None]:
    """Make pages, chunks and the worth of a call so small that every way of asking is taken."""
    if not thrifty:
        yield
        return
    small = {
        finding: {"PAGE": 4, "CHUNK": 2, "IDS_PER_CALL": 3},
        planner: {"CALL": 0, "PAGE": 4, "CHUNK": 2, "IDS_PER_CALL": 3},
        images: {"DATASETS_PER_CALL": 2},
    }
    with ExitStack() as stack:
        for module, values in small.items():
            for name, value in values.items():
                stack.enter_context(patch.object(module, name, value))
        yield


def fresh(context: RequestContext) -> RequestContext:
    """Another request of the same viewer."""
    again = RequestContext(context.viewer, context.services, "again")
    Loaders(again)
    return again


# What hypothesis would call these strategies is long, and nobody asks.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, WORLDS - 1),
    thrifty=st.booleans(),
    questions=st.lists(QUESTIONS, min_size=QUESTIONS_EACH, max_size=QUESTIONS_EACH),
)
def test_the_answer_is_what_plain_python_finds(
    lands: Lands, seed: int, thrifty: bool, questions: list[tuple[Unit, CohortPredicate]]
) -> None:
    land, contexts = lands.at(seed)
    for viewer, context in contexts.items():
        witness = Witness(land, viewer)
        for unit, where in questions:
            with thrift(thrifty=thrifty):
                answer = lands.runner.run(evaluate(fresh(context), unit, where))
            assert answer.completeness.complete
            assert list(answer.member_ids) == witness.cohort(unit, where), (viewer, unit, where)
