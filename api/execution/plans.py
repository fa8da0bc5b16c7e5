"""What to do for a selection: which fields are read, called, answered in batches, or left.

A plan is made from a GraphQL type and the fields selected of it, by graphql-core's own collection
of fields, so aliases, fragments and directives are resolved by it. Plans hold nothing of a request
and are kept with the document (`shelves.py`); the code made from them is in `source.py`, their
running in `regions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from inspect import iscoroutinefunction
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetails
from strawberry.types.field import StrawberryField

from api.edges import Attribute, Batched

CollectSubfields = Callable[[GraphQLObjectType, list[FieldDetails]], CollectedFields]

DEFINITION = "strawberry-definition"  # where Strawberry leaves its field in graphql-core's


class Kind(Enum):
    """How a field is answered."""

    NAME = auto()  # `__typename`
    READ = auto()  # an attribute of the record
    CALL = auto()  # a plain function of the record and the field's arguments
    BATCHED = auto()  # one call for all rows; some rows may be ready at once
    FOREIGN = auto()  # by graphql-core, row by row


@dataclass(slots=True, eq=False)
class FieldPlan:
    """One field of a selection.

    Args:
        key: its name in the answer.
        kind: how it is answered.
        parent: the type it stands in.
        details: its nodes in the document, as graphql-core collected them.
        definition: graphql-core's field.
        strawberry: Strawberry's field; None for `__typename`.
        selected: the plan of what is selected below it, if it is an object or a list of objects.
        how: for BATCHED.
        waiting: the fields below it that are not answered at once.
        number: its place among the fields of the plan that are not merely read.
    """

    key: str
    kind: Kind
    parent: GraphQLObjectType
    details: list[FieldDetails]
    definition: GraphQLField
    strawberry: StrawberryField | None = None
    selected: ObjectPlan | None = None
    how: Batched | None = None
    waiting: list[FieldPlan] = field(default_factory=list)
    number: int = -1

    @property
    def nodes(self) -> list[FieldNode]:
        """Its nodes in the document."""
        return [each.node for each in self.details]

    @property
    def name(self) -> str:
        """The field's name in its type."""
        return self.details[0].node.name.value

    @property
    def attribute(self) -> Attribute | None:
        """The attribute that answers it where it was fetched along; none if it has arguments."""
        plain = self.how is not None and not self.details[0].node.arguments
        return self.how.attribute if plain and self.how is not None else None

    @property
    def is_late(self) -> bool:
        """Whether some rows may have to wait for it."""
        return self.kind in {Kind.BATCHED, Kind.FOREIGN}


@dataclass(slots=True, eq=False)
class ObjectPlan:
    """The fields selected of an object."""

    type: GraphQLObjectType
    fields: dict[str, FieldPlan]

    def late(self) -> Iterator[FieldPlan]:
        """Yield the fields that are not answered at once, here and in what is built with it."""
        for each in self.fields.values():
            if each.is_late:
                yield each
            # What is below a batched field comes with it where a row is ready at once.
            ready = each.how is None or each.how.ready is not None
            if each.selected is not None and ready:
                yield from each.selected.late()


@dataclass(slots=True, eq=False)
class Plan:
    """The plan of one position in a document: of an object, or of a list of objects.

    Args:
        type: the GraphQL type of the position, without its outer non-null.
        root: the plan of its objects.
        waiting: the fields that are not answered at once, outside of others such.
        numbered: all fields whose code needs something of a request, by their number.
        bind: the generated code; see `source.py`.
    """

    type: GraphQLOutputType
    root: ObjectPlan
    waiting: list[FieldPlan]
    numbered: list[FieldPlan]
    bind: Callable[..., Any] | None = None


class NotPlanned(Exception):  # noqa: N818 - a state
    """The selection holds what only graphql-core does, such as `@defer` or `@stream`."""


def make_plan(
    type_: GraphQLOutputType, details: list[FieldDetails], collect: CollectSubfields
) -> Plan:
    """Plan a position of a document.

    Raises:
        NotPlanned: it is for graphql-core.
    """
    named = get_named_type(type_)
    if not isinstance(named, GraphQLObjectType) or named.name.startswith("__"):
        raise NotPlanned
    planner = _Planner(collect)
    root = planner.object_plan(named, details)
    if all(each.kind is Kind.FOREIGN for each in root.fields.values()):
        raise NotPlanned
    return Plan(type_, root, list(root.late()), planner.numbered)


class _Planner:
    def __init__(self, collect: CollectSubfields) -> None:
        self._collect = collect
        self.numbered: list[FieldPlan] = []

    def object_plan(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> ObjectPlan:
        for each in details:
            if each.defer_usage is not None or each.fragment_variable_values is not None:
                raise NotPlanned
            if any(directive.name.value == "stream" for directive in each.node.directives or ()):
                raise NotPlanned
        collected = self._collect(type_, details)
        if collected.new_defer_usages:
            raise NotPlanned
        fields = {}
        for key, below in collected.grouped_field_set.items():
            planned = self._field_plan(type_, key, below)
            if planned is not None:
                fields[key] = planned
        return ObjectPlan(type_, fields)

    def _field_plan(
        self, parent: GraphQLObjectType, key: str, details: list[FieldDetails]
    ) -> FieldPlan | None:
        name = details[0].node.name.value
        if name == "__typename":
            return FieldPlan(key, Kind.NAME, parent, details, _NO_FIELD)
        definition = parent.fields.get(name)
        if definition is None:
            return None  # graphql-core leaves out what validation should have refused
        kind, strawberry, how = _kind_of(definition)
        planned = FieldPlan(key, kind, parent, details, definition, strawberry, None, how)
        named = get_named_type(definition.type)
        if kind is not Kind.FOREIGN and not is_leaf_type(named):
            if isinstance(named, GraphQLObjectType):
                planned.selected = self.object_plan(named, details)
                planned.waiting = list(planned.selected.late())
            else:
                planned.kind = Kind.FOREIGN  # interfaces and unions
        if planned.kind in {Kind.CALL, Kind.BATCHED, Kind.FOREIGN}:
            planned.number = len(self.numbered)
            self.numbered.append(planned)
        return planned


_NO_FIELD = GraphQLField(GraphQLNonNull(GraphQLObjectType("Nothing", {})))


def _kind_of(
    definition: GraphQLField,
) -> tuple[Kind, StrawberryField | None, Batched | None]:
    strawberry = definition.extensions.get(DEFINITION)
    if not isinstance(strawberry, StrawberryField) or strawberry.extensions:
        return Kind.FOREIGN, None, None
    resolver = strawberry.base_resolver
    if resolver is None:
        plain = getattr(definition.resolve, "_is_default", False)
        reads = plain and strawberry.default_resolver is getattr
        return (Kind.READ if reads else Kind.FOREIGN), strawberry, None
    function = resolver.wrapped_func
    how = getattr(function, "batched", None)
    if isinstance(how, Batched):
        return Kind.BATCHED, strawberry, how
    root = resolver.parent_parameter or resolver.root_parameter
    is_plain = (
        root is not None
        and not iscoroutinefunction(function)
        and resolver.info_parameter is None
        and resolver.self_parameter is None
    )
    return (Kind.CALL if is_plain else Kind.FOREIGN), strawberry, None


def item_type(type_: GraphQLOutputType) -> GraphQLOutputType | None:
    """Return the type of a list's items, or None if it is no list; an outer non-null is ignored."""
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return inner.of_type if isinstance(inner, GraphQLList) else None
