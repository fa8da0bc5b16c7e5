"""Splits of a frozen cohort with what its subjects have in common, over the embedded systems."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from backends.fetch import NOTHING_MORE
from backends.lane import Call
from backends.openbis.write import NewSample
from link_store.snapshot_records import SnapshotRecord
from resolvers.cohorts import division
from resolvers.cohorts.splits import Bond, Part, SplitPlan
from resolvers.errors import BadInput
from tests.house import House, open_house
from tests.resolvers.cohorts.freezing import asking, frozen, members_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
HALVES = (Part("train", 0.5), Part("test", 0.5))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tangled() -> AsyncIterator[tuple[House, SnapshotRecord, list[str]]]:
    """A house in which one sample is pooled of two subjects, and a third shares images with one."""
    async with open_house() as house:
        plain = await members_of(house, await frozen(house))
        first, second, third = list(plain)[:3]
        project = next(p for p in house.world.openbis.projects if p.code == "QHCC0")
        experiment = next(
            e.perm_id for e in house.world.openbis.experiments if e.project == project.perm_id
        )
        pool = NewSample(
            "Q_BIOLOGICAL_SAMPLE",
            "HEPATOLOGY",
            "QHCC0POOL",
            experiment=experiment,
            parents=[first, second],
        )
        steward = await asking(house, "steward")
        services = house.built.parts.services
        await services.openbis.transact(steward.openbis_token(), [pool], Call())
        image = next(s for s in plain[second]["specimens"] if s["images"])["images"][0][0]
        dataset = next(s for s in plain[third]["specimens"] if s["images"])["imageDataset"]
        found = await services.omero.images_by_ids(
            steward.omero_session(), [image], NOTHING_MORE, Call()
        )
        group = found[image].group_id
        await services.omero.link_images(
            steward.omero_session(), dataset, [image], group=group, call=Call()
        )
        yield house, await frozen(house), [first, second, third]


async def test_what_subjects_share_is_kept_together(
    tangled: tuple[House, SnapshotRecord, list[str]],
) -> None:
    house, record, three = tangled
    for salt in ("a", "b", "c", "d"):
        split = await division.divide(await asking(house), record, SplitPlan(HALVES, salt))
        assert len({split.assigned[subject] for subject in three}) == 1
        assert split.leakage.clean


async def test_what_is_not_kept_together_is_reported(
    tangled: tuple[House, SnapshotRecord, list[str]],
) -> None:
    house, record, (first, second, third) = tangled
    seen = set()
    for salt in map(str, range(12)):
        plan = SplitPlan(HALVES, salt, None, ())
        split = await division.divide(await asking(house), record, plan)
        parts = split.assigned
        expected = {
            bond: 1
            for bond, apart in {
                Bond.POOLED_SAMPLE: parts[first] != parts[second],
                Bond.SHARED_IMAGE: parts[second] != parts[third],
                Bond.SHARED_FILESET: parts[second] != parts[third],
            }.items()
            if apart
        }
        assert split.leakage.counts == expected
        seen.update(expected)
    assert seen == {Bond.POOLED_SAMPLE, Bond.SHARED_IMAGE, Bond.SHARED_FILESET}


async def test_a_stratum_is_divided_evenly(
    tangled: tuple[House, SnapshotRecord, list[str]],
) -> None:
    house, record, _ = tangled
    plan = SplitPlan(HALVES, "", "q_gender", ())
    split = await division.divide(await asking(house), record, plan)
    members = await members_of(house, record)
    sizes: dict[str, list[int]] = {}
    for member, part in split.assigned.items():
        gender = members[member]["properties"]["subject_Q_GENDER"]
        sizes.setdefault(gender, [0, 0])[part == "test"] += 1
    assert all(abs(train - test) <= 1 for train, test in sizes.values())
    assert sum(part.members for part in split.parts) == record.member_count


@pytest.mark.parametrize(
    ("property_", "advice"), [("Q_NOPE", "there are: .*Q_GENDER"), ("pixel_size_x", "there are")]
)
async def test_a_property_that_is_none_is_refused(
    tangled: tuple[House, SnapshotRecord, list[str]], property_: str, advice: str
) -> None:
    house, record, _ = tangled
    with pytest.raises(BadInput, match=advice):
        await division.divide(await asking(house), record, SplitPlan(HALVES, "", property_))
