"""GraphQL operations, whatever the wire: from parameters to the bodies of responses.

`Operations` finds the document, makes the context, runs the operation within its deadline, and
shapes what came of it: data, errors with their codes, and `extensions`. `api/http.py` and
`api/websocket.py` put the bodies on their wires. What is refused before anything ran is raised:
`Refused` with an HTTP status, `Refusal` with GraphQL errors.
"""

from __future__ import annotations

import asyncio
import random
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, aclosing, closing
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final, Protocol, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    ExperimentalIncrementalExecutionResults,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
)

from api.admission import Admission
from api.auth import ANONYMOUS, DEMO_KEY, Visitor
from api.census import Census, in_part
from api.cost import Prices
from api.documents import Documents, Refusal, operation_of, user_error
from api.execution import Shelves, execute
from api.increments import broken_off, is_incremental, parts
from api.observe import RequestRecord, log_failure
from api.parameters import Parameters, Refused
from api.trusted import TrustedDocuments, load_documents
from api.turns import Turns
from api.wire import Wire
from resolvers.context import Degradation, Viewer

LONGEST_MESSAGE: Final = 400  # characters of an error
GRACE: Final = 2.0  # seconds after the deadline in which the lanes' own time-outs still get through
Body = dict[str, Any]


class Context(Protocol):
    """What is read off a request's context when it is done; see `resolvers.context`."""

    viewer: Viewer

    @property
    def degradations(self) -> Mapping[Any, Degradation]:
        """The sources that failed below fields which answered all the same."""
        ...

    def sources(self) -> dict[str, str]:
        """The state of each source."""
        ...

    def cost(self) -> dict[str, Any]:
        """What was spent on each source."""
        ...

    def close(self) -> None:
        """Let go of what was found for the request."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A valid document, and what is to be run of it; no operation where none can be chosen."""

    document: DocumentNode
    operation: OperationDefinitionNode | None
    parameters: Parameters
    incremental: bool = False  # it asks for parts by `@defer` or `@stream`

    @property
    def kind(self) -> OperationType | None:
        """Query, mutation or subscription."""
        return None if self.operation is None else self.operation.operation


