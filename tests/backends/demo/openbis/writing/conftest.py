from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette

from backends.demo.openbis.server import create_openbis_server
from tests.backends.demo.openbis.installation import T0, Client, content
from tests.backends.demo.openbis.requests import Writer

NOW = T0 + 400 * 86_400_000

As = Callable[[str], Awaitable[Writer]]


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.milliseconds = NOW

    def __call__(self) -> float:
        return self.milliseconds / 1000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(clock: Clock) -> Starlette:
    return create_openbis_server(content(), clock=clock)


@pytest.fixture
def by(app: Starlette) -> As:
    """Log in as somebody."""

    async def log_in(user: str) -> Writer:
        return Writer(await Client(app).login(user))

    return log_in


@pytest.fixture
async def admin(by: As) -> Writer:
    return await by("admin")


@pytest.fixture
async def alice(by: As) -> Writer:
    """A user of space A, where she may write but not delete."""
    return await by("alice")
