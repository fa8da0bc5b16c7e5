"""What each mishap on the way to OMERO becomes: for a read and for a write.

The table is the contract. A row says what the caller gets, which code the client of omnibis sees,
and how many times OMERO was asked: a read at most twice, a write once. A write that was sent and
not answered is in doubt, and says so; whether it happened is told by looking. In no case does a
session's uuid, a password or an address appear in a message, a log or a printed line.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from api.types.errors import code_of
from backends import errors
from backends.demo.omero.store import OmeroStore
from backends.errors import BackendError, Source
from backends.lane import Call, Lane
from backends.omero.changes import NewContainer
from backends.omero.client import OmeroClient
from backends.omero.ice_address import IceOptions, OmeroAddress
from backends.omero.queries import Projection
from backends.records import ImagingKind
from tests.backends.demo.omero.laboratory import LAB, PASSWORD, laboratory
from tests.backends.omero.wire_cuts import Wire, wire_to

pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")

QUESTION = Projection("experimenters", ("e.id", "e.omeName"), "Experimenter e", order=("e.id",))
READ, WRITE = "projection", "saveAndReturnArray"


@dataclass
class Trial:
    """A server, a wire to it, and a viewer's session over that wire."""

    server: Any
    wire: Wire
    clock: list[float]
    client: OmeroClient
    session: SecretStr = field(default_factory=lambda: SecretStr(""))
    group: int = LAB
    asked: int = 0

    async def read(self) -> Any:
        """Ask for all users."""
        hql = QUESTION.hql()
        return await self.client._lane.call(
            QUESTION.name,
            lambda: self.client._transport.projection(self.session, hql, {}, group=self.group),
            Call(),
        )

    async def write(self) -> Any:
        """Make a project."""
        new = NewContainer("made in the fault matrix")
        return await self.client.create_image_project(
            self.session, new, group=self.group, call=Call()
        )

    def written(self) -> int:
        """How many projects of `write` there are."""
        hql = "select p.id from Project p where p.name = :name"
        session = self.server.store.login("ann", PASSWORD)
        given = {"name": "made in the fault matrix"}
        return len(self.server.store.projection(session, hql, given))


@asynccontextmanager
async def trial_of(**options: Any) -> AsyncIterator[Trial]:
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - needs Ice
    from backends.omero.ice_transport import IceTransport  # noqa: PLC0415

    clock = [1000.0]
    store = OmeroStore(laboratory(), clock=lambda: clock[0])
    async with AsyncExitStack() as stack:
        stack.callback(store.shut_down)
        server = OmeroIceServer(store, transports=("tcp", "ssl"))
        # It waits for its connections to end, which lead through this loop.
        stack.push_async_callback(asyncio.to_thread, server.close)
        server.start()
        wire = await stack.enter_async_context(wire_to(server.ports["tcp"]))
        address = OmeroAddress.parse("tcp://127.0.0.1", wire.port)
        transport = IceTransport(address, IceOptions(**options))
        client = OmeroClient(transport, Lane(Source.OMERO, threshold=100))
        stack.push_async_callback(client.aclose)
        trial = Trial(server, wire, clock, client)
        trial.session = await client.login("ann", SecretStr(PASSWORD), Call())
        # Both have been asked once, so that nothing is set up any more when the mishap comes.
        await trial.read()
        yield trial


# --- Mishaps ------------------------------------------------------------------------------------


async def restarted(trial: Trial) -> None:
    await asyncio.to_thread(trial.server.restart)


async def down(trial: Trial) -> None:
    await asyncio.to_thread(trial.server.stop)


async def killed(trial: Trial) -> None:
    trial.server.kill_session(trial.session.get_secret_value())


async def idle(trial: Trial) -> None:
    trial.clock[0] += 3600


async def cut_while_idle(trial: Trial) -> None:
    trial.server.cut_connections()


async def cut_before(trial: Trial) -> None:
    trial.server.faults.cut_before.update({READ: 1, WRITE: 1})


async def cut_before_twice(trial: Trial) -> None:
    trial.server.faults.cut_before.update({READ: 9, WRITE: 9})


async def cut_after(trial: Trial) -> None:
    trial.server.faults.cut_after.update({READ: 1, WRITE: 1})


async def slow(trial: Trial) -> None:
    trial.server.faults.delay.update({READ: 2.5, WRITE: 2.5})


async def denied(trial: Trial) -> None:
    trial.group = 4_711