class Operations:
    """Runs the operations of one schema."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.limits = wire.limits
        self.report = wire.report
        self._admission = wire.admission or Admission(wire.limits)
        self._prices = Prices(wire.schema._schema)  # noqa: SLF001 - Strawberry names no other way
        self._census = Census(self._prices)
        self._graphql = wire.schema._schema  # noqa: SLF001 - Strawberry names no other way
        self._shelves = Shelves()
        self._turns = Turns()
        self._trusted = wire.trusted
        self._documents = Documents(
            self._graphql,
            wire.limits,
            introspection=wire.introspection,
            suggestions=wire.suggestions,
        )

    def trust(self, path: Path, *, only: bool, remembers: bool = True) -> None:
        """Read the operator's documents; see `api/trusted.py`.

        Raises:
            SettingsError: one of them is not valid.
        """
        documents = load_documents(path, self._documents.get)
        self._trusted = TrustedDocuments(documents, only=only, remembers=remembers)

    async def prepare(self, parameters: Parameters, record: RequestRecord) -> Prepared:
        """Find the document and the operation, estimate what it would cost, and note all that.

        Raises:
            Refusal: the document is not one of this schema, or too large, or too costly.
        """
        query = self._trusted.text(parameters)
        document = await self._document(query)
        self._trusted.remember(parameters)
        operation = operation_of(document, parameters.operation_name)
        if operation is not None:
            record.operation = None if operation.name is None else operation.name.value[:100]
            record.kind = operation.operation.value
            record.asked = self._prices.cost(document, operation, parameters.variables)
            errors = record.asked.errors(self.limits)
            if errors:
                raise Refusal(tuple(errors))
        incremental = is_incremental(query, document)
        return Prepared(document, operation, parameters, incremental)

    async def _document(self, query: str) -> DocumentNode:
        """A known document at once, another one when its turn has come."""
        known = self._documents.known(query)
        if known is not None:
            return known
        async with self._turns.one():
            return self._documents.get(query)

    async def answer(self, prepared: Prepared, visitor: Visitor, record: RequestRecord) -> Body:
        """Run a query or a mutation.

        Raises:
            Refused: the visitor's credentials cannot be used, or the time was over.
            Refusal: nothing was run: no such operation, or variables that do not fit.
        """
        with ExitStack() as contexts:
            context = await self.admit(visitor)
            contexts.enter_context(closing(context))
            with self._admission.of(_share(context, visitor)):
                result = await self._run(prepared, context)
                if prepared.kind is OperationType.QUERY and self._wire.renew(context):
                    context = await self.admit(visitor)
                    contexts.enter_context(closing(context))
                    result = await self._run(prepared, context)
            return self._answered(prepared, result, context, record)

    async def deliver(
        self, prepared: Prepared, visitor: Visitor, record: RequestRecord
    ) -> AsyncGenerator[Body, None]:
        """Run a query with `@defer` or `@stream`, and return a generator of its parts.

        The account of what was spent stands in the last part.

        Raises:
            Refused: the visitor's credentials cannot be used, or the time was over.
            Refusal: nothing was run: variables that do not fit.
        """
        context = await self.admit(visitor)
        result = await self._run(prepared, context)
        if isinstance(result, ExecutionResult):  # nothing was put off after all
            context.close()
            return _one(self._answered(prepared, result, context, record))
        return self._parts(prepared, result, context, record, _share(context, visitor))

    async def _parts(
        self,
        prepared: Prepared,
        results: ExperimentalIncrementalExecutionResults,
        context: Any,
        record: RequestRecord,
        share: str,
    ) -> AsyncGenerator[Body, None]:
        seconds = self.limits.deadline_seconds + GRACE
        waiting: set[str] = set()
        outline = self._census.outline(prepared.document, prepared.operation)
        places: dict[str, Sequence[str | int]] = {}
        nodes = 0
        bodies = parts(results, partial(self._format, record=record))
        async with AsyncExitStack() as stack:
            stack.enter_context(closing(context))
            await stack.enter_async_context(aclosing(bodies))
            stack.enter_context(self._admission.of(share))
            while True:
                try:
                    body = await asyncio.wait_for(anext(bodies), seconds)
                except TimeoutError:
                    body = broken_off(waiting, self._format(_too_long(), record))
                nodes += in_part(outline, places, body)
                waiting |= {pending["id"] for pending in body.get("pending", ())}
                waiting -= {completed["id"] for completed in body.get("completed", ())}
                if not body["hasNext"]:
                    yield {**body, **self._account(context, record, nodes)}
                    return
                yield body

    async def subscribe(
        self, prepared: Prepared, visitor: Visitor, record: RequestRecord
    ) -> AsyncGenerator[Body, None]:
        """Open a subscription, and return a generator of one body for each event.

        Each event has a context of its own, and so its deadline, its loaders and its account; a
        token that has expired meanwhile ends the stream. A source that fails ends it, too, with a
        body that says why.

        Raises:
            Refused: the visitor's credentials cannot be used.
            Refusal: nothing was run: variables that do not fit, or a source that did not open.
        """
        context = await self.admit(visitor)
        with ExitStack() as stack:
            stack.enter_context(self._admission.stream_of(_share(context, visitor)))
            source = await self._source(prepared, context)
            if isinstance(source, ExecutionResult):
                raise Refusal(tuple(source.errors or ()))
            place = stack.pop_all()
        events = self._events(source, place, prepared, visitor, record)
        weakref.finalize(events, place.close)  # a stream that nobody began has no end of its own
        return events

    async def _events(
        self,
        source: AsyncIterable[Any],
        place: ExitStack,
        prepared: Prepared,
        visitor: Visitor,
        record: RequestRecord,
    ) -> AsyncGenerator[Body, None]:
        async with AsyncExitStack() as open_:
            open_.enter_context(place)
            stream = await open_.enter_async_context(
                aclosing(cast("AsyncGenerator[Any, None]", aiter(source)))
            )
            while True:
                try:
                    event = await anext(stream)
                    context = await self.admit(visitor)
                    with closing(context):
                        result = await self._run(prepared, context, event)
                except StopAsyncIteration:
                    return
                except Refused as refused:  # the token has expired, or the event took too long
                    yield self.refusal((refused.error,), record)
                    return
                except Exception as error:  # noqa: BLE001 - the source's; formatted like a field's
                    told = GraphQLError(str(error), original_error=error)
                    yield self.refusal((told,), record)
                    return
                yield self._body(prepared, result, context, record)

    async def admit(self, visitor: Visitor) -> Any:
        """Make the context of a visitor.

        Raises:
            Refused: the credentials cannot be used.
        """
        try:
            return await self._wire.make_context(visitor)
        except GraphQLError as error:
            raise Refused(401, error, {"WWW-Authenticate": "Bearer"}) from None

    async def hold_up(self, refusal: Refusal) -> None:
        """Let who asks for too much wait for the answer, so that asking again and again is slow.

        Not all for as long, so that those who were refused together do not come back together.
        """
        if any(
            (error.extensions or {}).get("code") == "LIMIT_EXCEEDED" for error in refusal.errors
        ):
            await asyncio.sleep(self.limits.refusal_seconds * random.uniform(0.5, 1.5))  # noqa: S311

    def refusal(self, errors: tuple[GraphQLError, ...], record: RequestRecord) -> Body:
        """Shape what is said when nothing was run, or no more is."""
        record.refused = True
        return {
            "errors": [self._format(error, record) for error in errors],
            "extensions": {"requestId": record.request_id},
        }

    async def _run(self, prepared: Prepared, context: Any, event: Any = None) -> Any:
        """Run one operation; the deadline here is the last resort behind the lanes' own."""
        try:
            async with asyncio.timeout(self._wire.limits.deadline_seconds + GRACE):
                return await self._execute(prepared, context, event)
        except TimeoutError:
            raise Refused(504, _too_long()) from None

    async def _execute(self, prepared: Prepared, context: Any, event: Any) -> Any:
        result = execute(
            self._graphql,
            prepared.document,
            self._shelves,
            root=event,
            context=context,
            variables=prepared.parameters.variables,
            operation_name=prepared.parameters.operation_name,
            suggestions=self._wire.suggestions,
        )
        return await result if isawaitable(result) else result

    async def _source(
        self, prepared: Prepared, context: Any
    ) -> AsyncIterable[Any] | ExecutionResult:
        executor: Any = self._wire.schema.execution_context_class.build(
            self._graphql,
            prepared.document,
            None,
            context,
            prepared.parameters.variables,
            prepared.parameters.operation_name,
            hide_suggestions=not self._wire.suggestions,
            operation_extensions=None,
        )
        if isinstance(executor, list):
            return ExecutionResult(None, list(map(user_error, executor)))
        source = create_source_event_stream(executor)
        return source if isinstance(source, AsyncIterable | ExecutionResult) else await source

    def _answered(
        self, prepared: Prepared, result: ExecutionResult, context: Context, record: RequestRecord
    ) -> Body:
        if result.data is None and not any(error.path for error in result.errors or ()):
            raise Refusal(tuple(map(user_error, result.errors or ())))
        return self._body(prepared, result, context, record)

    def _body(
        self, prepared: Prepared, result: ExecutionResult, context: Context, record: RequestRecord
    ) -> Body:
        outline = self._census.outline(prepared.document, prepared.operation)
        told = self._account(context, record, outline.count(result.data))
        errors = [self._format(error, record) for error in result.errors or ()]
        errors = self._wire.collapse([*errors, *told.pop("errors", ())])
        body: Body = {"data": result.data}
        if errors:
            body = {"errors": errors, **body}
        return {**body, **told}

    def _account(self, context: Context, record: RequestRecord, nodes: int) -> Body:
        """Tell what was spent, who answered, and which sources failed below answered fields."""
        cost = {**context.cost(), "nodes": nodes}
        record.account(context.viewer.key, cost)
        if record.asked is not None:
            cost["asked"] = record.asked.told()
        errors = [
            self._format(
                GraphQLError(
                    degradation.error.message,
                    path=list(degradation.path) or None,
                    original_error=degradation.error,
                ),
                record,
            )
            for degradation in context.degradations.values()
        ]
        body: Body = {"errors": errors} if errors else {}
        body["extensions"] = {
            "requestId": record.request_id,
            "sources": context.sources(),
            "cost": cost,
        }
        return body

    def _format(self, error: GraphQLError, record: RequestRecord) -> dict[str, Any]:
        formatted = self._wire.format_error(error, record.request_id)
        if len(formatted["message"]) > LONGEST_MESSAGE:  # it quotes what was sent
            formatted["message"] = formatted["message"][:LONGEST_MESSAGE] + "…"
        code = formatted.get("extensions", {}).get("code", "INTERNAL")
        record.codes.append(code)
        if code == "INTERNAL":
            log_failure(record.request_id, error.original_error or error)
        return formatted


def _share(context: Context, visitor: Visitor) -> str:
    """Whose share of what may run at one time a request takes; nobody's is the address's."""
    key = context.viewer.key
    return f"{key} {visitor.peer}" if key == ANONYMOUS or key.startswith(DEMO_KEY) else key


def _too_long() -> GraphQLError:
    return GraphQLError(
        "The request took longer than this server's limit; ask for less.",
        extensions={"code": "BACKEND_TIMEOUT", "retryable": True},
    )


async def _one(body: Body) -> AsyncGenerator[Body, None]:
    yield body
