"""A position of the answer built by its plan: at once what is there, in batches what is not.

The generated functions build the answer of all records at once. Fields that wait have left their
(record, answer) pairs in buckets; each bucket is one call, whose values are built in turn. An error
of a late field is made by graphql-core at its own place, which is found only then, by looking for
the answer in what was built: paths cost nothing while nothing fails. A null where none may
be climbs to the nearest place that may be null, as GraphQL says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, GraphQLNonNull, GraphQLOutputType
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from strawberry.types.arguments import convert_arguments

from api.edges import Ask, Batched
from api.execution.answers import Answer, get, put, slot
from api.execution.plans import FieldPlan, Kind, ObjectPlan, Plan, item_type
from api.selection import Tree, tree_of
from backends.errors import BackendError
from link_store.errors import LinkStoreError
from resolvers.errors import ResolverError

if TYPE_CHECKING:
    from api.execution.executor import PlannedExecutor

Row = tuple[Any, Answer]  # a record, and the answer that is built of it


@dataclass(slots=True)
class Place:
    """Where something stands in what was built: its container, its key there, its type."""

    above: Place | None
    container: Any
    key: Any
    type: GraphQLOutputType
    path: Path


@dataclass(slots=True)
class Wound:
    """An error of a field that may not be null, to climb from the answer that holds the field."""

    answer: Answer
    error: GraphQLError


class Region:
    """One run of a plan.

    Args:
        executor: the request's.
        plan: the plan.
        path: where the position stands.
    """

    __slots__ = ("_buckets", "_executor", "_path", "_plan", "_root", "_steps", "_wounds")

    def __init__(self, executor: PlannedExecutor, plan: Plan, path: Path) -> None:
        self._executor = executor
        self._plan = plan
        self._path = path
        self._wounds: list[Wound] = []
        self._root: Any = None
        numbered = plan.numbered
        self._buckets: list[list[Row]] = [[] for _ in numbered]
        assert plan.bind is not None  # noqa: S101 - compiled before it is kept
        self._steps = plan.bind(self._buckets, [self._call(each) for each in numbered])

    def build(self, value: Any) -> Any:
        """Return the answer as far as it is there.

        Raises:
            Exception: it is irregular; nothing has happened, and graphql-core is to execute it.
        """
        self._root = self._steps[0](value)
        return self._root

    @property
    def is_waiting(self) -> bool:
        """Whether anything is missing yet."""
        return any(self._buckets)

    async def finish(self) -> Any:
        """Fetch what is missing, and return the whole answer.

        Raises:
            GraphQLError: a null where none may be, up to the position itself.
        """
        await self._settle(self._plan.waiting)
        for wound in self._wounds:
            self._climb(wound)
        return self._root

    # --- what fields are called with

    def _call(self, field: FieldPlan) -> Any:
        """Return the function of one record that answers a field, for the generated code."""
        if field.kind is Kind.CALL:
            arguments = self._arguments(field)
            assert field.strawberry is not None  # noqa: S101 - such is a field that is called
            resolver = field.strawberry.base_resolver
            assert resolver is not None  # noqa: S101
            function: Any = resolver.wrapped_func
            if not arguments:
                return function
            root = resolver.parent_parameter or resolver.root_parameter
            assert root is not None  # noqa: S101
            name = root.name
            return lambda record: function(**{name: record}, **arguments)
        attribute = field.attribute
        if attribute is not None:
            return attribute.needs(self._ask(field))
        how = field.how
        if how is None or how.ready is None:
            return None
        return how.ready(self._ask(field), **self._arguments(field))

    def _arguments(self, field: FieldPlan) -> dict[str, Any]:
        executor, first = self._executor, field.details[0]
        strawberry = field.strawberry
        if strawberry is None or not (field.definition.args or first.node.arguments):
            return {}
        given = get_argument_values(
            field.definition,
            first.node,
            executor.variable_values,
            first.fragment_variable_values,
            executor.hide_suggestions,
        )
        converter = executor.converter
        return convert_arguments(
            given,
            strawberry.arguments,
            scalar_registry=converter.scalar_registry,
            config=converter.config,
        )

    def _ask(self, field: FieldPlan, rows: Sequence[Row] = ()) -> Ask:
        def path(row: int) -> list[str | int]:
            return self._field_path(field, self._chart()[id(rows[row][1])]).as_list()

        # What answers at once is kept by the region, which must not know itself: it would stay,
        # with all that was built, until Python's collector comes by.
        where = path if rows else _unplaced
        scope = f"{field.parent.name}.{field.name}"
        return Ask(self._executor.context_value, self._tree(field), scope, where)

    def _tree(self, field: FieldPlan) -> Tree:
        executor = self._executor
        return tree_of(field.nodes, executor.fragment_definitions, executor.variable_values.coerced)

    # --- late fields

    async def _settle(self, fields: Iterable[FieldPlan]) -> None:
        """Fetch all that is waiting for these fields, and what comes to wait below them."""
        work = []
        for field in fields:
            bucket = self._buckets[field.number]
            if bucket:
                rows = bucket[:]
                bucket.clear()
                work.append(self._late(field, rows))
        if len(work) == 1:
            await work[0]
        elif work:
            await asyncio.gather(*work)

    async def _late(self, field: FieldPlan, rows: list[Row]) -> None:
        if field.kind is Kind.FOREIGN:
            await self._foreign(field, rows)
            return
        assert field.how is not None  # noqa: S101 - such is a batched field
        values = await self._values(field.how, field, rows)
        if values is None:
            await self._foreign(field, rows)
            return
        key, step = slot(field.key), self._steps[field.number + 1]
        try:
            for (_, answer), value in zip(rows, values, strict=True):
                setattr(answer, key, step(value))
        except Exception:  # noqa: BLE001 - whatever it is, graphql-core is to tell
            await self._carefully(field, rows, values)
        await self._settle(field.waiting)

    async def _values(
        self, how: Batched, field: FieldPlan, rows: list[Row]
    ) -> Sequence[Any] | None:
        """Ask for all rows; None if that went wrong in a way that no source is to blame for."""
        try:
            arguments = self._arguments(field)
            values = await how.many(
                [record for record, _ in rows], self._ask(field, rows), **arguments
            )
        except (GraphQLError, BackendError, LinkStoreError, ResolverError) as error:
            return [error] * len(rows)
        except Exception:  # noqa: BLE001 - perhaps one odd row: graphql-core finds which
            return None
        return values if len(values) == len(rows) else None

    async def _carefully(self, field: FieldPlan, rows: list[Row], values: Sequence[Any]) -> None:
        """Build row by row; graphql-core completes those that cannot be built."""
        below = [self._buckets[each.number] for each in field.waiting]
        for bucket in below:
            bucket.clear()
        key, step = slot(field.key), self._steps[field.number + 1]
        odd = []
        for (record, answer), value in zip(rows, values, strict=True):
            marks = [len(bucket) for bucket in below]
            try:
                setattr(answer, key, step(value))
            except Exception:  # noqa: BLE001 - idem
                for bucket, mark in zip(below, marks, strict=True):
                    del bucket[mark:]
                setattr(answer, key, None)
                odd.append(((record, answer), value))
        executor, chart = self._executor, self._chart()
        type_ = field.definition.type
        completions = []
        for (_, answer), value in odd:
            path = self._field_path(field, chart[id(answer)])
            info = executor.build_resolve_info(field.definition, field.nodes, field.parent, path)
            completions.append(
                executor.complete_awaitable_value(
                    type_, field.details, info, path, _given(value), None
                )
            )
        await self._place(field, [row for row, _ in odd], completions)

    async def _foreign(self, field: FieldPlan, rows: list[Row]) -> None:
        """Have graphql-core execute a field, row by row."""
        chart = self._chart()
        execute = self._executor.execute_field

        async def one(record: Any, path: Path) -> Any:
            value = execute(field.parent, record, field.details, path, None)
            return await value if self._executor.is_awaitable(value) else value

        work = [one(record, self._field_path(field, chart[id(answer)])) for record, answer in rows]
        await self._place(field, rows, work)

    async def _place(self, field: FieldPlan, rows: Sequence[Row], work: Sequence[Any]) -> None:
        for (_, answer), value in zip(
            rows, await asyncio.gather(*work, return_exceptions=True), strict=True
        ):
            if isinstance(value, GraphQLError):
                self._wounds.append(Wound(answer, value))
            elif isinstance(value, BaseException):
                raise value
            else:
                put(answer, field.key, value)

    # --- places

    @staticmethod
    def _field_path(field: FieldPlan, place: Place) -> Path:
        return Path(place.path, field.key, field.parent.name)

    def _chart(self) -> dict[int, Place]:
        """Return the place of each object that was built, by its identity."""
        type_ = self._plan.type
        firm: Any = GraphQLNonNull
        root = Place(None, None, None, firm(type_), self._path)  # beyond it, graphql-core climbs
        chart: dict[int, Place] = {}
        for place, answer in _objects(root, self._root, type_):
            _enter(chart, place, answer, self._plan.root)
        return chart

    def _climb(self, wound: Wound) -> None:
        """Make the nearest place that may be null, null; the error stands for it."""
        place: Place | None = self._chart().get(id(wound.answer))
        if place is None:
            return  # another error has made null of what was around it
        while isinstance(place.type, GraphQLNonNull):
            if place.above is None:
                raise wound.error
            place = place.above
        put(place.container, place.key, None)
        self._executor.collected_errors.add(wound.error, place.path)


def _enter(chart: dict[int, Place], place: Place, answer: Answer, plan: ObjectPlan) -> None:
    chart[id(answer)] = place
    for key, field in plan.fields.items():
        if field.selected is None:
            continue
        value = get(answer, key)
        if value is None:
            continue
        type_ = field.definition.type
        below = Place(place, answer, key, type_, Path(place.path, key, field.parent.name))
        for deeper, found in _objects(below, value, type_):
            _enter(chart, deeper, found, field.selected)


def _objects(place: Place, value: Any, type_: GraphQLOutputType) -> Iterator[tuple[Place, Answer]]:
    """Yield the objects at a place: the value itself, or the items of a list."""
    of = item_type(type_)
    if of is None:
        yield place, value
        return
    for index, item in enumerate(value):
        if item is not None:
            yield from _objects(
                Place(place, value, index, of, Path(place.path, index, None)), item, of
            )


def _unplaced(_row: int) -> list[str | int]:
    raise LookupError("A value that is there at once has no place to tell of.")


async def _given(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value