async def failing(trial: Trial) -> None:
    trial.server.store.faults.fail_next.update({READ: 9, "save": 9})


@dataclass(frozen=True)
class Mishap:
    """One row: what happens, what a read and a write become, and what they ask of OMERO.

    An outcome is an error of `backends/errors.py` or None, a code, how often OMERO was asked, and,
    for writes, how many objects there are afterwards.
    """

    name: str
    arrange: Callable[[Trial], Awaitable[None]]
    read: tuple[type[BackendError] | None, str, int]
    write: tuple[type[BackendError] | None, str, int, int]
    patience: float = 30.0  # seconds that a call over Ice may take


OVER = (errors.SessionExpired, "SESSION_EXPIRED")
AWAY = (errors.Unavailable, "BACKEND_UNAVAILABLE")
DOUBT = (errors.OutcomeUnknown, "BACKEND_UNAVAILABLE")
NO = (errors.AccessDenied, "FORBIDDEN")
LATE = (errors.TimedOut, "BACKEND_TIMEOUT")
WELL = (None, "")
MATRIX = (
    Mishap("server restarted", restarted, (*OVER, 0), (*OVER, 0, 0)),
    Mishap("server killed", down, (*AWAY, 0), (*AWAY, 0, 0)),
    Mishap("session killed", killed, (*OVER, 1), (*OVER, 0, 0)),
    Mishap("idle for too long", idle, (*OVER, 1), (*OVER, 0, 0)),
    Mishap("cut while idle", cut_while_idle, (*WELL, 1), (*WELL, 1, 1)),
    Mishap("cut before it was done", cut_before, (*WELL, 2), (*DOUBT, 1, 0)),
    Mishap("cut each time", cut_before_twice, (*AWAY, 4), (*DOUBT, 1, 0)),
    Mishap("cut after it was done", cut_after, (*WELL, 2), (*DOUBT, 1, 1)),
    Mishap("slower than the time-out", slow, (*LATE, 1), (*DOUBT, 1, 1), patience=1.0),
    Mishap("group denied", denied, (*NO, 1), (*NO, 1, 0)),
)


@pytest.mark.parametrize("mishap", MATRIX, ids=lambda each: each.name)
async def test_a_read(mishap: Mishap, caplog: Any, capfd: Any) -> None:
    error, code, asked = mishap.read
    async with trial_of(invocation_timeout=mishap.patience) as trial:
        await mishap.arrange(trial)
        before = trial.server.log.count(READ)
        with caplog.at_level(logging.DEBUG):
            raised = await outcome(trial.read)
        check(raised, error, code)
        assert trial.server.log.count(READ) - before == asked
        silent(trial, raised, caplog, capfd)


@pytest.mark.parametrize("mishap", MATRIX, ids=lambda each: each.name)
async def test_a_write(mishap: Mishap, caplog: Any, capfd: Any) -> None:
    error, code, asked, made = mishap.write
    async with trial_of(invocation_timeout=mishap.patience) as trial:
        await mishap.arrange(trial)
        with caplog.at_level(logging.DEBUG):
            raised = await outcome(trial.write)
        check(raised, error, code)
        assert trial.server.log.count(WRITE) == asked
        assert await settled(trial, made)
        silent(trial, raised, caplog, capfd)
        if isinstance(raised, errors.OutcomeUnknown):
            assert not raised.retryable


@pytest.mark.parametrize("bytes_left", [0, 5, 30, 60])
async def test_an_answer_that_breaks_off_in_the_middle(bytes_left: int) -> None:
    async with trial_of() as trial:
        trial.wire.cut_after = bytes_left
        before = trial.server.log.count(READ)
        assert len(await trial.read()) == 4
        assert trial.server.log.count(READ) - before == 2
        assert trial.wire.connections == 2


async def test_an_answer_to_a_write_that_breaks_off_leaves_doubt_and_is_not_repeated() -> None:
    async with trial_of() as trial:
        await trial.write()
        probe = asyncio.Event()
        transport = trial.client._transport
        seat = await transport.sessions.seat(trial.session)  # type: ignore[attr-defined]
        update = await seat.service("IUpdate", group=LAB)
        assert update is not None

        async def cut_then(call: Any, *given: Any) -> Any:
            if call.__name__ == "begin_saveAndReturnArray":
                trial.wire.cut_after = 40
                probe.set()
            return await original(call, *given)

        original, seat.call = seat.call, cut_then
        with pytest.raises(errors.OutcomeUnknown, match="before you repeat it"):
            await trial.write()
        assert probe.is_set()
        assert trial.server.log.count(WRITE) == 2
        assert await settled(trial, 2)  # it happened, though nobody was told


