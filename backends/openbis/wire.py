"""One call to openBIS: into bytes, through the lane and over the transport, and back.

What may be repeated is decided here, by the name of the method: reads are, once, by the lane;
everything else is sent exactly once. `client.py` posts its own v3 requests through it, and so does
every request that pybis makes (`session.py`): there is no second way out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from backends.lane import Call, Lane
from backends.openbis import rpc
from backends.openbis.transport import OpenbisTransport

READS = re.compile(r"(search|get|is)[A-Z]")


class Wire:
    """The way to one openBIS.

    Args:
        transport: how requests get there; closed with the wire.
        lane: limits, deadline, retry, breaker and counters for this openBIS.
    """

    def __init__(self, transport: OpenbisTransport, lane: Lane) -> None:
        self.transport = transport
        self._lane = lane

    async def call(
        self, method: str, params: Sequence[Any], call: Call, *, safe: bool | None = None
    ) -> Any:
        """Call one method and return its result.

        Args:
            method: of the v3 interface.
            params: its parameters; the token is the first of most.
            call: the request's meter and deadline.
            safe: whether repeating cannot change anything; by default the method's name tells.

        Raises:
            BackendError: openBIS refused or did not answer; the subclass says why.
        """
        body = rpc.encode(method, params)

        async def attempt() -> Any:
            return rpc.decode(await self.transport.post(body))

        repeatable = is_read(method) if safe is None else safe
        return await self._lane.call(method, attempt, call, safe=repeatable)

    async def aclose(self) -> None:
        """Close the transport."""
        await self.transport.aclose()


def is_read(method: str) -> bool:
    """Whether a method only reads, as its name says: `searchSamples`, `isSessionActive`."""
    return READS.match(method) is not None
