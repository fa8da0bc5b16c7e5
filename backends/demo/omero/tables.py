"""The SQLite tables of the embedded OMERO, derived from the model, and how rows get into them.

One table per hierarchy (Annotation, Shape, LightSource and Job have a class column), links are
tables, a quantity is a value and a unit column, a collection of values a table of its own with an
index column. A list such as `Pixels.channels` is kept by a position column beside its reference.
`hql_paths.py` reads the column names from here; `store.py` creates and fills.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from backends.demo.omero.errors import StoreContentError
from backends.demo.omero.model import Entity, Model, Property
from backends.demo.world import OmeroContent

SQL_TYPES = {
    "bool": "INTEGER",
    "double": "REAL",
    "int": "INTEGER",
    "long": "INTEGER",
    "string": "TEXT",
    "time": "INTEGER",
}
# Path below `details` → column and target; the last is all that global entities have.
DETAILS = {
    "owner": ("details_owner", "Experimenter"),
    "group": ("details_group", "ExperimenterGroup"),
    "creationEvent": ("details_creationEvent", "Event"),
    "updateEvent": ("details_updateEvent", "Event"),
    "externalInfo": ("details_externalInfo", "ExternalInfo"),
}
GROUP_PERMISSIONS = "details_permissions"
DEFAULT_PERMISSIONS = "rwr---"
VERSION = "version"  # counts the changes of an object; what was never changed has 0

Row = Mapping[str, Any]
Getter = Callable[[Row], Any]


def quoted(name: str) -> str:
    """Quote an identifier; OMERO has properties named `order`, `group` and `index`."""
    return f'"{name}"'


def unit_column(name: str) -> str:
    """Name the column that holds a quantity's unit."""
    return f"{name}_unit"


def position_column(inverse: str) -> str:
    """Name the column that holds the position in a list, beside the reference `inverse`."""
    return f"{inverse}_index"


def elements_table(entity: Entity, collection: str) -> str:
    """Name the table of a collection of values."""
    return f"{entity.table.name}_{collection}"


def has_details(entity: Entity) -> bool:
    """Whether rows have an owner and a group."""
    return not entity.table.is_global


def schema(model: Model) -> Iterator[str]:
    """Yield the statements that create all tables."""
    positions = position_columns(model)
    for entity in model.entities.values():
        if entity.superclass is not None:
            continue
        columns = {"id": "INTEGER PRIMARY KEY"}
        if entity.has_class:
            columns["class"] = "TEXT NOT NULL"
        for member in entity.family():
            for prop in member.own.values():
                columns.update(_columns_of(prop, model))
                if prop.kind == "collection" and prop.target is None:
                    yield _elements_ddl(elements_table(member, prop.name), prop, entity)
        columns.update(dict.fromkeys(positions.get(entity.name, ()), "INTEGER NOT NULL"))
        for column, target in DETAILS.values():
            if has_details(entity) or column == "details_externalInfo":
                columns[column] = f"INTEGER REFERENCES {quoted(target)}"
        if entity.name == "ExperimenterGroup":
            columns[GROUP_PERMISSIONS] = f"TEXT NOT NULL DEFAULT '{DEFAULT_PERMISSIONS}'"
        body = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
        yield f"CREATE TABLE {quoted(entity.name)} ({body})"


def indexes(model: Model) -> Iterator[str]:
    """Yield the statements that create indexes, meant for after the bulk load."""
    for entity in model.entities.values():
        if entity.superclass is not None:
            continue
        table = quoted(entity.name)
        seen: set[str] = set()
        for member in entity.family():
            for prop in member.own.values():
                if prop.kind == "reference" and prop.name not in seen:
                    seen.add(prop.name)
                    yield _index(entity.name, prop.name)
                if prop.kind == "collection" and prop.type == "NamedValue":
                    yield _index(elements_table(member, prop.name), "name", "value")
        if has_details(entity):
            yield _index(entity.name, "details_updateEvent")
            yield (
                f"CREATE UNIQUE INDEX {quoted(f'{entity.name}_external')}"
                f" ON {table} (details_externalInfo)"
            )
        if "parent" in entity.own and "child" in entity.own and has_details(entity):
            yield (
                f"CREATE UNIQUE INDEX {quoted(f'{entity.name}_link')}"
                f" ON {table} (parent, child, details_owner)"
            )
    yield _index("Annotation", "ns")


def load(connection: sqlite3.Connection, model: Model, content: OmeroContent) -> None:
    """Insert all rows of a content.

    Raises:
        StoreContentError: an entity or property is unknown, an id stands twice, or an owned row
            lacks its owner or group.
    """
    positions = position_columns(model)
    counters: dict[tuple[str, str, int], int] = {}
    for name, rows in content.rows.items():
        entity = model.entities.get(name)
        if entity is None:
            raise StoreContentError(f"unknown entity {name!r}")
        columns = _getters(entity, rows)
        for column in positions.get(entity.table.name, ()):
            columns[column] = _counter(entity.table.name, column.removesuffix("_index"), counters)
        names = ", ".join(quoted(column) for column in columns)
        marks = ", ".join("?" for _ in columns)
        getters = list(columns.values())
        try:
            connection.executemany(
                f"INSERT INTO {quoted(entity.table.name)} ({names}) VALUES ({marks})",  # noqa: S608 - names of the model
                ([get(row) for get in getters] for row in rows),
            )
            _load_elements(connection, entity, rows)
        except (sqlite3.Error, TypeError, ValueError, KeyError) as error:
            raise StoreContentError(f"{name}: {error!r}") from error


