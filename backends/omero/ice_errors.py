"""From what Ice, Glacier2 and OMERO raise to the tree in `backends/errors.py`.

Texts are our own: a server's may hold addresses, session ids and stack traces. For a write that was
under way when its connection was lost, nobody knows whether it happened, and the error says so;
one that was never sent, or that the server refused, certainly did not.
"""

from __future__ import annotations

from typing import Any, Final

import Glacier2
import Glacier2_Router_ice  # noqa: F401 - if omero is imported first, Glacier2 lacks it
import Ice
import omero
import omero.clients  # all its exceptions

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

# omero-py puts a class of its own in the place of Glacier2's, which Ice does not raise.
_NO_ROUTER_SESSION: Final = next(
    known
    for known in Ice.UserException.__subclasses__()
    if getattr(known, "_ice_name", "") == "Glacier2::SessionNotExistException"
)

UNREACHABLE: Final = "OMERO cannot be reached: try again later."
UNCHECKED: Final = "OMERO cannot check passwords at present: try again later."
BROKEN_OFF: Final = "The connection to OMERO was lost: try again."
UNTRUSTED: Final = (
    "OMERO's certificate cannot be verified, or it speaks no TLS: an operator has to look."
)
EXPIRED: Final = "The OMERO session is over: log in again."
GARBLED: Final = "OMERO answered something unexpected."
UNKNOWN: Final = (
    "OMERO was lost while it was writing: look whether the change happened before you repeat it."
)

# How the reason for a refusal begins, in lower case, when the check itself failed and said nothing
# of the password: OMERO's while it starts or its database is gone, the router's without OMERO.
_CHECK_FAILED: Final = ("internal error", "internal server error")
# The first that fits counts.
_TREE: Final[tuple[tuple[Any, type[BackendError], str], ...]] = (
    # Who may not come in
    (Glacier2.PermissionDeniedException, AuthenticationFailed, "OMERO refused user and password."),
    (omero.AuthenticationException, AuthenticationFailed, "OMERO refused user and password."),
    (
        omero.ExpiredCredentialException,
        AuthenticationFailed,
        "The OMERO password has expired: change it in OMERO first.",
    ),
    (Glacier2.CannotCreateSessionException, Unavailable, "OMERO opens no session: try later."),
    # What OMERO says
    (omero.ShutdownInProgress, Unavailable, UNREACHABLE),
    (omero.SessionException, SessionExpired, EXPIRED),
    (_NO_ROUTER_SESSION, SessionExpired, EXPIRED),
    (omero.SecurityViolation, AccessDenied, "Your OMERO groups do not allow this."),
    (
        omero.OptimisticLockException,
        ChangedMeanwhile,
        "It was changed in OMERO meanwhile: read it again, and decide again.",
    ),
    (omero.ConcurrencyException, Unavailable, "OMERO is busy: try again later."),
    (omero.ResourceError, Unavailable, "OMERO is busy: try again later."),
    (omero.OverUsageException, InvalidRequest, "That is too much for OMERO: ask for less."),
    (
        omero.ValidationException,
        InvalidRequest,
        "OMERO does not take this: a value is not allowed, or there is such an object already.",
    ),
    (omero.ApiUsageException, InvalidRequest, "OMERO cannot be asked that."),
    (omero.ServerError, Unavailable, "OMERO failed to answer: try again later."),
    # What Ice says
    (Ice.InvocationTimeoutException, TimedOut, "OMERO did not answer in time."),
    (Ice.MemoryLimitException, InvalidRequest, "The answer is too large: ask for less."),
    (Ice.SecurityException, Unavailable, UNTRUSTED),
    (Ice.PluginInitializationException, Unavailable, UNTRUSTED),  # IceSSL is the only one
    (Ice.CloseConnectionException, Unavailable, BROKEN_OFF),
    (Ice.ForcedCloseConnectionException, Unavailable, BROKEN_OFF),
    (Ice.ConnectionNotValidatedException, Unavailable, BROKEN_OFF),
    (Ice.ProtocolException, ProtocolError, GARBLED),
    (Ice.ObjectNotExistException, SessionExpired, EXPIRED),
    (Ice.RequestFailedException, ProtocolError, "OMERO does not know this call."),
    (Ice.UnknownException, ProtocolError, "OMERO failed for a reason that it does not tell."),
    (Ice.CommunicatorDestroyedException, Unavailable, "This server is stopping."),
    (Ice.ConnectFailedException, Unavailable, UNREACHABLE),
    (Ice.DNSException, Unavailable, UNREACHABLE),
    (Ice.ConnectTimeoutException, Unavailable, UNREACHABLE),
    (Ice.SocketException, Unavailable, BROKEN_OFF),
    (Ice.TimeoutException, Unavailable, BROKEN_OFF),
    (Ice.LocalException, Unavailable, BROKEN_OFF),
)
# The connection, or the session behind it, is not what it was: a new one may do.
_STALE: Final = (
    Ice.ConnectionLostException,
    Ice.CloseConnectionException,
    Ice.ForcedCloseConnectionException,
    Ice.ConnectionTimeoutException,
    Ice.CloseTimeoutException,
    Ice.ObjectNotExistException,
    _NO_ROUTER_SESSION,
    omero.SessionException,
)
# Sent or not, it was certainly not carried out.
_NEVER_DONE: Final = (
    Ice.ConnectFailedException,
    Ice.ConnectTimeoutException,
    Ice.DNSException,
    Ice.CloseConnectionException,  # the server closes in good order: what it had it answered
    Ice.RequestFailedException,
    Ice.SecurityException,
    Ice.UserException,
)


def is_stale(error: BaseException) -> bool:
    """Whether joining the session anew, over a new connection, may help."""
    return isinstance(error, _STALE) and not isinstance(error, omero.ShutdownInProgress)


def translate(error: BaseException, *, writing: bool = False, sent: bool = True) -> BackendError:
    """The error to raise for one of Ice's.

    Args:
        error: what Ice raised.
        writing: whether the call was to change something.
        sent: whether the request had left this process.
    """
    if writing and sent and not isinstance(error, _NEVER_DONE):
        return OutcomeUnknown(Source.OMERO, UNKNOWN)
    if _is_unchecked(error):
        return Unavailable(Source.OMERO, UNCHECKED)
    if type(error) is Ice.ProtocolException:  # how IceSSL tells that a handshake failed
        return Unavailable(Source.OMERO, UNTRUSTED)
    for cause, effect, message in _TREE:
        if isinstance(error, cause):
            return effect(Source.OMERO, message)
    return ProtocolError(Source.OMERO, GARBLED)


def user_exception(type_id: str) -> Exception | None:
    """An exception of this Slice type (`::omero::QueryException`), without what it says."""
    pending = list(Ice.UserException.__subclasses__())
    while pending:
        known = pending.pop()
        if f"::{getattr(known, '_ice_name', '')}" == type_id:
            made: Exception = known()
            return made
        pending += known.__subclasses__()
    return None


def _is_unchecked(error: BaseException) -> bool:
    """Whether user and password were refused without having been looked at."""
    reason = str(getattr(error, "reason", "")).lower()
    return isinstance(error, Glacier2.PermissionDeniedException) and reason.startswith(
        _CHECK_FAILED
    )


def no_session(error: BaseException) -> BackendError:
    """The error to raise when a session could not be joined: refused means that it is over."""
    if _is_unchecked(error):
        return translate(error)
    if isinstance(error, (Glacier2.PermissionDeniedException, omero.AuthenticationException)):
        return SessionExpired(Source.OMERO, EXPIRED)
    return translate(error)
