"""How many at one time: requests of all, requests and streams of one viewer.

What is beyond is refused at once and told when to come again (`Retry-After`), so that neither one
viewer nor many can pile up work that nobody waits for. The state is this process's own: replicas
admit each for themselves. `api/observe.py` asks for all, `api/operations.py` for one viewer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from graphql import GraphQLError

from api.limits import Limits
from api.parameters import Refused

RETRY_AFTER = "1"  # seconds


class Admission:
    """Counts what is under way."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()
        self.under_way = 0
        self.streams = 0

    @property
    def is_full(self) -> bool:
        """Whether another request has to be sent away."""
        return self.under_way >= self._limits.requests

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place for a request of anybody."""
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    @contextmanager
    def of(self, viewer: str) -> Iterator[None]:
        """Hold a place for a request of one viewer.

        Raises:
            Refused: the viewer has as many as one may have.
        """
        with _counted(self._requests, viewer, self._limits.requests_per_viewer, "requests"):
            yield

    @contextmanager
    def stream_of(self, viewer: str) -> Iterator[None]:
        """Hold a place for a subscription of one viewer.

        Raises:
            Refused: the viewer has as many as one may have.
        """
        with _counted(self._streams, viewer, self._limits.streams_per_viewer, "subscriptions"):
            self.streams += 1
            try:
                yield
            finally:
                self.streams -= 1


@contextmanager
def _counted(counts: Counter[str], viewer: str, limit: int, what: str) -> Iterator[None]:
    if counts[viewer] >= limit:
        error = GraphQLError(
            f"You have {limit} {what} under way, this server's limit; wait for one to end.",
            extensions={"code": "LIMIT_EXCEEDED", "retryable": True},
        )
        raise Refused(429, error, {"Retry-After": RETRY_AFTER})
    counts[viewer] += 1
    try:
        yield
    finally:
        counts[viewer] -= 1
        if counts[viewer] <= 0:
            del counts[viewer]
