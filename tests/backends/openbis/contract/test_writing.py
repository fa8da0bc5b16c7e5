"""What every way to openBIS writes alike; each test makes codes of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from pydantic import SecretStr

from backends.errors import AccessDenied, InvalidRequest, NotFound
from backends.fetch import Fetch
from backends.lane import Call
from backends.openbis.client import Get
from backends.openbis.write import (
    Change,
    Emptying,
    ExperimentUpdate,
    Made,
    NewContentCopy,
    NewExperiment,
    NewOmicsDataset,
    NewProject,
    NewSample,
    OmicsDatasetUpdate,
    ProjectUpdate,
    Removal,
    Restoring,
    SampleUpdate,
)
from backends.records import Kind
from tests.backends.openbis.contract.conftest import Way

# A live openBIS is only read.
pytestmark = pytest.mark.parametrize("way", ["in process", "HTTP"], indirect=True)

SPACE = "CLINICAL"
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Desk:
    """A session that writes, and a project code that nobody has yet."""

    way: Way
    token: SecretStr
    code: str

    async def write(self, *changes: Change, **how: Any) -> tuple[str | None, ...]:
        return await self.way.client.transact(self.token, changes, Call(), **how)

    async def read(self, kind: Kind, *ids: str, **fetch: Fetch) -> dict[str, Any]:
        (found,) = await self.way.ask(self.token, Get(kind, ids, Fetch.of(**fetch)))
        return dict(found)

    @property
    def identifier(self) -> str:
        return f"/{SPACE}/{self.code}"


@pytest.fixture
async def desk(way: Way) -> Desk:
    return Desk(way, await way.login(), f"QW{next(_NUMBERS):03d}")


def study(code: str, samples: int = 3) -> list[Change]:
    """A project with an experiment, an entity and its tissues, all referring to each other."""
    return [
        NewSample(
            "Q_BIOLOGICAL_SAMPLE",
            SPACE,
            f"{code}{number:03d}A",
            experiment=Made("taken"),
            parents=(Made("patient"),),
            properties={"Q_PRIMARY_TISSUE": "LIVER"},
        )
        for number in range(1, samples + 1)
    ] + [
        NewSample(
            "Q_BIOLOGICAL_ENTITY",
            SPACE,
            f"{code}ENTITY-1",
            experiment=Made("taken"),
            properties={"Q_SECONDARY_NAME": "Patient 1 \N{SNOWMAN}"},
            mark="patient",
        ),
        NewExperiment("Q_SAMPLE_EXTRACTION", Made("project"), f"{code}E1", mark="taken"),
        NewProject(SPACE, code.lower(), "Written by a test", mark="project"),
    ]


async def made(desk: Desk, samples: int = 3) -> tuple[str | None, ...]:
    return await desk.write(*study(desk.code, samples))


async def test_a_whole_project_is_one_call(desk: Desk) -> None:
    ids = await made(desk)
    assert desk.way.log == ["executeOperations"]
    assert len(set(ids)) == len(ids) == 6
    *tissues, patient, experiment, project = [str(each) for each in ids]
    found = await desk.read(
        Kind.SAMPLE, *tissues, parents=Fetch(), properties=Fetch(), experiment=Fetch.of("project")
    )
    assert [found[each].code for each in tissues] == [f"{desk.code}{n:03d}A" for n in (1, 2, 3)]
    assert {parent.perm_id for each in found.values() for parent in each.parents} == {patient}
    assert {each.experiment.perm_id for each in found.values()} == {experiment}
    assert {each.experiment.project.perm_id for each in found.values()} == {project}
    by_name = await desk.read(Kind.PROJECT, desk.identifier)
    assert by_name[desk.identifier].perm_id == project
    assert by_name[desk.identifier].description == "Written by a test"


async def test_nothing_is_made_when_one_thing_is_refused(desk: Desk) -> None:
    changes = [*study(desk.code), NewExperiment("Q_NO_SUCH_TYPE", Made("project"), "X")]
    with pytest.raises((InvalidRequest, NotFound)):
        await desk.write(*changes)
    assert await desk.read(Kind.PROJECT, desk.identifier) == {}
    await made(desk)
    with pytest.raises(InvalidRequest):  # its code is taken
        await made(desk)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([NewExperiment("T", Made("nowhere"), "X")], "does not make"),
        ([NewProject(SPACE, "A", mark="m"), NewProject(SPACE, "B", mark="m")], "same mark"),
        ([ProjectUpdate("p", None)] * 5_001, "5000"),
    ],
)
async def test_what_cannot_be_is_not_sent(desk: Desk, changes: Sequence[Change], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        await desk.write(*changes)
    assert desk.way.log == []
    assert await desk.write() == ()
    assert desk.way.log == []


async def test_updates_change_what_they_name_and_nothing_else(desk: Desk) -> None:
    first, second, third, patient, experiment, project = map(str, await made(desk))
    assert desk.way.log is not None
    desk.way.log.clear()
    answer = await desk.write(
        ProjectUpdate(project, "Another description"),
        ExperimentUpdate(experiment, {"q_secondary_name": "Taken"}),
        SampleUpdate(first, {"Q_TISSUE_DETAILED": "lobe", "Q_PRIMARY_TISSUE": None}),
        SampleUpdate(second, add_parents=(first,), remove_parents=(patient,)),
    )
    assert (answer, desk.way.log) == ((None,) * 4, ["executeOperations"])
    assert (await desk.read(Kind.PROJECT, project))[project].description == "Another description"
    got = await desk.read(Kind.SAMPLE, first, second, third, properties=Fetch(), parents=Fetch())
    values = {
        key: {each.code: each.value for each in record.properties} for key, record in got.items()
    }
    assert values[first] == {"Q_TISSUE_DETAILED": "lobe"}
    assert values[second] == values[third] == {"Q_PRIMARY_TISSUE": "LIVER"}
    parents = {key: [each.perm_id for each in record.parents] for key, record in got.items()}
    assert parents == {first: [patient], second: [first], third: [patient]}
    (taken,) = (await desk.read(Kind.EXPERIMENT, experiment, properties=Fetch())).values()
    assert [(each.code, each.value) for each in taken.properties] == [("Q_SECONDARY_NAME", "Taken")]
    await desk.write(ProjectUpdate(project, None))
    assert not (await desk.read(Kind.PROJECT, project))[project].description


async def test_a_sample_moves_to_another_experiment(desk: Desk) -> None:
    first, *_, project = map(str, await made(desk, 1))
    await desk.write(
        NewExperiment("Q_SAMPLE_EXTRACTION", project, f"{desk.code}E2", mark="new"),
        SampleUpdate(first, experiment=Made("new")),
    )
    got = (await desk.read(Kind.SAMPLE, first, experiment=Fetch()))[first]
    assert got.experiment.code == f"{desk.code}E2"


async def test_data_sets_are_metadata_with_a_lineage(desk: Desk) -> None:
    first, *_ = map(str, await made(desk, 1))
    raw, result = f"{desk.code}-RAW", f"{desk.code}-RESULT"
    answer = await desk.write(
        NewOmicsDataset(
            "Q_PROJECT_DATA",
            sample=first,
            code=result,
            parents=(Made("raw"),),
            properties={"Q_ADDITIONAL_INFO": "sarek 3.4"},
        ),
        NewOmicsDataset("Q_NGS_RAW_DATA", sample=first, code=raw, mark="raw"),
    )
    assert answer == (result, raw)
    got = await desk.read(
        Kind.OMICS_DATASET, raw, result, parents=Fetch(), sample=Fetch(), properties=Fetch()
    )
    assert [each.perm_id for each in got[result].parents] == [raw]
    assert (got[raw].kind, got[raw].sample.perm_id) == ("CONTAINER", first)
    await desk.write(OmicsDatasetUpdate(result, {"Q_ADDITIONAL_INFO": "sarek 3.5"}))
    (changed,) = (await desk.read(Kind.OMICS_DATASET, result, properties=Fetch())).values()
    assert [each.value for each in changed.properties] == ["sarek 3.5"]
    with pytest.raises(InvalidRequest):
        await desk.write(NewOmicsDataset("Q_NGS_RAW_DATA", sample=first, code=raw))


async def test_a_link_data_set_names_the_other_system(desk: Desk) -> None:
    systems = [copy async for copy in _systems(desk)]
    if not systems:
        pytest.skip("this openBIS knows no external system")
    first, *_ = map(str, await made(desk, 1))
    new = NewOmicsDataset(
        "Q_BMI_IMAGING_DATA",
        sample=first,
        code=f"{desk.code}-IMG",
        copies=(NewContentCopy(systems[0], "Image:1"),),
    )
    (made_one,) = map(str, await desk.write(new))
    (got,) = (await desk.read(Kind.OMICS_DATASET, made_one, content_copies=Fetch())).values()
    assert got.kind == "LINK"
    assert [(each.system_code, each.external_code) for each in got.content_copies] == [
        (systems[0], "Image:1")
    ]


async def _systems(desk: Desk) -> AsyncIterator[str]:
    name = "as.dto.externaldms"
    answer = await desk.way.client._wire.call(
        "searchExternalDataManagementSystems",
        [
            desk.token.get_secret_value(),
            {"@type": f"{name}.search.ExternalDmsSearchCriteria"},
            {"@type": f"{name}.fetchoptions.ExternalDmsFetchOptions"},
        ],
        Call(),
    )
    for each in answer["objects"]:
        yield each["code"]


async def test_what_is_deleted_is_found_in_the_trash_by_its_reason(desk: Desk) -> None:
    first, second, *_, experiment, project = map(str, await made(desk, 2))
    reason = f"omnibis {desk.code}"
    answer = await desk.write(
        Removal(Kind.SAMPLE, (first, f"/{SPACE}/{desk.code}002A"), reason),
        Removal(Kind.SAMPLE, ("20000101000000000-1",), reason),
    )
    assert answer[0] is not None
    assert answer[1] is None, "what does not exist is passed over"
    assert await desk.read(Kind.SAMPLE, first, second) == {}
    trash = await desk.way.client.deletions(desk.token, Call())
    (record,) = [each for each in trash if each.reason == reason]
    assert record.id == answer[0]
    assert set(record.perm_ids) == {first, second}
    await desk.write(Restoring((record.id,)))
    assert set(await desk.read(Kind.SAMPLE, first, second)) == {first, second}
    (again,) = await desk.write(Removal(Kind.SAMPLE, (first, second), reason))
    assert again not in (None, record.id)
    with pytest.raises(InvalidRequest):  # the trash still counts
        await desk.write(Removal(Kind.PROJECT, (project,), reason))
    (rest,) = await desk.write(Removal(Kind.EXPERIMENT, (experiment,), reason))
    await desk.write(
        Emptying((str(again), str(rest))), Removal(Kind.PROJECT, (project,), reason), in_order=True
    )
    assert await desk.read(Kind.PROJECT, project) == {}
    assert reason not in {
        each.reason for each in await desk.way.client.deletions(desk.token, Call())
    }


async def test_rights_are_told_before_anything_is_written(way: Way) -> None:
    client, call = way.client, Call()
    steward = await way.login()
    code = f"QR{next(_NUMBERS):03d}"
    free, taken = f"/{SPACE}/{code}", f"/{SPACE}/QCLIN"
    changes, creates = frozenset({"UPDATE", "DELETE"}), frozenset({"CREATE"})
    asked = [free, taken, "/NO/X"]
    assert await client.rights(steward, Kind.PROJECT, asked, call) == {
        free: creates,
        taken: changes,
        "/NO/X": frozenset(),
    }
    assert await client.rights(steward, Kind.PROJECT, [], call) == {}
    assert await client.updatable(steward, Kind.PROJECT, asked, call) == {taken}
    assert await client.creatable(steward, Kind.PROJECT, asked, call) == {free}
    user = await client.login("oncology", SecretStr("demo"), call)
    assert not any((await client.rights(user, Kind.PROJECT, asked, call)).values())
    experiment, sample = f"{taken}/{code}E1", f"/{SPACE}/{code}001A"
    assert (await client.rights(user, Kind.EXPERIMENT, [experiment], call))[experiment] == creates
    assert (await client.rights(user, Kind.SAMPLE, [sample], call))[sample] == creates
    stranger = await client.login("plant", SecretStr("demo"), call)
    assert not (await client.rights(stranger, Kind.SAMPLE, [sample], call))[sample]
    assert not (await client.rights(stranger, Kind.PROJECT, [taken], call))[taken]
    with pytest.raises(AccessDenied):
        await client.transact(user, [NewProject(SPACE, code)], call)
