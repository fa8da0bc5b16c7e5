"""Sessions with an OMERO server: what they cost, how they are kept, and how they end."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    SessionExpired,
    Unavailable,
)
from backends.omero.ice_address import IceOptions, OmeroAddress
from backends.omero.ice_calls import CallFailed
from tests.backends.demo.omero.laboratory import LAB, PASSWORD, laboratory
from tests.backends.omero.ice_process import other_process

REASON = "the extra omnibis[omero] is not installed"
pytest.importorskip("omero", reason=REASON)
IceTransport = pytest.importorskip("backends.omero.ice_transport", reason=REASON).IceTransport
OmeroIceServer = pytest.importorskip("backends.demo.omero.ice_server").OmeroIceServer

SECRET = SecretStr(PASSWORD)
QUESTION = "select count(e.id) from Experimenter e"


@pytest.fixture
def server() -> Iterator[Any]:
    with OmeroIceServer(laboratory()) as server:
        yield server


@asynccontextmanager
async def transport_to(
    ports: dict[str, int], protocol: str = "tcp", **options: Any
) -> AsyncIterator[Any]:
    address = OmeroAddress.parse(f"{protocol}://127.0.0.1", ports[protocol])
    transport = IceTransport(address, IceOptions(**{"verify": False, **options}))
    try:
        yield transport
    finally:
        await transport.aclose()


def threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - only how many


def files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def sockets() -> int:
    open_files = Path("/proc/self/fd").iterdir()
    return sum(
        os.path.realpath(each).rpartition("/")[2].startswith("socket:") for each in open_files
    )


def resident() -> int:
    """Megabytes of memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    raise AssertionError


