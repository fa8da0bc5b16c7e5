"""The embedded openBIS, in this process: the same wire, no network."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from backends.demo.faults import Faults
from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.demo.world import OpenbisContent
from backends.errors import Source
from backends.lane import Call, Lane
from backends.openbis.client import OpenbisClient
from backends.openbis.transport import AsgiTransport

PASSWORD = SecretStr("demo")


@dataclass(slots=True)
class Openbis:
    """One embedded openBIS with a client to it."""

    client: OpenbisClient
    faults: Faults
    log: list[str]
    lane: Lane

    async def login(self, user: str = "steward") -> SecretStr:
        """A session of a demo person; the log starts anew."""
        token = await self.client.login(user, PASSWORD, Call())
        self.log.clear()
        return token

    async def ask(self, token: SecretStr, *operations: Any) -> list[Any]:
        """Execute without a limit in time."""
        return await self.client.execute(token, operations, Call())


@pytest.fixture(scope="session")
def content() -> OpenbisContent:
    return build_world().openbis


@pytest.fixture
async def start(content: OpenbisContent) -> AsyncIterator[Callable[..., Openbis]]:
    """Start an embedded openBIS; keywords are those of the lane, and `references`."""
    started: list[Openbis] = []

    def make(references: Any = "server", **lane_options: Any) -> Openbis:
        faults = Faults()
        app = create_openbis_server(content, faults=faults, references=references)
        lane = Lane(Source.OPENBIS, **lane_options)
        client = OpenbisClient(AsgiTransport(app), lane)
        started.append(Openbis(client, faults, app.state.log, lane))
        return started[-1]

    yield make
    for each in started:
        await each.client.aclose()


@pytest.fixture
def openbis(start: Callable[..., Openbis]) -> Openbis:
    return start()
