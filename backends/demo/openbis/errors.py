"""The errors that the embedded openBIS answers with, and how each looks in a JSON-RPC envelope.

A `ServerFailure` becomes HTTP 200 with an error object of code 0, as openBIS does for everything
that goes wrong behind its interface; a `ProtocolFailure` is what jsonrpc4j itself refuses, with
its own codes and HTTP statuses. Nobody outside the embedded openBIS raises or catches these.
"""

from __future__ import annotations

from typing import Any

_EXCEPTIONS = "ch.systemsx.cisd.common.exceptions"


class ServerFailure(Exception):  # noqa: N818 - openBIS says failure
    """A failure behind the interface, with the Java exception's name and the server's text."""

    type_name = "java.lang.RuntimeException"

    def to_json(self) -> dict[str, Any]:
        """The error object of the envelope."""
        message = str(self)
        data = {
            "exceptionTypeName": self.type_name,
            "message": message,
            "stackTrace": f"{self.type_name}: {message}",
        }
        return {"code": 0, "message": message, "data": data}


class UserFailure(ServerFailure):
    """The caller asked for something that openBIS will not do."""

    type_name = f"{_EXCEPTIONS}.UserFailureException"

    @classmethod
    def in_operation(cls, text: str) -> UserFailure:
        """A failure inside an operation: openBIS appends the operation's progress."""
        return cls(f"{text} (Context: [])")


class InvalidSession(UserFailure):
    """The session token is unknown or its session is over."""

    type_name = f"{_EXCEPTIONS}.InvalidSessionException"


class ProtocolFailure(Exception):  # noqa: N818 - the counterpart of ServerFailure
    """A request that does not reach the interface at all."""

    def __init__(self, code: int, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    def to_json(self) -> dict[str, Any]:
        """The error object of the envelope."""
        return {"code": self.code, "message": str(self)}


def unparsable() -> ProtocolFailure:
    """The body is not JSON."""
    return ProtocolFailure(-32700, 400, "JSON parse error")


def invalid_request() -> ProtocolFailure:
    """The body is JSON, but no JSON-RPC request."""
    return ProtocolFailure(-32600, 400, "invalid request")


def unknown_method() -> ProtocolFailure:
    """The interface has no such method."""
    return ProtocolFailure(-32601, 404, "method not found")


def invalid_parameters() -> ProtocolFailure:
    """The parameters do not convert to what the method takes."""
    return ProtocolFailure(-32602, 500, "method parameters invalid")
