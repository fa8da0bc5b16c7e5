from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api import tracing
from api.settings import SettingsError
from tests.house import open_house


async def test_each_backend_call_is_a_span_below_its_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("api.app.tracer", lambda: provider.get_tracer("omnibis"))
    async with open_house(tracing=True) as house:
        await house.data("{ projects { totalCount } }")  # signs in
        exporter.clear()
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        answer = await house.client.post(
            "/graphql",
            json={"query": "query Images { projects { totalCount } images { totalCount } }"},
            headers={"traceparent": parent, "x-request-id": "r-17"},
        )
    cost = answer.json()["extensions"]["cost"]
    *calls, request = exporter.get_finished_spans()
    assert f"{request.context.trace_id:032x}" == parent.split("-")[1]
    assert request.attributes is not None
    assert request.attributes["omnibis.request_id"] == "r-17"
    assert request.attributes["omnibis.operation"] == "Images"
    assert request.attributes["omnibis.outcome"] == "ok"
    assert len(calls) == cost["totalCalls"]
    assert {call.name.split()[0] for call in calls} == {"OPENBIS", "OMERO"}
    assert all(call.parent and call.parent.span_id == request.context.span_id for call in calls)


def test_without_opentelemetry_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(SettingsError, match=r"pip install 'omnibis\[otel\]'"):
        tracing.tracer()
