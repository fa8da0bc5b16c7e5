"""Whole objects of the embedded OMERO without Ice: what comes along, and who may see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.demo.omero.errors import StoreQueryError, StoreSecurityViolation
from backends.demo.omero.graph import Thing, entity_named, properties_of, reachable
from backends.demo.omero.model import omero_model
from backends.demo.omero.store import OmeroStore
from tests.backends.demo.omero.laboratory import ANN, CLOSED, LAB, PASSWORD, laboratory

ENTITIES = ("Image", "Pixels", "Channel", "LogicalChannel", "Objective", "MapAnnotation", "Project")


@pytest.fixture(scope="module")
def store() -> Iterator[OmeroStore]:
    store = OmeroStore(laboratory())
    yield store
    store.shut_down()


@pytest.fixture
def ann(store: OmeroStore) -> str:
    return store.login("ann", PASSWORD)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ENTITIES), st.integers(1, 9))
def test_an_object_has_the_values_that_a_projection_tells(
    store: OmeroStore, entity: str, number: int
) -> None:
    session = store.login("ann", PASSWORD)
    found = store.objects.load(session, entity, [number]).get(number)
    properties = properties_of(omero_model().entities[entity])
    scalars = [name for name, prop in properties.items() if prop.kind == "scalar"]
    links = [name for name, prop in properties.items() if prop.kind in ("reference", "enum")]
    named = ", ".join([f"x.{name}" for name in scalars] + [f"x.{name}.id" for name in links])
    hql = f"select x.id, {named} from {entity} x where x.id = :id"  # noqa: S608 - the model's
    rows = store.projection(session, hql, {"id": number})
    if found is None:
        assert rows == []
        return
    values = [found.values[name] for name in scalars]
    ids = [None if (end := found.references[name]) is None else end.id for name in links]
    assert rows == [[number, *values, *ids]]


def test_objects_that_may_not_be_read_are_missing(store: OmeroStore, ann: str) -> None:
    assert list(store.objects.load(ann, "Image", [1, 6, 7, 8, 99])) == [1, 6, 8]
    assert list(store.objects.load(ann, "Image", [1, 6, 8], group=LAB)) == [1]
    with pytest.raises(StoreSecurityViolation):
        store.objects.load(store.login("bob", PASSWORD), "Image", [1], group=CLOSED)


def test_what_is_not_fetched_is_a_shared_stub(store: OmeroStore, ann: str) -> None:
    first, second = store.objects.query(
        ann, "select i from Image i join fetch i.format where i.id in (2, 3)", {}
    )
    assert first.references["format"] is second.references["format"]
    kind = first.references["format"]
    assert kind is not None
    assert (kind.loaded, kind.values) == (True, {"value": "TIFF"})
    assert first.details is not None
    owner = first.details["owner"]
    assert owner is not None
    assert (owner.entity, owner.id, owner.loaded) == ("Experimenter", ANN, False)
    assert first.collections == {}


def test_collections_are_filled_in_their_order(store: OmeroStore, ann: str) -> None:
    (image,) = store.objects.query(
        ann,
        """select i from Image i join fetch i.pixels p join fetch p.channels c
        join fetch c.logicalChannel where i.id = 1""",
        {},
    )
    (pixels,) = image.collections["pixels"]
    assert pixels is not None
    logical = [one.references["logicalChannel"] for one in pixels.collections["channels"] if one]
    assert [one.values["name"] for one in logical if one] == ["DAPI", "GFP"]
    assert logical[0] is not None
    assert logical[0].values["emissionWave"] == (461.0, "NANOMETER")
    (empty,) = store.objects.query(
        ann, "select d from Dataset d left join fetch d.imageLinks where d.name = 'qempty'", {}
    )
    assert empty.collections["imageLinks"] == []


def test_references_to_abstract_classes_are_loaded(store: OmeroStore, ann: str) -> None:
    links = store.objects.query(
        ann, "select l from ImageAnnotationLink l where l.parent.id = 1 order by l.id", {}
    )
    children = [link.references["child"] for link in links]
    assert [(child.entity, child.loaded) for child in children if child] == [
        ("MapAnnotation", True),
        ("TagAnnotation", True),
    ]
    assert children[0] is not None
    assert children[0].values["mapValue"][0] == ("stain", "H&E")


@pytest.mark.parametrize(
    "hql",
    [
        "select i, p from Image i join i.pixels p",
        "select i.name from Image i",
        "select i from Image i join i.pixels p join fetch p.pixelsType",
    ],
)
def test_queries_that_select_no_object_are_refused(store: OmeroStore, ann: str, hql: str) -> None:
    with pytest.raises(StoreQueryError):
        store.objects.query(ann, hql, {})


def test_graphs_with_cycles_are_walked_once() -> None:
    parent, child = Thing("Project", 1, loaded=True), Thing("ProjectDatasetLink", 1, loaded=True)
    parent.collections["datasetLinks"] = [child]
    child.references["parent"] = parent
    assert reachable([parent]) == [child, parent]


def test_entities_are_known_under_all_their_names() -> None:
    for name in ("Image", "ImageI", "omero.model.ImageI", "ome.model.core.Image", "/Image"):
        found = entity_named(name)
        assert found is not None
        assert found.name == "Image"
    assert entity_named("Nonsense") is None
