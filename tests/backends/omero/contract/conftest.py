"""One OMERO after the other: in process, over Ice in each of its ways, and a real one if there is.

A real server is named by OMNIBIS_TEST_OMERO_HOST, its user by OMNIBIS_TEST_OMERO_USER and
OMNIBIS_TEST_OMERO_PASSWORD; OMNIBIS_TEST_OMERO_VERIFY=0 takes any certificate. What the tests make
there they delete; nothing else is touched.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from backends.demo.accounts import DEMO_PASSWORD
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.demo.world import World
from backends.errors import Source
from backends.lane import Call, Lane
from backends.omero.client import OmeroClient
from backends.omero.transport import OmeroTransport
from backends.omero.write import Deletion

HOST = os.environ.get("OMNIBIS_TEST_OMERO_HOST")
WAYS = ("in process", "ssl", "tcp", "wss", "separate clients", *(("live",) if HOST else ()))


@dataclass
class Place:
    """An OMERO, reached one way, with a session of a user who may write in `group`."""

    way: str
    transport: OmeroTransport
    client: OmeroClient
    user: str
    password: SecretStr
    session: SecretStr
    group: int
    made: list[tuple[str, int]] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        """Whether it is a real server, of which nothing is known."""
        return self.way == "live"

    def name(self, what: str) -> str:
        """A name that nobody else has given."""
        return f"omnibis-test-{what}-{uuid.uuid4()}"

    def remember(self, entity: str, number: int) -> int:
        """Have something deleted after the test."""
        self.made.append((entity, number))
        return number

    async def rows(self, hql: str, **params: Any) -> list[list[Any]]:
        """Run a projection over all groups."""
        return await self.transport.projection(self.session, hql, params)


@dataclass
class Server:
    """Makes transports to one of the OMEROs."""

    way: str
    make: Callable[[], OmeroTransport]


@contextmanager
def opened(way: str, world: World) -> Iterator[Server]:
    if way == "in process":
        store = OmeroStore(world.omero)
        yield Server(way, lambda: StoreTransport(store))
        store.shut_down()
        return
    reason = "the extra omnibis[omero] is not installed"
    pytest.importorskip("omero", reason=reason)
    from backends.omero.ice_address import IceOptions, OmeroAddress  # noqa: PLC0415 - needs Ice
    from backends.omero.ice_transport import IceTransport  # noqa: PLC0415

    if way == "live":
        verify = os.environ.get("OMNIBIS_TEST_OMERO_VERIFY", "1") != "0"
        live = OmeroAddress.parse(HOST or "", allow_plain=True)
        yield Server(way, lambda: IceTransport(live, IceOptions(verify=verify)))
        return
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415

    separate = way == "separate clients"
    protocol = "ssl" if separate else way
    with OmeroIceServer(world.omero) as server:
        address = OmeroAddress.parse(f"{protocol}://127.0.0.1", server.ports[protocol])
        yield Server(
            way, lambda: IceTransport(address, IceOptions(verify=False, separate=separate))
        )


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest, world: World) -> Iterator[Server]:
    with opened(request.param, world) as server:
        yield server


@pytest.fixture
async def place(server: Server) -> AsyncIterator[Place]:
    transport = server.make()
    client = OmeroClient(transport, Lane(Source.OMERO))
    user, password = "oncology", SecretStr(DEMO_PASSWORD)
    if server.way == "live":
        user = os.environ["OMNIBIS_TEST_OMERO_USER"]
        password = SecretStr(os.environ["OMNIBIS_TEST_OMERO_PASSWORD"])
    try:
        session = await transport.login(user, password)
        who = await transport.identity(session)
        place = Place(server.way, transport, client, user, password, session, who.group_id)
        yield place
        for entity, number in reversed(place.made):
            deletion = Deletion({entity: (number,)})
            await client.delete(session, deletion, group=place.group, call=Call())
        await transport.close(session)
    finally:
        await client.aclose()
