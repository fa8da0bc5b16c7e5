from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends.demo.faults import Faults
from backends.demo.omero.store import (
    OmeroStore,
    StoreAuthenticationError,
    StoreQueryError,
    StoreSessionError,
    StoreUnavailableError,
)
from backends.demo.study import build_world
from tests.backends.demo.omero.laboratory import ANN, CLOSED, LAB, PASSWORD, Desk, laboratory

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
def store(clock: Clock) -> Iterator[OmeroStore]:
    store = OmeroStore(laboratory(), clock=clock)
    yield store
    store.shut_down()


def test_a_session_says_whom_it_belongs_to(store: OmeroStore) -> None:
    session = store.session(store.login("ann", PASSWORD))
    assert (session.user_id, session.user_name, session.is_admin) == (ANN, "ann", False)
    assert (session.group_id, session.group_ids) == (LAB, (LAB, CLOSED))
    assert store.session(store.login("root", PASSWORD)).is_admin
    assert store.session(store.login("eve", PASSWORD)).leader_of == (CLOSED,)


@pytest.mark.parametrize(("user", "password"), [("ann", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_wrong_credentials_are_refused(store: OmeroStore, user: str, password: str) -> None:
    with pytest.raises(StoreAuthenticationError):
        store.login(user, password)


def test_a_uuid_joins_its_session_and_no_other_text_does(store: OmeroStore) -> None:
    session = store.login("ann", PASSWORD)
    assert store.login(session, session) == session
    store.close(session)
    with pytest.raises(StoreAuthenticationError):
        store.login(session, session)


def test_a_closed_session_is_over_and_may_be_closed_again(store: OmeroStore) -> None:
    session = store.login("ann", PASSWORD)
    store.close(session)
    store.close(session)
    with pytest.raises(StoreSessionError):
        store.projection(session, NAMES, {})


def test_use_keeps_a_session_and_idleness_ends_it(store: OmeroStore, clock: Clock) -> None:
    session = store.login("ann", PASSWORD)
    for clock.now in (500.0, 1_000.0, 1_500.0):
        assert store.projection(session, NAMES, {}) == [["QABCD"]]
    clock.now = 2_101.0
    with pytest.raises(StoreSessionError, match="idle"):
        store.session(session)


def test_expired_sessions_do_not_pile_up(store: OmeroStore, clock: Clock) -> None:
    old = store.login("ann", PASSWORD)
    clock.now = 10_000.0
    store.login("ann", PASSWORD)
    assert old not in store.sessions._open


def test_faults_switch_off_fail_and_expire(store: OmeroStore) -> None:
    desk = Desk(store)
    store.faults.fail_next["projection"] = 1
    with pytest.raises(StoreUnavailableError):
        desk.ask(NAMES)
    assert desk.ask(NAMES) == [["QABCD"]]
    store.faults.off = True
    for call in (lambda: desk.ask(NAMES), lambda: store.login("ann", PASSWORD)):
        with pytest.raises(StoreUnavailableError):
            call()
    store.faults.off = False
    store.faults.expire_sessions()
    with pytest.raises(StoreSessionError):
        desk.ask(NAMES)


def test_latency_is_added_to_every_call() -> None:
    store = OmeroStore(laboratory(), faults=Faults(latency=0.02))
    started = time.perf_counter()
    Desk(store).ask(NAMES)
    assert time.perf_counter() - started >= 0.04
    store.shut_down()


def test_the_log_holds_the_hql_in_order_and_does_not_grow_for_ever(
    store: OmeroStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(store)
    desk.ask(NAMES)
    with pytest.raises(StoreQueryError):
        desk.ask("nonsense")
    assert store.log == [NAMES, "nonsense"]
    monkeypatch.setattr("backends.demo.omero.store.LOG_LENGTH", 10)
    for _ in range(20):
        desk.ask(NAMES)
    assert len(store.log) <= 10


def test_many_threads_read_at_once_and_each_its_own(store: OmeroStore) -> None:
    desks = [Desk(store, user) for user in ("ann", "bob", "eve", "root")] * 8
    hql = "select count(*) from Image i where i.id in (:ids)"
    with ThreadPoolExecutor(len(desks)) as pool:
        counts = list(pool.map(lambda desk: desk.column(hql, ids=range(1, 9)), desks))
    assert counts == [[7], [6], [3], [8]] * 8


def test_shutting_down_leaves_no_file_behind() -> None:
    store = OmeroStore(laboratory())
    Desk(store).ask(NAMES)
    folder = store._path.parent
    assert folder.exists()
    store.shut_down()
    store.shut_down()
    assert not folder.exists()


def test_a_call_after_the_shut_down_is_refused_and_does_not_wait() -> None:
    store = OmeroStore(laboratory())
    desk = Desk(store)
    desk.ask(NAMES)
    store.shut_down()
    with pytest.raises(StoreUnavailableError, match="shut down"):
        desk.ask(NAMES)


def test_shutting_down_lets_running_calls_end() -> None:
    store = OmeroStore(laboratory())
    desks = [Desk(store) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        running = [pool.submit(desk.ask, NAMES) for desk in desks]
        store.shut_down()
        outcomes = [future.exception() or future.result() for future in running]
    for outcome in outcomes:
        assert outcome == [["QABCD"]] or isinstance(outcome, StoreUnavailableError)


def test_the_demonstration_is_loaded_and_read_fast() -> None:
    """Generous bounds, for a machine that is busy with other things."""
    world = build_world()
    started = time.process_time()
    store = OmeroStore(world.omero)
    assert time.process_time() - started < 3
    session = store.login("oncology", world.omero.passwords["oncology"])
    hql = """select i.id, i.name, i.description, i.acquisitionDate, px.id, px.sizeX, px.sizeY,
        px.sizeZ, px.sizeC, px.sizeT, pt.value, px.physicalSizeX.value from Image i
        left outer join i.pixels px left outer join px.pixelsType pt order by i.id"""
    store.projection(session, hql, {}, limit=1)
    started = time.thread_time()
    rows = store.projection(session, hql, {}, limit=2730)
    assert time.thread_time() - started < 0.2
    assert len(rows) == 2730
    store.shut_down()
