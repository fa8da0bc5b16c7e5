"""Every exception of Ice, Glacier2 and OMERO has a place in our tree, and keeps its words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    BackendError,
    ChangedMeanwhile,
    InvalidRequest,
    OutcomeUnknown,
    ProtocolError,
    SessionExpired,
    Source,
    TimedOut,
    Unavailable,
)

REASON = "the extra omnibis[omero] is not installed"
omero = pytest.importorskip("omero", reason=REASON)
ice_errors = pytest.importorskip("backends.omero.ice_errors", reason=REASON)
Ice = pytest.importorskip("Ice", reason=REASON)
Glacier2 = pytest.importorskip("Glacier2", reason=REASON)
pytest.importorskip("omero.clients", reason=REASON)

EXPECTED: dict[str, type[BackendError]] = {
    "Glacier2::PermissionDeniedException": AuthenticationFailed,
    "Glacier2::CannotCreateSessionException": Unavailable,
    "Glacier2::SessionNotExistException": SessionExpired,
    "omero::AuthenticationException": AuthenticationFailed,
    "omero::ExpiredCredentialException": AuthenticationFailed,
    "omero::WrappedCreateSessionException": Unavailable,
    "omero::SessionTimeoutException": SessionExpired,
    "omero::RemovedSessionException": SessionExpired,
    "omero::ShutdownInProgress": Unavailable,
    "omero::SecurityViolation": AccessDenied,
    "omero::ReadOnlyGroupSecurityViolation": AccessDenied,
    "omero::OptimisticLockException": ChangedMeanwhile,
    "omero::DatabaseBusyException": Unavailable,
    "omero::LockTimeout": Unavailable,
    "omero::ValidationException": InvalidRequest,
    "omero::QueryException": InvalidRequest,
    "omero::ApiUsageException": InvalidRequest,
    "omero::OverUsageException": InvalidRequest,
    "omero::InternalException": Unavailable,
    "omero::ResourceError": Unavailable,
    "Ice::ConnectionRefusedException": Unavailable,
    "Ice::ConnectTimeoutException": Unavailable,
    "Ice::DNSException": Unavailable,
    "Ice::ConnectionLostException": Unavailable,
    "Ice::CloseConnectionException": Unavailable,
    "Ice::InvocationTimeoutException": TimedOut,
    "Ice::ObjectNotExistException": SessionExpired,
    "Ice::OperationNotExistException": ProtocolError,
    "Ice::MemoryLimitException": InvalidRequest,
    "Ice::MarshalException": ProtocolError,
    "Ice::UnknownLocalException": ProtocolError,
    "Ice::SecurityException": Unavailable,
    "Ice::CommunicatorDestroyedException": Unavailable,
    "Ice::ProtocolException": Unavailable,
}
# What of these happened to a write was certainly not carried out.
NOT_DONE = {
    name
    for name in EXPECTED
    if not name.startswith("Ice::")
    or name
    in {
        "Ice::ConnectionRefusedException",
        "Ice::ConnectTimeoutException",
        "Ice::DNSException",
        "Ice::CloseConnectionException",
        "Ice::ObjectNotExistException",
        "Ice::OperationNotExistException",
        "Ice::SecurityException",
    }
}
WORDS = "secret-of-the-server 8a3b6c1e-0000-4000-8000-000000000000"


def below(root: Any) -> Iterator[Any]:
    for child in root.__subclasses__():
        yield child
        yield from below(child)


def known() -> dict[str, Any]:
    return {
        each._ice_name: each
        for root in (Ice.UserException, Ice.LocalException)
        for each in below(root)
        if "_ice_name" in vars(each)
    }


def made(class_: Any) -> Any:
    error = class_()
    for name in ("message", "reason", "serverStackTrace", "unknown"):
        if hasattr(error, name):
            setattr(error, name, WORDS)
    return error


@pytest.mark.parametrize("name", EXPECTED)
def test_the_error_for_an_exception(name: str) -> None:
    exception = made(known()[name])
    error = ice_errors.translate(exception)
    assert type(error) is EXPECTED[name]
    written = ice_errors.translate(exception, writing=True)
    assert type(written) is (EXPECTED[name] if name in NOT_DONE else OutcomeUnknown)
    unsent = ice_errors.translate(exception, writing=True, sent=False)
    assert type(unsent) is EXPECTED[name]


def test_no_exception_is_forgotten_and_none_tells_what_a_server_said() -> None:
    classes = known()
    assert len(classes) > 90
    for class_ in classes.values():
        for writing in (False, True):
            error = ice_errors.translate(made(class_), writing=writing)
            assert isinstance(error, BackendError)
            assert error.source is Source.OMERO
            assert not any(word in repr(error) for word in WORDS.split())
            assert str(error).endswith(".")


def test_a_dead_uuid_is_a_session_that_is_over_and_no_wrong_password() -> None:
    error = ice_errors.no_session(Glacier2.PermissionDeniedException("no"))
    assert isinstance(error, SessionExpired)
    assert isinstance(ice_errors.no_session(Ice.ConnectionRefusedException()), Unavailable)


@pytest.mark.parametrize(
    "reason", ["Internal error. Please contact your administrator", "internal server error"]
)
def test_a_password_that_could_not_be_checked_is_not_a_wrong_one(reason: str) -> None:
    refused = Glacier2.PermissionDeniedException(f"{reason}: {WORDS}")
    for error in (ice_errors.translate(refused), ice_errors.no_session(refused)):
        assert type(error) is Unavailable
        assert not any(word in repr(error) for word in WORDS.split())


def test_exceptions_are_found_by_the_names_that_travel() -> None:
    for name in ("omero::QueryException", "omero::RemovedSessionException"):
        assert type(ice_errors.user_exception(f"::{name}")) is known()[name]
    assert ice_errors.user_exception("::omero::Nonsense") is None
