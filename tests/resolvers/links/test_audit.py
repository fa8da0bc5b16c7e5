from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backends.demo.accounts import omero_group
from backends.errors import Source
from backends.omero.changes import NewContainer
from backends.omero.write import Deletion
from backends.openbis.write import Emptying, Removal, SampleUpdate
from backends.records import ImagingKind, Kind
from link_store.findings import FindingKind, Repair
from link_store.records import LinkState, NewSampleLink
from resolvers import links
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.links import notes
from tests.institute import GROUP, Institute, Study, add_study, name_linked, nobody_home, opened

DATASET = ImagingKind.IMAGE_DATASET


def quiet(*_: Any) -> None:
    pass


class Place:
    """Two linked studies, and hands that change either system behind omnibis' back."""

    def __init__(self, institute: Institute, study: Study, other: Study) -> None:
        self.institute = institute
        self.study, self.other = study, other
        self.group = omero_group(institute.world.omero, GROUP)

    @asynccontextmanager
    async def as_(self, user: str = "steward") -> AsyncIterator[RequestContext]:
        async with self.institute.context(user) as context:
            yield context

    async def found(self, context: RequestContext, **given: Any) -> list[tuple[str, str, Any, Any]]:
        audit = await links.audit(context, None, **given)
        return [
            (each.kind.value, each.repair.value, each.openbis_perm_ids, each.omero_ids)
            for each in audit.findings
        ]

    async def mend(self, context: RequestContext, *kinds: FindingKind, **given: Any) -> list[Any]:
        asked = {"kinds": kinds, "ids": (), "dry_run": False, "progress": quiet, **given}
        return [one async for one in links.repair(context, None, **asked)]

    async def delete(self, context: RequestContext, entity: str, *ids: int) -> None:
        await context.services.omero.delete(
            context.omero_session(),
            Deletion({entity: ids}),
            group=self.group,
            call=context.call,
        )

    async def openbis(self, context: RequestContext, *changes: Any) -> None:
        await context.services.openbis.transact(context.openbis_token(), changes, context.call)

    async def move_dataset(self, context: RequestContext, dataset: int, to: int) -> None:
        omero, how = context.services.omero, {"group": self.group, "call": context.call}
        session = context.omero_session()
        await omero.unlink(
            session, "ProjectDatasetLink", self.study.image_project, [dataset], **how
        )
        await omero.link_image_datasets(session, to, [dataset], **how)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    world = nobody_home()
    study, other = add_study(world, "QAAAA", 4), add_study(world, "QBBBB", 2)
    with opened(world, tmp_path) as institute:
        async with institute.context() as context:
            async for _ in links.discover(context, None, dry_run=False, progress=quiet):
                pass
        yield Place(institute, study, other)


async def test_what_was_adopted_is_clean(place: Place) -> None:
    async with place.as_() as context:
        audit = await links.audit(context, None)
    assert (audit.findings, audit.samples, audit.image_datasets, audit.links) == ([], 6, 6, 8)


async def test_a_deleted_dataset_breaks_its_link_and_then_ends_it(place: Place) -> None:
    sample, dataset = place.study.samples[0].perm_id, place.study.datasets[0]
    async with place.as_() as context:
        await place.delete(context, "Dataset", dataset)
        expected = ("ORPHANED_IN_OPENBIS", "MARK_BROKEN", (sample,), (dataset,))
        assert await place.found(context) == [expected]
        assert all(one.done for one in await place.mend(context, FindingKind.ORPHANED_IN_OPENBIS))
    async with place.as_() as context:
        store = context.services.links
        assert (await store.sample_links([sample]))[sample].state is LinkState.BROKEN
        assert [each[1] for each in await place.found(context)] == ["RETIRE_LINK"]
        assert all(one.done for one in await place.mend(context, FindingKind.ORPHANED_IN_OPENBIS))
        assert await store.sample_links([sample]) == {}
    async with place.as_() as context:
        assert await place.found(context) == []


async def test_a_deleted_sample_is_told_to_who_sees_everything(place: Place) -> None:
    sample, dataset = place.study.samples[0].perm_id, place.study.datasets[0]
    async with place.as_() as context:
        await place.openbis(context, Removal(Kind.SAMPLE, [sample], "test"))
    async with place.as_("oncology") as context:
        assert await place.found(context) == [], "for a user it may be hidden"
    async with place.as_() as context:
        expected = ("ORPHANED_IN_OMERO", "MARK_BROKEN", (sample,), (dataset,))
        assert await place.found(context) == [expected]


