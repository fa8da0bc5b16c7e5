"""Every HQL text of the product: accepted by the embedded store, and safe on a real server."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.hql_sql import translate
from backends.demo.omero.model import Property, omero_model
from backends.filters import (
    ContainerFilter,
    DateMatch,
    ImageFilter,
    KeyValueMatch,
    NumberMatch,
    PageRequest,
    QuantityMatch,
    Sort,
    StringMatch,
)
from backends.omero import queries
from backends.omero.asking import Scope
from backends.omero.keyset import CONTAINER_SORTS, IMAGE_SORTS, Keyset
from backends.omero.predicates import Predicates
from backends.omero.queries import Projection
from backends.records import ImagingKind, Quantity

TEXT = StringMatch("a", "b", ("c", "d"), "e", "f", exists=True)
NUMBER = NumberMatch(1.0, 2.0, 3.0, -1.0, 0.0, (0.0, 9.0))
LENGTH = Quantity(1.0, "MICROMETER")
DATES = DateMatch(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
PAIRS = (KeyValueMatch("k", "n", TEXT), KeyValueMatch("k"))
CONTAINER = ContainerFilter((1,), TEXT, PAIRS, TEXT, any_of=(ContainerFilter((2,)),))
EVERYTHING = ImageFilter(
    omero_ids=(1, 2),
    name=TEXT,
    key_values=PAIRS,
    tag=TEXT,
    channel=TEXT,
    magnification=NUMBER,
    pixel_size=QuantityMatch(ge=LENGTH, lt=Quantity(2.0, "MILLIMETER")),
    size_x=NumberMatch(ge=2.5),
    size_t=NumberMatch(eq=1),
    pixel_type=TEXT,
    format=TEXT,
    acquired=DATES,
    imported=DATES,
    image_dataset=CONTAINER,
    image_project=CONTAINER,
    none_of=(ImageFilter(tag=StringMatch("a")), ImageFilter(acquired=DATES)),
)
KEYS = {int: (1, 1), str: ("a", 1)}


def templates() -> list[Projection]:
    """Every named projection with every way in which the client completes it."""
    whole = [each for each in vars(queries).values() if isinstance(each, Projection)]
    for kind in ImagingKind:
        whole += [queries.key_values(kind), queries.tags(kind), queries.by_external_id(kind)]
    whole.append(
        queries.IMAGES.join(queries.OBJECTIVE_JOINS)
        .select(*queries.OBJECTIVE_COLUMNS)
        .join(queries.INSTRUMENT_JOINS)
        .select(*queries.INSTRUMENT_COLUMNS)
    )
    for link in ("ProjectDatasetLink", "DatasetImageLink", "ImageAnnotationLink"):
        whole.append(queries.links(link).filter("l.parent.id = :parent", "l.child.id in (:ids)"))
        whole.append(queries.links(link).filter("l.child.id = :child", "l.parent.id in (:ids)"))
    whole.append(queries.IMAGES.filter(queries.IN_DATASET))
    whole.append(queries.IMAGE_DATASETS.select(queries.IMAGE_COUNT).filter(queries.IN_PROJECT))
    whole.append(queries.IMAGE_PROJECTS.select(queries.IMAGE_DATASET_COUNT))
    predicates = Predicates()
    clause = predicates.image(EVERYTHING)
    whole.append(queries.COUNT_IMAGES.filter(clause))
    scope = Scope.images_of_datasets(((1,),), clause, {})
    everyone = Scope.images_of_datasets(((1,),), True, {})
    for each in (scope, everyone):
        whole.append(queries.CHANNELS.filter(each.condition("px.image.id")))
        whole.append(queries.FILESETS.filter(queries.fileset_of(each.condition("im.id"))))
    whole += [
        queries.COUNT_IMAGE_PROJECTS.filter(
            predicates.container(ImagingKind.IMAGE_PROJECT, CONTAINER)
        ),
        queries.COUNT_IMAGE_DATASETS.filter(
            predicates.container(ImagingKind.IMAGE_DATASET, CONTAINER)
        ),
    ]
    for name, column in IMAGE_SORTS.items():
        for key in (None, KEYS[column.values], *([(None, 1)] if column.nullable else [])):
            for descending in (False, True):
                page = PageRequest(5, Sort(name, descending), key, backward=descending)
                keyset = Keyset.of(page, IMAGE_SORTS, "i.id")
                whole += [
                    keyset.apply(each, predicates.parameters)
                    for each in (queries.IMAGES, queries.IMAGE_PAIRS, queries.IMAGES_OF_DATASETS)
                ]
    for name, column in CONTAINER_SORTS.items():
        page = PageRequest(5, Sort(name), KEYS[column.values])
        keyset = Keyset.of(page, CONTAINER_SORTS, "c.id")
        whole.append(keyset.apply(queries.IMAGE_DATASETS_OF_PROJECTS, predicates.parameters))
    return whole


# --- A reading of HQL that is independent of the store's ------------------------------------------

ROOT = re.compile(r"(?:from|,)\s+([A-Z]\w+)\s+(\w+)")
JOIN = re.compile(r"(left outer )?join\s+(\w+)\.([\w.]+)\s+(\w+)")
PATH = re.compile(r"(?<![:\w.'])([a-z]\w*)((?:\.\w+)+)")
DETAILS = {
    "owner": Property("owner", "reference", target="Experimenter"),
    "group": Property("group", "reference", target="ExperimenterGroup"),
    "creationEvent": Property("creationEvent", "reference", target="Event"),
    "externalInfo": Property("externalInfo", "reference", target="ExternalInfo", nullable=True),
}


def step(entity: str, name: str) -> Property:
    """The property of an entity; it must exist."""
    found = omero_model().entities[entity].find(name)
    assert found, f"{entity} has no property {name}"
    return found[0]


def walked(entity: str, path: str) -> tuple[Property | None, list[Property]]:
    """The last property of a path and the references passed on the way; None for an id."""
    passed: list[Property] = []
    here: str | None = entity
    found: Property | None = None
    for name in path.strip(".").split("."):
        if name == "details":
            continue
        if name in {"id", "class"}:
            assert here is not None
            return None, passed[:-1]  # the foreign key stands in the row before
        if here is None:  # value and unit of a quantity, name and value of a pair
            assert name in {"value", "unit", "name"}
            return found, passed
        found = DETAILS[name] if name in DETAILS else step(here, name)
        if found.target:
            passed.append(found)
        here = found.target
    return found, passed[:-1] if found is not None and found.target else passed


def faults(hql: str) -> list[str]:
    """What would drop rows or fail on a real server."""
    aliases: dict[str, str | None] = {alias: entity for entity, alias in ROOT.findall(hql)}
    wrong = []
    for outer, alias, path, name in JOIN.findall(hql):
        assert name not in aliases, f"{name} stands for two things"
        entity = aliases[alias]
        assert entity is not None
        found, _ = walked(entity, path)
        assert found is not None
        aliases[name] = found.target
        if found.nullable and not outer and "exists" not in hql[: hql.index(f" {name}")]:
            wrong.append(f"join {alias}.{path}")
    for alias, path in PATH.findall(hql):
        entity = aliases[alias]
        if entity is None:
            assert path in {".name", ".value"}
            continue
        _, passed = walked(entity, path)
        wrong += [f"{alias}{path}" for reference in passed if reference.nullable]
    return wrong


@pytest.mark.parametrize("projection", templates(), ids=lambda each: each.name)
def test_every_query_is_accepted_and_takes_no_optional_reference_implicitly(
    projection: Projection,
) -> None:
    hql = projection.hql()
    statement = translate(hql, filtered=True)
    assert set(statement.parameters) == set(re.findall(r":(\w+)", hql))
    assert faults(hql) == []
    assert not re.search(r"\b(limit|union|ilike|fetch)\b", hql)
    assert hql.count("(") == hql.count(")")


def test_the_checks_above_find_what_they_are_for() -> None:
    with pytest.raises(StoreQueryError):
        translate("select i.nome from Image i", filtered=True)
    with pytest.raises(AssertionError, match="Image has no property nome"):
        faults("select i.nome from Image i")
    assert faults("select i.format.value from Image i") == ["i.format.value"]
    assert faults("select i.id from Image i join i.format f") == ["join i.format"]
    assert faults("select i.format.id from Image i left outer join i.format f") == []


def test_every_name_that_counters_see_is_short_and_holds_no_data() -> None:
    assert all(re.fullmatch(r"[a-zA-Z]{4,30}", each.name) for each in templates())