async def test_a_lane_that_runs_out_of_time_while_writing_leaves_doubt() -> None:
    async with trial_of() as trial:
        trial.server.faults.delay[WRITE] = 1.0
        trial.client._lane._timeout = 0.3
        with pytest.raises(errors.OutcomeUnknown):
            await trial.write()
        trial.client._lane._timeout = 0.0
        with pytest.raises(errors.TimedOut):
            await trial.write()  # it was not begun
        assert trial.server.log.count(WRITE) == 1


async def test_after_a_time_out_the_next_call_is_served() -> None:
    async with trial_of(invocation_timeout=1.0) as trial:
        trial.server.faults.delay[READ] = 2.0
        with pytest.raises(errors.TimedOut):
            await trial.read()
        trial.server.faults.delay.clear()
        assert len(await trial.read()) == 4
        assert trial.wire.connections == 1


async def test_an_answer_larger_than_we_read_is_told_and_not_asked_for_again() -> None:
    async with trial_of(message_kilobytes=2) as trial:
        before = trial.server.log.count(READ)
        hql = Projection("names", ("e.omeName",) * 100, "Experimenter e").hql()
        with pytest.raises(errors.InvalidRequest, match="ask for less"):
            await trial.client._transport.projection(trial.session, hql, {})
        assert trial.server.log.count(READ) - before == 1
        assert len(await trial.read()) == 4


async def test_a_server_that_fails_is_asked_twice_and_its_words_are_kept() -> None:
    async with trial_of() as trial:
        await failing(trial)
        before = trial.server.log.count(READ)
        raised = await outcome(trial.read)
        assert isinstance(raised, errors.Unavailable)
        assert trial.server.log.count(READ) - before == 2
        assert "purpose" not in str(raised)


@pytest.mark.parametrize("password", ["wrong", "", "\x00"])
async def test_a_wrong_password_is_tried_once(password: str) -> None:
    async with trial_of() as trial:
        before = trial.server.log.count("createSession")
        with pytest.raises(errors.AuthenticationFailed) as refused:
            await trial.client.login("ann", SecretStr(password), Call())
        assert code_of(refused.value) == "UNAUTHENTICATED"
        assert trial.server.log.count("createSession") - before == 1


async def test_a_login_that_is_cut_off_is_not_repeated() -> None:
    async with trial_of() as trial:
        trial.server.faults.cut_before["createSession"] = 1
        before = trial.server.log.count("createSession")
        with pytest.raises(errors.Unavailable):
            await trial.client.login("ann", SecretStr(PASSWORD), Call())
        assert trial.server.log.count("createSession") - before == 1


async def test_a_deletion_that_is_cut_off_leaves_doubt() -> None:
    async with trial_of() as trial:
        made = await trial.write()
        trial.server.faults.cut_after["submit"] = 1
        with pytest.raises(errors.OutcomeUnknown):
            await trial.client.delete_containers(
                trial.session, ImagingKind.IMAGE_PROJECT, [made.id], group=LAB, call=Call()
            )
        assert trial.server.log.count("submit") == 1


async def settled(trial: Trial, made: int) -> bool:
    """Whether so many were written, when what is still under way at the server is done."""
    async with asyncio.timeout(10):
        while trial.written() < made:  # noqa: ASYNC110 - the server's thread sets no event
            await asyncio.sleep(0.05)
    return trial.written() == made


async def outcome(work: Callable[[], Awaitable[Any]]) -> BackendError | None:
    try:
        await work()
    except BackendError as error:
        return error
    return None


def check(raised: BackendError | None, error: type[BackendError] | None, code: str) -> None:
    assert type(raised) is (type(None) if error is None else error), raised
    if raised is not None:
        assert code_of(raised) == code
        assert raised.source is Source.OMERO


def silent(trial: Trial, raised: BackendError | None, caplog: Any, capfd: Any) -> None:
    """Nobody reads of a session, a password or an address."""
    printed = capfd.readouterr()
    told = [caplog.text, printed.out, printed.err]
    if raised is not None:
        told += [repr(raised), *traceback.format_exception(raised)]
    secrets = [trial.session.get_secret_value(), str(trial.wire.port)]
    assert [(secret, text) for text in told for secret in secrets if secret in text] == []
