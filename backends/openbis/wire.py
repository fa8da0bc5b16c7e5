"""One call to openBIS: into bytes, through the lane and over the transport, and back.

What may be repeated is decided here, by the name of the method: reads are, once, by the lane;
everything else is sent exactly once. `client.py` posts its own v3 requests through it, and so does
every request that pybis makes (`session.py`): there is no second way out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from backends.errors import (
    InvalidRequest,
    OutcomeUnknown,
    ProtocolError,
    Source,
    TimedOut,
    Unavailable,
)
from backends.lane import Call, Lane
from backends.openbis import rpc
from backends.openbis.transport import NotSent, OpenbisTransport

READS = re.compile(r"(search|get|is)[A-Z]")


def _nothing(_answer: bytes) -> None:
    """Remember nothing."""


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
        self,
        method: str,
        params: Sequence[Any],
        call: Call,
        *,
        safe: bool | None = None,
        read: Callable[[bytes], Any] = rpc.decode,
        find: Callable[[bytes], Any | None] = _nothing,
    ) -> Any:
        """Call one method and return its result.

        Args:
            method: of the v3 interface.
            params: its parameters; the token is the first of most.
            call: the request's meter and deadline.
            safe: whether repeating cannot change anything; by default the method's name tells.
            read: makes of the answer what is returned, when it is the request's turn.
            find: returns what was made of the answer before, or None.

        Raises:
            BackendError: openBIS refused or did not answer; the subclass says why.
        """
        body = rpc.encode(method, params)
        turn = self._lane.turn(call)

        async def attempt() -> Any:
            answer = await self.transport.post(body)
            found = find(answer)
            if found is None:
                await turn(len(answer))
                found = read(answer)
            return found

        repeatable = is_read(method) if safe is None else safe
        try:
            return await self._lane.call(method, attempt, call, safe=repeatable)
        except NotSent as error:
            raise Unavailable(error.source, error.message) from None

    async def write(self, method: str, params: Sequence[Any], call: Call) -> Any:
        """Call a method that changes something, exactly once.

        Raises:
            OutcomeUnknown: it was sent, and no answer came that tells whether it was done.
            BackendError: openBIS refused, or was not reached; nothing was done.
        """
        body = rpc.encode(method, params)
        in_doubt = False

        async def attempt() -> Any:
            nonlocal in_doubt
            in_doubt = True
            envelope = rpc.envelope(await self.transport.post(body))
            in_doubt = False
            return rpc.result(envelope)

        try:
            return await self._lane.call(method, attempt, call, safe=False)
        except NotSent as error:
            raise Unavailable(error.source, error.message) from None
        except (Unavailable, TimedOut, ProtocolError, InvalidRequest):
            if not in_doubt:
                raise
            raise OutcomeUnknown(
                Source.OPENBIS,
                "openBIS was lost before it answered; look whether it was done before you repeat.",
            ) from None

    async def aclose(self) -> None:
        """Close the transport."""
        await self.transport.aclose()


def is_read(method: str) -> bool:
    """Whether a method only reads, as its name says: `searchSamples`, `isSessionActive`."""
    return READS.match(method) is not None
