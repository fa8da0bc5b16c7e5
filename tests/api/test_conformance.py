"""Public judges of the wire: graphql-http's audit, and the reference clients of both streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.node_tools import run_node
from tests.serving import serve

AUDITS = 61


@pytest.fixture
def address(make_wire: Any, make_app: Any) -> Iterator[str]:
    with serve(make_app(make_wire()), websockets=True) as served:
        yield f"{served}/graphql"


def test_the_audit_of_graphql_http_finds_nothing(address: str) -> None:
    results = run_node("audit.mjs", address)
    assert len(results) == AUDITS
    assert [result for result in results if result["status"] != "ok"] == []
    assert Counter(result["name"].split()[0] for result in results)["MUST"] > 0


def test_the_reference_clients_hear_every_event(address: str) -> None:
    heard = run_node("events.mjs", address, "subscription { ticks(count: 3) }")
    for transport in ("sse", "socket"):
        assert [result["data"]["ticks"] for result in heard[transport]] == [0, 1, 2], transport
