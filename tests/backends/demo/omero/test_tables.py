from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from backends.demo.omero.model import omero_model
from backends.demo.omero.store import OmeroStore, StoreContentError
from backends.demo.omero.tables import indexes, load, schema
from backends.demo.study import build_world
from backends.demo.world import OmeroContent
from tests.backends.demo.omero.laboratory import Desk, laboratory, owned


def test_every_entity_of_the_model_has_a_place() -> None:
    connection = sqlite3.connect(":memory:")
    for statement in (*schema(omero_model()), *indexes(omero_model())):
        connection.execute(statement)
    tables = {
        name for (name,) in connection.execute("select name from sqlite_master where type='table'")
    }
    for entity in omero_model().entities.values():
        assert entity.table.name in tables
        columns = {
            row[1] for row in connection.execute(f'PRAGMA table_info("{entity.table.name}")')
        }
        kept = {name for name, prop in entity.own.items() if prop.kind != "collection"}
        assert kept <= columns
    connection.close()


@pytest.mark.parametrize("build", [laboratory, lambda: build_world().omero], ids=["small", "demo"])
def test_every_reference_leads_somewhere(build: Any) -> None:
    connection = sqlite3.connect(":memory:")
    model = omero_model()
    for statement in schema(model):
        connection.execute(statement)
    load(connection, model, build())
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


@pytest.mark.parametrize(
    ("entity", "row", "complaint"),
    [
        ("Imag", {"id": 1}, "unknown entity 'Imag'"),
        ("Format", {"id": 1, "valu": "x"}, "no property 'valu'"),
        ("Format", {"id": 1, "details.owner": 1}, "Format has no details.owner"),
        ("Image", {"id": 1, "details.owner": 1}, "has no details.group"),
        ("Image", {"id": 1, "pixels": [1]}, "kept by Pixels.image"),
        ("Experimenter", {"id": 1}, "Experimenter"),
    ],
)
def test_rows_that_do_not_fit_the_model_are_refused(
    entity: str, row: dict[str, Any], complaint: str
) -> None:
    content = laboratory()
    content.rows.setdefault(entity, []).append(row)
    with pytest.raises(StoreContentError, match=complaint):
        OmeroStore(content)


def test_a_pair_of_objects_is_linked_once_by_one_owner() -> None:
    content = laboratory()
    owned(content, "DatasetImageLink", {"parent": 1, "child": 1})
    with pytest.raises(StoreContentError, match="UNIQUE"):
        OmeroStore(content)


def test_subclasses_share_the_ids_of_their_table() -> None:
    content = OmeroContent()
    assert [content.add("Laser"), content.add("Arc"), content.add("Detector")] == [1, 2, 1]
    assert [content.add("TagAnnotation"), content.add("MapAnnotation")] == [1, 2]


def test_a_list_keeps_the_order_of_insertion() -> None:
    content = laboratory()
    for name in ("third", "fourth"):
        logical = owned(content, "LogicalChannel", {"name": name})
        owned(content, "Channel", {"pixels": 1, "logicalChannel": logical})
    store = OmeroStore(content)
    hql = """select index(c), lc.name from Pixels p join p.channels c join c.logicalChannel lc
        where p.id = 1 order by index(c)"""
    assert Desk(store).ask(hql) == [[0, "DAPI"], [1, "GFP"], [2, "third"], [3, "fourth"]]
    store.shut_down()
