"""Keeps Python's cyclic collector from walking through an answer while it is being read.

Reading an answer makes hundreds of thousands of objects at once, none of them in a cycle, and the
collector would go through all of them again and again: half of the time of a large answer. Used
around pieces of work that neither wait nor take long.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Pause the collector; whoever has paused it already keeps it paused."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
