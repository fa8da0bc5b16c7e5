"""The openBIS client: what resolvers call, one round trip a call, with the viewer's own session.

Questions are `Search`, `Get` and `Count`; several of them travel as one `executeOperations`, and so
do the writes of one unit of work: `perform` here, `transact` in `changes.py`. Sessions are pybis'
business, see `session.py`. Every call goes through the lane, and every failure is one of
`backends/errors.py`. Tokens stay wrapped as secrets until the request is written. No answer is
cached here, that is the resolvers' business; only what the very same bytes were read to is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from pydantic import SecretStr

from backends.errors import InvalidRequest, SessionExpired, Source
from backends.lane import Call, Lane
from backends.openbis import account, entity_types, oversight, rpc
from backends.openbis.account import (
    OpenbisIdentity,
    OpenbisServer,
    PersonalAccessToken,
    is_personal_access_token,
)
from backends.openbis.changes import Changing
from backends.openbis.collector import undisturbed
from backends.openbis.decode import Decoder
from backends.openbis.logic import Json
from backends.openbis.masterdata import Extending
from backends.openbis.operations import Count, Get, Operation, Request, Search, answer, requests
from backends.openbis.results import IN_ORDER, SYNCHRONOUSLY, results_of, whole_results
from backends.openbis.session import Sessions
from backends.openbis.transport import OpenbisTransport
from backends.openbis.wire import Wire
from backends.readings import Readings
from backends.records import EntityTypeRecord, Kind

__all__ = [
    "Count",
    "Get",
    "OpenbisClient",
    "OpenbisIdentity",
    "OpenbisServer",
    "PersonalAccessToken",
    "Search",
]


class OpenbisClient(Changing, Extending):
    """Asks one openBIS over one transport, and changes it, as its viewers.

    Args:
        transport: how requests get there; closed with the client.
        lane: limits, deadline, retry, breaker and counters for this openBIS.
        readings: what answers were read to; without, all are read anew.
    """

    def __init__(
        self, transport: OpenbisTransport, lane: Lane, readings: Readings | None = None
    ) -> None:
        self._wire = Wire(transport, lane)
        self._readings = readings or Readings()
        self._sessions = Sessions(self._wire)

    # --- sessions and tokens, by pybis ----------------------------------------------------------

    async def login(self, user: str, password: SecretStr, call: Call) -> SecretStr:
        """Open a session and return its token.

        Raises:
            AuthenticationFailed: openBIS does not accept user and password.
        """
        return await self._sessions.login(user, password, call)

    async def login_as(self, user: str, password: SecretStr, other: str, call: Call) -> SecretStr:
        """Open a session of another person with an administrator's credentials.

        Raises:
            AuthenticationFailed: openBIS does not accept them, or knows no such person.
        """
        return await self._sessions.login_as(user, password, other, call)

    async def logout(self, token: SecretStr, call: Call) -> None:
        """End a session; one that is over already is no error.

        A personal access token is no session and keeps its validity.
        """
        if is_personal_access_token(token):
            return
        try:
            await self._sessions.logout(token, call)
        except SessionExpired:
            return

    async def server(self, token: SecretStr, call: Call) -> OpenbisServer:
        """What the server says of itself."""
        return await self._sessions.server(token, call)

    async def obtain_token(self, token: SecretStr, name: str, call: Call) -> PersonalAccessToken:
        """The session's owner's personal access token of that name, made if there is none.

        One that is about to end is replaced by a new one, as openBIS advises.

        Raises:
            AccessDenied: the token at hand is a personal access token itself.
            InvalidRequest: this openBIS gives out none.
        """
        return await self._sessions.obtain_token(token, name, call)

    async def describe_token(self, token: SecretStr, call: Call) -> PersonalAccessToken:
        """How long a personal access token is good for, as far as openBIS tells its owner.

        Raises:
            InvalidRequest: it is a session's token.
            SessionExpired: it is not valid, or no longer.
        """
        if not is_personal_access_token(token):
            raise InvalidRequest(Source.OPENBIS, "That is no personal access token.")
        return await self._sessions.describe_token(token, token, call)

    # --- reads and writes, posted by ourselves --------------------------------------------------

    async def identity(self, token: SecretStr, call: Call) -> OpenbisIdentity:
        """Who the session belongs to.

        Raises:
            SessionExpired: the token is none, or its session is over.
        """
        secret = token.get_secret_value()
        return account.identity(await self._wire.call("getSessionInformation", [secret], call))

    async def sees_everything(self, token: SecretStr, call: Call) -> bool:
        """Whether nothing is hidden from the session's owner, as far as openBIS tells."""
        params = [token.get_secret_value(), oversight.ME, oversight.FETCH]
        return oversight.read(await self._wire.call("getPersons", params, call))

    async def entity_types(
        self, token: SecretStr, kind: Kind, call: Call
    ) -> tuple[EntityTypeRecord, ...]:
        """All types of a kind with their properties, vocabularies and terms, in one call."""
        method, params = entity_types.request(kind)
        result = await self._wire.call(method, [token.get_secret_value(), *params], call)
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
        if not flat:
            return _answers(None, [], operations, asked)
        how = tuple(operations)

        def read(body: bytes) -> list[Any]:
            root = rpc.decode(body)
            answers = _answers(root, _results(root, flat), operations, asked)
            self._readings.keep(body, answers, how)
            return answers

        method, params = _call(token, flat)
        answers = await self._wire.call(
            method,
            params,
            call,
            safe=True,
            read=read,
            find=lambda body: self._readings.find(body, how),
        )
        # What is kept belongs to nobody; records and pages cannot be changed, dicts can.
        return [dict(each) if isinstance(each, dict) else each for each in answers]

    async def perform(
        self,
        token: SecretStr,
        operations: Sequence[Json],
        call: Call,
        *,
        in_order: bool = False,
    ) -> list[Json]:
        """Do write operations in one transaction: all of them, or none.

        They are sent exactly once, whatever happens.

        Args:
            token: the viewer's session.
            operations: v3 operations such as `as.dto.sample.create.CreateSamplesOperation`.
            call: the request's meter and deadline.
            in_order: whether they are done as they stand; else openBIS deletes first, then
                creates, then updates.

        Returns:
            One result per operation; ids in `objectIds` are whole, not references.

        Raises:
            OutcomeUnknown: they were sent, and no answer tells whether they were done.
            BackendError: openBIS refused, or was not reached; nothing was done.
        """
        if not operations:
            return []
        how = IN_ORDER if in_order else SYNCHRONOUSLY
        params = [token.get_secret_value(), list(operations), how]
        root = await self._wire.write("executeOperations", params, call)
        return whole_results(root, len(operations))

    async def aclose(self) -> None:
        """Close the transport."""
        await self._sessions.aclose()
        await self._wire.aclose()


def _call(token: SecretStr, asked: list[Request]) -> tuple[str, list[Any]]:
    """The one call that all requests travel in: its method and parameters."""
    secret = token.get_secret_value()
    if len(asked) == 1:
        (only,) = asked
        return only.method, [secret, only.subject, only.fetch_options]
    members = [request.member() for request in asked]
    return "executeOperations", [secret, members, SYNCHRONOUSLY]


def _results(root: Any, asked: list[Request]) -> list[Any]:
    """One result per request, from the whole answer."""
    if len(asked) == 1:
        return [root]
    return [
        result.get("searchResult") if request.verb == "search" else result
        for request, result in zip(asked, results_of(root, len(asked)), strict=True)
    ]


def _answers(
    root: Any, results: list[Any], operations: Sequence[Operation], asked: list[list[Request]]
) -> list[Any]:
    """The answer to each operation; references are resolved in the whole of `root`."""
    decoder = Decoder(root)
    remaining = iter(results)
    with undisturbed():
        return [
            answer(operation, [next(remaining) for _ in group], decoder)
            for operation, group in zip(operations, asked, strict=True)
        ]
