"""Results in parts: the answer of a document with `@defer` or `@stream`.

graphql-core runs it and yields the first part and what follows; this shapes the parts as bodies
(`pending`, `incremental`, `completed`, `hasNext`), with errors in our form, and the account in the
last one. `api/operations.py` calls it, and `api/event_stream.py` or `api/multipart.py` sends it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    ExperimentalIncrementalExecutionResults,
    GraphQLError,
    SubsequentIncrementalExecutionResult,
    Visitor,
    VisitorAction,
    visit,
)

Body = dict[str, Any]
Format = Callable[[GraphQLError], dict[str, Any]]
_DIRECTIVES: Final = frozenset({"defer", "stream"})


def is_incremental(query: str, document: DocumentNode) -> bool:
    """Whether a document asks for parts anywhere."""
    if not any(f"@{name}" in query for name in _DIRECTIVES):
        return False
    finder = _Finder()
    visit(document, finder)
    return finder.found


class _Finder(Visitor):
    found = False

    def enter_directive(self, node: DirectiveNode, *_args: object) -> VisitorAction:
        """Look for one of the two."""
        self.found = self.found or node.name.value in _DIRECTIVES
        return None


async def parts(
    results: ExperimentalIncrementalExecutionResults, format_error: Format
) -> AsyncGenerator[Body, None]:
    """Yield the bodies of the parts; each says by `hasNext` whether another follows."""
    first = results.initial_result
    body: Body = {"data": first.data}
    if first.errors:
        body = {"errors": [format_error(error) for error in first.errors], **body}
    yield {
        **body,
        "pending": [pending.formatted for pending in first.pending],
        "hasNext": first.has_next,
    }
    async with aclosing(results.subsequent_results) as following:
        async for part in following:
            yield _part(part, format_error)


def _part(part: SubsequentIncrementalExecutionResult, format_error: Format) -> Body:
    body: Body = {"hasNext": part.has_next}
    if part.pending:
        body["pending"] = [pending.formatted for pending in part.pending]
    if part.incremental:
        body["incremental"] = [_with_errors(one, format_error) for one in part.incremental]
    if part.completed:
        body["completed"] = [_with_errors(one, format_error) for one in part.completed]
    return body


def _with_errors(part: Any, format_error: Format) -> Body:
    formatted: Body = dict(part.formatted)
    if part.errors:
        formatted["errors"] = [format_error(error) for error in part.errors]
    return formatted


def broken_off(waiting: set[str], error: dict[str, Any]) -> Body:
    """Make the last part of an answer whose time was over: nothing that is pending will come."""
    return {
        "hasNext": False,
        "completed": [{"id": name, "errors": [error]} for name in sorted(waiting)],
    }
