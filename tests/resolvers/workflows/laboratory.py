"""Both embedded backends on real sockets, in the tests' own process, beside a link database.

The processes that register (`worker.py`) reach them over HTTP and Ice and can be killed; the tests
look at them from inside, see what they have been asked, and let them misbehave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Self

from pydantic import SecretStr

from backends.demo.accounts import DEMO_PASSWORD
from backends.demo.faults import Faults
from backends.demo.omero.ice_faults import WireFaults
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.errors import Source
from backends.fetch import Fetch
from backends.lane import Call, Lane
from backends.omero.client import OmeroClient
from backends.openbis.client import Get, OpenbisClient
from backends.openbis.transport import AsgiTransport
from backends.records import Kind
from link_store.database import LinkDatabase
from link_store.operations import OperationStore
from link_store.store import LinkStore
from tests.resolvers.workflows.worker import Systems
from tests.serving import serve

SPACE = "CLINICAL"
STEWARD, ADMIN = 0, 1  # indexes of the sessions


class Desk:
    """Both systems and the link database, from inside, as the steward; for one event loop."""

    def __init__(self, laboratory: Laboratory, database_url: str) -> None:
        self.openbis = OpenbisClient(AsgiTransport(laboratory.app), Lane(Source.OPENBIS))
        self.omero = OmeroClient(StoreTransport(laboratory.store), Lane(Source.OMERO))
        self.database = LinkDatabase(database_url)
        self.links = LinkStore(self.database)
        self.operations = OperationStore(self.database, "openbis", "omero")
        self.token, self.session = laboratory.tokens[STEWARD]
        self.group = laboratory.group
        self.code = laboratory.code

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.openbis.aclose()
        await self.database.dispose()

    async def get(self, kind: Kind, name: str, **fetch: Fetch) -> Any:
        """One entity of openBIS, or None."""
        (found,) = await self.openbis.execute(
            self.token, [Get(kind, (name,), Fetch.of(**fetch))], Call()
        )
        return found.get(name)

    async def rows(self, hql: str, **params: Any) -> list[list[Any]]:
        """Run a projection in OMERO."""
        return await self.omero._transport.projection(self.session, hql, params)


@dataclass(slots=True)
class Laboratory:
    """The backends; `code()` is a project code that nobody has."""

    app: Any
    store: OmeroStore
    openbis_address: str
    omero_port: int
    faults: Faults
    omero_faults: Faults
    wire_faults: WireFaults
    group: int
    tokens: list[tuple[SecretStr, SecretStr]]
    users: list[str]
    _numbers: Iterator[int]

    def code(self) -> str:
        return f"QK{next(self._numbers):03d}"

    def systems(self, database_url: str) -> Systems:
        """Where everything is, for the processes."""
        return Systems(
            self.openbis_address,
            self.omero_port,
            database_url,
            [
                (user, token.get_secret_value(), session.get_secret_value())
                for user, (token, session) in zip(self.users, self.tokens, strict=True)
            ],
        )

    def well(self) -> None:
        """Let nothing misbehave any more."""
        self.faults.clear()
        self.omero_faults.clear()
        for kind in (
            self.wire_faults.cut_before,
            self.wire_faults.cut_after,
            self.wire_faults.delay,
        ):
            kind.clear()


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """Start both backends."""
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - needs Ice

    world = build_world()
    faults, omero_faults = Faults(), Faults()
    app = create_openbis_server(world.openbis, faults=faults)
    store = OmeroStore(world.omero, faults=omero_faults)
    with ExitStack() as stack:
        address = stack.enter_context(serve(app))
        server = stack.enter_context(OmeroIceServer(store))
        users = ["steward", "steward"]

        async def login() -> list[tuple[SecretStr, SecretStr]]:
            openbis = OpenbisClient(AsgiTransport(app), Lane(Source.OPENBIS))
            omero = OmeroClient(StoreTransport(store), Lane(Source.OMERO))
            password = SecretStr(DEMO_PASSWORD)
            pairs = [
                (
                    await openbis.login(user, password, Call()),
                    await omero.login(user, password, Call()),
                )
                for user in users
            ]
            # The administrator of openBIS has no account in OMERO: another person beside the
            # steward there, with the steward's session here.
            admin = await openbis.login("admin", SecretStr("admin"), Call())
            await openbis.aclose()
            return [pairs[0], (admin, pairs[1][1])]

        tokens = asyncio.run(login())
        yield Laboratory(
            app,
            store,
            address,
            server.ports["ssl"],
            faults,
            omero_faults,
            server.faults,
            group=3,
            tokens=tokens,
            users=["steward", "admin"],
            _numbers=count(1),
        )
