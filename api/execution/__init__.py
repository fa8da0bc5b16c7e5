"""Execution of GraphQL operations by compiled plans.

For each document, and each type and selection in it, a plan is made once: Python code that builds
the nested answer straight from the records. Fields of other sources are fetched for whole pages;
what a plan cannot do, and whatever is irregular, graphql-core does: the answer is the same, errors
included. `api/operations.py` calls `execute`; the wires call `encode` for what came of it.

    shelves.py    where plans are kept, by document
    plans.py      which field is read, called, batched, or left to graphql-core
    source.py     the code made of a plan; leaves.py its scalars and enums
    answers.py    what the code builds, and the bytes it becomes
    regions.py    a plan's run: buckets of rows that wait, errors at their places
    executor.py   where graphql-core's executor turns to all this
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    ExperimentalIncrementalExecutionResults,
    GraphQLSchema,
    experimental_execute_incrementally,
)

from api.execution.answers import encode, plain
from api.execution.executor import PlannedExecutor
from api.execution.shelves import Shelves

__all__ = ["Shelves", "encode", "execute", "plain"]

Result = ExecutionResult | ExperimentalIncrementalExecutionResults


def execute(
    schema: GraphQLSchema,
    document: DocumentNode,
    shelves: Shelves,
    *,
    root: Any = None,
    context: Any,
    variables: Mapping[str, Any] | None = None,
    operation_name: str | None = None,
    suggestions: bool = False,
) -> Result | Awaitable[Result]:
    """Run one operation of a valid document.

    Args:
        schema: graphql-core's schema, made by Strawberry.
        document: the document; the same object for the same text, since plans are kept by it.
        shelves: where the plans of this schema are kept.
        root: the value of the root, which is a subscription's event.
        context: what resolvers find in `info.context`.
        variables: their values as the client sent them.
        operation_name: which operation, if there are several.
        suggestions: whether errors may say "Did you mean …?".

    Returns:
        The result; where `@defer` is used, its first part and a stream of the rest. Its data is for
        `encode`, or for `plain`, which makes dicts of it.
    """
    result: Result | Awaitable[Result] = experimental_execute_incrementally(
        schema,
        document,
        root_value=root,
        context_value=context,
        variable_values=None if variables is None else dict(variables),
        operation_name=operation_name,
        executor_class=PlannedExecutor,
        hide_suggestions=not suggestions,
        shelves=shelves,
    )
    return result
