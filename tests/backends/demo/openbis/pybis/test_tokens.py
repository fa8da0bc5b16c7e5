"""Personal access tokens through pybis: made, found again, used, listed, deleted, expired."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pybis import Openbis

from tests.backends.demo.openbis.pybis.installation import (
    Installation,
    Start,
    connect,
    disconnected,
)

DAY = 24 * 3600


@pytest.fixture
def o(writing: Installation) -> Openbis:
    return connect(writing, "plant")


def now() -> datetime:
    return datetime.now()  # noqa: DTZ005 - pybis counts in local time


def test_the_server_offers_tokens(o: Openbis) -> None:
    information = o.get_server_information()
    assert information.personal_access_tokens_enabled is True
    assert information.personal_access_tokens_max_validity_period == 30 * DAY
    assert 0 < information.personal_access_tokens_validity_warning_period < 30 * DAY


def test_one_token_per_name_until_it_is_nearly_over(o: Openbis) -> None:
    # without validFrom pybis takes the moment at which Python imported it
    token = o.get_or_create_personal_access_token("notebook", validFrom=now())
    assert token.permId.startswith("$pat-plant-")
    assert (token.sessionName, token.owner, token.registrator) == ("notebook", "plant", "plant")
    valid_to = datetime.strptime(token.validToDate, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - local
    assert abs(valid_to - now() - timedelta(days=30)) < timedelta(minutes=1)
    assert o.get_or_create_personal_access_token("notebook").permId == token.permId
    forced = o.get_or_create_personal_access_token("notebook", force=True)
    assert forced.permId != token.permId
    other = o.get_or_create_personal_access_token("pipeline")
    assert other.permId not in {token.permId, forced.permId}


def test_a_token_within_its_warning_period_is_replaced(o: Openbis) -> None:
    short = o.get_or_create_personal_access_token("short", validTo=now() + timedelta(hours=1))
    again = o.get_or_create_personal_access_token("short")
    assert again.permId != short.permId
    assert o.get_or_create_personal_access_token("short").permId == again.permId


def test_a_token_stands_for_its_owner(o: Openbis, writing: Installation) -> None:
    token = o.get_or_create_personal_access_token("as owner")
    by_token = disconnected(writing, token=token.permId)
    assert by_token.is_session_active()
    assert list(by_token.get_spaces().df["code"]) == ["PLANT_BIOLOGY"]
    by_token.clear_cache()
    information = by_token.get_session_info()
    assert information.userName == "plant"
    assert information.personalAccessTokenSession is True
    assert information.personalAccessTokenSessionName == "as owner"
    by_object = disconnected(writing)
    by_object.set_token(token)  # pybis takes the object as well
    assert by_object.token == token.permId
    o.logout()  # the session that made it is not needed
    assert by_token.get_project("QRUP2").code == "QRUP2"


def test_a_token_cannot_make_tokens(o: Openbis, writing: Installation) -> None:
    token = o.get_or_create_personal_access_token("no heirs")
    by_token = disconnected(writing, token=token.permId)
    with pytest.raises(NotImplementedError):  # whatever the server says, pybis says this
        by_token.get_or_create_personal_access_token("heir", force=True)
    assert [each.sessionName for each in o.get_personal_access_tokens("heir")] == []


def test_the_table_of_tokens(o: Openbis, writing: Installation) -> None:
    made = {
        o.get_or_create_personal_access_token(name).permId: name
        for name in ("table one", "table two")
    }
    found = o.get_personal_access_tokens(sessionName="table")  # pybis asks for what it starts with
    assert dict(zip(found.df["permId"], found.df["sessionName"], strict=True)) == made
    assert set(found.df["owner"]) == {"plant"}
    others = connect(writing, "oncology").get_personal_access_tokens(sessionName="table")
    assert len(others) == 0
    every = connect(writing, "admin").get_personal_access_tokens(sessionName="table")
    assert set(every.df["permId"]) == set(made)


def test_tokens_on_disk(o: Openbis, home: str) -> None:
    token = o.get_or_create_personal_access_token("on disk")
    o.get_personal_access_tokens(sessionName="on disk", save_to_disk=True)
    (file,) = (Path(home) / ".pybis" / "127.0.0.1").glob("*.pat")
    kept: dict[str, Any] = json.loads(file.read_text())
    assert (kept["permId"], kept["owner"], kept["sessionName"]) == (
        token.permId,
        "plant",
        "on disk",
    )
    assert file.name.endswith(".pat")


def test_a_deleted_token_is_worthless(o: Openbis, writing: Installation) -> None:
    token = o.get_or_create_personal_access_token("doomed")
    by_token = disconnected(writing, token=token.permId)
    token.delete("no longer needed")
    assert not by_token.is_session_active()
    with pytest.raises(ValueError, match="is invalid"):
        by_token.get_spaces()
    with pytest.raises(ValueError, match="no such personalAccessToken found"):
        o.get_personal_access_token(token.permId)


@pytest.fixture
def clock() -> list[float]:
    """Seconds that the server is ahead of pybis."""
    return [0.0]


def test_a_token_expires(start: Start, clock: list[float]) -> None:
    with start(clock=lambda: time.time() + clock[0]) as installation:
        o = connect(installation, "plant")
        token = o.get_or_create_personal_access_token("week", validTo=now() + timedelta(days=7))
        by_token = disconnected(installation, token=token.permId)
        for _ in range(6):  # no idle time-out ends it
            clock[0] += DAY
            assert by_token.is_session_active()
            assert len(by_token.get_spaces()) == 1
        assert not o.is_session_active()
        clock[0] += DAY + 60
        assert not by_token.is_session_active()
        with pytest.raises(ValueError, match="Personal access token is no longer valid"):
            by_token.get_spaces()


def test_a_token_survives_a_restart(start: Start) -> None:
    with start() as installation:
        o = connect(installation, "plant")
        token = o.get_or_create_personal_access_token("restart")
        by_token = disconnected(installation, token=token.permId)
        installation.app.state.faults.expire_sessions()
        assert not o.is_session_active()
        assert list(by_token.get_spaces().df["code"]) == ["PLANT_BIOLOGY"]


def test_a_token_is_not_valid_before_its_time(start: Start, clock: list[float]) -> None:
    with start(clock=lambda: time.time() + clock[0]) as installation:
        o = connect(installation, "plant")
        token = o.get_or_create_personal_access_token(
            "tomorrow", validFrom=now() + timedelta(days=1), validTo=now() + timedelta(days=20)
        )
        with pytest.raises(ValueError, match="This token is no longer valid"):
            disconnected(installation, token=token.permId)
        clock[0] += DAY + 60
        assert len(disconnected(installation, token=token.permId).get_spaces()) == 1
