"""What can go wrong beyond the wire, as one tree.

Adapters raise these and nothing else; resolvers let them pass; `api/types/errors.py` translates
them to GraphQL codes in one place. A message is written for the client: it says what to do and
never carries a server's text, an address, a token or a stack trace.

    BackendError                 a source did not do what was asked
    ├── Unavailable              cannot be reached, is overloaded, or the breaker is open
    │   └── OutcomeUnknown       … while it was writing: look before you repeat
    ├── TimedOut                 no answer within the deadline
    ├── SessionExpired           the viewer's session is over: log in again
    ├── AuthenticationFailed     user and password, or token, were refused at login
    ├── AccessDenied             the viewer's rights do not allow it
    ├── ChangedMeanwhile         somebody else changed the object: read it again
    ├── NotFound                 no such object, or none that the viewer may see
    ├── InvalidRequest           the source cannot be asked that: the caller must change it
    ├── BudgetSpent              the request has made as many calls as one may
    └── ProtocolError            an answer that we do not understand
"""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """A place that answers come from."""

    OPENBIS = "OPENBIS"
    OMERO = "OMERO"
    LINK_STORE = "LINK_STORE"


class BackendError(Exception):
    """A source did not do what was asked; subclasses say why."""

    retryable: bool = False

    def __init__(self, source: Source, message: str) -> None:
        super().__init__(message)
        self.source = source
        self.message = message


class Unavailable(BackendError):  # noqa: N818 - the name is the state, as a reader says it
    """The source cannot be reached, answers with a server error, or its breaker is open."""

    retryable = True


class OutcomeUnknown(Unavailable):
    """The source was lost before it answered a write: it may have happened, or not."""

    retryable = False


class TimedOut(BackendError):  # noqa: N818
    """The source did not answer within the deadline."""

    retryable = True


class SessionExpired(BackendError):  # noqa: N818
    """The viewer's session on this source is over."""


class AuthenticationFailed(BackendError):  # noqa: N818
    """The source refused the user, password or token."""


class AccessDenied(BackendError):  # noqa: N818
    """The viewer's rights on this source do not allow it."""


class ChangedMeanwhile(BackendError):  # noqa: N818
    """The object is not what the change was decided on: read it again and decide again."""


class NotFound(BackendError):  # noqa: N818
    """No such object, or none that the viewer may see."""


class InvalidRequest(BackendError):  # noqa: N818
    """The source cannot be asked that; the message says what to change."""


class BudgetSpent(BackendError):  # noqa: N818
    """The request has made as many calls to the systems as one may; nothing was asked."""


class ProtocolError(BackendError):
    """The source's answer is not what its protocol promises."""
