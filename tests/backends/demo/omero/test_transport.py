from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    InvalidRequest,
    SessionExpired,
    Source,
    Unavailable,
)
from backends.omero.transport import OmeroIdentity, OmeroTransport
from tests.backends.demo.omero.laboratory import ANN, CLOSED, LAB, PASSWORD, laboratory

NAMES = "select p.name from Project p"


@pytest.fixture
async def transport() -> AsyncIterator[StoreTransport]:
    store = OmeroStore(laboratory())
    transport = StoreTransport(store)
    yield transport
    await transport.aclose()
    store.shut_down()


async def test_it_is_a_transport_of_the_adapter(transport: StoreTransport) -> None:
    seam: OmeroTransport = transport
    session = await seam.login("ann", SecretStr(PASSWORD))
    assert await seam.identity(session) == OmeroIdentity(ANN, "ann", False, LAB, (LAB, CLOSED))
    assert await seam.projection(session, NAMES, {}) == [["QABCD"]]
    paged = await seam.projection(
        session, "select i.id from Image i order by i.id", {}, group=LAB, offset=1, limit=2
    )
    assert paged == [[2], [3]]
    await seam.close(session)
    with pytest.raises(SessionExpired):
        await seam.identity(session)


async def test_each_refusal_has_its_kind_and_gives_nothing_away(transport: StoreTransport) -> None:
    session = await transport.login("ann", SecretStr(PASSWORD))
    with pytest.raises(AuthenticationFailed) as refused:
        await transport.login("ann", SecretStr("wrong"))
    assert refused.value.source is Source.OMERO
    assert "wrong" not in refused.value.message
    with pytest.raises(InvalidRequest, match="could not resolve property 'nmae'"):
        await transport.projection(session, "select p.nmae from Project p", {})
    with pytest.raises(AccessDenied):
        await transport.projection(session, NAMES, {}, group=5_000)
    with pytest.raises(SessionExpired) as expired:
        await transport.projection(SecretStr("not-a-session"), NAMES, {})
    assert "not-a-session" not in expired.value.message
    transport.store.faults.off = True
    with pytest.raises(Unavailable) as unavailable:
        await transport.projection(session, NAMES, {})
    assert unavailable.value.retryable


async def test_calls_overlap(transport: StoreTransport) -> None:
    session = await transport.login("ann", SecretStr(PASSWORD))
    transport.store.faults.latency = 0.05
    started = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(transport.projection(session, NAMES, {}) for _ in range(8)))
    assert asyncio.get_running_loop().time() - started < 8 * 0.05
    assert answers == [[["QABCD"]]] * 8
