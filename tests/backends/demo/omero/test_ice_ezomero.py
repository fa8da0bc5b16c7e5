"""The unmodified `ezomero` against the embedded OMERO, compared with the seeded world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from backends.demo.world import World

if TYPE_CHECKING:
    from backends.demo.omero.ice_server import OmeroIceServer

pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
ezomero = pytest.importorskip("ezomero", reason="the extra omnibis[omero-clients] is not installed")

# omero-py's callbacks ask `Event.isSet`, which Python has renamed.
pytestmark = pytest.mark.filterwarnings(r"ignore:isSet\(\) is deprecated:DeprecationWarning")


@pytest.fixture(scope="module")
def plant(ice: OmeroIceServer) -> Iterator[Any]:
    connected = ezomero.connect(
        user="plant",
        password="demo",
        group="plant-biology",
        host=ice.host,
        port=ice.ports["ssl"],
        secure=True,
    )
    yield connected
    connected.close()


def children(world: World, link: str, *parents: int) -> list[int]:
    return sorted({r["child"] for r in world.omero.rows[link] if r["parent"] in parents})


def test_containers_and_images_are_found(plant: Any, world: World) -> None:
    assert ezomero.get_project_ids(plant) == [1]
    datasets = children(world, "ProjectDatasetLink", 1)
    assert sorted(ezomero.get_dataset_ids(plant, project=1)) == datasets
    images = children(world, "DatasetImageLink", datasets[0])
    assert sorted(ezomero.get_image_ids(plant, dataset=datasets[0])) == images
    every = children(world, "DatasetImageLink", *datasets)
    assert sorted(ezomero.get_image_ids(plant, project=1)) == every
    assert ezomero.get_image_ids(plant) == []  # orphans
    assert ezomero.get_dataset_ids(plant) == []
    assert ezomero.get_image(plant, images[0], no_pixels=True)[0].getId() == images[0]
    assert ezomero.get_series_index(plant, images[0]) == 0
    for nothing in (ezomero.get_screen_ids, ezomero.get_plate_ids):
        assert nothing(plant) == []


def test_annotations_are_found_by_what_they_say(plant: Any, world: World) -> None:
    maps = {row["id"]: row for row in world.omero.rows["MapAnnotation"]}
    tags = {row["id"]: row for row in world.omero.rows["TagAnnotation"]}
    linked = [r["child"] for r in world.omero.rows["ImageAnnotationLink"] if r["parent"] == 1]
    found = ezomero.get_map_annotation_ids(plant, "Image", 1)
    assert sorted(found) == sorted(number for number in linked if number in maps)
    for number in found:
        assert ezomero.get_map_annotation(plant, number) == dict(maps[number]["mapValue"])
    found = ezomero.get_tag_ids(plant, "Image", 1)
    assert sorted(found) == sorted(number for number in linked if number in tags)
    text = ezomero.get_tag(plant, found[0])
    assert text == tags[found[0]]["textValue"]
    tagged = {
        r["parent"] for r in world.omero.rows["ImageAnnotationLink"] if r["child"] == found[0]
    }
    asked = [1, 2, 3, 40]
    expected = sorted(tagged & set(asked))
    assert sorted(ezomero.filter_by_tag_value(plant, asked, text)) == expected
    assert sorted(ezomero.get_image_ids(plant, annotation=found[0])) == sorted(tagged)
    number = next(number for number in linked if number in maps)
    key, value = maps[number]["mapValue"][0]
    having = {
        r["parent"]
        for r in world.omero.rows["ImageAnnotationLink"]
        if (key, value) in map(tuple, maps.get(r["child"], {}).get("mapValue", ()))
    }
    assert sorted(ezomero.filter_by_kv(plant, asked, key, value)) == sorted(having & set(asked))


def test_regions_files_and_people_are_found(plant: Any, world: World) -> None:
    roi = next(row for row in world.omero.rows["Roi"] if row["image"] == 1)
    assert ezomero.get_roi_ids(plant, 1) == [roi["id"]]
    shape = next(row for row in world.omero.rows["Rectangle"] if row["roi"] == roi["id"])
    assert ezomero.get_shape_ids(plant, roi["id"]) == [shape["id"]]
    rectangle = ezomero.get_shape(plant, shape["id"])
    assert (rectangle.x, rectangle.y, rectangle.width) == (shape["x"], shape["y"], shape["width"])
    image = world.omero.rows["Image"][0]
    entry = next(r for r in world.omero.rows["FilesetEntry"] if r["fileset"] == image["fileset"])
    found = ezomero.get_original_filepaths(plant, 1, fpath="client")
    assert found == [f"/{entry['clientPath']}"]
    assert ezomero.get_group_id(plant, "plant-biology") == 3
    assert ezomero.get_user_id(plant, "plant") == 3


def test_what_is_posted_is_there(plant: Any, capsys: pytest.CaptureFixture[str]) -> None:
    project = ezomero.post_project(plant, "QPOST", "posted")
    dataset = ezomero.post_dataset(plant, "QPOST001", project_id=project, description="x")
    lone = ezomero.post_dataset(plant, "lone")
    assert ezomero.get_dataset_ids(plant, project=project) == [dataset]
    ezomero.link_datasets_to_project(plant, [lone], project)
    assert sorted(ezomero.get_dataset_ids(plant, project=project)) == [dataset, lone]
    ezomero.link_images_to_dataset(plant, [1, 2], lone)
    assert sorted(ezomero.get_image_ids(plant, dataset=lone)) == [1, 2]
    ezomero.put_description(plant, "Dataset", dataset, "changed")
    assert plant.getObject("Dataset", dataset).getDescription() == "changed"
    ezomero.print_projects(plant)
    assert f"QPOST:\t{project}" in capsys.readouterr().out
    plant.deleteObjects("Project", [project], deleteChildren=False, wait=True)
    plant.deleteObjects("Dataset", [dataset, lone], wait=True)
    assert ezomero.get_project_ids(plant) == [1]
    assert plant.getObject("Image", 1) is not None


def test_annotations_are_posted_and_changed(plant: Any) -> None:
    dataset = ezomero.post_dataset(plant, "annotated")
    pairs = ezomero.post_map_annotation(plant, "Dataset", dataset, {"a": "b", "c": "d"}, "ns/x")
    assert ezomero.get_map_annotation(plant, pairs) == {"a": "b", "c": "d"}
    ezomero.put_map_annotation(plant, pairs, {"a": "z"})
    assert ezomero.get_map_annotation(plant, pairs) == {"a": "z"}
    comment = ezomero.post_comment_annotation(plant, "Dataset", dataset, "hello")
    assert ezomero.get_comment_annotation(plant, comment) == "hello"
    assert ezomero.get_comment_annotation_ids(plant, "Dataset", dataset) == [comment]
    region = ezomero.post_roi(
        plant, 2, [ezomero.rois.Rectangle(1.0, 2.0, 3.0, 4.0, label="here")], name="region"
    )
    (shape,) = ezomero.get_shape_ids(plant, region)
    assert ezomero.get_shape(plant, shape).label == "here"
    plant.deleteObjects("Roi", [region], wait=True)
    plant.deleteObjects("Dataset", [dataset], deleteAnns=True, wait=True)
    assert plant.getObject("MapAnnotation", pairs) is None
