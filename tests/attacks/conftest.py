"""The house as it stands on a foreign network: production's settings over the embedded backends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from api.app import create_app
from api.demonstration import demonstration
from api.limits import Limits
from api.settings import load_settings
from tests.house import BOX, House, open_house
from tests.serving import serve

PRODUCTION: dict[str, Any] = {"explorer": False, "introspection": False, "suggestions": False}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fortress() -> AsyncIterator[House]:
    async with open_house(**PRODUCTION) as house:
        yield house


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The same on a loopback port, with little patience, as `omnibis serve` would run it."""
    limits = Limits(body_seconds=0.5, answer_seconds=0.5)
    settings = load_settings({}, **PRODUCTION, limits=limits)
    app = create_app(settings, demonstration(settings).parts, BOX)
    with serve(app, lifespan=True, websockets=True, limits=limits) as served:
        yield served


async def refused(house: House, query: Any, **headers: str) -> tuple[int, str, str]:
    """Send a body that is to be refused; return the status, the one code, the first message."""
    given = {"accept": "application/graphql-response+json", **headers}
    body = query if isinstance(query, dict | list) else {"query": query}
    response = await house.client.post("/graphql", json=body, headers=given)
    answer = response.json()
    assert "data" not in answer, answer
    (code,) = {error["extensions"]["code"] for error in answer["errors"]}
    return response.status_code, code, answer["errors"][0]["message"]
