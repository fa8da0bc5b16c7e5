"""What a command on links has to say beyond its result: why not, or what is left to be done.

A remark is about something that its reader can mend. `code` is one of `extensions.code`, or the
kind of finding that an audit would make of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backends.errors import Source
from link_store.errors import (
    InvalidLink,
    LinkConflict,
    LinkEnd,
    LinkNotFound,
    LinkStoreError,
    StaleRevision,
)


class Code(StrEnum):
    """The kinds of remark."""

    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    LINK_CONFLICT = "LINK_CONFLICT"
    STALE_REVISION = "STALE_REVISION"
    CROSS_PROJECT = "CROSS_PROJECT"  # the two ends lie in projects that are not each other's
    ANNOTATION_DRIFT = "ANNOTATION_DRIFT"  # it is done, but not everywhere written down


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to be mended; `field` is the argument it is about."""

    code: Code
    message: str
    field: str | None = None
    source: Source | None = None


# The arguments that name the ends of a link, by the end: of a project's link, of a sample's link.
_FIELDS = {
    LinkEnd.OPENBIS: "openbis",
    LinkEnd.OMERO: "omero",
    LinkEnd.PROJECT_LINK: "openbis",
    LinkEnd.SAMPLE_LINKS: "link",
}


def of_store(error: LinkStoreError) -> Remark:
    """Put a refusal of the link store into a remark.

    Raises:
        LinkStoreError: the same, if it is none that a user could mend.
    """
    message = error.message[:1].upper() + error.message[1:].rstrip(".") + "."
    match error:
        case LinkConflict():
            return Remark(Code.LINK_CONFLICT, message, _FIELDS[error.end], Source.LINK_STORE)
        case StaleRevision():
            return Remark(Code.STALE_REVISION, message, "expectedRevision", Source.LINK_STORE)
        case LinkNotFound():
            return Remark(Code.NOT_FOUND, message, None, Source.LINK_STORE)
        case InvalidLink():
            return Remark(Code.BAD_USER_INPUT, message, None, Source.LINK_STORE)
    raise error
