"""The one composition root: settings and parts in, an ASGI application out.

`Parts` are the long-lived things that requests share, made by `api/demonstration.py` for the
embedded backends or by `api/production.py` for real ones. `create_app` puts the routes, the
endpoint and the layers around it together; its lifespan opens the parts and closes them. Nothing is
made at import.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from api.auth import Credentials, Door, Nobody, TokenBox, ViewerSource, Visitor
from api.downloads import Downloads
from api.drain import Drain
from api.event_stream import Streams
from api.explorer import explorer_routes
from api.http import GraphQLEndpoint
from api.observe import Health, Observation, error_response, record_of
from api.operations import Operations, Wire
from api.pictures import Pictures
from api.schema import build_schema
from api.settings import Settings
from api.types.errors import collapse, format_error
from api.websocket import WebSocketEndpoint
from backends.lane import Call, Lane, Meter
from link_store.database import LinkDatabase
from resolvers.context import RequestContext, Services
from resolvers.loaders import Loaders
from resolvers.pictures import Thumbnails


@dataclass(frozen=True, slots=True)
class Parts:
    """What requests share.

    Args:
        services: the adapters, the link store and the caches.
        database: the link store's own, for migrations and readiness.
        lanes: the way to each backend by its name, for readiness.
        nobody: who a request without credentials is.
        start: opens what must be open before the first request.
        stop: closes everything, in whatever state it is.
        routes: further routes, such as the demonstration's control.
    """

    services: Services
    database: LinkDatabase
    lanes: Mapping[str, Lane]
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    nobody: ViewerSource = field(default_factory=Nobody)
    routes: tuple[BaseRoute, ...] = ()


def create_app(settings: Settings, parts: Parts, tokens: TokenBox) -> Starlette:
    """Put the application together; nothing is opened before its lifespan begins."""
    drain = Drain()
    door = Door(tokens, parts.nobody)

    def issue_token(user: str, openbis: SecretStr | None, omero: SecretStr | None) -> str:
        return tokens.issue_token(Credentials(user, openbis, omero))

    async def make_context(visitor: Visitor) -> RequestContext:
        call = Call(Meter(), time.monotonic() + settings.limits.deadline_seconds)
        viewer = await door.viewer(visitor.headers, call)
        context = RequestContext(
            viewer,
            parts.services,
            visitor.request_id,
            call,
            issue_token=issue_token,
            again=partial(make_context, visitor),
        )
        context.loaders = Loaders(context)
        return context

    def renew(context: RequestContext) -> bool:
        return door.renew(context.viewer, context.failures)

    async def readiness() -> dict[str, str]:
        states = {
            name: "UNAVAILABLE" if lane.is_open else "OK" for name, lane in parts.lanes.items()
        }
        current = await parts.database.is_current()
        return {"database": "OK" if current else "MIGRATION_REQUIRED", **states}

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            await parts.start()
            yield
        finally:
            await parts.stop()

    health = Health(readiness, drain)
    operations = Operations(
        Wire(
            schema=build_schema(),
            make_context=make_context,
            format_error=format_error,
            collapse=collapse,
            limits=settings.limits,
            introspection=settings.introspection,
            suggestions=settings.suggestions,
            renew=renew,
        )
    )
    streams = Streams(drain, settings.limits.subscription_seconds)
    endpoint = GraphQLEndpoint(operations, streams)
    pictures = Pictures(
        parts.services,
        door,
        Thumbnails(parts.services.omero),
        settings.limits.deadline_seconds,
    )
    downloads = Downloads(
        lambda request: make_context(Visitor(request.headers, record_of(request.scope).request_id))
    )
    app = Starlette(
        routes=[
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", WebSocketEndpoint(operations, drain)),
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
            *pictures.routes(),
            *downloads.routes(),
            *(explorer_routes() if settings.explorer else ()),
            *parts.routes,
        ],
        middleware=[Middleware(Observation, drain=drain)],
        exception_handlers={404: _no_such_place, 405: _no_such_method},
        lifespan=lifespan,
    )
    app.state.drain = drain
    app.state.endpoint = endpoint
    app.state.operations = operations
    return app


async def _no_such_place(request: Request, _error: Any) -> Response:
    return error_response(
        404, "NOT_FOUND", "There is nothing here; the API is at /graphql.", record_of(request.scope)
    )


async def _no_such_method(request: Request, error: Any) -> Response:
    return error_response(
        405,
        "BAD_USER_INPUT",
        "That method is not for this address.",
        record_of(request.scope),
        headers=error.headers,  # Allow
    )
