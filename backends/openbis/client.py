"""The openBIS client: what resolvers call, one round trip a call, with the viewer's own session.

Questions are `Search`, `Get` and `Count`; several of them travel as one `executeOperations`. Every
call goes through the lane, and every failure is one of `backends/errors.py`. Tokens stay wrapped as
secrets until the request is written. Nothing is cached here: that is the resolvers' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from pydantic import SecretStr

from backends.errors import AuthenticationFailed, ProtocolError, SessionExpired, Source
from backends.lane import Call, Lane
from backends.openbis import account, entity_types, rpc
from backends.openbis.account import OpenbisIdentity, OpenbisServer
from backends.openbis.decode import Decoder
from backends.openbis.operations import Count, Get, Operation, Request, Search, answer, requests
from backends.openbis.transport import OpenbisTransport
from backends.records import EntityTypeRecord, Kind

__all__ = ["Count", "Get", "OpenbisClient", "OpenbisIdentity", "OpenbisServer", "Search"]

PERSONAL_ACCESS_TOKEN = "$pat-"  # noqa: S105 - how such tokens begin, none itself


class OpenbisClient:
    """Asks one openBIS over one transport.

    Args:
        transport: how requests get there; closed with the client.
        lane: limits, deadline, retry, breaker and counters for this openBIS.
    """

    def __init__(self, transport: OpenbisTransport, lane: Lane) -> None:
        self._transport = transport
        self._lane = lane

    async def login(self, user: str, password: SecretStr, call: Call) -> SecretStr:
        """Open a session and return its token.

        Raises:
            AuthenticationFailed: openBIS does not accept user and password.
        """
        secret = password.get_secret_value()
        token = await self._call("login", [user, secret], call, safe=False)
        if token is None:
            raise AuthenticationFailed(
                Source.OPENBIS, "openBIS does not accept this user and password."
            )
        if not isinstance(token, str):
            raise ProtocolError(Source.OPENBIS, "openBIS sent no session token; tell support.")
        return SecretStr(token)

    async def logout(self, token: SecretStr, call: Call) -> None:
        """End a session; one that is over already is no error.

        A personal access token is no session and keeps its validity.
        """
        secret = token.get_secret_value()
        if secret.startswith(PERSONAL_ACCESS_TOKEN):
            return
        try:
            await self._call("logout", [secret], call, safe=False)
        except SessionExpired:
            return

    async def identity(self, token: SecretStr, call: Call) -> OpenbisIdentity:
        """Who the session belongs to.

        Raises:
            SessionExpired: the token is none, or its session is over.
        """
        secret = token.get_secret_value()
        return account.identity(await self._call("getSessionInformation", [secret], call))

    async def server(self, token: SecretStr, call: Call) -> OpenbisServer:
        """What the server says of itself."""
        secret = token.get_secret_value()
        return account.server(await self._call("getServerInformation", [secret], call))

    async def entity_types(
        self, token: SecretStr, kind: Kind, call: Call
    ) -> tuple[EntityTypeRecord, ...]:
        """All types of a kind with their properties, vocabularies and terms, in one call."""
        method, params = entity_types.request(kind)
        result = await self._call(method, [token.get_secret_value(), *params], call)
        return entity_types.read(kind, result)

    async def execute(
        self, token: SecretStr, operations: Sequence[Operation], call: Call
    ) -> list[Any]:
        """Answer all operations in one round trip, in their order.

        A `Search` is answered by a `Page` of records, a `Get` by a dict of records by the ids as
        they were asked (those that do not exist, or that the viewer may not see, are absent), a
        `Count` by an int. Nothing is sent when there is nothing to ask, as for a `Get` of no ids.

        Raises:
            InvalidRequest: openBIS cannot be asked that; nothing was sent.
            BackendError: openBIS did not answer; the subclass says why.
        """
        ids = count(1)
        asked = [requests(operation, ids) for operation in operations]
        flat = [request for group in asked for request in group]
        root, results = await self._results(token, flat, call)
        decoder = Decoder(root)
        remaining = iter(results)
        return [
            answer(operation, [next(remaining) for _ in group], decoder)
            for operation, group in zip(operations, asked, strict=True)
        ]

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()

    async def _results(
        self, token: SecretStr, asked: list[Request], call: Call
    ) -> tuple[Any, list[Any]]:
        """The whole answer, in which references are resolved, and one result per request."""
        secret = token.get_secret_value()
        if not asked:
            return None, []
        if len(asked) == 1:
            only = asked[0]
            params = [secret, only.subject, only.fetch_options]
            result = await self._call(only.method, params, call)
            return result, [result]
        options = {"@type": "as.dto.operation.SynchronousOperationExecutionOptions"}
        members = [request.member() for request in asked]
        root = await self._call("executeOperations", [secret, members, options], call)
        decoder = Decoder(root)
        results = decoder.beans(decoder.bean(root).get("results"))
        if len(results) != len(asked):
            raise ProtocolError(
                Source.OPENBIS, "openBIS answered another number of operations; tell support."
            )
        return root, [
            result.get("searchResult") if request.verb == "search" else result
            for request, result in zip(asked, results, strict=True)
        ]

    async def _call(self, method: str, params: list[Any], call: Call, *, safe: bool = True) -> Any:
        body = rpc.encode(method, params)

        async def attempt() -> Any:
            return rpc.decode(await self._transport.post(body))

        return await self._lane.call(method, attempt, call, safe=safe)
