from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from backends.errors import (
    AccessDenied,
    BackendError,
    NotFound,
    SessionExpired,
    Source,
    TimedOut,
    Unavailable,
)
from resolvers.context import RequestContext, Viewer
from resolvers.errors import NotSignedIn

SERVICES: Any = SimpleNamespace()


def request(viewer: Viewer | None = None) -> RequestContext:
    return RequestContext(viewer or Viewer("v"), SERVICES, "r")


def test_without_sessions_one_is_asked_to_sign_in() -> None:
    with pytest.raises(NotSignedIn, match="Sign in to openBIS") as refused:
        request().openbis_token()
    assert refused.value.source is Source.OPENBIS
    with pytest.raises(NotSignedIn, match="Sign in to OMERO") as refused:
        request().omero_session()
    assert refused.value.source is Source.OMERO


def test_sessions_are_the_viewers_and_never_shown() -> None:
    viewer = Viewer("v", "ada", SecretStr("token-of-ada"), SecretStr("session-of-ada"))
    context = request(viewer)
    assert context.openbis_token().get_secret_value() == "token-of-ada"
    assert context.omero_session().get_secret_value() == "session-of-ada"
    assert "of-ada" not in repr(context)


def test_nobody_issues_tokens_unless_told_how() -> None:
    with pytest.raises(NotImplementedError):
        request().issue_token("ada", None, None)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Unavailable, "UNAVAILABLE"),
        (TimedOut, "TIMEOUT"),
        (SessionExpired, "SESSION_EXPIRED"),
        (NotFound, "OK"),
        (AccessDenied, "OK"),
    ],
)
def test_the_state_of_a_source(error: type[BackendError], state: str) -> None:
    context = request()
    context.call.meter.count(Source.OMERO, "images", 0.25)
    context.note(error(Source.OMERO, "No."))
    assert context.sources() == {
        "openbis": "NOT_ASKED",
        "omero": state,
        "linkStore": "NOT_ASKED",
    }


def test_the_first_failure_of_a_source_is_the_one_that_is_told() -> None:
    context = request()
    first, second = Unavailable(Source.OMERO, "a"), TimedOut(Source.OMERO, "b")
    context.degrade(first, ["rows", 0, "imaging"])
    context.degrade(second, ["rows", 1, "imaging"])
    context.degrade(TimedOut(Source.LINK_STORE, "c"), [])
    assert context.degradations[Source.OMERO].error is first
    assert context.degradations[Source.OMERO].path == ("rows", 0, "imaging")
    assert context.sources() == {
        "openbis": "NOT_ASKED",
        "omero": "UNAVAILABLE",
        "linkStore": "TIMEOUT",
    }


def test_the_cost() -> None:
    context = request()
    for source, seconds in ((Source.OMERO, 0.25), (Source.OMERO, 0.25), (Source.OPENBIS, 0.1)):
        context.call.meter.count(source, "anything", seconds)
    assert context.cost() == {
        "calls": {"openbis": 1, "omero": 2, "linkStore": 0},
        "milliseconds": {"openbis": 100.0, "omero": 500.0, "linkStore": 0.0},
        "totalCalls": 3,
    }
