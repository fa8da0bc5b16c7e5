from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.demo.world import ExternalDms, World
from backends.errors import AccessDenied, Source
from link_store.records import Evidence, LinkKind
from resolvers import links
from resolvers.links.remarks import Code
from tests.institute import Institute, add_study, name_linked, nobody_home, opened

SOME = 40


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    """Serve a world, and discover in it as often as is wanted."""
    served: list[Any] = []

    def serve(world: World) -> Any:
        door = opened(world, tmp_path)
        institute = door.__enter__()
        served.append(door)

        async def discover(user: str = "steward", *, dry: bool = False) -> Any:
            found: Counter[str] = Counter()
            proposals: list[links.Proposal] = []
            ambiguities: list[links.Ambiguity] = []
            async with institute.context(user) as context:
                async for batch in links.discover(
                    context, None, dry_run=dry, progress=lambda *_: None
                ):
                    proposals += batch.proposals
                    ambiguities += batch.ambiguities
                    found["remarks"] += len(batch.remarks)
                found["linked"] = sum(one.linked for one in proposals)
                found["revision"] = await context.services.links.revision()
                return found, proposals, ambiguities, context.call.meter

        discover.institute = institute  # type: ignore[attr-defined] # for tests that look there
        return discover

    yield serve
    for door in served:
        door.__exit__(None, None, None)


async def test_an_institute_of_names_is_adopted_once(run: Any) -> None:
    """The same with 5,000 samples: `test_five_thousand_samples_are_adopted_in_one_run`."""
    discover = run(name_linked({"QAAAA": SOME, "QBBBB": SOME, "QCCCC": 0}))
    found, proposals, ambiguities, _ = await discover(dry=True)
    assert (len(proposals), found["linked"], found["revision"]) == (2 * SOME + 3, 0, 0)
    found, proposals, ambiguities, _ = await discover()
    assert (found["linked"], found["remarks"], ambiguities) == (2 * SOME + 3, 0, [])
    assert {one.evidence for one in proposals} == {(Evidence.NAME,)}
    assert found["revision"] == 2 * SOME + 3
    again, proposals, ambiguities, meter = await discover()
    assert (again["linked"], again["revision"], proposals, ambiguities) == (
        0,
        found["revision"],
        [],
        [],
    )
    assert not {name for _, name in meter.operations} & {"saveChanges", "linkSamples"}


async def test_five_thousand_samples_are_adopted_in_one_run(run: Any) -> None:
    discover = run(name_linked({"QAAAA": 5_000}))
    found, proposals, _, meter = await discover()
    assert (found["linked"], found["remarks"]) == (5_001, 0)
    first = dict(meter.calls)
    found, proposals, _, meter = await discover()
    assert (found["linked"], proposals) == (0, [])
    second = dict(meter.calls)
    # per thousand: openBIS 6, OMERO 19, link store 5; and a second run asks for contents only
    assert first == {Source.OPENBIS: 32, Source.OMERO: 93, Source.LINK_STORE: 27}
    assert second == {Source.OPENBIS: 8, Source.OMERO: 19, Source.LINK_STORE: 4}


async def test_many_small_projects_cost_no_more_than_a_large_one(run: Any) -> None:
    discover = run(name_linked({f"Q{number:04d}": 5 for number in range(100)}))
    found, _, _, meter = await discover()
    assert found["linked"] == 600
    assert meter.calls[Source.OPENBIS] + meter.calls[Source.OMERO] < 60


def conventional() -> tuple[World, dict[str, tuple[str, int]]]:
    """A project whose datasets bear no names, and one sample for each way to say whose they are."""
    world = nobody_home()
    world.openbis.external_dms.append(
        ExternalDms("OMERO", "OMERO", "https://omero.example/${code}")
    )
    study = add_study(world, "QWAYS", 8, named=False)
    registration, images = study.registration, study.images
    runs = registration.experiment("Q_BMI_GENERIC_IMAGING", {"Q_CURRENT_STATUS": "FINISHED"})
    ways: dict[str, tuple[str, int]] = {}
    below: dict[int, list[int]] = {}
    for dataset in study.datasets:
        below[dataset] = [_image(images, dataset, f"{dataset}-{n}") for n in range(2)]
    pairs = zip(study.samples, study.datasets, strict=True)

    def take(way: str) -> tuple[Any, int]:
        sample, dataset = next(pairs)
        ways[way] = (sample.perm_id, dataset)
        return sample, dataset

    for way, spelled in (
        ("lines", lambda ids: {"Q_OMERO_IDS": "\n".join(map(str, ids))}),
        ("list", lambda ids: {"Q_OMERO_IDS": str(ids)}),
        ("free text", lambda ids: {"Q_ADDITIONAL_INFO": f"OMERO image ids: {ids[0]}, {ids[1]}"}),
    ):
        sample, dataset = take(way)
        registration.sample(
            "Q_BMI_GENERIC_IMAGING_RUN",
            runs,
            spelled(below[dataset]),
            parents=[sample],
            code=f"IMG1{sample.code}",
        )
    sample, dataset = take("own ids")
    sample.properties |= {"OMERO_IDS": str(dataset), "OMERO_ID_TYPE": "DATASET"}
    sample, dataset = take("address on the dataset")
    images.comment("Dataset", [dataset], f"https://lab.example/openbis/#permId={sample.perm_id}")
    sample, dataset = take("address on an image")
    images.comment(
        "Image", below[dataset][:1], f"https://lab.example/openbis/#permId={sample.perm_id}"
    )
    sample, dataset = take("annotation")
    images.key_values("Dataset", [dataset], [("openBIS permId", sample.perm_id)], "some/tool")
    sample, dataset = take("LINK data set")
    registration.linked_data(
        "Q_BMI_IMAGING_DATA", sample, {}, dms="OMERO", external_code=f"Image:{below[dataset][0]}"
    )
    return world, ways


