"""A tiny schema of its own behind the real wire: these tests are about the wire alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute
from strawberry.schema.config import StrawberryConfig

from api.auth import Visitor
from api.drain import Drain
from api.event_stream import Streams
from api.http import GraphQLEndpoint
from api.limits import Limits
from api.observe import Observation
from api.operations import Operations
from api.websocket import WebSocketEndpoint
from api.wire import Wire
from backends.errors import Source, Unavailable
from resolvers.context import Degradation, Viewer


@dataclass
class TinyContext:
    viewer: Viewer = field(default_factory=lambda: Viewer("a1b2c3", "ada"))
    degradations: dict[Source, Degradation] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def sources(self) -> dict[str, str]:
        down = {degradation.error.source for degradation in self.degradations.values()}
        return {"omero": "UNAVAILABLE" if Source.OMERO in down else "OK"}

    def cost(self) -> dict[str, Any]:
        return {"calls": {"omero": 3}, "milliseconds": {"omero": 1.5}, "totalCalls": 3}

    def close(self) -> None:
        """There is nothing to let go of."""


@strawberry.type
class Thing:
    name: str

    @strawberry.field
    def inner(self) -> Thing:
        return Thing(name=self.name + "'")

    @strawberry.field
    async def late(self) -> str:
        await asyncio.sleep(0)
        return "late"

    @strawberry.field
    async def never(self) -> str | None:
        await asyncio.Event().wait()
        return None

    @strawberry.field
    def strict(self) -> str:
        raise ValueError("secret-text-of-a-library")


@strawberry.input
class Shape:
    sides: int
    inside: Shape | None = None


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def thing(self) -> Thing | None:
        return Thing(name="t")

    @strawberry.field
    def things(self) -> list[Thing]:
        return [Thing(name="a"), Thing(name="b")]

    @strawberry.field
    def sides(self, shape: Shape) -> int:
        return shape.sides

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("secret-text-of-a-library")

    @strawberry.field
    async def slow(self) -> str:
        await asyncio.Event().wait()
        return "never"

    @strawberry.field
    def far(self, info: strawberry.Info) -> str | None:
        error = Unavailable(Source.OMERO, "OMERO is not reachable; try again soon.")
        info.context.degradations[Source.OMERO] = Degradation(error, ("far",))
        return None


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self) -> bool:
        return True


CLOSED: list[str] = []  # the subscriptions whose source was closed


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, count: int = 1) -> AsyncIterator[int]:
        for number in range(count):
            yield number

    @strawberry.subscription
    async def forever(self, name: str = "forever") -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            CLOSED.append(name)

    @strawberry.subscription
    async def failing(self) -> AsyncIterator[int]:
        yield 1
        raise ValueError("secret-text-of-a-library")

    @strawberry.subscription
    async def stillborn(self) -> AsyncIterator[int]:
        raise Unavailable(Source.OMERO, "OMERO is not reachable; try again soon.")
        yield 1


def format_tiny(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """What `api/types/errors.py` does, in small."""
    known = dict(error.extensions or {})
    original = error.original_error
    if isinstance(original, Unavailable):
        known = {"code": "BACKEND_UNAVAILABLE", "source": original.source.value}
    message = error.message
    if "code" not in known:
        known, message = {"code": "INTERNAL"}, "Something went wrong here."
    formatted: dict[str, Any] = {
        "message": message,
        "extensions": known | {"requestId": request_id},
    }
    if error.path:
        formatted["path"] = list(error.path)
    return formatted


Change = Callable[..., Wire]


@pytest.fixture
def make_wire() -> Change:
    schema = strawberry.Schema(
        Query,
        Mutation,
        Subscription,
        config=StrawberryConfig(enable_experimental_incremental_execution=True),
    )

    async def make_context(visitor: Visitor) -> TinyContext:
        if visitor.headers.get("authorization") == "Bearer bad":
            raise GraphQLError("Log in again.", extensions={"code": "UNAUTHENTICATED"})
        return TinyContext()

    def make(**changed: Any) -> Wire:
        given = {
            "schema": schema,
            "make_context": make_context,
            "format_error": format_tiny,
            "limits": Limits(),
            "introspection": True,
            "suggestions": True,
        }
        return Wire(**{**given, **changed})

    return make


@pytest.fixture
def make_app() -> Callable[..., Starlette]:
    """The endpoint with the layer that observes it, as `api/app.py` puts them together."""

    def make(wire: Wire, drain: Drain | None = None) -> Starlette:
        drain = drain or Drain()
        operations = Operations(wire)
        streams = Streams(drain, wire.limits.subscription_seconds, heartbeat=0.2)
        return Starlette(
            routes=[
                Route("/graphql", GraphQLEndpoint(operations, streams)),
                WebSocketRoute("/graphql", WebSocketEndpoint(operations, drain, init_seconds=0.3)),
            ],
            middleware=[Middleware(Observation, drain=drain)],
        )

    return make


@pytest.fixture
async def connect(make_app: Callable[..., Starlette]) -> AsyncIterator[Callable[..., Any]]:
    """A client of the endpoint made from a wire, in process."""
    clients = []

    def to(wire: Wire, drain: Drain | None = None) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=make_app(wire, drain), raise_app_exceptions=True)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://wire.test"))
        return clients[-1]

    yield to
    for client in clients:
        await client.aclose()


@pytest.fixture
def client(make_wire: Change, connect: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return connect(make_wire())
