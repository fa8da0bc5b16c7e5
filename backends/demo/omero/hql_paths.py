"""From HQL's aliases and paths to SQL tables, joins and columns.

A `Scope` is the from clause of one query or subquery: it holds the aliases, grows a join for each
reference that a path crosses (an inner join, as Hibernate's, so that a missing optional reference
loses the row; a trailing `.id` needs none), and puts the read condition of `rights.py` on
every owned table. `hql_expressions.py` resolves paths through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from backends.demo.omero import hql_tree as tree
from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.hql_values import Value
from backends.demo.omero.model import Entity, Model, Property
from backends.demo.omero.rights import predicate
from backends.demo.omero.tables import (
    DETAILS,
    GROUP_PERMISSIONS,
    elements_table,
    has_details,
    position_column,
    quoted,
    unit_column,
)


@dataclass(frozen=True, slots=True)
class Binding:
    """What an alias stands for: rows of an entity, or (`entity` None) a collection's values.

    `table` is the alias in SQL, `source` what it is an alias of, `position` the column of the
    place in a list, `is_details` marks the step `x.details`.
    """

    table: str
    source: str
    entity: Entity | None
    position: str | None = None
    is_details: bool = False

    @property
    def is_named(self) -> bool:
        """Whether the values are name-value pairs."""
        return self.entity is None and self.source != "Namespace_keywords"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A `join fetch`: the objects of `table` are to come along with those of `owner`.

    `collection` is the property of the owner that they are elements of; None for a reference.
    """

    owner: str
    table: str
    entity: Entity
    collection: str | None


