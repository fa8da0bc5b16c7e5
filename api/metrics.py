"""Prometheus metrics: what each request was and cost, and the state of the systems behind.

One `Metrics` belongs to one application; `observe` is told of each finished request by
`api/observe.py`, and `/metrics` answers in the format that the scraper asks for. No label holds
what a client may choose (operations, paths, users), so the number of series is fixed. Where several
processes serve one address, set `PROMETHEUS_MULTIPROC_DIR` as prometheus-client has it: then each
answers for all.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from api.admission import Admission
from api.observe import RequestRecord
from backends.lane import Lane

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters of one application.

    Args:
        admission: tells how many requests and streams are under way.
        lanes: the way to each system by its name, for whether it is found dead.
        omero_sessions: tells how many sessions of OMERO are kept alive.
    """

    def __init__(
        self,
        admission: Admission,
        lanes: Mapping[str, Lane],
        omero_sessions: Callable[[], int],
    ) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "omnibis_requests",
            "Requests, by kind of operation and by outcome.",
            ("kind", "outcome", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "omnibis_request_seconds",
            "How long requests took; subscriptions are left out.",
            ("kind",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._codes = Counter(
            "omnibis_errors", "Errors told to clients.", ("code",), registry=self.registry
        )
        self._calls = Counter(
            "omnibis_backend_calls",
            "Calls to the systems behind.",
            ("source",),
            registry=self.registry,
        )
        self._backend_seconds = Counter(
            "omnibis_backend_seconds",
            "Seconds spent in calls to the systems behind.",
            ("source",),
            registry=self.registry,
        )
        self._asked = Counter(
            "omnibis_asked_calls", "Calls as estimated before running.", registry=self.registry
        )
        self._nodes = Counter(
            "omnibis_nodes", "Objects with ids that were answered.", registry=self.registry
        )
        Gauge(
            "omnibis_start_time_seconds",
            "When this process began to serve.",
            registry=self.registry,
            multiprocess_mode="max",
        ).set(time.time())
        self._state = _State(admission, lanes, omero_sessions)
        if MULTIPROCESS not in os.environ:  # these tell of one process
            self.registry.register(self._state)
            ProcessCollector(registry=self.registry)
            GCCollector(registry=self.registry)

    def observe(self, record: RequestRecord) -> None:
        """Count a request that is over."""
        kind = record.kind or "other"
        self._requests.labels(kind, record.outcome, record.status).inc()
        if kind != "subscription":
            self._seconds.labels(kind).observe(time.monotonic() - record.started)
        for code in record.codes:
            self._codes.labels(code).inc()
        for source, calls in record.calls.items():
            self._calls.labels(source).inc(calls)
        for source, milliseconds in record.milliseconds.items():
            self._backend_seconds.labels(source).inc(milliseconds / 1000)
        self._nodes.inc(record.nodes)
        if record.asked is not None:
            self._asked.inc(record.asked.total_calls)

    async def respond(self, request: Request) -> Response:
        """Answer `/metrics`."""
        registry = self.registry
        if MULTIPROCESS in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # it has no types
            registry.register(self._state)
        encode, media = choose_encoder(request.headers.get("accept", ""))
        headers = {"Cache-Control": "no-store"}
        return Response(encode(registry), headers=headers, media_type=media)


class _State(Collector):
    """What is true now, read when it is asked for."""

    def __init__(
        self,
        admission: Admission,
        lanes: Mapping[str, Lane],
        omero_sessions: Callable[[], int],
    ) -> None:
        self._admission = admission
        self._lanes = lanes
        self._omero_sessions = omero_sessions

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        yield _gauge("omnibis_requests_under_way", "Requests under way.", self._admission.under_way)
        yield _gauge("omnibis_streams", "Subscriptions under way.", self._admission.streams)
        yield _gauge("omnibis_tasks", "Tasks of the event loop.", len(asyncio.all_tasks()))
        yield _gauge(
            "omnibis_omero_sessions", "OMERO sessions kept alive from here.", self._omero_sessions()
        )
        up = GaugeMetricFamily(
            "omnibis_backend_up", "Whether a system is taken to be alive.", labels=("source",)
        )
        for name, lane in self._lanes.items():
            up.add_metric((name,), 0.0 if lane.is_open else 1.0)
        yield up


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value)
