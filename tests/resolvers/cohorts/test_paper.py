"""The questions of the paper, over the seeded studies, each with the answer known beforehand."""

from __future__ import annotations

import pytest

from backends.filters import (
    ImageFilter,
    KeyValueMatch,
    OmicsFilter,
    PageRequest,
    ProjectFilter,
    PropertyMatch,
    QuantityMatch,
    SampleFilter,
    StringMatch,
)
from backends.records import Quantity
from resolvers.cohorts.answer import MEMBER_ORDER
from resolvers.cohorts.evaluation import evaluate
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate, Unit
from tests.house import House
from tests.resolvers.cohorts.asking import request_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def having(code: str, value: str) -> SampleFilter:
    return SampleFilter(properties=(PropertyMatch(code, string=StringMatch(eq=value)),))


def micrometers(least: float, most: float) -> QuantityMatch:
    return QuantityMatch(between=(Quantity(least, "MICROMETER"), Quantity(most, "MICROMETER")))


ABDOMEN_CT = SpecimenPredicate(
    sample=having("Q_PRIMARY_TISSUE", "ABDOMEN"),
    image=ImageFilter(key_values=(KeyValueMatch("Modality", value=StringMatch(eq="CT")),)),
)
TUMOUR_TILES = SpecimenPredicate(
    sample=having("Q_DIGNITY", "MALIGNANT"),
    image=ImageFilter(tag=StringMatch(eq="H&E"), pixel_size=micrometers(0.25, 0.6)),
    at_least=5,
)
TUMOUR_GENOME = SpecimenPredicate(
    sample=having("Q_DIGNITY", "MALIGNANT"),
    omics=OmicsFilter(type=StringMatch(eq="Q_NGS_RAW_DATA")),
)
PAPER = CohortPredicate(
    project=ProjectFilter(code=StringMatch(eq="QCLIN")),
    all_of=tuple(CohortPredicate(has=has) for has in (ABDOMEN_CT, TUMOUR_TILES, TUMOUR_GENOME)),
)


@pytest.mark.parametrize(
    ("user", "expected"), [("steward", 130), ("oncology", 130), ("genomics", 0), ("microscopy", 0)]
)
async def test_the_papers_question(open_door: House, user: str, expected: int) -> None:
    context = await request_of(open_door.built.parts.services, user)
    answer = await evaluate(context, Unit.SUBJECT, PAPER)
    assert len(answer.member_ids) == expected
    assert answer.completeness.complete


async def test_members_come_with_what_puts_them_in(open_door: House) -> None:
    context = await request_of(open_door.built.parts.services, "steward")
    answer = await evaluate(context, Unit.SUBJECT, PAPER)
    page = await answer.members(PageRequest(3, MEMBER_ORDER, count=True))
    assert (len(page.items), page.has_more, page.total) == (3, True, 130)
    for member in page.items:
        assert member.subject.type_code == "Q_BIOLOGICAL_ENTITY"
        abdomen, tumour = member.specimens
        assert (len(abdomen.images), len(abdomen.omics_datasets)) == (1, 0)
        assert (len(tumour.images), len(tumour.omics_datasets)) == (10, 1)
        assert {image.name.split("_")[0] for image in tumour.images} == {tumour.sample.code}
