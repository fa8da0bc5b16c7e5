"""`Range` and its preconditions (RFC 9110): which bytes of a file a request is to get, if any.

One range at a time; a request for several gets the whole file, as the standard allows. Used by
`api/downloads.py`, whose files have strong tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_ONE: Final = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` until before `end`."""

    start: int
    end: int

    def header(self, size: int) -> str:
        """The value of `Content-Range`."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


class Unsatisfiable(Exception):  # noqa: N818 - the name is the state, as HTTP says it
    """The range begins behind the end of the file."""


def is_current(headers: Mapping[str, str], tag: str) -> bool:
    """Whether the client has the file with this tag already (`If-None-Match`)."""
    tags = [part.strip() for part in headers.get("if-none-match", "").split(",")]
    return "*" in tags or tag in (given.removeprefix("W/") for given in tags)


def is_another(headers: Mapping[str, str], tag: str) -> bool:
    """Whether the client wants only a file with another tag (`If-Match`)."""
    given = headers.get("if-match")
    return given is not None and not {"*", tag} & {part.strip() for part in given.split(",")}


def span_of(headers: Mapping[str, str], tag: str, size: int) -> Span | None:
    """Return what part is asked for; None for the whole file.

    Args:
        headers: the request's, by lower-case names.
        tag: the file's `ETag`, quoted.
        size: its bytes.

    Raises:
        Unsatisfiable: nothing of the range lies in the file.
    """
    found = _ONE.fullmatch(headers.get("range", ""))
    # A part continues a file only if it is the same file: by its tag, never by its date.
    if found is None or headers.get("if-range", tag) != tag:
        return None
    first, last = found.groups()
    if first:
        if last and int(last) < int(first):
            return None  # no range at all, so not one that cannot be satisfied
        start, end = int(first), min(int(last) + 1, size) if last else size
    elif last:
        start, end = max(size - int(last), 0), size  # the last so many
    else:
        return None
    if start >= end:
        raise Unsatisfiable
    return Span(start, end)
