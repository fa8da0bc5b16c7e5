"""What an operation would cost, before it runs: calls to each system, and nodes in the answer.

A call is one request to openBIS or OMERO, or one statement in the link store. Every edge is one
batched call for all rows of a page, so calls are counted by the places in the document where a
field has to ask, not by rows: a field with a resolver asks the system of its `@source`, a crossing
asks the link store and the system beyond, and what openBIS sends along with its own entity asks
nobody. Ids travel in chunks, so many rows cost more calls. A node is an object with an id of its
own; nodes are multiplied down: a page counts as long as it may be, a plain list as some rows. Both
are estimates to the safe side, held to the budgets `calls` and `nodes`; `extensions.cost.asked`
shows them beside the calls that were paid, and the nodes that `api/census.py` finds in the answer.

    Query.sample                     openBIS 1
    Sample.images(first: 20)         link store 1, OMERO 3; 20 nodes for each sample
    Image.keyValues                  OMERO 2
    Query.linkAudit                  as in `PRICES`: its walk is as long as the project
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    value_from_ast_untyped,
)

from api.limits import Limits, limit_error
from backends.errors import Source
from resolvers.paging import DEFAULT_PAGE, MAXIMUM_PAGE

CHUNK: Final = 500  # ids in one call
LIST: Final = 5  # rows of a list that is not paged, as a guess
NAMES: Final = {Source.OPENBIS: "openbis", Source.OMERO: "omero", Source.LINK_STORE: "linkStore"}
ALL: Final = dict.fromkeys(Source, 1)
WRITING: Final = dict.fromkeys(Source, 6)
SELECTING: Final = {Source.OPENBIS: 12, Source.OMERO: 12, Source.LINK_STORE: 6}
COUNTING: Final = {Source.OPENBIS: 6, Source.OMERO: 6, Source.LINK_STORE: 3}
# Where a field's `@source`, or the type that it returns, does not tell what it asks.
PRICES: Final[Mapping[str, Mapping[Source, int]]] = {
    "Query.node": ALL,
    "Query.nodes": ALL,
    "Query._entities": ALL,
    "Query.backends": {Source.OPENBIS: 1, Source.OMERO: 1},
    "Query.linkAudit": {Source.OPENBIS: 10, Source.OMERO: 10, Source.LINK_STORE: 3},
    "Query.links": {Source.OPENBIS: 1, Source.LINK_STORE: 1},
    "Query.cohort": SELECTING,
    "Cohort.funnel": COUNTING,
    "Cohort.explain": COUNTING,
    "Cohort.facets": COUNTING,
    "Cohort.availability": COUNTING,
    "Cohort.members": COUNTING,
    "CohortSnapshot.whole": COUNTING,
    "CohortSnapshot.split": COUNTING,
    "CohortSnapshot.verification": SELECTING,
    "CohortSnapshot.changes": SELECTING,
    "Image.dataset": {Source.OPENBIS: 1, Source.OMERO: 2, Source.LINK_STORE: 1},
    "Image.sample": {Source.OPENBIS: 2, Source.OMERO: 2, Source.LINK_STORE: 1},
    "Image.subject": {Source.OPENBIS: 2, Source.OMERO: 2, Source.LINK_STORE: 1},
    "Project.statistics": {Source.OPENBIS: 4, Source.OMERO: 4, Source.LINK_STORE: 2},
    "Viewer.openbis": {Source.OPENBIS: 1},
    "Viewer.omero": {Source.OMERO: 1},
}
_WRAPPERS: Final = ("Connection", "Edge")


@dataclass(slots=True)
class Cost:
    """Calls by system, and nodes."""

    calls: Counter[Source] = field(default_factory=Counter)
    nodes: int = 0

    @property
    def total_calls(self) -> int:
        """Calls to all systems together."""
        return sum(self.calls.values())

    def told(self) -> dict[str, Any]:
        """Return it as `extensions.cost.asked` tells it."""
        return {
            "calls": {name: self.calls[source] for source, name in NAMES.items()},
            "totalCalls": self.total_calls,
            "nodes": self.nodes,
        }

    def errors(self, limits: Limits) -> list[GraphQLError]:
        """Compare with the budgets; one error for each that it passes."""
        return [
            limit_error(what, limit)
            for value, limit, what in (
                (self.total_calls, limits.calls, "calls to the systems behind this server"),
                (self.nodes, limits.nodes, "objects in its answer"),
            )
            if value > limit
        ]


class Prices:
    """What each field of a schema asks; made once for a schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._homes: dict[str, Source | None] = {}
        self._asks: dict[tuple[str, str], Mapping[Source, int]] = {}

    def cost(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any] | None,
    ) -> Cost:
        """Estimate one operation of a valid document within the limits of `api/guard.py`."""
        fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        root = self.root(operation)
        cost = Cost()
        if root is not None:
            walk = _Walk(self, fragments, {**_defaults(operation), **(variables or {})}, cost)
            walk.run(root, operation.selection_set)
        return cost

    def root(self, operation: OperationDefinitionNode) -> GraphQLObjectType | None:
        """Return the type that an operation begins at."""
        return self._schema.get_root_type(operation.operation)

    def field(self, parent: Any, name: str) -> GraphQLField | None:
        """Return a field of an object or interface type."""
        fields: Mapping[str, GraphQLField] = getattr(parent, "fields", {})
        return fields.get(name)

    def type(self, name: str) -> Any:
        """Return a type by name."""
        return self._schema.type_map.get(name)

    def is_node(self, type_: Any) -> bool:
        """Whether objects of a type have an id of their own."""
        return isinstance(type_, GraphQLUnionType) or "id" in getattr(type_, "fields", ())

    def asks(self, parent: Any, name: str, declared: GraphQLField) -> Mapping[Source, int]:
        """Return the calls that a field makes for all rows of its place, by system."""
        key = (parent.name, name)
        found = self._asks.get(key)
        if found is None:
            found = self._asks[key] = self._price(parent, name, declared)
        return found

    def _price(self, parent: Any, name: str, declared: GraphQLField) -> Mapping[Source, int]:
        fixed = PRICES.get(f"{parent.name}.{name}")
        if fixed is not None:
            return fixed
        if parent is self._schema.mutation_type:
            return WRITING
        definition = declared.extensions.get("strawberry-definition")
        resolver = getattr(definition, "base_resolver", None)
        if resolver is None or not resolver.is_async:
            return {}
        source = _source_of(declared)
        beyond = self.home(get_named_type(declared.type))
        if source is Source.LINK_STORE:
            return {source: 1} if beyond is None else {source: 1, **_far(beyond, declared)}
        if source is None:
            return {} if beyond is None else _far(beyond, declared)
        comes_along = source is Source.OPENBIS and "first" not in declared.args
        return {} if comes_along and self.home(parent) is source else _far(source, declared)

    def home(self, type_: Any) -> Source | None:
        """Return the system that owns most fields of a type; of a connection, of its nodes."""
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            return None
        if type_.name in self._homes:
            return self._homes[type_.name]
        self._homes[type_.name] = None  # ends a circle
        inner = type_.fields.get("edges") or type_.fields.get("node")
        if type_.name.endswith(_WRAPPERS) and inner is not None:
            found = self.home(get_named_type(inner.type))
        else:
            owners = Counter(filter(None, map(_source_of, type_.fields.values())))
            found = owners.most_common(1)[0][0] if owners else None
        self._homes[type_.name] = found
        return found