async def test_a_project_that_is_gone_orphans_all_below_it(place: Place) -> None:
    samples = [each.perm_id for each in place.other.samples]
    async with place.as_() as context:
        experiments = [
            each.perm_id
            for each in place.institute.world.openbis.experiments
            if each.project == place.other.perm_id
        ]
        await place.openbis(context, Removal(Kind.EXPERIMENT, experiments, "test"))
        deletions = await context.services.openbis.deletions(context.openbis_token(), context.call)
        await place.openbis(context, Emptying([each.id for each in deletions]))
        await place.openbis(context, Removal(Kind.PROJECT, [place.other.perm_id], "test"))
    async with place.as_() as context:
        found = await place.found(context)
    assert [each[0] for each in found] == ["ORPHANED_IN_OMERO"] * 3
    assert {each[2][0] for each in found} == {place.other.perm_id, *samples}


async def test_a_sample_that_moved_takes_its_link_and_its_dataset_along(place: Place) -> None:
    sample, dataset = place.study.samples[0], place.study.datasets[0]
    away = place.other.samples[0].experiment
    async with place.as_() as context:
        await place.openbis(context, SampleUpdate(sample.perm_id, experiment=away))
    async with place.as_() as context:
        expected = ("CROSS_PROJECT", "MOVE_LINK", (sample.perm_id,), (dataset,))
        assert await place.found(context) == [expected]
        (one,) = await place.mend(context, FindingKind.CROSS_PROJECT)
        assert (one.done, one.remarks) == (True, ())
    async with place.as_() as context:
        expected = ("CROSS_PROJECT", "MOVE_DATASET", (sample.perm_id,), (dataset,))
        assert await place.found(context) == [expected]
        (one,) = await place.mend(context, FindingKind.CROSS_PROJECT)
        assert one.done
    async with place.as_() as context:
        assert await place.found(context) == []


async def test_a_dataset_that_moved_is_put_where_it_belongs(place: Place) -> None:
    sample, dataset = place.study.samples[0].perm_id, place.study.datasets[0]
    async with place.as_() as context:
        await place.move_dataset(context, dataset, place.other.image_project)
    async with place.as_() as context:
        expected = ("CROSS_PROJECT", "MOVE_DATASET", (sample,), (dataset,))
        assert await place.found(context) == [expected]
        (dry,) = await place.mend(context, FindingKind.CROSS_PROJECT, dry_run=True)
        assert dry.done
        assert await place.found(context) == [expected]
        assert (await place.mend(context, FindingKind.CROSS_PROJECT))[0].done
        assert await place.found(context) == []


async def test_names_that_come_twice_are_for_a_person(place: Place) -> None:
    async with place.as_() as context:
        (twin,) = await context.services.omero.create_image_datasets(
            context.omero_session(),
            place.study.image_project,
            [NewContainer(place.study.samples[0].code)],
            group=place.group,
            call=context.call,
        )
    async with place.as_() as context:
        (found,) = await place.found(context)
        assert found[:2] == ("AMBIGUOUS_NAME", "LINK_BY_HAND")
        assert set(found[3]) == {place.study.datasets[0], twin.id}
        (one,) = await place.mend(context, FindingKind.AMBIGUOUS_NAME)
        assert (one.done, len(one.remarks)) == (False, 1)


async def test_a_candidate_is_linked(place: Place) -> None:
    sample = place.study.samples[0].perm_id
    async with place.as_() as context:
        store = context.services.links
        link = (await store.sample_links([sample]))[sample]
        await store.retire(link.ref, expected_revision=1, author="somebody")
    async with place.as_() as context:
        ((kind, repair, *_),) = await place.found(context)
        assert (kind, repair) == ("UNLINKED_CANDIDATE", "LINK")
        assert (await place.mend(context, FindingKind.UNLINKED_CANDIDATE))[0].done
        link = (await context.services.links.sample_links([sample]))[sample]
        assert link.evidence == "MAP_ANNOTATION"
        assert await place.found(context) == []


