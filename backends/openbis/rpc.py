"""The JSON-RPC envelope of openBIS: a call into bytes, an answer into its result or a typed error.

openBIS has no error codes: everything is told apart by the text of the message, here and nowhere
else. That text is read and then dropped, since it may name tokens, users and objects; the errors
raised carry sentences of our own. `client.py` is the only caller.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from backends.errors import (
    AccessDenied,
    BackendError,
    InvalidRequest,
    NotFound,
    ProtocolError,
    SessionExpired,
    Source,
    Unavailable,
)
from backends.openbis.collector import undisturbed

METHOD_UNKNOWN = -32601

# What openBIS says, the error that it means, and what we tell the client. The first hit counts.
MEANINGS: tuple[tuple[re.Pattern[str], type[BackendError], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), error, message)
    for pattern, error, message in (
        (
            r"session token .* is invalid|session no longer available|is not logged in",
            SessionExpired,
            "Your openBIS session is over; log in again.",
        ),
        (
            r"personal access token\b.*\b(invalid|expired|not valid|not found)",
            SessionExpired,
            "Your openBIS access token is not valid, or no longer; use another.",
        ),
        (
            r"access denied|authorization failure|personal access tokens cannot be used",
            AccessDenied,
            "Your openBIS account may not do that; ask for the right, or leave it out.",
        ),
        (
            r"has not been found",
            NotFound,
            "openBIS knows no such object, or none that you may see.",
        ),
        (
            # Rows were deleted while the page was being translated, or the pool ran dry.
            r"number of results .* has changed|jdbc connection|get a connection",
            Unavailable,
            "openBIS is busy; try again soon.",
        ),
        (
            r"unsupported object id|cannot be (null|empty)|userfailure|illegalargument",
            InvalidRequest,
            "openBIS refused the request; check codes, ids and values in it.",
        ),
    )
)


def encode(method: str, params: Sequence[Any]) -> bytes:
    """The body of a call."""
    return orjson.dumps({"method": method, "params": params, "id": "2", "jsonrpc": "2.0"})


def decode(body: bytes) -> Any:
    """The result in an answer's body.

    Raises:
        BackendError: openBIS refused or failed; the subclass says why.
    """
    return result(envelope(body))


def envelope(body: bytes) -> dict[str, Any]:
    """The envelope in an answer's body, which holds a result or an error.

    Raises:
        ProtocolError: it holds neither, so that nobody knows what openBIS meant.
    """
    try:
        with undisturbed():
            answer = orjson.loads(body)
    except ValueError:
        raise unusable("its answer is not JSON") from None
    if not isinstance(answer, dict):
        raise unusable("its answer has no envelope")
    if answer.get("error") is None and "result" not in answer:
        raise unusable("its answer has no result")
    return answer


def result(answer: dict[str, Any]) -> Any:
    """The result in an envelope.

    Raises:
        BackendError: openBIS refused or failed; the subclass says why.
    """
    error = answer.get("error")
    if error is not None:
        raise meaning(error)
    return answer["result"]


def meaning(error: Any) -> BackendError:
    """The typed error for the `error` member of an answer."""
    if not isinstance(error, dict):
        return unusable("its error cannot be read")
    code = error.get("code")
    if code == METHOD_UNKNOWN:
        return unusable("it does not know the operation, its version may be too old")
    if isinstance(code, int) and code < 0:
        return unusable("it could not read the request")
    data = error.get("data")
    exception = data.get("exceptionTypeName") if isinstance(data, dict) else None
    text = f"{error.get('message') or ''} {exception or ''}"
    for pattern, kind, message in MEANINGS:
        if pattern.search(text):
            return kind(Source.OPENBIS, message)
    return unusable("it failed inside")


def unusable(why: str) -> ProtocolError:
    """The error for an answer that is not what the protocol promises; `why` is ours."""
    return ProtocolError(Source.OPENBIS, f"openBIS gave no usable answer: {why}; tell support.")
