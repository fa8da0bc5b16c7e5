"""The unmodified `BlitzGateway` against the embedded OMERO, compared with the seeded world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image as Picture

from backends.demo.world import World

omero = pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
wrappers = pytest.importorskip("omero.gateway")

# omero-py's callbacks ask `Event.isSet`, which Python has renamed.
pytestmark = pytest.mark.filterwarnings(r"ignore:isSet\(\) is deprecated:DeprecationWarning")

Connect = Callable[..., Any]
Rows = dict[int, dict[str, Any]]


def rows(world: World, entity: str) -> Rows:
    return {row["id"]: row for row in world.omero.rows[entity]}


@pytest.fixture
def steward(gateway: Connect) -> Any:
    connected = gateway("steward")
    connected.SERVICE_OPTS.setOmeroGroup("-1")
    return connected


@pytest.fixture
def plant(gateway: Connect) -> Any:
    return gateway("plant")


def children(world: World, link: str, parent: int) -> list[int]:
    return sorted(r["child"] for r in world.omero.rows[link] if r["parent"] == parent)


# --- who -----------------------------------------------------------------------------------------


def test_the_gateway_knows_its_user_and_groups(steward: Any) -> None:
    assert steward.isSecure()
    assert steward.isAdmin()
    assert steward.getUser().getFullName() == "Dana Stewart"
    assert {group.getName() for group in steward.getGroupsMemberOf()} == {
        "system",
        "plant-biology",
        "clinical",
        "hepatology",
    }
    assert steward.getObject("Experimenter", attributes={"omeName": "plant"}).getLastName() == (
        "Lantigua"
    )
    leaders, members = steward.getObject("ExperimenterGroup", 3).groupSummary()
    assert [one.omeName for one in leaders] == ["steward"]
    assert [one.omeName for one in members] == ["plant", "microscopy"]


def test_it_changes_between_transports_when_it_is_not_told_to_stay(ice: Any) -> None:
    for secure, expected in ((True, True), (None, False)):
        connected = wrappers.BlitzGateway(
            "plant", "demo", host=ice.host, port=ice.ports["ssl"], secure=secure
        )
        assert connected.connect()
        assert connected.isSecure() is expected
        connected.close()
    refused = wrappers.BlitzGateway("plant", "no", host=ice.host, port=ice.ports["ssl"])
    assert not refused.connect()
    refused.close()


@pytest.mark.parametrize(
    ("user", "projects"),
    [
        ("steward", ["QCLIN", "QHCC0", "QRUP2"]),
        ("plant", ["QRUP2"]),
        ("oncology", ["QCLIN", "QHCC0"]),
        ("microscopy", ["QCLIN", "QHCC0", "QRUP2"]),
        ("genomics", []),
    ],
)
def test_everybody_sees_what_his_groups_allow(
    gateway: Connect, user: str, projects: list[str]
) -> None:
    connected = gateway(user)
    connected.SERVICE_OPTS.setOmeroGroup("-1")
    found = sorted(project.getName() for project in connected.getObjects("Project"))
    assert found == projects


def test_rights_differ_by_user(gateway: Connect) -> None:
    for user, may in (("plant", True), ("microscopy", False)):
        connected = gateway(user)
        connected.SERVICE_OPTS.setOmeroGroup("-1")
        project = connected.getObject("Project", 1)
        assert project.getOwnerOmeName() == "plant"
        allowed = (project.canEdit(), project.canDelete(), project.canLink(), project.canAnnotate())
        assert allowed == (may,) * 4


def test_an_administrator_becomes_somebody_else(steward: Any) -> None:
    connected = steward.suConn("plant")
    try:
        assert connected.getUser().getName() == "plant"
        assert [project.getName() for project in connected.getObjects("Project")] == ["QRUP2"]
    finally:
        connected.close()


# --- what is there -------------------------------------------------------------------------------


def test_containers_lead_to_images_and_back(steward: Any, world: World) -> None:
    project = steward.getObject("Project", 2)
    datasets = list(project.listChildren())
    assert sorted(one.getId() for one in datasets) == children(world, "ProjectDatasetLink", 2)
    assert project.countChildren() == len(datasets)
    names = [one.getName() for one in datasets]
    assert names == sorted(names)
    dataset = steward.getObject("Dataset", datasets[0].getId())
    assert [parent.getName() for parent in dataset.listParents()] == ["QCLIN"]
    images = [one.getId() for one in dataset.listChildren()]
    assert sorted(images) == children(world, "DatasetImageLink", dataset.getId())
    image = steward.getObject("Image", images[0])
    assert image.getProject().getName() == "QCLIN"
    assert [one.getId() for one in image.getAncestry()] == [dataset.getId(), 2]
    paged = steward.getObjects("Dataset", opts={"project": 2, "offset": 2, "limit": 3})
    assert [one.getName() for one in paged] == names[2:5]
    in_dataset = steward.getObjects("Image", opts={"dataset": dataset.getId()})
    assert sorted(one.getId() for one in in_dataset) == sorted(images)


def test_an_image_is_what_the_world_says(steward: Any, world: World) -> None:
    image = steward.getObject("Image", 1)
    row = rows(world, "Image")[1]
    pixels = next(p for p in world.omero.rows["Pixels"] if p["image"] == 1)
    assert image.getName() == row["name"]
    sizes = [getattr(image, f"getSize{axis}")() for axis in "XYZCT"]
    assert sizes == [pixels[f"size{axis}"] for axis in "XYZCT"]
    kind = rows(world, "PixelsType")[pixels["pixelsType"]]
    assert image.getPixelsType() == kind["value"]
    value, unit = pixels["physicalSizeX"]
    width = image.getPrimaryPixels().getPhysicalSizeX()
    assert (width.getValue(), width.getUnit().name) == (value, unit)
    assert image.getPixelSizeX(units="MICROMETER").getValue() == pytest.approx(value / 1000)
    event = rows(world, "Event")[row["details.creationEvent"]]
    assert image.creationEventDate().timestamp() * 1000 == event["time"]
    fileset = image.getFileset()
    assert fileset.getId() == row["fileset"]
    files = [file.getName() for file in image.getImportedImageFiles()]
    assert files == [row["name"]]
    assert image.getROICount() == sum(roi["image"] == 1 for roi in world.omero.rows["Roi"])


def test_channels_and_instruments_are_what_the_world_says(steward: Any, world: World) -> None:
    image = steward.getObject("Image", 1)
    logical = rows(world, "LogicalChannel")
    channels = [
        logical[row["logicalChannel"]] for row in world.omero.rows["Channel"] if row["pixels"] == 1
    ]
    assert [(one.getLabel(), one.getEmissionWave()) for one in image.getChannels(noRE=True)] == [
        (row["name"], row["emissionWave"][0]) for row in channels
    ]
    instrument = image.getInstrument()
    microscope = rows(world, "Microscope")[
        rows(world, "Instrument")[instrument.getId()]["microscope"]
    ]
    assert instrument.getMicroscope().getModel() == microscope["model"]
    objectives = [
        row["model"]
        for row in world.omero.rows["Objective"]
        if row["instrument"] == instrument.getId()
    ]
    assert sorted(one.getModel() for one in instrument.getObjectives()) == sorted(objectives)
    settings = rows(world, "ObjectiveSettings")[rows(world, "Image")[1]["objectiveSettings"]]
    objective = rows(world, "Objective")[settings["objective"]]
    found = image.getObjectiveSettings().getObjective()
    assert found.getNominalMagnification() == objective["nominalMagnification"]
    loaded = steward.getObjects("Image", [1, 2], opts={"load_pixels": True, "load_channels": True})
    assert [one.getPrimaryPixels().sizeOfChannels() for one in loaded] == [2, 2]


def test_annotations_are_what_the_world_says(steward: Any, world: World) -> None:
    image = steward.getObject("Image", 1)
    linked = [r["child"] for r in world.omero.rows["ImageAnnotationLink"] if r["parent"] == 1]
    maps, tags = rows(world, "MapAnnotation"), rows(world, "TagAnnotation")
    found = {one.getId(): one.getValue() for one in image.listAnnotations()}
    assert found.keys() == set(linked)
    for number in linked:
        if number in maps:
            assert found[number] == maps[number]["mapValue"]
        else:
            assert found[number] == tags[number]["textValue"]
    counts = image.getAnnotationCounts()
    assert counts["MapAnnotation"] == sum(number in maps for number in linked)
    assert counts["TagAnnotation"] == sum(number in tags for number in linked)
    links = steward.getAnnotationLinks("Image", parent_ids=[1, 2])
    expected = [r["id"] for r in world.omero.rows["ImageAnnotationLink"] if r["parent"] in (1, 2)]
    assert sorted(one.getId() for one in links) == sorted(expected)
    name, value = found[next(number for number in linked if number in maps)][0]
    having = {
        one.getId() for one in steward.getObjectsByMapAnnotations("Image", key=name, value=value)
    }
    assert 1 in having


def test_pictures_are_jpegs_of_the_wished_size(steward: Any) -> None:
    image = steward.getObject("Image", 1)
    with Picture.open(BytesIO(image.getThumbnail(64))) as picture:
        assert (picture.format, max(picture.size)) == ("JPEG", 64)
    found = steward.getThumbnailSet([1, 2, 3], max_size=32)
    assert found.keys() == {1, 2, 3}
    for content in found.values():
        with Picture.open(BytesIO(content)) as picture:
            assert max(picture.size) == 32


def test_enumerations_are_told(steward: Any, world: World) -> None:
    kinds = [row["value"] for row in world.omero.rows["PixelsType"]]
    assert [one.getValue() for one in steward.getEnumerationEntries("PixelsType")] == kinds
    assert steward.getEnumeration("PixelsType", kinds[-1]).getValue() == kinds[-1]


# --- what is changed -----------------------------------------------------------------------------


@pytest.fixture
def dataset(plant: Any) -> Iterator[Any]:
    """A new dataset of project 1, deleted afterwards."""
    made = wrappers.DatasetWrapper(plant, omero.model.DatasetI())
    made.setName("made by the gateway")
    made.save()
    plant.getObject("Project", 1)._linkObject(made, "ProjectDatasetLinkI")
    yield made
    if plant.getObject("Dataset", made.getId()) is not None:
        plant.deleteObjects("Dataset", [made.getId()], deleteAnns=True, wait=True)


def test_what_is_saved_is_there(plant: Any, dataset: Any) -> None:
    found = plant.getObject("Dataset", dataset.getId())
    assert found.getName() == "made by the gateway"
    assert (found.getOwnerOmeName(), found.getDetails().getGroup().getName()) == (
        "plant",
        "plant-biology",
    )
    assert [parent.getName() for parent in found.listParents()] == ["QRUP2"]
    found.setName("renamed")
    found.save()
    found.setDescription("described")
    found.save()
    again = plant.getObject("Dataset", dataset.getId())
    assert (again.getName(), again.getDescription()) == ("renamed", "described")


def test_annotations_are_linked_and_removed(plant: Any, dataset: Any) -> None:
    pairs = wrappers.MapAnnotationWrapper(plant)
    pairs.setNs("omnibis/test")
    pairs.setValue([["organ", "liver"], ["organ", "bile"]])
    pairs.save()
    dataset.linkAnnotation(pairs)
    tag = wrappers.TagAnnotationWrapper(plant)
    tag.setValue("a tag of the gateway's")
    linked = dataset.linkAnnotation(tag)
    values = [one.getValue() for one in dataset.listAnnotations()]
    assert sorted(values, key=str) == sorted(
        [[("organ", "liver"), ("organ", "bile")], "a tag of the gateway's"], key=str
    )
    dataset.removeAnnotations("omnibis/test")
    assert plant.getObject("MapAnnotation", pairs.getId()) is None
    plant.deleteObjects("Dataset", [dataset.getId()], deleteAnns=False, wait=True)
    assert plant.getObject("Dataset", dataset.getId()) is None
    assert plant.getObject("TagAnnotation", linked.getId()) is not None
    plant.deleteObjects("TagAnnotation", [linked.getId()], wait=True)


def test_a_project_goes_without_its_datasets_when_children_are_protected(plant: Any) -> None:
    project = wrappers.ProjectWrapper(plant, omero.model.ProjectI())
    project.setName("short-lived")
    project.save()
    made = wrappers.DatasetWrapper(plant, omero.model.DatasetI())
    made.setName("survivor")
    made.save()
    project._linkObject(made, "ProjectDatasetLinkI")
    plant.deleteObjects("Project", [project.getId()], deleteChildren=False, wait=True)
    assert plant.getObject("Project", project.getId()) is None
    survivor = plant.getObject("Dataset", made.getId())
    assert list(survivor.listParents()) == []
    plant.deleteObjects("Dataset", [made.getId()], wait=True)


def test_others_may_not_delete(gateway: Connect, dataset: Any) -> None:
    other = gateway("microscopy", "plant-biology")
    handle = other.deleteObjects("Dataset", [dataset.getId()], wait=False)
    callback = omero.callbacks.CmdCallbackI(other.c, handle)
    callback.loop(20, 250)
    refused = callback.getResponse()
    callback.close(True)
    assert isinstance(refused, omero.cmd.ERR)
    assert "permission" in refused.parameters["message"]
    assert other.getObject("Dataset", dataset.getId()) is not None