@dataclass(slots=True)
class Scope:
    """The from clause of one query level; `outer` is the enclosing one."""

    model: Model
    filtered: bool
    numbers: Iterator[int]
    outer: Scope | None = None
    bindings: dict[str, Binding] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    fetches: list[Fetched] = field(default_factory=list)
    _implicit: dict[tuple[str, str], Binding] = field(default_factory=dict)
    _tables: set[str] = field(default_factory=set)

    def child(self) -> Scope:
        """Open the scope of a subquery."""
        return Scope(self.model, self.filtered, self.numbers, self)

    def find(self, alias: str) -> Binding | None:
        """Find an alias here or in an enclosing query."""
        scope: Scope | None = self
        while scope is not None:
            if alias in scope.bindings:
                return scope.bindings[alias]
            scope = scope.outer
        return None

    def owns(self, table: str) -> bool:
        """Say whether an SQL alias belongs to this level."""
        return table in self._tables

    # --- the from clause -----------------------------------------------------------------------

    def add_root(self, root: tree.Root) -> None:
        """Add an entity, or a collection of an outer alias, to the from clause."""
        parts = root.path.parts
        if len(parts) > 1 and self.find(parts[0]) is not None:
            binding, condition = self.collection(root.path)
            self.conditions.append(condition)
        else:
            entity = self.entity(root.path)
            binding = self._new(entity.table.name, entity)
        self.conditions.extend(self._readable(binding))
        source = f"{quoted(binding.source)} AS {binding.table}"
        self.sources.append(f"CROSS JOIN {source}" if self.sources else source)
        self._bind(root.alias, binding)

    def add_join(self, join: tree.Join, translate: Callable[[tree.Expression], str]) -> None:
        """Add an explicit join; `translate` turns what stands behind `with` into SQL."""
        parts = join.path.parts
        if len(parts) == 1:
            raise StoreQueryError(
                f"Illegal query: cannot join {join.path}, give a path as i.pixels"
            )
        owner = self._walk(parts[:-1])
        is_collection = (
            not owner.is_details
            and self._property(owner, parts[-1], join.path).kind == "collection"
        )
        if is_collection:
            binding, condition = self.collection(join.path)
        else:
            binding, condition = self._reference(owner, parts[-1], join.path)
        if join.fetch and binding.entity is not None:
            name = parts[-1] if is_collection else None
            self.fetches.append(Fetched(owner.table, binding.table, binding.entity, name))
        self._bind(join.alias, binding)
        conditions = [condition, *self._readable(binding)]
        if join.condition is not None:
            conditions.append(translate(join.condition))
        kind = "LEFT JOIN" if join.outer else "JOIN"
        source = f"{quoted(binding.source)} AS {binding.table}"
        self.sources.append(f"{kind} {source} ON {' AND '.join(conditions)}")

    def entity(self, path: tree.Path) -> Entity:
        """Find an entity by its name, with or without its package."""
        entity = self.model.entities.get(path.parts[-1])
        if entity is None:
            raise StoreQueryError(f"Illegal query: {path} is not mapped (unknown entity)")
        return entity

    def collection(self, path: tree.Path) -> tuple[Binding, str]:
        """Return a collection's table, not yet joined, and the condition that ties it."""
        owner = self._walk(path.parts[:-1])
        prop = self._property(owner, path.parts[-1], path)
        if prop.kind != "collection" or owner.entity is None:
            raise StoreQueryError(f"Illegal query: {path} is no collection")
        if prop.target is None:
            binding = self._new(elements_table(owner.entity, prop.name), None, "position")
            return binding, f"{binding.table}.owner = {owner.table}.id"
        target = self.model.entities[prop.target]
        inverse = str(prop.inverse)
        position = quoted(position_column(inverse)) if prop.ordered else None
        binding = self._new(target.table.name, target, position)
        return binding, f"{binding.table}.{quoted(inverse)} = {owner.table}.id"

    def readable(self, binding: Binding) -> str:
        """Return the condition under which rows of a collection may be read, to be and-ed."""
        return "".join(f" AND {condition}" for condition in self._readable(binding))

    # --- paths ---------------------------------------------------------------------------------

    def resolve(self, path: tree.Path) -> Value:
        """Turn a path into a value."""
        parts = path.parts
        if len(parts) == 1:
            alone = self.find(parts[0])
            if alone is not None:
                return _itself(alone)
        steps = parts if self.find(parts[0]) is not None else ("", *parts)
        *before, name = steps
        if len(before) > 1 and name == "id":
            # The id of a reference is its foreign key, without crossing it.
            reference = self._last(self._walk(steps[:-2], path), steps[-2], path)
            if reference.type == "entity":
                return Value(reference.sql, "long", reference.columns)
        return self._last(self._walk(steps[:-1], path), name, path)

    def _last(  # noqa: PLR0911 - a table of the kinds of step
        self, owner: Binding, name: str, path: tree.Path
    ) -> Value:
        """Read the last step of a path."""
        if owner.is_details:
            return self._details(owner, name, path)
        if owner.entity is None:
            return self._element(owner, name, path)
        if name == "id":
            return _column(owner.table, "id", "long", owner.entity)
        if name == "class":
            return _class(owner)
        prop = self._property(owner, name, path)
        if prop.kind in ("reference", "enum"):
            target = self.model.entities[str(prop.target)]
            return _column(owner.table, name, "entity", target)
        if prop.kind == "collection":
            raise StoreQueryError(f"Illegal query: {path} is a collection: join it")
        value = _column(owner.table, name, str(prop.type), None)
        if prop.kind == "quantity":
            unit = f"{owner.table}.{quoted(unit_column(name))}"
            return Value(value.sql, "quantity", value.columns | {unit}, unit=unit)
        return value

    def _walk(self, parts: tuple[str, ...], path: tree.Path | None = None) -> Binding:
        """Follow a path to the object that its last step is read from, joining on the way."""
        whole = path or tree.Path(parts)
        binding = self.find(parts[0]) if parts[0] else self._only()
        if binding is None:
            known = ", ".join(name for name in self.bindings if not name.startswith(" "))
            raise StoreQueryError(
                f"Illegal query: unknown alias {whole.parts[0]!r} in {whole} (known: {known})"
            )
        for step in parts[1:]:
            if step == "details" and binding.entity is not None and not binding.is_details:
                binding = Binding(binding.table, binding.source, binding.entity, is_details=True)
                continue
            if self._is_quantity(binding, step):
                binding = Binding(binding.table, step, None, position="quantity")
                continue
            binding = self._implicit_join(binding, step, whole)
        return binding

    def _only(self) -> Binding | None:
        """Return the from clause's only entry, of which properties may be named without alias."""
        unnamed = [bound for alias, bound in self.bindings.items() if alias.startswith(" ")]
        return unnamed[0] if len(self.bindings) == 1 and unnamed else None

    def _is_quantity(self, binding: Binding, step: str) -> bool:
        if binding.entity is None or binding.is_details:
            return False
        found = binding.entity.find(step)
        return bool(found) and found[0].kind == "quantity"

    def _implicit_join(self, owner: Binding, step: str, path: tree.Path) -> Binding:
        key = (f"{owner.table}.details" if owner.is_details else owner.table, step)
        scope: Scope | None = self
        while scope is not None:
            if key in scope._implicit:  # noqa: SLF001 - the same class
                return scope._implicit[key]  # noqa: SLF001
            scope = scope.outer
        binding, condition = self._reference(owner, step, path)
        conditions = [condition, *self._readable(binding)]
        source = f"{quoted(binding.source)} AS {binding.table}"
        self.sources.append(f"JOIN {source} ON {' AND '.join(conditions)}")
        self._implicit[key] = binding
        return binding

    def _reference(self, owner: Binding, name: str, path: tree.Path) -> tuple[Binding, str]:
        if owner.is_details:
            column = self._details(owner, name, path)
            target = column.entity
            if target is None:
                raise StoreQueryError(f"Illegal query: {path} leads to no object")
            binding = self._new(target.table.name, target)
            return binding, f"{binding.table}.id = {column.sql}"
        prop = self._property(owner, name, path)
        if prop.kind == "collection":
            raise StoreQueryError(
                f"Illegal query: {path} goes through the collection {name!r}: join it"
            )
        if prop.kind not in ("reference", "enum"):
            raise StoreQueryError(f"Illegal query: {name!r} in {path} is a {prop.kind}, no object")
        target = self.model.entities[str(prop.target)]
        binding = self._new(target.table.name, target)
        return binding, f"{binding.table}.id = {owner.table}.{quoted(name)}"

    def _details(self, owner: Binding, name: str, path: tree.Path) -> Value:
        entity = owner.entity
        if entity is not None and name == "permissions":
            if entity.name == "ExperimenterGroup":
                return _column(owner.table, GROUP_PERMISSIONS, "string", None)
            group = f"{owner.table}.details_group"
            sql = f'(SELECT {GROUP_PERMISSIONS} FROM "ExperimenterGroup" WHERE id = {group})'  # noqa: S608 - a column
            return Value(sql, "string", frozenset({group}))
        known = entity is not None and (has_details(entity) or name == "externalInfo")
        if name not in DETAILS or not known:
            shown = entity.name if entity is not None else "?"
            raise StoreQueryError(f"Illegal query: {shown} has no details.{name} (in {path})")
        column, target = DETAILS[name]
        return _column(owner.table, column, "entity", self.model.entities[target])

    def _element(self, owner: Binding, name: str, path: tree.Path) -> Value:
        if owner.position == "quantity":
            if name == "value":
                return _column(owner.table, owner.source, "double", None)
            if name == "unit":
                return _column(owner.table, unit_column(owner.source), "unit", None)
            raise StoreQueryError(f"Illegal query: a quantity has value and unit, not {path}")
        if name in ("name", "value") and owner.is_named:
            return _column(owner.table, name, "string", None)
        raise StoreQueryError(f"Illegal query: a pair has name and value, not {path}")

    def _property(self, owner: Binding, name: str, path: tree.Path) -> Property:
        if owner.entity is None or owner.is_details:
            raise StoreQueryError(f"Illegal query: nothing lies below {path}")
        found = owner.entity.find(name)
        if not found:
            raise StoreQueryError(
                f"Illegal query: could not resolve property {name!r} of {owner.entity.name}"
                f" (in {path})"
            )
        if len({(prop.kind, prop.target, prop.type) for prop in found}) > 1:
            raise StoreQueryError(
                f"Illegal query: {path}: subclasses of {owner.entity.name} differ in {name!r},"
                " select from one of them"
            )
        return found[0]

    # --- tables --------------------------------------------------------------------------------

    def _new(self, source: str, entity: Entity | None, position: str | None = None) -> Binding:
        table = f"t{next(self.numbers)}"
        self._tables.add(table)
        return Binding(table, source, entity, position)

    def _bind(self, alias: str | None, binding: Binding) -> None:
        name = alias if alias is not None else f" {binding.table}"
        if name in self.bindings:
            raise StoreQueryError(f"Illegal query: the alias {name!r} stands twice")
        self.bindings[name] = binding

    def _readable(self, binding: Binding) -> list[str]:
        """Return the conditions on a table's rows: their class, and who may read them."""
        entity = binding.entity
        if entity is None:
            return []
        conditions: list[str] = []
        if entity.superclass is not None:
            classes = ", ".join(f"'{member.name}'" for member in entity.family())
            conditions.append(f"{binding.table}.class IN ({classes})")
        if self.filtered and has_details(entity):
            conditions.append(predicate(binding.table))
        return conditions


def _column(table: str, column: str, kind: str, entity: Entity | None) -> Value:
    sql = f"{table}.{quoted(column)}" if column != "id" else f"{table}.id"
    return Value(sql, kind, frozenset({sql}), entity=entity)


def _itself(binding: Binding) -> Value:
    position = f"{binding.table}.{binding.position}" if binding.position is not None else None
    if binding.entity is not None:
        own = f"{binding.table}.id"
        return Value(own, "entity", frozenset({own}), entity=binding.entity, position=position)
    if binding.is_named:
        own = f"{binding.table}.owner"
        return Value(own, "pair", frozenset({own}), position=position)
    own = f"{binding.table}.value"
    return Value(own, "string", frozenset({own}), position=position)


def _class(binding: Binding) -> Value:
    entity = binding.entity
    if entity is not None and entity.has_class:
        sql = f"{binding.table}.class"
        return Value(sql, "class", frozenset({sql}), entity=entity)
    return Value(f"'{entity.name if entity is not None else ''}'", "class", entity=entity)
