"""What can go wrong while Ice is made: one error, whose text says what to do next.

Raised by every module of this package and printed by its command; nobody else sees it.
"""

from __future__ import annotations


class IceBuildError(Exception):
    """The wheel could not be made or installed; the message is for the person who asked."""
