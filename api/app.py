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
from datetime import datetime
from functools import partial
from typing import Any, Final

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette_compress import CompressMiddleware

from api.admission import Admission
from api.auth import Credentials, Nobody, TokenBox, ViewerSource, Visitor, visitor_of
from api.cookies import ExplorerSession
from api.door import Door
from api.downloads import Downloads
from api.drain import Drain
from api.event_stream import Streams
from api.explorer import explorer_routes
from api.http import GraphQLEndpoint
from api.metrics import Metrics
from api.observe import (
    Health,
    Observation,
    RequestRecord,
    error_response,
    log_request,
    record_of,
)
from api.operations import Operations
from api.pictures import Pictures
from api.proxy import proxies
from api.schema import build_schema
from api.settings import Settings
from api.tracing import Tracing, backend_span, tracer
from api.trusted import TrustedDocuments
from api.types.errors import collapse, format_error
from api.websocket import WebSocketEndpoint
from api.wire import Wire
from backends.lane import Call, Lane, Meter, no_span
from link_store.database import LinkDatabase
from resolvers.context import RequestContext, Services
from resolvers.loaders import Loaders
from resolvers.pictures import Thumbnails
from resolvers.throttle import Throttle

COMPRESSED_FROM: Final = 1024  # bytes
CORS_HEADERS: Final = ("Authorization", "Content-Type", "X-openBIS-Token", "X-OMERO-Session")


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
    admission = Admission(settings.limits)
    services = parts.services
    metrics = Metrics(admission, parts.lanes, lambda: services.omero.sessions_held)
    trusted_proxies = proxies(settings, services.openbis, services.omero)
    door = Door(tokens, parts.nobody, trusted_proxies, cookies=settings.explorer)
    throttle = Throttle(settings.limits.login_failures, settings.limits.login_failures * 10)
    trace = tracer() if settings.tracing else None
    span = no_span if trace is None else backend_span(trace)

    def report(record: RequestRecord) -> None:
        log_request(record)
        metrics.observe(record)

    def issue_token(
        user: str, openbis: SecretStr | None, omero: SecretStr | None
    ) -> tuple[str, datetime]:
        token = tokens.issue_token(Credentials(user, openbis, omero))
        return token, tokens.expiry_of(token)

    async def make_context(visitor: Visitor) -> RequestContext:
        deadline = time.monotonic() + settings.limits.deadline_seconds
        call = Call(Meter(), deadline, settings.limits.calls_made, span)
        viewer = await door.viewer(visitor, call)
        context = RequestContext(
            viewer,
            parts.services,
            visitor.request_id,
            call,
            issue_token=issue_token,
            address=trusted_proxies.address(visitor),
            throttle=throttle,
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

    required = {"database"}
    required |= {"openbis"} if settings.openbis_required else set()
    required |= {"omero"} if settings.omero_required else set()
    health = Health(readiness, drain, frozenset(required))
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
            report=report,
            admission=admission,
            trusted=TrustedDocuments(remembers=settings.persisted_queries),
        )
    )
    if settings.trusted_documents is not None:
        operations.trust(
            settings.trusted_documents,
            only=settings.trusted_documents_only,
            remembers=settings.persisted_queries,
        )
    origins = frozenset(settings.cors_origins)
    session = ExplorerSession(tokens.read_token, settings.token_hours * 3600)
    streams = Streams(drain, settings.limits.subscription_seconds)
    endpoint = GraphQLEndpoint(operations, streams)
    pictures = Pictures(
        parts.services,
        door,
        Thumbnails(parts.services.omero),
        settings.limits.deadline_seconds,
    )
    downloads = Downloads(
        lambda request: make_context(
            visitor_of(request, record_of(request.scope).request_id, takes_cookie=True)
        )
    )
    app = Starlette(
        routes=[
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", WebSocketEndpoint(operations, drain, origins=origins)),
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
            *pictures.routes(),
            *((Route("/metrics", metrics.respond),) if settings.metrics else ()),
            *(session.routes() if settings.explorer else ()),
            *downloads.routes(),
            *(explorer_routes() if settings.explorer else ()),
            *parts.routes,
        ],
        middleware=_layers(settings, drain, admission, report, trace),
        exception_handlers={404: _no_such_place, 405: _no_such_method},
        lifespan=lifespan,
    )
    app.state.drain = drain
    app.state.endpoint = endpoint
    app.state.operations = operations
    return app


def _layers(
    settings: Settings,
    drain: Drain,
    admission: Admission,
    report: Callable[[RequestRecord], None],
    trace: Any,
) -> list[Middleware]:
    """Return what is around the routes, the outermost first."""
    layers = [Middleware(Observation, drain=drain, admission=admission, report=report)]
    if trace is not None:
        layers.append(Middleware(Tracing, tracer=trace))
    if settings.cors_origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=("GET", "POST"),
                allow_headers=CORS_HEADERS,
                expose_headers=("X-Request-Id", "Retry-After"),
                allow_credentials=False,  # cookies are for the explorer's own page
                max_age=600,
            )
        )
    if settings.compression:
        layers.append(Middleware(CompressMiddleware, minimum_size=COMPRESSED_FROM))
    return layers


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
