"""`IQuery` of the embedded OMERO: projections as typed rows, and whole objects.

`Finder` loads objects for the other services as well; what a query fetches along is decided by its
own `join fetch`, as on the real server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omero import rtypes

from backends.demo.omero.graph import Thing, entity_named, properties_of
from backends.demo.omero.hql_values import CATEGORIES
from backends.demo.omero.ice_entities import Incoming, outgoing
from backends.demo.omero.ice_errors import invalid, misused, unsupported
from backends.demo.omero.ice_servant import Call
from backends.demo.omero.ice_values import QueryParameters, plain, query_parameters, wrapped_rows
from backends.demo.omero.model import Entity
from backends.demo.omero.rows import read_rows
from backends.omero.transport import RTime


class Finder:
    """Loads whole objects for a call."""

    def things(self, call: Call, hql: str, given: QueryParameters) -> list[Thing]:
        """Run a query, and return its roots as the store has them."""
        return call.store.objects.query(
            call.session,
            hql,
            given.values,
            group=call.group if given.group is None else given.group,
            offset=given.offset,
            limit=given.limit,
        )

    def objects(self, call: Call, hql: str, values: Mapping[str, object]) -> list[Any]:
        """Run a query, and return its roots as omero-py's objects."""
        return outgoing(self.things(call, hql, QueryParameters(dict(values))))

    def one(self, call: Call, hql: str, values: Mapping[str, object]) -> Any:
        """Run a query with one result.

        Raises:
            omero.ValidationException: there is none.
        """
        found = self.objects(call, hql, values)
        if not found:
            raise invalid(f"nothing found: {hql}")
        return found[0]


class Query:
    """The operations of `IQuery`."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def projection(self, call: Call, hql: str, params: Any) -> list[list[Any]]:
        """Run one HQL projection; a client of a fault gets a reply that it cannot take."""
        given = query_parameters(params)
        found = call.store.select(
            call.session,
            hql,
            given.values,
            group=call.group if given.group is None else given.group,
            offset=given.offset,
            limit=given.limit,
        )
        wanted: dict[str, dict[int, Any]] = {}

        def remember(entity: str, number: int) -> tuple[str, int]:
            wanted.setdefault(entity, {})[number] = None
            return entity, number

        rows = read_rows(found.statement, found.rows, found.member, found.groups, remember)
        for entity, numbers in wanted.items():
            things = call.store.objects.load(call.session, entity, list(numbers), group=call.group)
            made = outgoing([things.get(number) for number in numbers])
            wanted[entity] = dict(zip(numbers, made, strict=True))
        if wanted:
            places = [n for n, one in enumerate(found.statement.columns) if one.kind == "entity"]
            for row in rows:
                _put_objects(row, places, wanted)
        return wrapped_rows(found.statement.columns, found.statement.shape, rows)

    def findAllByQuery(self, call: Call, hql: str, params: Any) -> list[Any]:
        """Return whole objects."""
        return outgoing(self._finder.things(call, hql, query_parameters(params)))

    def findByQuery(self, call: Call, hql: str, params: Any) -> Any:
        """Return one object, or null."""
        return _unique(self._finder.things(call, hql, query_parameters(params)))

    def get(self, call: Call, name: str, number: int) -> Any:
        """Return an object by id; there must be one."""
        found = self.find(call, name, number)
        if found is None:
            raise invalid(f"no {name} with id {number}")
        return found

    def find(self, call: Call, name: str, number: int) -> Any:
        """Return an object by id, or null."""
        entity = _entity(name)
        return outgoing([self._by_ids(call, entity, [number]).get(number)])[0]

    def findAll(self, call: Call, name: str, given: Any) -> list[Any]:
        """Return all objects of a class."""
        hql = f"select x from {_entity(name).name} x order by x.id"
        return outgoing(self._finder.things(call, hql, _filtered({}, given)))

    def findByExample(self, call: Call, example: Any) -> Any:
        """Return the one object that has the example's values, or null."""
        return _unique(self._alike(call, example, None))

    def findAllByExample(self, call: Call, example: Any, given: Any) -> list[Any]:
        """Return all objects that have the example's values."""
        return outgoing(self._alike(call, example, given))

    def findByString(self, call: Call, name: str, field: str, value: str) -> Any:
        """Return the one object whose property is this text, or null."""
        return _unique(self._textual(call, name, field, value, None))

    def findAllByString(
        self, call: Call, name: str, field: str, value: str, is_exact: bool, given: Any
    ) -> list[Any]:
        """Return all objects whose property is this text, or (not exact) in any case."""
        if is_exact:
            return outgoing(self._textual(call, name, field, value, given))
        hql = f"select x from {_entity(name).name} x where lower(x.{field}) like :value"
        return outgoing(self._finder.things(call, hql, _filtered({"value": value.lower()}, given)))

    def findAllByFullText(self, call: Call, name: str, query: str, params: Any) -> list[Any]:
        """Refuse: nothing is indexed."""
        raise unsupported("full text search")

    def refresh(self, call: Call, given: Any) -> Any:
        """Return an object as it is now."""
        return self.get(call, type(given).__name__, given.id.val)

    def _by_ids(self, call: Call, entity: Entity, ids: list[int]) -> dict[int, Thing]:
        return call.store.objects.load(call.session, entity.name, ids, group=call.group)

    def _textual(self, call: Call, name: str, field: str, value: str, given: Any) -> list[Thing]:
        hql = f"select x from {_entity(name).name} x where x.{field} = :value order by x.id"
        return self._finder.things(call, hql, _filtered({"value": value}, given))

    def _alike(self, call: Call, example: Any, given: Any) -> list[Thing]:
        thing = Incoming().graph([example])[0]
        entity = _entity(thing.entity)
        conditions, values = ["x.id is not null"], dict[str, object]()
        for name, prop in properties_of(entity).items():
            value = thing.values.get(name)
            if prop.kind != "scalar" or value is None or name == "version":
                continue
            conditions.append(f"x.{name} = :{name}")
            values[name] = RTime(value) if CATEGORIES.get(str(prop.type)) == "time" else value
        for name, linked in thing.references.items():
            if linked is not None and linked.id is not None:
                conditions.append(f"x.{name}.id = :{name}")
                values[name] = linked.id
        hql = f"select x from {entity.name} x where {' and '.join(conditions)} order by x.id"
        return self._finder.things(call, hql, _filtered(values, given))


def _entity(name: str) -> Entity:
    found = entity_named(name)
    if found is None:
        raise misused(f"{name} is no entity")
    return found


def _filtered(values: dict[str, object], given: Any) -> QueryParameters:
    if given is None:
        return QueryParameters(values)
    return QueryParameters(
        values,
        plain(given.offset),
        plain(given.limit),
        plain(given.ownerId),
        plain(given.groupId),
    )


def _unique(found: list[Thing]) -> Any:
    different = list({id(thing): thing for thing in found}.values())
    if len(different) > 1:
        raise misused(f"query did not return a unique result: {len(different)}")
    return outgoing(different)[0] if different else None


def _put_objects(row: list[object], places: list[int], found: dict[str, dict[int, Any]]) -> None:
    """Replace (entity, id) by the object, wherever it stands in a row."""
    target: Any = row[0] if row and isinstance(row[0], dict | list) else row
    keys = list(target) if isinstance(target, dict) else range(len(target))
    for place, key in enumerate(keys):
        if place in places and target[key] is not None:
            entity, number = target[key]
            target[key] = rtypes.robject(found[entity][number])