@dataclass(frozen=True, slots=True)
class _Walk:
    prices: Prices
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    cost: Cost

    def run(self, root: GraphQLObjectType, selections: SelectionSetNode) -> None:
        """Add up the whole document; a stack instead of recursion."""
        stack: list[tuple[Any, SelectionSetNode, int]] = [(root, selections, 1)]
        while stack:
            parent, selected, rows = stack.pop()
            for owner, node in self._fields(parent, selected):
                declared = self.prices.field(owner, node.name.value)
                if declared is None:
                    continue
                chunks = math.ceil(rows / CHUNK)
                for source, calls in self.prices.asks(owner, node.name.value, declared).items():
                    self.cost.calls[source] += calls * chunks
                type_ = get_named_type(declared.type)
                if node.selection_set is None or not is_composite_type(type_):
                    continue
                below = rows * self._rows(node, declared)
                if self.prices.is_node(type_):
                    self.cost.nodes += below
                stack.append((type_, node.selection_set, below))

    def _fields(self, parent: Any, selections: SelectionSetNode) -> Iterator[tuple[Any, FieldNode]]:
        stack = [(parent, selections)]
        while stack:
            owner, selected = stack.pop()
            for selection in selected.selections:
                if isinstance(selection, FieldNode):
                    yield owner, selection
                    continue
                fragment: Any = selection
                if isinstance(selection, FragmentSpreadNode):
                    fragment = self.fragments[selection.name.value]
                condition = fragment.type_condition
                inner = owner if condition is None else self.prices.type(condition.name.value)
                stack.append((inner, fragment.selection_set))

    def _rows(self, node: FieldNode, declared: GraphQLField) -> int:
        """How many objects a field may give for each row above it."""
        if "first" in declared.args or "last" in declared.args:
            asked = [
                value
                for argument in node.arguments or ()
                if argument.name.value in {"first", "last"}
                and (value := self._number(argument.value)) is not None
            ]
            return min(max(asked, default=DEFAULT_PAGE), MAXIMUM_PAGE)
        if not is_list_type(get_nullable_type(declared.type)):
            return 1
        if node.name.value == "edges":
            return 1  # the connection has counted them
        given = [self._length(argument.value) for argument in node.arguments or ()]
        return max([length for length in given if length is not None], default=LIST)

    def _number(self, value: Any) -> int | None:
        if isinstance(value, VariableNode):
            number = self.variables.get(value.name.value)
        else:
            number = int(value.value) if isinstance(value, IntValueNode) else None
        # Less than none would make the rest of the document cheaper.
        return number if isinstance(number, int) and number >= 0 else None

    def _length(self, value: Any) -> int | None:
        """How long a list is that is given: `nodes(ids:)` gives as many rows."""
        if isinstance(value, VariableNode):
            given = self.variables.get(value.name.value)
            return len(given) if isinstance(given, list) else None
        return len(value.values) if isinstance(value, ListValueNode) else None


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """What variables stand for that are not given."""
    return {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }


def _far(source: Source, declared: GraphQLField) -> dict[Source, int]:
    """What a field asks of the system beyond.

    OMERO may be asked twice for the rows of a page, because datasets that are larger than the page
    go a way of their own (HQL has no limit for each group), and once more for a page's total.
    """
    if source is not Source.OMERO:
        return {source: 1}
    return {source: 3 if "first" in declared.args else 2}


def _source_of(declared: GraphQLField) -> Source | None:
    definition = declared.extensions.get("strawberry-definition")
    for directive in getattr(definition, "directives", ()):
        system = getattr(directive, "system", None)
        if system is not None:
            return Source(system.value)
    return None