def _load_elements(connection: sqlite3.Connection, entity: Entity, rows: Sequence[Row]) -> None:
    for prop in _properties(entity).values():
        if prop.kind != "collection" or prop.target is not None:
            continue
        filled = [row for row in rows if row.get(prop.name)]
        table = quoted(elements_table(entity, prop.name))
        if prop.type == "NamedValue":
            connection.executemany(
                f"INSERT INTO {table} (owner, position, name, value) VALUES (?, ?, ?, ?)",  # noqa: S608
                (
                    (row["id"], position, name, value)
                    for row in filled
                    for position, (name, value) in enumerate(row[prop.name])
                ),
            )
        else:
            connection.executemany(
                f"INSERT INTO {table} (owner, position, value) VALUES (?, ?, ?)",  # noqa: S608
                (
                    (row["id"], position, value)
                    for row in filled
                    for position, value in enumerate(row[prop.name])
                ),
            )


def _getters(entity: Entity, rows: Sequence[Row]) -> dict[str, Getter]:
    """Map the columns that these rows fill to functions that read them from a row."""
    keys = dict.fromkeys(key for row in rows for key in row)
    getters: dict[str, Getter] = {}
    if entity.has_class:
        getters["class"] = lambda _: entity.name
    properties = _properties(entity)
    for key in keys:
        if key == "id":
            getters["id"] = _required(key)
        elif key.startswith("details."):
            getters[_details_column(entity, key)] = _optional(key)
        elif key in properties:
            getters.update(_property_getters(entity, properties[key]))
        else:
            raise StoreContentError(f"{entity.name} has no property {key!r}")
    if has_details(entity) and rows:
        for key in ("details.owner", "details.group"):
            if any(row.get(key) is None for row in rows):
                raise StoreContentError(f"a row of {entity.name} has no {key}")
    return getters


def _property_getters(entity: Entity, prop: Property) -> dict[str, Getter]:
    name = prop.name
    if prop.kind == "quantity":
        return {name: _part(name, 0), unit_column(name): _part(name, 1)}
    if name == VERSION:
        return {name: lambda row: row.get(name) or 0}
    if prop.kind != "collection":
        return {name: _optional(name)}
    if prop.target is not None:
        raise StoreContentError(f"{entity.name}.{name} is kept by {prop.target}.{prop.inverse}")
    return {}  # a collection of values has a table of its own


def _details_column(entity: Entity, key: str) -> str:
    name = key.removeprefix("details.")
    if name == "permissions" and entity.name == "ExperimenterGroup":
        return GROUP_PERMISSIONS
    if name not in DETAILS or not (has_details(entity) or name == "externalInfo"):
        raise StoreContentError(f"{entity.name} has no {key}")
    return DETAILS[name][0]


def _required(key: str) -> Getter:
    return lambda row: row[key]


def _optional(key: str) -> Getter:
    return lambda row: row.get(key)


def _part(key: str, part: int) -> Getter:
    def get(row: Row) -> Any:
        quantity = row.get(key)
        return None if quantity is None else quantity[part]

    return get


def _counter(table: str, reference: str, counters: dict[tuple[str, str, int], int]) -> Getter:
    def get(row: Row) -> int:
        key = (table, reference, row.get(reference) or 0)
        counters[key] = position = counters.get(key, -1) + 1
        return position

    return get


def _properties(entity: Entity) -> dict[str, Property]:
    above = {} if entity.superclass is None else _properties(entity.superclass)
    return {**above, **entity.own}


def _columns_of(prop: Property, model: Model) -> dict[str, str]:
    if prop.name == VERSION:
        return {VERSION: "INTEGER NOT NULL DEFAULT 0"}
    if prop.kind == "scalar":
        return {prop.name: SQL_TYPES[str(prop.type)]}
    if prop.kind == "quantity":
        return {prop.name: "REAL", unit_column(prop.name): "TEXT"}
    if prop.kind in ("reference", "enum"):
        return {prop.name: f"INTEGER REFERENCES {quoted(model.table_of(str(prop.target)))}"}
    return {}


def _elements_ddl(table: str, prop: Property, entity: Entity) -> str:
    name = "name TEXT NOT NULL, " if prop.type == "NamedValue" else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {quoted(table)} (owner INTEGER NOT NULL REFERENCES"
        f" {quoted(entity.name)}, position INTEGER NOT NULL, {name}value TEXT,"
        " PRIMARY KEY (owner, position)) WITHOUT ROWID"
    )


def _index(table: str, *columns: str) -> str:
    name = quoted("_".join((table, *columns, "idx")))
    return (
        f"CREATE INDEX IF NOT EXISTS {name} ON {quoted(table)}"
        f" ({', '.join(quoted(column) for column in columns)})"
    )


def position_columns(model: Model) -> dict[str, dict[str, None]]:
    """Map tables to the position columns that lists need in them."""
    found: dict[str, dict[str, None]] = {}
    for entity in model.entities.values():
        for prop in entity.own.values():
            if prop.ordered and prop.target is not None and prop.inverse is not None:
                table = model.table_of(prop.target)
                found.setdefault(table, {})[position_column(prop.inverse)] = None
    return found
