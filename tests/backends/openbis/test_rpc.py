"""The envelope: openBIS' texts become typed errors of ours, and go no further."""

import orjson
import pytest

from backends.errors import (
    AccessDenied,
    BackendError,
    InvalidRequest,
    NotFound,
    ProtocolError,
    SessionExpired,
    Unavailable,
)
from backends.openbis import rpc

SECRET = "anna-240101120000000x0123456789ABCDEF"
USER_FAILURE = "ch.systemsx.cisd.common.exceptions.UserFailureException"


def failure(message: str | None, code: int = 0, exception: str = USER_FAILURE) -> bytes:
    data = {"exceptionTypeName": exception, "message": message, "stackTrace": f"at {SECRET}"}
    error = {"code": code, "message": message, "data": data}
    return orjson.dumps({"jsonrpc": "2.0", "id": "2", "error": error})


def test_a_call_is_written_as_openbis_expects_it() -> None:
    assert rpc.encode("login", ["admin", "secret"]) == (
        b'{"method":"login","params":["admin","secret"],"id":"2","jsonrpc":"2.0"}'
    )


def test_results_pass_and_null_is_one() -> None:
    assert rpc.decode(b'{"jsonrpc":"2.0","id":"2","result":{"a":1}}') == {"a": 1}
    assert rpc.decode(b'{"jsonrpc":"2.0","id":"2","result":null}') is None
    assert rpc.decode(b'{"id":"2","result":7,"error":null}') == 7


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (f"Session token '{SECRET}' is invalid: user is not logged in.", SessionExpired),
        ("Session no longer available. Please login again.", SessionExpired),
        ("Access denied to object with SamplePermId = [20240101-1].", AccessDenied),
        (
            f"Authorization failure: ERROR: \"None of method roles matches '{SECRET}'.\".",
            AccessDenied,
        ),
        (
            "Personal access tokens cannot be used to manage personal access tokens.",
            AccessDenied,
        ),
        ("Object with SamplePermId = [X] has not been found. (Context: [])", NotFound),
        ("Unsupported object id [/A/B] of type class X", InvalidRequest),
        ("Fetch options cannot be null.", InvalidRequest),
        ("String does not represent a number: [x] (Context: [])", InvalidRequest),
    ],
)
def test_texts_become_errors_without_their_texts(
    message: str, expected: type[BackendError]
) -> None:
    with pytest.raises(expected) as caught:
        rpc.decode(failure(message))
    assert type(caught.value) is expected
    shown = f"{caught.value} {caught.value!r} {caught.value.message}"
    assert SECRET not in shown
    assert "20240101-1" not in shown
    assert "/A/B" not in shown


def test_rows_deleted_under_a_search_are_worth_a_second_try() -> None:
    text = "Number of results after translation has changed"
    with pytest.raises(Unavailable):
        rpc.decode(failure(text, exception="java.lang.RuntimeException"))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>maintenance</html>",
        b"",
        b"[]",
        b'"text"',
        b'{"id":"2"}',
        b'{"error":"broken"}',
        failure("Method not found", code=-32601),
        failure("Invalid params", code=-32602),
        failure("NullPointerException", exception="java.lang.RuntimeException"),
        failure(None, exception="java.lang.RuntimeException"),
    ],
)
def test_what_is_not_the_protocol_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        rpc.decode(body)
