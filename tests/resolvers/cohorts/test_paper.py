"""The questions of the paper, over the seeded studies, each with the answer known beforehand."""

from __future__ import annotations

import pytest

from backends.demo.world import Sample
from backends.filters import (
    ImageFilter,
    KeyValueMatch,
    NumberMatch,
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
from tests.atlas import Atlas
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


# --- Five more, each beside the same question put to the rows of the world -----------------------


def value(code: str, match: StringMatch | NumberMatch) -> PropertyMatch:
    if isinstance(match, NumberMatch):
        return PropertyMatch(code, number=match)
    return PropertyMatch(code, string=match)


def pairs(atlas: Atlas, image: int) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in atlas.key_values("Image", image)}


def tagged(atlas: Atlas, image: int) -> set[str]:
    return {tag["value"] for tag in atlas.tags("Image", image)}


def images_of(atlas: Atlas, sample: Sample) -> list[int]:
    return atlas.images_in[atlas.dataset_of_sample.get(sample.perm_id, 0)]


def patients(atlas: Atlas) -> list[Sample]:
    return atlas.samples_of("QCLIN", "Q_BIOLOGICAL_ENTITY")


def tumour(atlas: Atlas, patient: Sample) -> Sample:
    (found,) = [
        each for each in atlas.below(patient) if each.properties.get("Q_DIGNITY") == "MALIGNANT"
    ]
    return found


async def check(house: House, unit: Unit, where: CohortPredicate, expected: list[Sample]) -> None:
    context = await request_of(house.built.parts.services, "steward")
    for as_written in (False, True):
        answer = await evaluate(context, unit, where, as_written=as_written)
        assert set(answer.member_ids) == {each.perm_id for each in expected}
    assert expected, "the model has no such patient: the question shows nothing"


async def test_older_women_with_a_carcinoma_scanned_in_the_arterial_phase(
    open_door: House,
) -> None:
    atlas = Atlas(open_door.world)
    where = CohortPredicate(
        itself=SampleFilter(
            properties=(
                value("Q_GENDER", StringMatch(eq="FEMALE")),
                value("Q_AGE_AT_DIAGNOSIS", NumberMatch(ge=60)),
                value("Q_DIAGNOSIS", StringMatch(eq="C22.0")),
            )
        ),
        has=SpecimenPredicate(
            image=ImageFilter(
                key_values=(
                    KeyValueMatch("Modality", value=StringMatch(eq="CT")),
                    KeyValueMatch("Contrast phase", value=StringMatch(eq="arterial")),
                )
            )
        ),
    )
    expected = [
        patient
        for patient in patients(atlas)
        if patient.properties["Q_GENDER"] == "FEMALE"
        and int(patient.properties["Q_AGE_AT_DIAGNOSIS"]) >= 60
        and patient.properties["Q_DIAGNOSIS"] == "C22.0"
        and any(
            pairs(atlas, image).get("Contrast phase") == "arterial"
            for sample in atlas.below(patient)
            for image in images_of(atlas, sample)
        )
    ]
    await check(open_door, Unit.SUBJECT, where, expected)


async def test_advanced_tumours_with_ten_tiles_that_passed(open_door: House) -> None:
    atlas = Atlas(open_door.world)
    where = CohortPredicate(
        project=ProjectFilter(code=StringMatch(eq="QCLIN")),
        has=SpecimenPredicate(
            sample=SampleFilter(
                properties=(value("Q_TUMOR_STAGE", StringMatch(one_of=("T3", "T4"))),)
            ),
            image=ImageFilter(
                tag=StringMatch(eq="QC passed"),
                all_of=(ImageFilter(tag=StringMatch(eq="H&E")),),
            ),
            at_least=10,
        ),
    )
    expected = [
        patient
        for patient in patients(atlas)
        if tumour(atlas, patient).properties["Q_TUMOR_STAGE"] in {"T3", "T4"}
        and sum(
            tagged(atlas, image) >= {"QC passed", "H&E"}
            for image in images_of(atlas, tumour(atlas, patient))
        )
        >= 10
    ]
    await check(open_door, Unit.SUBJECT, where, expected)


async def test_metastases_or_late_stages_without_a_venous_scan(open_door: House) -> None:
    atlas = Atlas(open_door.world)
    metastasis = PropertyMatch("Q_IS_METASTASIS", boolean=True)
    venous = KeyValueMatch("Contrast phase", value=StringMatch(contains="venous"))
    where = CohortPredicate(
        project=ProjectFilter(code=StringMatch(eq="QCLIN")),
        any_of=(
            CohortPredicate(has=SpecimenPredicate(sample=SampleFilter(properties=(metastasis,)))),
            CohortPredicate(has=SpecimenPredicate(sample=having("Q_TUMOR_STAGE", "T4"))),
        ),
        none_of=(CohortPredicate(has=SpecimenPredicate(image=ImageFilter(key_values=(venous,)))),),
    )
    expected = [
        patient
        for patient in patients(atlas)
        if (
            tumour(atlas, patient).properties["Q_IS_METASTASIS"] == "true"
            or tumour(atlas, patient).properties["Q_TUMOR_STAGE"] == "T4"
        )
        and not any(
            "venous" in pairs(atlas, image).get("Contrast phase", "")
            for sample in atlas.below(patient)
            for image in images_of(atlas, sample)
        )
    ]
    await check(open_door, Unit.SUBJECT, where, expected)


async def test_tumour_samples_with_tiles_at_forty_fold_and_a_deep_genome(
    open_door: House,
) -> None:
    atlas = Atlas(open_door.world)
    where = CohortPredicate(
        itself=having("Q_DIGNITY", "MALIGNANT"),
        has=SpecimenPredicate(
            sample=having("Q_DIGNITY", "MALIGNANT"),
            omics=OmicsFilter(properties=(value("Q_READS_COUNT", NumberMatch(gt=420_000_000)),)),
            image=ImageFilter(magnification=NumberMatch(ge=40)),
        ),
    )
    objectives = {image: atlas.objective(row) for image, row in atlas.rows("Image").items()}
    expected = [
        sample
        for sample in atlas.openbis.samples
        if sample.properties.get("Q_DIGNITY") == "MALIGNANT"
        and any(
            (objectives[image] or {"magnification": 0})["magnification"] >= 40
            for image in images_of(atlas, sample)
        )
        and any(
            int(data_set.properties.get("Q_READS_COUNT", "0")) > 420_000_000
            for below in (sample, *atlas.below(sample))
            for data_set in atlas.data_sets[below.perm_id]
        )
    ]
    await check(open_door, Unit.SAMPLE, where, expected)


async def test_plants_with_two_dyes_of_fluorescence(open_door: House) -> None:
    atlas = Atlas(open_door.world)
    names = {
        image: {channel["name"] for channel in atlas.channels(image)}
        for image in atlas.rows("Image")
    }
    of_plants = [
        image
        for sample in atlas.samples_of("QRUP2")
        for image in images_of(atlas, sample)
        if names[image]
    ]
    first = min(names[of_plants[0]])
    where = CohortPredicate(
        project=ProjectFilter(code=StringMatch(eq="QRUP2")),
        has=SpecimenPredicate(
            image=ImageFilter(channel=StringMatch(eq=first), size_c=NumberMatch(ge=2))
        ),
    )
    expected = [
        plant
        for plant in atlas.samples_of("QRUP2", "Q_BIOLOGICAL_ENTITY")
        if any(
            first in names[image] and len(names[image]) >= 2
            for sample in (plant, *atlas.below(plant))
            for image in images_of(atlas, sample)
        )
    ]
    await check(open_door, Unit.SUBJECT, where, expected)