async def test_annotations_that_drift_are_written_again(place: Place) -> None:
    first, second, third, _ = place.study.datasets
    async with place.as_() as context:
        omero, session = context.services.omero, context.omero_session()
        pairs = await omero.key_values(session, DATASET, [first, second, third], context.call)
        how: dict[str, Any] = {"group": place.group, "call": context.call}
        await place.delete(context, "Annotation", pairs[first][0].annotation_id)
        await omero.replace_key_values(
            session,
            pairs[second][0].annotation_id,
            None,
            notes.pairs_of(place.other.samples[0].perm_id, "/X/Y", "openbis"),
            **how,
        )
        await omero.replace_key_values(
            session,
            pairs[third][0].annotation_id,
            None,
            notes.pairs_of(place.study.samples[2].perm_id, "/CLINICAL/CALLED-BEFORE", "openbis"),
            **how,
        )
    async with place.as_() as context:
        found = await place.found(context)
        assert [(each[0], each[1]) for each in found] == [
            ("ANNOTATION_DRIFT", "WRITE_ANNOTATION")
        ] * 3
        assert {each[3][0] for each in found} == {first, second, third}
        ids = [links.finding_id(each) for each in (await links.audit(context, None)).findings]
        assert len(await place.mend(context, ids=ids[:1])) == 1
        assert len(await place.found(context)) == 2, "no more than was asked for"
        assert all(one.done for one in await place.mend(context, FindingKind.ANNOTATION_DRIFT))
        assert await place.found(context) == []


async def test_an_annotation_for_what_is_linked_elsewhere_is_taken_away(place: Place) -> None:
    sample = place.study.samples[0]
    async with place.as_() as context:
        stray = NewContainer(
            "stray",
            key_values={notes.NAMESPACE: notes.pairs_of(sample.perm_id, "/A/B", "openbis")},
        )
        alien = NewContainer(
            "alien",
            key_values={notes.NAMESPACE: notes.pairs_of(sample.perm_id, "/A/B", "elsewhere")},
        )
        made = await context.services.omero.create_image_datasets(
            context.omero_session(), None, [stray, alien], group=place.group, call=context.call
        )
    async with place.as_() as context:
        expected = ("ANNOTATION_DRIFT", "REMOVE_ANNOTATION", (sample.perm_id,), (made[0].id,))
        assert await place.found(context) == [expected]
        assert (await place.mend(context, FindingKind.ANNOTATION_DRIFT))[0].done
        assert await place.found(context) == []


async def test_a_reservation_that_lasts_too_long_is_given_up(place: Place) -> None:
    async with place.as_() as context:
        store = context.services.links
        new = NewSampleLink("20260101000000000-1", place.study.perm_id, 999_999)
        await store.link_sample(new, author="registrar", state=LinkState.RESERVED)
        assert await place.found(context) == []
        later = datetime.now(UTC) + timedelta(hours=2)
        ((kind, repair, *_),) = await place.found(context, now=later)
        assert (kind, repair) == ("STUCK_RESERVATION", "RESUME_OR_RETIRE")
    async with place.as_("oncology") as context:
        (refused,) = await place.mend(context, FindingKind.STUCK_RESERVATION, now=later)
        assert not refused.done
    async with place.as_() as context:
        (one,) = await place.mend(context, FindingKind.STUCK_RESERVATION, now=later)
        assert one.done
        assert await place.found(context, now=later) == []


async def test_only_who_may_change_an_end_mends_it(place: Place) -> None:
    async with place.as_() as context:
        await place.move_dataset(context, place.study.datasets[0], place.other.image_project)
    for user, done in (("genomics", None), ("plant", None), ("oncology", True)):
        async with place.as_(user) as context:
            mended = await place.mend(context, FindingKind.CROSS_PROJECT)
            assert [one.done for one in mended] == ([] if done is None else [done]), user


async def test_a_repair_says_what_it_is_to_mend(place: Place) -> None:
    async with place.as_() as context:
        with pytest.raises(BadInput, match="kinds of findings, or ids"):
            await place.mend(context)


@pytest.mark.parametrize("samples", [200, 2_000])
async def test_calls_grow_with_pages_only(samples: int, tmp_path: Path) -> None:
    with opened(name_linked({"QAAAA": samples}), tmp_path) as institute:
        async with institute.context() as context:
            async for _ in links.discover(context, None, dry_run=False, progress=quiet):
                pass
        async with institute.context() as context:
            audit = await links.audit(context, None)
            calls = context.call.meter.calls
    assert (audit.findings, audit.samples) == ([], samples)
    # per thousand: openBIS 1, OMERO 4 (contents, key-values, and all annotations of ours)
    assert (
        calls
        == {
            200: {Source.OPENBIS: 6, Source.OMERO: 8, Source.LINK_STORE: 6},
            2_000: {Source.OPENBIS: 7, Source.OMERO: 15, Source.LINK_STORE: 8},
        }[samples]
    )


def test_every_repair_is_one_that_repair_knows() -> None:
    assert {each.value for each in Repair} == {
        "LINK",
        "LINK_BY_HAND",
        "MARK_BROKEN",
        "RETIRE_LINK",
        "MOVE_LINK",
        "MOVE_DATASET",
        "WRITE_ANNOTATION",
        "REMOVE_ANNOTATION",
        "RESUME_OR_RETIRE",
    }
