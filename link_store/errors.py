"""What can go wrong in the link database, as one tree.

The store raises these and nothing else; `api/types/errors.py` translates them to GraphQL codes. A
message is written for the client: it says what to do and carries no SQL, path, address or password.

    LinkStoreError               the link database did not do what was asked
    ├── InvalidLink              the request itself is wrong: the caller must change it
    ├── LinkNotFound             there is no such link, or the project has no live link
    ├── LinkConflict             another live link stands in the way; `end` says at which end
    ├── StaleRevision            the link has changed since it was read: read it again
    ├── InvalidSnapshot          a cohort that cannot be frozen as it is: the caller must change it
    ├── SnapshotNotFound         there is no such frozen cohort
    ├── ClaimTaken               another operation works on the same thing: wait for its end
    ├── LostOperation            the operation has ended, or another process works on it
    ├── StoreUnavailable         cannot be opened, is locked, full, or down; may be tried again
    └── MigrationRequired        the tables are older or newer than this program
"""

from __future__ import annotations

from enum import StrEnum


class LinkEnd(StrEnum):
    """What stands in the way of a write: an end of another live link, or what belongs to it."""

    OPENBIS = "OPENBIS"
    OMERO = "OMERO"
    PROJECT_LINK = "PROJECT_LINK"
    SAMPLE_LINKS = "SAMPLE_LINKS"


class LinkStoreError(Exception):
    """The link database did not do what was asked; subclasses say why."""

    retryable: bool = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidLink(LinkStoreError):  # noqa: N818 - the name is the state, as a reader says it
    """The request is wrong in itself, whatever the database holds."""


class LinkNotFound(LinkStoreError):  # noqa: N818
    """There is no such link."""


class LinkConflict(LinkStoreError):  # noqa: N818
    """Another live link stands in the way; `end` says at which end, `taken` names the ids."""

    def __init__(self, message: str, end: LinkEnd, taken: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.end = end
        self.taken = taken


class StaleRevision(LinkStoreError):  # noqa: N818
    """The link has another revision than the caller expected; `current` is known after a read."""

    def __init__(self, message: str, current: int | None = None) -> None:
        super().__init__(message)
        self.current = current


class InvalidSnapshot(LinkStoreError):  # noqa: N818
    """The cohort cannot be frozen as it was given."""


class SnapshotNotFound(LinkStoreError):  # noqa: N818
    """There is no such frozen cohort."""


class ClaimTaken(LinkStoreError):  # noqa: N818
    """Another operation is at work on the same thing."""


class LostOperation(LinkStoreError):  # noqa: N818
    """The operation has ended, or another process works on it by now."""


class StoreUnavailable(LinkStoreError):  # noqa: N818
    """The database cannot be reached or written at the moment."""

    retryable = True


class MigrationRequired(LinkStoreError):  # noqa: N818
    """The database's tables are not those of this program."""
