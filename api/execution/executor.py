"""graphql-core's executor with plans: objects and lists of objects are built by them where it can.

Everything else is graphql-core's own: the roots, arguments, awaiting, errors, `@defer`. It enters
at two methods, where a value is about to be completed; if the plan gives up, the method goes on as
if nothing had been tried.
"""

from __future__ import annotations

from typing import Any

from graphql import GraphQLList, GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

from api.execution.plans import Plan
from api.execution.regions import Region
from api.execution.shelves import LONG, Shelf, Shelves


class PlannedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation, with the plans of its shelf."""

    converter: GraphQLCoreConverter
    _shelf: Shelf | None

    def __init__(self, *args: Any, shelves: Shelves, **kwargs: Any) -> None:
        super().__init__(*args, operation_extensions=None, **kwargs)
        self.converter = self.schema._strawberry_schema.schema_converter  # type: ignore[attr-defined]  # noqa: SLF001 - set by Strawberry
        self._eager = shelves.eager
        usual = self.middleware_manager is None and self.abort_signal is None
        self._shelf = (
            shelves.shelf(self.operation, self.fragment_definitions, self.variable_values.coerced)
            if usual and self.error_propagation
            else None
        )

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete an object."""
        if position_context is None:
            built = self._build(return_type, field_details_list, path, result, worth=0)
            if built is not None:
                return built
        return super().complete_object_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def complete_list_value(
        self,
        return_type: GraphQLList[Any],
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete a list."""
        if position_context is None and isinstance(result, tuple | list) and result:
            built = self._build(return_type, field_details_list, path, result, worth=len(result))
            if built is not None:
                return built
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def _build(
        self,
        type_: GraphQLOutputType,
        details: list[FieldDetails],
        path: Path,
        value: Any,
        *,
        worth: int,
    ) -> Any:
        """Return the answer, maybe to be awaited, or None if graphql-core has to make it."""
        plan = self._plan(type_, details, worth)
        if plan is None:
            return None
        try:
            region = Region(self, plan, path)
            answer = region.build(value)
        except Exception:  # noqa: BLE001 - whatever it is, graphql-core is to tell
            return None
        return region.finish() if region.is_waiting else answer

    def _plan(
        self, type_: GraphQLOutputType, details: list[FieldDetails], worth: int
    ) -> Plan | None:
        shelf = self._shelf
        if shelf is None or not (shelf.uses > 1 or worth >= LONG or self._eager):
            return None
        return shelf.plan(type_, details, self.collect_subfields)
