"""`IQuery` of the embedded OMERO: typed cells, whole objects and what comes along with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backends.demo.world import World

omero = pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
rtypes = pytest.importorskip("omero.rtypes")

ALL = {"omero.group": "-1"}
LogIn = Callable[..., Any]


@pytest.fixture
def query(client: LogIn) -> Any:
    return client("steward").getSession().getQueryService()


def ids(*numbers: int) -> Any:
    parameters = omero.sys.ParametersI()
    parameters.addIds(list(numbers))
    return parameters


def test_cells_have_the_types_of_their_properties(query: Any) -> None:
    hql = """select i.id, px.sizeX, px.physicalSizeX.value, px.physicalSizeX.unit, i.name,
        i.archived, i.acquisitionDate, i.description, px.physicalSizeX, i.class, count(i.id),
        index(px), i
        from Image i join i.pixels px where i.id in (:ids) group by i.id, px.id"""
    (row,) = query.projection(hql, ids(1), ALL)
    kinds = " ".join(type(cell).__name__.removesuffix("I") for cell in row)
    assert kinds == (
        "RLong RInt RDouble RString RString RBool RTime NoneType RMap RClass RLong RInt RObject"
    )
    quantity = rtypes.unwrap(row[8])
    assert quantity == {"value": row[2].val, "unit": row[3].val, "symbol": "nm"}
    assert row[12].val.getName().val == row[4].val


def test_maps_carry_rights_by_name(client: LogIn) -> None:
    hql = "select new map(p.id as id, p as p_details_permissions) from Project p where p.id = 1"
    for user, edits in (("plant", True), ("microscopy", False)):
        service = client(user).getSession().getQueryService()
        (row,) = rtypes.unwrap(service.projection(hql, None, ALL))
        assert row[0]["p_details_permissions"]["canEdit"] is edits
        assert row[0]["p_details_permissions"]["perm"] == "rwr---"


def test_images_come_with_what_is_fetched_and_stubs_of_the_rest(query: Any, world: World) -> None:
    hql = """select distinct i from Image i join fetch i.details.owner
        left outer join fetch i.details.externalInfo left outer join fetch i.pixels px
        left outer join fetch px.pixelsType where i.id in (:ids)"""
    first, second = query.findAllByQuery(hql, ids(1, 2), ALL)
    row = world.omero.rows["Image"][0]
    assert first.getName().val == row["name"]
    assert first.getAcquisitionDate().val == row["acquisitionDate"]
    owner = first.getDetails().getOwner()
    assert (owner.getOmeName().val, owner is second.getDetails().getOwner()) == ("plant", True)
    assert first.getDetails().getPermissions().canEdit()
    pixels = first.getPrimaryPixels()
    assert pixels.getPixelsType().getValue().val == "uint8"
    assert pixels.getImage() is first
    instrument = first.getInstrument()
    assert (instrument.getId().val, instrument.isLoaded()) == (row["instrument"], False)
    assert not first.isDatasetLinksLoaded()
    assert first.isPixelsLoaded()
    with pytest.raises(omero.UnloadedEntityException):
        instrument.getMicroscope()
    event = first.getDetails().getCreationEvent()
    assert not event.isLoaded()


def test_channels_come_in_their_order(query: Any, world: World) -> None:
    hql = """select distinct px from Pixels px join fetch px.channels c
        join fetch c.logicalChannel lc left outer join fetch lc.mode
        left outer join fetch c.statsInfo where px.image.id in (:ids)"""
    (pixels,) = query.findAllByQuery(hql, ids(1), ALL)
    channels = [row for row in world.omero.rows["Channel"] if row["pixels"] == pixels.getId().val]
    assert [one.getId().val for one in pixels.copyChannels()] == [row["id"] for row in channels]
    logical = world.omero.rows["LogicalChannel"][channels[0]["logicalChannel"] - 1]
    found = pixels.getChannel(0).getLogicalChannel()
    assert found.getName().val == logical["name"]
    wave = found.getEmissionWave()
    assert (wave.getValue(), wave.getUnit().name) == logical["emissionWave"]
    assert found.getMode().getValue().val == "LaserScanningConfocalMicroscopy"


def test_regions_come_with_their_shapes(query: Any, world: World) -> None:
    hql = "select distinct r from Roi r left outer join fetch r.shapes where r.image.id in (:ids)"
    found = query.findAllByQuery(hql, ids(1, 2, 3), ALL)
    expected = [row["id"] for row in world.omero.rows["Roi"] if row["image"] in (1, 2, 3)]
    assert sorted(one.getId().val for one in found) == expected
    shape = found[0].getShape(0)
    row = next(r for r in world.omero.rows["Rectangle"] if r["id"] == shape.getId().val)
    assert (shape.getX().val, shape.getTheZ().val) == (row["x"], row["theZ"])


def test_annotations_come_in_their_own_class(query: Any) -> None:
    hql = "select l from ImageAnnotationLink l where l.parent.id = 1 order by l.id"
    found = query.findAllByQuery(hql, None, ALL)
    children = [type(link.getChild()).__name__ for link in found]
    assert set(children) == {"MapAnnotationI", "TagAnnotationI"}
    assert all(link.getChild().isLoaded() for link in found)
    assert not found[0].getParent().isLoaded()
    assert all(
        link.getChild().getMapValue()
        for link in found
        if isinstance(link.getChild(), omero.model.MapAnnotationI)
    )


def test_roots_stand_once_however_much_comes_along(query: Any, world: World) -> None:
    hql = """select l from DatasetImageLink l join fetch l.child i
        left outer join fetch i.annotationLinks a left outer join fetch a.child
        where l.parent.id = 1 order by i.name"""
    found = query.findAllByQuery(hql, None, ALL)
    linked = [row for row in world.omero.rows["DatasetImageLink"] if row["parent"] == 1]
    assert len(found) == len(linked)
    page = query.findAllByQuery(hql, omero.sys.ParametersI().page(1, 2), ALL)
    assert [one.getId().val for one in page] == [one.getId().val for one in found[1:3]]
    multiplied = "select i from Image i join i.annotationLinks a where i.id = 1"
    annotations = [r for r in world.omero.rows["ImageAnnotationLink"] if r["parent"] == 1]
    assert len(query.findAllByQuery(multiplied, None, ALL)) == len(annotations)


def test_single_objects_are_found_in_every_way(query: Any) -> None:
    found = query.findByQuery("select p from Project p where p.name = 'QRUP2'", None, ALL)
    assert found.getId().val == 1
    assert query.findByQuery("select p from Project p where p.id = 99", None, ALL) is None
    assert query.get("ProjectI", 1, ALL).getName().val == "QRUP2"
    assert query.get("omero.model.Project", 1, ALL).getName().val == "QRUP2"
    assert query.findByString("Project", "name", "QRUP2", ALL).getId().val == 1
    assert query.findAllByString("Project", "name", "qrup%", False, None, ALL)[0].getId().val == 1
    example = omero.model.ProjectI()
    example.setName(rtypes.rstring("QRUP2"))
    assert query.findByExample(example, ALL).getId().val == 1
    names = [one.getName().val for one in query.findAll("Project", None, ALL)]
    assert names == ["QRUP2", "QCLIN", "QHCC0"]
    with pytest.raises(omero.ApiUsageException, match="unique"):
        query.findByQuery("select p from Project p", None, ALL)
    with pytest.raises(omero.QueryException, match="must be selected"):
        query.findAllByQuery(
            "select i from Image i join i.pixels px join fetch px.pixelsType", None, ALL
        )


def test_metadata_services_load_what_belongs_together(client: LogIn, world: World) -> None:
    factory = client("steward").getSession()
    container = factory.getContainerService()
    (image,) = container.getImages("Image", [1], None, ALL)
    assert image.getPrimaryPixels().getSizeX().val == world.omero.rows["Pixels"][0]["sizeX"]
    linked = [r["child"] for r in world.omero.rows["DatasetImageLink"] if r["parent"] == 1]
    below = container.getImages("Dataset", [1], None, ALL)
    assert sorted(one.getId().val for one in below) == sorted(linked)
    counts = container.getCollectionCount("Project", "datasetLinks", [1, 2, 3], None, ALL)
    links = [row["parent"] for row in world.omero.rows["ProjectDatasetLink"]]
    assert counts == {number: links.count(number) for number in (1, 2, 3)}
    (above,) = container.findContainerHierarchies("Project", [1], None, ALL)
    assert (above.getId().val, above.sizeOfDatasetLinks()) == (1, 1)
    instrument = factory.getMetadataService().loadInstrument(image.getInstrument().getId().val, ALL)
    objectives = [r for r in world.omero.rows["Objective"] if r["instrument"] == 1]
    assert instrument.sizeOfObjective() == len(objectives)
    assert instrument.getMicroscope().getType().isLoaded()
    annotations = factory.getMetadataService().loadAnnotations("Image", [1], None, None, None, ALL)
    expected = [r["child"] for r in world.omero.rows["ImageAnnotationLink"] if r["parent"] == 1]
    assert sorted(one.getId().val for one in annotations[1]) == sorted(expected)
    regions = factory.getRoiService().findByImage(1, None, ALL).rois
    assert [one.getId().val for one in regions] == [
        row["id"] for row in world.omero.rows["Roi"] if row["image"] == 1
    ]