async def eventually(condition: Any) -> None:
    """Wait until something that another thread does has been done."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)


# --- What they cost -----------------------------------------------------------------------------

linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts through /proc")


@linux
async def test_fifty_viewers_share_few_threads_and_files() -> None:
    with other_process() as ports:
        await asyncio.to_thread(gc.collect)  # the loop's own thread for such things stays
        before = threads(), files()
        async with transport_to(ports, "ssl") as transport:
            sessions = await asyncio.gather(*(transport.login("ann", SECRET) for _ in range(50)))
            answers = await asyncio.gather(
                *(transport.projection(each, QUESTION, {}) for each in sessions * 4)
            )
            assert answers == [[[4]]] * 200
            assert len(transport.sessions) == 50
            assert threads() - before[0] <= 10
            assert files() - before[1] <= 80
        await eventually(lambda: (threads(), files()) <= before)


@linux
async def test_a_thousand_logins_and_logouts_leave_nothing_behind() -> None:
    with other_process() as ports:
        async with transport_to(ports) as transport:

            async def come_and_go(times: int) -> None:
                for _ in range(times):
                    session = await transport.login("ann", SECRET)
                    assert await transport.projection(session, QUESTION, {}) == [[4]]
                    await transport.close(session)

            await come_and_go(100)
            gc.collect()
            before = threads(), files(), len(gc.get_objects()), resident()
            await come_and_go(1_000)
            gc.collect()
            await eventually(lambda: files() <= before[1])
            # Ice adds a thread or two to its pool when a machine is busy, and keeps them.
            assert threads() <= before[0] + 2
            assert len(transport.sessions) == 0
            assert transport.sessions._leaving == set()
            assert len(gc.get_objects()) - before[2] < 100
            assert resident() - before[3] < 3  # megabytes: Ice alone would keep 4 kB of each


# --- Calls --------------------------------------------------------------------------------------


async def test_calls_on_one_connection_wait_together(server: Any) -> None:
    async with transport_to(server.ports) as transport:
        session = await transport.login("ann", SECRET)
        await transport.projection(session, QUESTION, {})
        server.faults.delay["projection"] = 0.1
        started = time.perf_counter()
        await asyncio.gather(*(transport.projection(session, QUESTION, {}) for _ in range(16)))
        assert time.perf_counter() - started < 16 * 0.1 / 2  # in turns it would be twice that
        assert server.doors == 1


async def test_no_more_calls_are_under_way_than_allowed(server: Any) -> None:
    async with transport_to(server.ports, in_flight=3) as transport:
        session = await transport.login("ann", SECRET)
        seat = await transport.sessions.seat(session)
        query = await seat.service("IQuery", group=-1)
        under_way, most = 0, 0

        def begin(*arguments: Any, _response: Any, _ex: Any, _sent: Any) -> Any:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)

            def respond(*results: Any) -> None:
                nonlocal under_way
                under_way -= 1
                _response(*results)

            return query.begin_projection(*arguments, _response=respond, _ex=_ex, _sent=_sent)

        server.faults.delay["projection"] = 0.02
        await asyncio.gather(*(seat.call(begin, QUESTION, None) for _ in range(12)))
        assert most == 3


async def test_a_call_that_is_given_up_disturbs_nobody(server: Any) -> None:
    async with transport_to(server.ports) as transport:
        session = await transport.login("ann", SECRET)
        server.faults.delay["projection"] = 0.3
        slow = asyncio.create_task(transport.projection(session, QUESTION, {}))
        await eventually(lambda: "projection" in server.log)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        server.faults.delay.clear()
        assert await transport.projection(session, QUESTION, {}) == [[4]]
        assert server.doors == 1


async def test_the_group_is_told_with_each_call_and_not_remembered(server: Any) -> None:
    hql = "select i.name from Image i order by i.id"
    async with transport_to(server.ports) as transport:
        session = await transport.login("ann", SECRET)
        everything, lab, again = await asyncio.gather(
            transport.projection(session, hql, {}),
            transport.projection(session, hql, {}, group=LAB),
            transport.projection(session, hql, {}),
        )
        assert everything == again
        assert ["public"] in everything
        assert ["public"] not in lab
        assert ["Alpha"] in lab


# --- How they are kept --------------------------------------------------------------------------


async def test_a_session_is_joined_once_however_many_ask_at_once(server: Any) -> None:
    async with transport_to(server.ports) as first, transport_to(server.ports) as second:
        session = await first.login("ann", SECRET)
        before = server.log.count("createSession")
        joining = [asyncio.create_task(second.projection(session, QUESTION, {})) for _ in range(20)]
        await asyncio.sleep(0)
        joining[0].cancel()  # the first, on whose behalf it is joined
        answers = await asyncio.gather(*joining, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert answers[1:] == [[[4]]] * 19
        assert server.log.count("createSession") - before == 1
        assert server.log.count("getQueryService") == 1


@linux
async def test_a_connection_that_was_cut_is_not_opened_again_for_calls_that_waited(
    server: Any,
) -> None:
    async with transport_to(server.ports) as transport:
        session = await transport.login("ann", SECRET)
        gc.collect()
        failures = sum(isinstance(each, CallFailed) for each in gc.get_objects())
        before = sockets()
        for _ in range(20):
            asked = [
                asyncio.create_task(transport.projection(session, QUESTION, {})) for _ in range(50)
            ]
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            server.store.faults.off = True
            await asyncio.gather(*asked, return_exceptions=True)
            server.store.faults.off = False
            assert await transport.projection(session, QUESTION, {}) == [[4]]
        await eventually(lambda: sockets() <= before)
        del asked
        gc.collect()
        assert sum(isinstance(each, CallFailed) for each in gc.get_objects()) <= failures


async def test_signs_of_life_go_out_for_all_sessions_from_one_task(server: Any) -> None:
    async with transport_to(server.ports, keep_alive=0.05) as transport:
        tasks = len(asyncio.all_tasks())
        for _ in range(5):
            await transport.login("ann", SECRET)
        await eventually(lambda: server.log.count("keepAlive") >= 15)
        assert len(asyncio.all_tasks()) <= tasks + 1 + 5
        assert len(transport.sessions) == 5


async def test_a_session_found_dead_by_a_sign_of_life_is_given_up(server: Any) -> None:
    async with transport_to(server.ports, keep_alive=0.05) as transport:
        dead, alive = await transport.login("ann", SECRET), await transport.login("bob", SECRET)
        server.kill_session(dead.get_secret_value())
        await eventually(lambda: len(transport.sessions) == 1)
        with pytest.raises(SessionExpired):
            await transport.identity(dead)
        assert (await transport.identity(alive)).user_name == "bob"


async def test_a_seat_that_nobody_uses_is_left_but_its_session_lives(server: Any) -> None:
    async with transport_to(server.ports, keep_alive=0.05, linger=0.0) as transport:
        session = await transport.login("ann", SECRET)
        await eventually(lambda: len(transport.sessions) == 0 and server.doors == 0)
        assert (await transport.identity(session)).user_name == "ann"


async def test_sessions_outlive_the_server_of_ours_that_opened_them(server: Any) -> None:
    async with transport_to(server.ports) as transport:
        session = await transport.login("ann", SECRET)
    await eventually(lambda: server.doors == 0)
    with pytest.raises(Unavailable, match="stopping"):
        await transport.login("ann", SECRET)
    async with transport_to(server.ports) as another:
        assert (await another.identity(session)).user_name == "ann"


async def test_ending_a_session_ends_it_for_all_who_joined_it(server: Any) -> None:
    async with transport_to(server.ports) as first, transport_to(server.ports) as second:
        session = await first.login("ann", SECRET)
        await second.identity(session)
        await first.close(session)
        with pytest.raises(SessionExpired):
            await second.identity(session)
        with pytest.raises(SessionExpired):
            await second.close(session)


@pytest.mark.parametrize("session", ["ann", "", "x" * 36, "8a3b6c1e-0000-4000-8000-00000000000"])
async def test_what_is_no_uuid_is_no_session_and_is_not_tried_as_a_password(
    server: Any, session: str
) -> None:
    server.store.sessions._passwords["ann"] = "ann"
    async with transport_to(server.ports) as transport:
        with pytest.raises(SessionExpired):
            await transport.identity(SecretStr(session))
    assert "createSession" not in server.log


async def test_of_too_many_seats_the_one_not_used_for_longest_is_left(server: Any) -> None:
    async with transport_to(server.ports, seats=3) as transport:
        sessions = [await transport.login("ann", SECRET) for _ in range(3)]
        await transport.identity(sessions[0])
        await transport.login("bob", SECRET)
        assert len(transport.sessions) == 3
        await eventually(lambda: server.doors == 3)
        kept = {each.uuid.get_secret_value() for each in transport.sessions._seats.values()}
        assert sessions[0].get_secret_value() in kept
        assert sessions[1].get_secret_value() not in kept
        assert (await transport.identity(sessions[1])).user_name == "ann"


async def test_a_server_that_stops_while_a_session_is_joined_says_so(server: Any) -> None:
    async with transport_to(server.ports) as transport:
        session = await transport.login("ann", SECRET)
    server.faults.delay["createSession"] = 0.5
    address = OmeroAddress.parse("tcp://127.0.0.1", server.ports["tcp"])
    other = IceTransport(address)
    waiting = asyncio.create_task(other.identity(session))
    await eventually(lambda: server.log.count("createSession") == 2)
    await other.aclose()
    with pytest.raises(Unavailable, match="stopping"):
        await waiting


# --- For somebody else --------------------------------------------------------------------------


async def test_an_administrator_acts_for_a_user_for_a_while(server: Any) -> None:
    async with transport_to(server.ports) as transport:
        root = await transport.login("root", SECRET)
        session = await transport.sudo(
            root, "bob", life=timedelta(hours=2), idle=timedelta(minutes=7)
        )
        who = await transport.identity(session)
        assert (who.user_name, who.is_admin) == ("bob", False)
        opened = server.store.session(session.get_secret_value())
        assert (opened.time_to_live, opened.time_to_idle) == (7200.0, 420.0)
        grouped = await transport.sudo(
            root, "ann", life=timedelta(hours=1), idle=timedelta(minutes=1), group="closed"
        )
        assert (await transport.identity(grouped)).group_id == 4


@pytest.mark.parametrize(("who", "whom"), [("ann", "bob"), ("root", "nobody-of-that-name")])
async def test_nobody_else_acts_for_anybody(server: Any, who: str, whom: str) -> None:
    async with transport_to(server.ports) as transport:
        session = await transport.login(who, SECRET)
        with pytest.raises(AccessDenied):
            await transport.sudo(session, whom, life=timedelta(hours=1), idle=timedelta(minutes=1))
        assert (await transport.identity(session)).user_name == who


# --- Trust --------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["ssl", "wss"])
async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    server: Any, protocol: str
) -> None:
    async with transport_to(server.ports, protocol, verify=True) as transport:
        with pytest.raises(Unavailable, match="certificate cannot be verified"):
            await transport.login("ann", SECRET)
        assert "createSession" not in server.log  # the password has not left


@pytest.mark.parametrize("protocol", ["ssl", "wss"])
async def test_a_certificate_that_is_named_is_trusted(server: Any, protocol: str) -> None:
    async with transport_to(
        server.ports, protocol, verify=True, ca_file=server.certificate
    ) as transport:
        session = await transport.login("ann", SECRET)
        assert await transport.projection(session, QUESTION, {}) == [[4]]


async def test_a_certificate_for_another_host_is_not_trusted(server: Any) -> None:
    address = OmeroAddress.parse("ssl://localhost", server.ports["ssl"])
    transport = IceTransport(address, IceOptions(ca_file=server.certificate))
    with pytest.raises(Unavailable, match="certificate cannot be verified"):
        await transport.login("ann", SECRET)
    await transport.aclose()


async def test_a_port_without_tls_and_one_where_nobody_is(server: Any) -> None:
    for port in (server.ports["tcp"], 1):
        address = OmeroAddress.parse("127.0.0.1", port)
        transport = IceTransport(address, IceOptions(connect_timeout=0.5))
        with pytest.raises(Unavailable):
            await transport.login("ann", SECRET)
        with pytest.raises(Unavailable):
            await transport.identity(SecretStr("8a3b6c1e-0000-4000-8000-000000000000"))
        await transport.aclose()


async def test_a_viewer_of_his_own_client_is_served_alike(server: Any) -> None:
    async with transport_to(server.ports, "ssl", separate=True) as transport:
        session = await transport.login("ann", SECRET)
        assert await transport.projection(session, QUESTION, {}) == [[4]]
        with pytest.raises(AuthenticationFailed):
            await transport.login("ann", SecretStr("wrong"))
        server.cut_connections()
        assert await transport.projection(session, QUESTION, {}) == [[4]]
        await transport.close(session)
        with pytest.raises(SessionExpired):
            await transport.identity(session)
    await eventually(lambda: server.doors == 0)


async def test_a_seat_tells_nothing_of_its_session(server: Any) -> None:
    async with transport_to(server.ports) as transport:
        session = await transport.login("ann", SECRET)
        seat = await transport.sessions.seat(session)
        assert session.get_secret_value() not in f"{seat!r} {seat} {session!r}"
