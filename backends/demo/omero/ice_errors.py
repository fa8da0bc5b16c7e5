"""From the embedded store's errors to the exceptions that an OMERO server sends over Ice.

`ice_servant.py` calls `wire_error` for whatever a service raises: OMERO's own exceptions travel as
they are, the store's tree is translated, and anything else becomes an `InternalException` without
its text, as a server that hides its inside would answer.
"""

from __future__ import annotations

import logging
from typing import Any

import Ice
import omero

from backends.demo.omero.errors import (
    StoreError,
    StoreLockError,
    StoreQueryError,
    StoreSecurityViolation,
    StoreSessionError,
    StoreSessionTimeout,
    StoreValidationError,
)

LOG = logging.getLogger(__name__)

# The first that fits counts; the Java class is what clients see as `serverExceptionClass`.
TRANSLATION: tuple[tuple[type[StoreError], str, str], ...] = (
    (StoreSessionTimeout, "SessionTimeoutException", "ome.conditions.SessionTimeoutException"),
    (StoreSessionError, "RemovedSessionException", "ome.conditions.RemovedSessionException"),
    (StoreSecurityViolation, "SecurityViolation", "ome.conditions.SecurityViolation"),
    (StoreLockError, "OptimisticLockException", "ome.conditions.OptimisticLockException"),
    (StoreValidationError, "ValidationException", "ome.conditions.ValidationException"),
    (StoreQueryError, "QueryException", "org.hibernate.QueryException"),
)


def wire_error(error: BaseException) -> Any:
    """Return the exception to send for one that a service raised."""
    if isinstance(error, Ice.Exception):
        return error
    for cause, name, java in TRANSLATION:
        if isinstance(error, cause):
            return getattr(omero, name)("", java, str(error))
    LOG.error("a service of the embedded OMERO failed", exc_info=error)
    return omero.InternalException("", "ome.conditions.InternalException", "see the server's log")


def unsupported(what: str) -> Any:
    """Return the exception for what this server does not offer."""
    message = f"the embedded OMERO does not offer {what}"
    return omero.ApiUsageException("", "ome.conditions.ApiUsageException", message)


def misused(message: str) -> Any:
    """Return the exception for a call that makes no sense."""
    return omero.ApiUsageException("", "ome.conditions.ApiUsageException", message)


def invalid(message: str) -> Any:
    """Return the exception for an object that is not there or not as it should be."""
    return omero.ValidationException("", "ome.conditions.ValidationException", message)


def denied(message: str) -> Any:
    """Return the exception for what the caller may not do."""
    return omero.SecurityViolation("", "ome.conditions.SecurityViolation", message)
