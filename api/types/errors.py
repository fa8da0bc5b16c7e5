"""From the three trees of errors to what a client sees: one enum of codes, advice, nothing else.

Called by `api/http.py` for every error of an answer. An exception of no tree is masked: the client
gets the request id, the log gets the rest. Errors that say the same of the same source are told
once, with the number of places where they stand, so that one dead backend is one error.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from graphql import GraphQLError

from backends import errors as backend
from link_store import errors as links
from resolvers import errors as resolver


class ErrorCode(StrEnum):
    """All codes that `extensions.code` can have."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    LINK_CONFLICT = "LINK_CONFLICT"
    STALE_REVISION = "STALE_REVISION"
    BACKEND_UNAVAILABLE = "BACKEND_UNAVAILABLE"
    BACKEND_TIMEOUT = "BACKEND_TIMEOUT"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    INTERNAL = "INTERNAL"


_CODES: dict[type[Exception], ErrorCode] = {
    backend.Unavailable: ErrorCode.BACKEND_UNAVAILABLE,
    backend.OutcomeUnknown: ErrorCode.BACKEND_UNAVAILABLE,
    backend.TimedOut: ErrorCode.BACKEND_TIMEOUT,
    backend.SessionExpired: ErrorCode.SESSION_EXPIRED,
    backend.AuthenticationFailed: ErrorCode.UNAUTHENTICATED,
    backend.AccessDenied: ErrorCode.FORBIDDEN,
    backend.ChangedMeanwhile: ErrorCode.STALE_REVISION,
    backend.NotFound: ErrorCode.NOT_FOUND,
    backend.InvalidRequest: ErrorCode.BAD_USER_INPUT,
    backend.BudgetSpent: ErrorCode.LIMIT_EXCEEDED,
    backend.ProtocolError: ErrorCode.INTERNAL,
    links.InvalidLink: ErrorCode.BAD_USER_INPUT,
    links.LinkNotFound: ErrorCode.NOT_FOUND,
    links.LinkConflict: ErrorCode.LINK_CONFLICT,
    links.StaleRevision: ErrorCode.STALE_REVISION,
    links.InvalidSnapshot: ErrorCode.BAD_USER_INPUT,
    links.SnapshotNotFound: ErrorCode.NOT_FOUND,
    links.ClaimTaken: ErrorCode.LINK_CONFLICT,
    links.StoreUnavailable: ErrorCode.BACKEND_UNAVAILABLE,
    links.MigrationRequired: ErrorCode.INTERNAL,
    links.ClaimTaken: ErrorCode.LINK_CONFLICT,
    links.LostOperation: ErrorCode.STALE_REVISION,
    resolver.BadInput: ErrorCode.BAD_USER_INPUT,
    resolver.Missing: ErrorCode.NOT_FOUND,
    resolver.NotSignedIn: ErrorCode.UNAUTHENTICATED,
    resolver.LimitExceeded: ErrorCode.LIMIT_EXCEEDED,
    resolver.NotAllowed: ErrorCode.FORBIDDEN,
    resolver.NotInstalled: ErrorCode.INTERNAL,
    resolver.StorageFailed: ErrorCode.BACKEND_UNAVAILABLE,
    resolver.TooLate: ErrorCode.BAD_USER_INPUT,
    resolver.Busy: ErrorCode.INTERNAL,
}
MASKED = "Something went wrong inside this server; report the request id to its operator."


def format_error(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """Return what the client sees of one error: message, path, locations, typed extensions."""
    extensions = {**_extensions(error), "requestId": request_id}
    masked = extensions["code"] == ErrorCode.INTERNAL and not _is_ours(error.original_error)
    formatted: dict[str, Any] = {"message": MASKED if masked else error.message}
    if error.locations:
        formatted["locations"] = [
            {"line": place.line, "column": place.column} for place in error.locations
        ]
    if error.path:
        formatted["path"] = list(error.path)
    formatted["extensions"] = extensions
    return formatted


def collapse(errors: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tell each failure of a source once: the first place, and at how many places it struck.

    Only failures of a whole source are collapsed; everything else is about its own place.
    """
    told: dict[tuple[str, str], dict[str, Any]] = {}
    result = []
    for error in errors:
        extensions = error["extensions"]
        if "source" not in extensions or extensions["code"] not in _OF_A_SOURCE:
            result.append(error)
            continue
        key = (extensions["source"], extensions["code"])
        if key in told:
            told[key]["extensions"]["occurrences"] += 1
            continue
        extensions["occurrences"] = 1
        told[key] = error
        result.append(error)
    return result


_OF_A_SOURCE = {
    ErrorCode.BACKEND_UNAVAILABLE,
    ErrorCode.BACKEND_TIMEOUT,
    ErrorCode.SESSION_EXPIRED,
    ErrorCode.UNAUTHENTICATED,
}


def code_of(error: Exception) -> str:
    """Return the code of an error of one of the three trees; a finer class has its parent's."""
    known = (_CODES[class_] for class_ in type(error).__mro__ if class_ in _CODES)
    return next(known, ErrorCode.INTERNAL).value


def code_of_kind(name: str) -> str:
    """Return the code of an error of which only the name of its class was kept."""
    known = {class_.__name__: code for class_, code in _CODES.items()}
    return known.get(name, ErrorCode.INTERNAL).value


def _extensions(error: GraphQLError) -> dict[str, Any]:
    original = error.original_error
    if isinstance(original, GraphQLError):
        return _extensions(original)
    if original is None:
        return {
            "code": ErrorCode.BAD_USER_INPUT.value,
            "retryable": False,
            **(error.extensions or {}),
        }
    extensions: dict[str, Any] = {
        "code": code_of(original),
        "retryable": bool(getattr(original, "retryable", False)),
    }
    source = getattr(original, "source", None)
    if isinstance(original, links.LinkStoreError):
        source = backend.Source.LINK_STORE
    if source is not None:
        extensions["source"] = str(source.value)
    return extensions


def _is_ours(original: Exception | None) -> bool:
    return isinstance(original, tuple(_CODES))
