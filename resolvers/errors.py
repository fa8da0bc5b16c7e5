"""What a resolver itself refuses, as one tree; backends and the link store have trees of their own.

`api/types/errors.py` translates all three to GraphQL codes. A message says what to do.

    ResolverError
    ├── BadInput         an argument cannot be what it is (BAD_USER_INPUT)
    ├── Missing          nothing there that the viewer may see (NOT_FOUND)
    ├── NotSignedIn      the viewer has no session on the source that is needed (UNAUTHENTICATED)
    ├── LimitExceeded    more than a limit allows (LIMIT_EXCEEDED)
    ├── NotAllowed       it is there, but not for the viewer to have or to change (FORBIDDEN)
    ├── NotInstalled     a part that this installation lacks (INTERNAL, but told)
    ├── StorageFailed    the snapshot folder did not do it (BACKEND_UNAVAILABLE)
    ├── TooLate          what is asked for can no longer be done (BAD_USER_INPUT)
    └── Busy             only one application per process can do that (INTERNAL)
"""

from __future__ import annotations

from backends.errors import Source


class ResolverError(Exception):
    """A resolver refuses; subclasses say why.

    Args:
        message: a sentence for the client.
        source: the system whose data it is about, if any.
    """

    def __init__(self, message: str, source: Source | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.source = source


class BadInput(ResolverError):  # noqa: N818 - the name is the state, as a reader says it
    """An argument cannot be what it is."""


class Missing(ResolverError):  # noqa: N818
    """Nothing there, or nothing that the viewer may see."""


class NotSignedIn(ResolverError):  # noqa: N818
    """The viewer has no session on the source that is needed."""


class LimitExceeded(ResolverError):  # noqa: N818
    """More than a limit allows."""


class NotAllowed(ResolverError):  # noqa: N818
    """It is there, but not for the viewer to have or to change."""


class NotInstalled(ResolverError):  # noqa: N818
    """This installation lacks a part that is needed."""


class StorageFailed(ResolverError):  # noqa: N818
    """The snapshot folder did not do what was asked."""

    retryable = True


class TooLate(ResolverError):  # noqa: N818
    """What is asked for can no longer be done."""


class Busy(ResolverError):  # noqa: N818
    """Only one application per process can do that."""
