"""Clients of an HTTP server: so many at once, each with a connection that it keeps."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: requests per second, and each request's seconds in order."""

    throughput: float
    seconds: list[float]

    @property
    def p99(self) -> float:
        """What 99 of 100 requests stay below, in seconds."""
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * 0.99))]


def run(url: str, body: bytes, *, clients: int, requests: int) -> Load:
    """Send a request again and again.

    Args:
        url: where to.
        body: a JSON request.
        clients: how many at once.
        requests: how many in all.

    Raises:
        RuntimeError: an answer was not 200, or has errors.
    """
    place = urlsplit(url)
    waiting = list(range(requests))
    seconds: list[float] = []
    faults: list[str] = []

    def client() -> None:
        connection = HTTPConnection(place.hostname or "", place.port, timeout=900)
        headers = {"content-type": "application/json", "accept": "application/json"}
        while waiting and not faults:
            try:
                waiting.pop()
            except IndexError:
                break
            started = time.perf_counter()
            connection.request("POST", place.path or "/", body, headers)
            response = connection.getresponse()
            answer = response.read()
            seconds.append(time.perf_counter() - started)
            if response.status != 200 or answer.startswith(b'{"errors"'):  # noqa: PLR2004 - OK
                faults.append(f"{url}: {response.status} {answer[:300]!r}")
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - started
    if faults:
        raise RuntimeError(faults[0])
    return Load(len(seconds) / spent, sorted(seconds))