def _image(images: Any, dataset: int, name: str) -> int:
    image: int = images._add("Image", name=name)
    images._add("DatasetImageLink", parent=dataset, child=image)
    return image


async def test_all_six_conventions_are_recognised(run: Any) -> None:
    world, ways = conventional()
    discover = run(world)
    found, proposals, ambiguities, _ = await discover()
    made = {one.perm_id: one for one in proposals if one.kind is LinkKind.SAMPLE}
    assert {way: made[perm_id].omero_id for way, (perm_id, _) in ways.items()} == {
        way: dataset for way, (_, dataset) in ways.items()
    }
    assert {way: made[perm_id].evidence for way, (perm_id, _) in ways.items()} == {
        "lines": (Evidence.Q_OMERO_IDS,),
        "list": (Evidence.Q_OMERO_IDS,),
        "free text": (Evidence.Q_OMERO_IDS,),
        "own ids": (Evidence.OMERO_IDS,),
        "address on the dataset": (Evidence.COMMENT_URL,),
        "address on an image": (Evidence.COMMENT_URL,),
        "annotation": (Evidence.MAP_ANNOTATION,),
        "LINK data set": (Evidence.LINK_DATASET,),
    }
    assert (found["linked"], ambiguities) == (9, [])
    again, proposals, ambiguities, _ = await discover()
    assert (again["revision"], proposals, ambiguities) == (found["revision"], [], [])


async def test_what_is_ambiguous_is_told_and_not_linked(run: Any) -> None:
    world = nobody_home()
    study = add_study(world, "QTWIN", 5)
    first, second, third, fourth, _ = study.samples
    twin = study.images.dataset(study.image_project, first.code)  # a second one of the same name
    third.properties["OMERO_IDS"] = str(study.datasets[1])  # says what the second's name says
    third.properties["OMERO_ID_TYPE"] = "DATASET"
    other = add_study(world, "QELSE", 1)
    fourth.properties |= {"OMERO_IDS": str(other.datasets[0]), "OMERO_ID_TYPE": "DATASET"}
    discover = run(world)
    found, proposals, ambiguities, _ = await discover()
    linked = {one.perm_id for one in proposals if one.kind is LinkKind.SAMPLE and one.linked}
    assert linked == {study.samples[4].perm_id, other.samples[0].perm_id}
    told = {(each.perm_ids, each.omero_ids) for each in ambiguities}
    assert ((first.perm_id,), (study.datasets[0], twin)) in told
    assert (
        (second.perm_id, third.perm_id),
        (study.datasets[1], study.datasets[2]),
    ) in told
    assert ((fourth.perm_id,), (study.datasets[3], other.datasets[0])) in told
    assert all(each.sentence.endswith(".") for each in ambiguities)
    again, _, _, _ = await discover()
    assert again["revision"] == found["revision"]


async def test_two_projects_of_one_code_are_not_told_apart_by_their_name(run: Any) -> None:
    world = nobody_home()
    one = add_study(world, "QSAME", 1)
    copy = replace(one.registration.project, perm_id="20240101000000000-99999", space="HEPATOLOGY")
    world.openbis.projects.append(copy)
    _, proposals, ambiguities, _ = await run(world)()
    assert proposals == []
    (knot,) = ambiguities
    assert knot.kind is LinkKind.PROJECT
    assert set(knot.perm_ids) == {one.perm_id, copy.perm_id}


async def test_who_may_not_change_both_ends_adopts_nothing(run: Any) -> None:
    world = nobody_home()
    study = add_study(world, "QAAAA", 3)
    discover = run(world)
    found, proposals, _, _ = await discover("oncology")
    assert (found["linked"], found["revision"]) == (0, 0)
    (project,) = proposals  # below a project that could not be linked, nothing is looked for
    assert [(each.code, each.source) for each in project.remarks] == [
        (Code.FORBIDDEN, Source.OPENBIS)
    ]
    with pytest.raises(AccessDenied):
        await discover("microscopy")  # has no role in openBIS
    async with discover.institute.context() as context:
        pair = links.Pair(study.perm_id, study.image_project)
        assert (await links.link(context, LinkKind.PROJECT, pair)).changed
    for user, linked in (("plant", 0), ("genomics", 0), ("oncology", 3)):
        found, _, _, _ = await discover(user)
        assert found["linked"] == linked, user


async def test_notes_that_cannot_be_written_are_told_and_the_links_stand(run: Any) -> None:
    discover = run(name_linked({"QAAAA": 3}))
    institute: Institute = discover.institute
    institute.faults["omero"].fail_next["save"] = 2
    found, _, _, _ = await discover()
    assert (found["linked"], found["remarks"]) == (4, 2)
