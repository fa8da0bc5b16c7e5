"""The same openBIS three ways: in this process, over HTTP to a loopback port, and a live server.

The live one is any openBIS 20.10 or 7.x; it is only read. Set OMNIBIS_TEST_OPENBIS_URL,
OMNIBIS_TEST_OPENBIS_USER and OMNIBIS_TEST_OPENBIS_PASSWORD; OMNIBIS_TEST_OPENBIS_CA for a
certificate of one's own.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.errors import Source
from backends.lane import Call, Lane
from backends.openbis.client import OpenbisClient
from backends.openbis.transport import AsgiTransport, HttpTransport, OpenbisTransport
from tests.serving import serve

LIVE = "OMNIBIS_TEST_OPENBIS_URL"
WAYS = ["in process", "HTTP", "live"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to an openBIS; `log` are the methods called, where the server tells."""

    client: OpenbisClient
    user: str
    password: SecretStr
    log: list[str] | None

    async def login(self) -> SecretStr:
        """A session; the log starts anew."""
        token = await self.client.login(self.user, self.password, Call())
        if self.log is not None:
            self.log.clear()
        return token

    async def ask(self, token: SecretStr, *operations: Any) -> list[Any]:
        """Execute without a limit in time."""
        return await self.client.execute(token, operations, Call())


@pytest.fixture(scope="session")
def embedded() -> Starlette:
    return create_openbis_server(build_world().openbis, references="adversarial")


@pytest.fixture(scope="session")
def loopback(embedded: Starlette) -> Iterator[str]:
    with serve(Starlette(routes=[Mount("/prefix", embedded)])) as base:
        yield f"{base}/prefix"


@pytest.fixture(params=WAYS)
async def way(request: pytest.FixtureRequest, embedded: Starlette) -> AsyncIterator[Way]:
    user, password, log = "steward", SecretStr("demo"), embedded.state.log
    transport: OpenbisTransport
    match request.param:
        case "in process":
            transport = AsgiTransport(embedded)
        case "HTTP":
            transport = HttpTransport(request.getfixturevalue("loopback"))
        case _:
            if LIVE not in os.environ:
                pytest.skip(f"no live openBIS: {LIVE} is not set")
            ca_file = os.environ.get("OMNIBIS_TEST_OPENBIS_CA")
            transport = HttpTransport(
                os.environ[LIVE], ca_file=Path(ca_file) if ca_file else None, allow_http=True
            )
            user = os.environ["OMNIBIS_TEST_OPENBIS_USER"]
            password = SecretStr(os.environ["OMNIBIS_TEST_OPENBIS_PASSWORD"])
            log = None
    client = OpenbisClient(transport, Lane(Source.OPENBIS, pause=0.01))
    yield Way(client, user, password, log)
    await client.aclose()
