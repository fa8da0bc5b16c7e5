"""Sessions, transports and failures of the embedded OMERO, as `omero.client` meets them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from backends.demo.omero.store import OmeroStore
from tests.backends.demo.omero.laboratory import ANN, CLOSED, LAB, PASSWORD, laboratory

if TYPE_CHECKING:
    from backends.demo.omero.ice_server import OmeroIceServer

omero = pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
Ice = pytest.importorskip("Ice")
Glacier2 = pytest.importorskip("Glacier2")

NAMES = "select p.name from Project p"


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lab(clock: Clock) -> Iterator[OmeroIceServer]:
    """A server of its own for each test, over a small content."""
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - needs Ice

    store = OmeroStore(laboratory(), clock=clock)
    with OmeroIceServer(store) as server:
        yield server
    store.shut_down()


@pytest.fixture
def enter(lab: OmeroIceServer) -> Iterator[Callable[..., Any]]:
    """Logs `omero.client`s in; closed after the test."""
    opened: list[Any] = []

    def log_in(user: str, password: str = PASSWORD, transport: str = "tcp") -> Any:
        made = omero.client(host=f"{transport}://{lab.host}", port=lab.ports[transport])
        opened.append(made)
        made.createSession(user, password)
        return made

    yield log_in
    for made in opened:
        made.__del__()


Enter = Callable[..., Any]


def names(client: Any, group: str = "-1") -> list[str]:
    query = client.getSession().getQueryService()
    return [row[0].val for row in query.projection(NAMES, None, {"omero.group": group})]


@pytest.mark.parametrize("transport", ["tcp", "ssl", "ws", "wss"])
def test_clients_come_in_over_every_transport(enter: Enter, transport: str) -> None:
    client = enter("ann", transport=transport)
    context = client.getSession().getAdminService().getEventContext()
    assert (context.userName, context.userId, context.groupId) == ("ann", ANN, LAB)
    assert names(client) == ["QABCD"]


@pytest.mark.parametrize(("user", "password"), [("ann", "wrong"), ("nobody", "x")])
def test_wrong_credentials_are_refused_by_the_router(
    enter: Enter, user: str, password: str
) -> None:
    with pytest.raises(Glacier2.PermissionDeniedException):
        enter(user, password)


def test_a_uuid_joins_its_session_and_references_are_counted(
    enter: Enter, lab: OmeroIceServer
) -> None:
    first = enter("ann")
    uuid = first.getSessionId()
    second = enter(uuid, uuid)
    assert second.getSessionId() == uuid
    assert lab.store.sessions.references(uuid) == 2
    second.closeSession()
    assert lab.store.sessions.references(uuid) == 1
    assert names(first) == ["QABCD"]
    first.closeSession()
    assert lab.store.sessions.references(uuid) == -2
    with pytest.raises(Glacier2.PermissionDeniedException):
        enter(uuid, uuid)


def test_a_detached_session_outlives_its_clients(enter: Enter, lab: OmeroIceServer) -> None:
    client = enter("ann")
    uuid = client.getSessionId()
    client.getSession().detachOnDestroy()
    client.closeSession()
    assert lab.store.sessions.references(uuid) == 0
    assert enter(uuid, uuid).getSessionId() == uuid


def test_a_killed_session_is_over_for_everybody(enter: Enter) -> None:
    client, other = enter("ann"), enter("ann")
    uuid = client.getSessionId()
    joined = enter(uuid, uuid)
    joined.killSession()
    with pytest.raises(omero.RemovedSessionException):
        names(client)
    assert names(other) == ["QABCD"]


def test_an_idle_session_times_out_and_keep_alive_renews_it(enter: Enter, clock: Clock) -> None:
    client = enter("ann")
    factory = client.getSession()
    clock.now = 599.0
    assert factory.keepAlive(None) is False
    clock.now = 1198.0
    assert names(client) == ["QABCD"]
    clock.now = 1799.0
    with pytest.raises(omero.SessionTimeoutException):
        names(client)
    with pytest.raises(omero.SessionTimeoutException):
        factory.keepAlive(None)


def test_keep_alive_tells_which_services_are_gone(enter: Enter) -> None:
    factory = enter("ann").getSession()
    query, store = factory.getQueryService(), factory.createThumbnailStore()
    assert factory.keepAlive(query) is True
    assert len(factory.activeServices()) == 2
    store.close()
    assert factory.keepAllAlive([query, store]) == 2
    with pytest.raises(Ice.ObjectNotExistException):
        store.isInProgress()


def test_an_administrator_acts_for_others_within_limits(enter: Enter, clock: Clock) -> None:
    sessions = enter("root").getSession().getSessionService()
    principal = omero.sys.Principal("bob", "lab", "User", None)
    opened = sessions.createSessionWithTimeouts(principal, 100_000, 30_000)
    uuid = opened.getUuid().val
    assert opened.getTimeToLive().val == 100_000
    client = enter(uuid, uuid)
    context = client.getSession().getAdminService().getEventContext()
    assert (context.userName, context.groupName, context.sudoerId.val) == ("bob", "lab", 1)
    clock.now = 29.0
    assert names(client) == ["QABCD"]
    clock.now = 60.0
    with pytest.raises(omero.SessionTimeoutException):
        names(client)


def test_a_life_span_ends_a_busy_session_too(enter: Enter, clock: Clock) -> None:
    sessions = enter("root").getSession().getSessionService()
    opened = sessions.createSessionWithTimeout(omero.sys.Principal("bob", "", "User", None), 60_000)
    uuid = opened.getUuid().val
    client = enter(uuid, uuid)
    clock.now = 50.0
    names(client)
    clock.now = 61.0
    with pytest.raises(omero.SessionTimeoutException):
        names(client)


def test_only_administrators_and_leaders_act_for_others(enter: Enter) -> None:
    principal = omero.sys.Principal("ann", "closed", "User", None)
    with pytest.raises(omero.SecurityViolation):
        enter("bob").getSession().getSessionService().createSessionWithTimeout(principal, 1000)
    leader = enter("eve").getSession().getSessionService()
    uuid = leader.createSessionWithTimeout(principal, 60_000).getUuid().val
    client = enter(uuid, uuid)
    assert names(client, "") == []
    with pytest.raises(omero.SecurityViolation):
        names(client, "-1")  # a leader's sudo session stays in its group


def test_a_user_opens_a_second_session_without_a_password(enter: Enter) -> None:
    client = enter("ann")
    sessions = client.getSession().getSessionService()
    second = sessions.createUserSession(0, 20_000, "closed").getUuid().val
    assert second != client.getSessionId()
    context = enter(second, second).getSession().getAdminService().getEventContext()
    assert (context.userName, context.groupId) == ("ann", CLOSED)


def test_groups_that_are_not_the_users_are_refused(enter: Enter) -> None:
    with pytest.raises(omero.SecurityViolation):
        names(enter("bob"), str(CLOSED))


def test_illegal_questions_have_typed_answers(enter: Enter) -> None:
    factory = enter("ann").getSession()
    query = factory.getQueryService()
    with pytest.raises(omero.QueryException, match="Illegal query") as refused:
        query.projection("select p.nam from Project p", None)
    assert refused.value.serverExceptionClass == "org.hibernate.QueryException"
    with pytest.raises(omero.ValidationException):
        query.get("Project", 99)
    assert query.find("Project", 99) is None
    with pytest.raises(omero.ApiUsageException):
        query.get("Nonsense", 1)
    with pytest.raises(omero.ApiUsageException, match=r"does not offer IShare.activate"):
        factory.getShareService().activate(1)
    with pytest.raises(omero.ApiUsageException, match="does not offer RawPixelsStore"):
        factory.createRawPixelsStore()


def test_a_restart_forgets_sessions_and_proxies(enter: Enter, lab: OmeroIceServer) -> None:
    client = enter("ann")
    query = client.getSession().getQueryService()
    uuid, ports = client.getSessionId(), dict(lab.ports)
    lab.restart()
    assert lab.ports == ports
    with pytest.raises((Ice.ConnectionLostException, Ice.ObjectNotExistException)):
        query.projection(NAMES, None)
    with pytest.raises(Ice.ObjectNotExistException):
        query.projection(NAMES, None)
    with pytest.raises(Glacier2.PermissionDeniedException):
        enter(uuid, uuid)
    assert names(enter("ann")) == ["QABCD"]


def test_a_stopped_server_refuses_connections(enter: Enter, lab: OmeroIceServer) -> None:
    lab.stop()
    with pytest.raises(Ice.ConnectionRefusedException):
        enter("ann")
    lab.start()
    assert names(enter("ann")) == ["QABCD"]


def test_a_client_that_goes_away_gives_its_door_up(enter: Enter, lab: OmeroIceServer) -> None:
    client = enter("ann")
    uuid = client.getSessionId()
    gone = threading.Event()
    release = lab.store.sessions.release

    def noted(session: str) -> int:
        left = release(session)
        gone.set()
        return left

    lab.store.sessions.release = noted  # type: ignore[method-assign]
    client.getSession().ice_getConnection().close(True)
    assert gone.wait(5)
    assert lab.doors == 0
    with pytest.raises(Glacier2.PermissionDeniedException):
        enter(uuid, uuid)


def test_a_service_cannot_be_reached_from_another_connection(enter: Enter) -> None:
    stolen = enter("ann").getSession().getQueryService()
    other = enter("eve")
    proxy = other.getCommunicator().stringToProxy(str(stolen))
    with pytest.raises(Ice.ObjectNotExistException):
        omero.api.IQueryPrx.uncheckedCast(proxy).projection(NAMES, None)


def test_connections_are_cut_before_or_after_the_work(enter: Enter, lab: OmeroIceServer) -> None:
    def save(client: Any, name: str) -> None:
        dataset = omero.model.DatasetI()
        dataset.setName(omero.rtypes.rstring(name))
        client.getSession().getUpdateService().saveAndReturnObject(dataset)

    count = "select count(d.id) from Dataset d where d.name = :name"
    for fault, expected in ((lab.faults.cut_before, 0), (lab.faults.cut_after, 1)):
        client = enter("ann")
        fault["saveAndReturnObject"] = 1
        with pytest.raises(Ice.ConnectionLostException):
            save(client, f"cut {expected}")
        uuid = lab.store.login("ann", PASSWORD)
        assert lab.store.projection(uuid, count, {"name": f"cut {expected}"}) == [[expected]]


def test_a_reply_may_be_larger_than_a_client_takes(lab: OmeroIceServer) -> None:
    client = omero.client(
        host=f"tcp://{lab.host}", port=lab.ports["tcp"], pmap={"Ice.MessageSizeMax": "64"}
    )
    try:
        client.createSession("ann", PASSWORD)
        lab.faults.oversized["projection"] = 1
        with pytest.raises(Ice.MemoryLimitException):
            names(client)
    finally:
        client.__del__()


def test_a_server_that_is_off_drops_its_clients(enter: Enter, lab: OmeroIceServer) -> None:
    client = enter("ann")
    lab.store.faults.off = True
    with pytest.raises(Ice.ConnectionLostException):
        names(client)
    with pytest.raises(Ice.ConnectionLostException):
        enter("ann")
    lab.store.faults.off = False
    assert names(enter("ann")) == ["QABCD"]


def test_a_failure_on_purpose_is_an_internal_error_without_details(
    enter: Enter, lab: OmeroIceServer
) -> None:
    client = enter("ann")
    lab.store.faults.fail_next["projection"] = 1
    with pytest.raises(omero.InternalException) as failed:
        names(client)
    assert "projection" not in failed.value.message
    assert names(client) == ["QABCD"]


def test_configuration_tells_the_way_without_tls(enter: Enter, lab: OmeroIceServer) -> None:
    config = enter("ann").getSession().getConfigService()
    way = config.getConfigValue("omero.router.insecure")
    assert way == f"OMERO.Glacier2/router:tcp -p {lab.ports['tcp']} -h @omero.host@"
    assert config.getConfigValue("no.such.key") == ""
    assert config.getVersion().startswith("5.6.")


def test_hundred_logins_leave_nothing_behind(enter: Enter, lab: OmeroIceServer) -> None:
    communicator = enter("ann").getCommunicator()
    router = Glacier2.RouterPrx.uncheckedCast(communicator.getDefaultRouter())
    for number in range(100):
        own = Glacier2.RouterPrx.uncheckedCast(
            router.ice_router(None).ice_connectionId(f"login {number % 5}")
        )
        own.createSession("bob", PASSWORD)
        own.destroySession()
    assert lab.doors == 1
    assert len(lab.store.sessions.owned_by(3)) == 0
