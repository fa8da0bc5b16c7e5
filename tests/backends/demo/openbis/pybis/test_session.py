"""pybis' sessions: log in, log out, what lies on disk, and sessions that end by themselves."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from backends.demo.openbis.sessions import IDLE_SECONDS
from tests.backends.demo.openbis.pybis.installation import (
    FILTERED,
    Installation,
    Start,
    connect,
    disconnected,
    password,
)

ONE = pytest.mark.parametrize("reading", ["server"], indirect=True)
ADMIN = password("admin")


class Clock:
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@ONE
def test_log_in_and_out(reading: Installation) -> None:
    o = disconnected(reading)
    assert (o.token, o.is_session_active()) == (None, False)
    token = o.login("admin", ADMIN)
    assert token == o.token
    assert token.startswith("admin-")
    assert o.is_session_active()
    assert o.is_token_valid(token)
    o.logout()
    assert o.token == token  # pybis means to forget it, but its setter ignores None
    assert not o.is_session_active()
    assert not o.is_token_valid(token)
    with pytest.raises(ValueError, match=f"Session token '{token}' is invalid"):
        o.get_spaces()
    with pytest.raises(ValueError, match="Your session expired, please log in again"):
        disconnected(reading).get_spaces()


@ONE
def test_what_a_login_costs(reading: Installation) -> None:
    o = disconnected(reading)
    assert reading.calls(lambda: o.login("admin", ADMIN)) == ["login", "isSessionActive"]
    assert reading.calls(o.logout) == ["logout"]


@ONE
@pytest.mark.parametrize(("user", "secret"), [("admin", "wrong"), ("nobody", ADMIN), ("", "")])
def test_a_wrong_login_fails(reading: Installation, user: str, secret: str) -> None:
    o = disconnected(reading)
    with pytest.raises(ValueError, match="login to openBIS failed"):
        o.login(user, secret)
    assert o.token is None


@ONE
def test_a_wrong_login_keeps_the_session_before_it(reading: Installation) -> None:
    o = connect(reading, "plant")
    before = o.token
    with pytest.raises(ValueError, match="login to openBIS failed"):
        o.login("plant", "wrong")
    assert o.token == before
    assert list(o.get_spaces().df["code"]) == ["PLANT_BIOLOGY"]


@ONE
def test_sessions_of_one_person_are_independent(reading: Installation) -> None:
    first, second = connect(reading, "plant"), connect(reading, "plant")
    assert first.token != second.token
    first.logout()
    assert second.is_session_active()


@ONE
def test_what_a_session_says_of_itself(reading: Installation) -> None:
    o = connect(reading, "oncology")
    information = o.get_session_info()
    assert information.userName == "oncology"
    assert information.sessionToken == o.token
    assert information.personalAccessTokenSession is False
    assert information.person == "oncology"
    assert information.creatorPerson == "oncology"
    assert o.get_session_info(token="nobody-1").data is None


@FILTERED
def test_what_the_server_says_of_itself(reading: Installation) -> None:
    o = connect(reading, "plant")
    information = o.get_server_information()
    assert information.api_version == "3.6"
    assert (information.get_major_version(), information.get_minor_version()) == (3, 6)
    assert information.is_openbis_1806()
    assert information.is_version_greater_than(3, 5)
    assert not information.is_version_7_or_later()
    assert information.project_samples_enabled is reading.project_samples
    assert information.archiving_configured is False
    assert information.openbis_version.startswith("20.10.")
    assert isinstance(information.enabled_technologies, list)
    assert reading.calls(o.get_server_information) == []  # pybis keeps it


@ONE
def test_a_token_may_be_handed_over(reading: Installation) -> None:
    token = connect(reading, "plant").token
    o = disconnected(reading, token=token)
    assert list(o.get_spaces().df["code"]) == ["PLANT_BIOLOGY"]
    o.token = connect(reading, "oncology").token
    o.clear_cache()
    assert sorted(o.get_spaces().df["code"]) == ["CLINICAL", "HEPATOLOGY"]


@ONE
def test_a_dead_token_is_refused(reading: Installation) -> None:
    with pytest.raises(ValueError, match="This token is no longer valid"):
        disconnected(reading, token="plant-231114221320000xDEAD")
    o = disconnected(reading)
    with pytest.raises(ValueError, match="Session is no longer valid"):
        o.set_token("plant-231114221320000xDEAD")


@ONE
def test_a_saved_token_is_found_again(reading: Installation, home: str) -> None:
    o = disconnected(reading)
    o.login("plant", password("plant"), save_token=True)
    file = Path(home) / ".pybis" / "127.0.0.1.token"
    try:
        assert file.read_text() == o.token
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        again = disconnected(reading)
        assert again.token == o.token
        assert list(again.get_spaces().df["code"]) == ["PLANT_BIOLOGY"]
        o.logout()
        assert disconnected(reading).token is None  # it asked, and the session was over
    finally:
        file.unlink()


def test_an_idle_session_ends(start: Start) -> None:
    clock = Clock()
    with start(clock=clock) as installation:
        o = connect(installation, "plant")
        for _ in range(3):  # each call touches the session
            clock.now += IDLE_SECONDS - 1
            assert len(o.get_spaces()) == 1
        clock.now += IDLE_SECONDS + 1
        assert not o.is_session_active()
        with pytest.raises(ValueError, match="Session no longer available"):
            o.get_spaces()
        with pytest.raises(ValueError, match="is invalid: user is not logged in"):
            o.get_spaces()
        o.login("plant", password("plant"))
        assert list(o.get_spaces().df["code"]) == ["PLANT_BIOLOGY"]


def test_asking_whether_a_session_lives_does_not_prolong_it(start: Start) -> None:
    clock = Clock()
    with start(clock=clock) as installation:
        o = connect(installation, "plant")
        for _ in range(2):
            clock.now += IDLE_SECONDS / 2
            assert o.is_session_active()
        clock.now += 1
        assert not o.is_session_active()


def test_a_restart_ends_every_session(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    with start() as installation:
        o = connect(installation, "plant")
        installation.app.state.faults.expire_sessions()
        assert not o.is_session_active()
        with pytest.raises(ValueError, match=f"Session token '{o.token}' is invalid"):
            o.get_spaces()
        assert o.token in capsys.readouterr().out  # which is why the adapter does not print


def test_server_errors_reach_the_caller(start: Start) -> None:
    with start() as installation:
        o = connect(installation, "plant")
        installation.app.state.faults.fail_next["searchSpaces"] = 1
        with pytest.raises(ValueError, match="500:Internal Server Error"):
            o.get_spaces()
        assert list(o.get_spaces().df["code"]) == ["PLANT_BIOLOGY"]
