"""OpenTelemetry: a span for each request and one below it for each call to a system behind.

With the extra `omnibis[otel]` and `OMNIBIS_TRACING=true`; without, nothing of it is imported. Where
spans go is OpenTelemetry's own business, by its `OTEL_…` variables or the agent that starts the
process. Spans hold what the log line holds: names of operations and sources, never data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from api.observe import record_of
from api.settings import SettingsError
from backends.errors import Source


def tracer() -> Any:
    """Return OpenTelemetry's tracer for this server.

    Raises:
        SettingsError: the extra is not installed.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 - only who asks for it has it installed
    except ImportError:
        raise SettingsError(
            "OMNIBIS_TRACING needs OpenTelemetry: pip install 'omnibis[otel]'."
        ) from None
    return trace.get_tracer("omnibis")


def backend_span(tracer: Any) -> Callable[[Source, str], AbstractContextManager[None]]:
    """Return what `backends.lane.Call` opens around each call."""

    @contextmanager
    def span(source: Source, operation: str) -> Iterator[None]:
        attributes = {"omnibis.source": source.value, "omnibis.call": operation}
        with tracer.start_as_current_span(
            f"{source.value} {operation}",
            attributes=attributes,
            record_exception=False,  # an error's text may quote data
            set_status_on_exception=True,
        ):
            yield

    return span


class Tracing:
    """The layer that opens a span for each request to the API."""

    def __init__(self, app: ASGIApp, tracer: Any) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Trace one request, below the caller's span if the caller names one (`traceparent`)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.propagate import extract  # noqa: PLC0415 - as above

        record = record_of(scope)
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        with self._tracer.start_as_current_span(
            f"{record.method} {record.path.partition('/images/')[0] or '/images'}",
            context=extract(headers),
            record_exception=False,
        ) as span:
            await self._app(scope, receive, send)
            span.set_attributes(
                {
                    "omnibis.request_id": record.request_id,
                    "omnibis.kind": record.kind or "other",
                    "omnibis.operation": record.operation or "",
                    "omnibis.outcome": record.outcome,
                }
            )
