"""From an HTTP request to the parameters of a GraphQL request, or the reason why not.

What the GraphQL-over-HTTP specification says about requests lives here: methods, encodings, the
shape of the parameters; and the first limit, bytes, held while the body streams in. What a client
accepts in return is in `api/negotiation.py`. `api/http.py` calls it and answers a `Refused` with
its status; `api/websocket.py` has its messages checked by it, too.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any, Final

import orjson
from graphql import GraphQLError
from starlette.requests import Request

from api.guard import variable_errors
from api.limits import Limits, limit_error

LONGEST_NAME: Final = 256  # characters of an operation's name
PLAIN_JSON: Final = "application/json"


class Refused(Exception):  # noqa: N818 - the name is the state, as a reader says it
    """A request that cannot be taken as a GraphQL request.

    Args:
        status: the HTTP status.
        error: what is told to the client; has its code.
        headers: further response headers.
    """

    def __init__(
        self, status: int, error: GraphQLError, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a GraphQL request asks."""

    query: str
    operation_name: str | None
    variables: dict[str, Any] | None
    reads_only: bool  # it came by GET
    document: str | None = None  # the SHA-256 that names the document, in hexadecimal


def malformed(message: str, status: int = 400, **headers: str) -> Refused:
    """Refuse a request with advice."""
    error = GraphQLError(message, extensions={"code": "BAD_USER_INPUT", "retryable": False})
    return Refused(
        status, error, {name.replace("_", "-"): value for name, value in headers.items()}
    )


async def read_parameters(request: Request, limits: Limits) -> Parameters:
    """Read the parameters of a GraphQL request.

    Raises:
        Refused: it is not one; the error says what is wrong with it.
    """
    match request.method:
        case "POST":
            return checked(await _body(request, limits), limits, reads_only=False)
        case "GET":
            return checked(_query_string(request, limits), limits, reads_only=True)
        case method:
            raise malformed(f"{method} is not understood here; use POST.", 405, Allow="GET, POST")


def _query_string(request: Request, limits: Limits) -> dict[str, Any]:
    raw: bytes = request.scope["query_string"]
    if len(raw) > limits.request_bytes:
        raise Refused(414, limit_error("bytes", limits.request_bytes))
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise malformed(f"The parameter `{name}` is given more than once.")
        given[name] = value
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = _json(given[name].encode("utf-8", "surrogatepass"), f"`{name}`")
        elif name in given:
            del given[name]
    given["operationName"] = given.get("operationName") or None
    return given


async def _body(request: Request, limits: Limits) -> Any:
    media, *options = (
        part.strip().lower() for part in request.headers.get("content-type", "").split(";")
    )
    if media != PLAIN_JSON:
        raise malformed(f"Send the request as {PLAIN_JSON}; state it in Content-Type.", 415)
    charset = next((o[8:].strip('" ') for o in options if o.startswith("charset=")), "utf-8")
    if charset not in {"utf-8", "utf8"}:
        raise malformed("Send the request in UTF-8.", 415)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise malformed(
            "Send the request without Content-Encoding.", 415, Accept_Encoding="identity"
        )
    too_large = Refused(413, limit_error("bytes", limits.request_bytes), {"Connection": "close"})
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.request_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.request_bytes:
                    raise too_large
    except TimeoutError:
        error = limit_error("seconds of waiting for its body", limits.body_seconds)
        raise Refused(408, error, {"Connection": "close"}) from None
    return _json(bytes(body), "The request's body")


def _json(raw: bytes, what: str) -> Any:
    if not raw:
        raise malformed(f'{what} is empty; send JSON such as {{"query": "{{ __typename }}"}}.')
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise malformed(
            f"{what} is not valid UTF-8 at byte {error.start}; encode it as UTF-8."
        ) from None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise malformed(
            f"{what} is not valid JSON at line {error.lineno}, column {error.colno}."
        ) from None


def checked(given: Any, limits: Limits, *, reads_only: bool) -> Parameters:
    """Check the shape of a GraphQL request's parameters.

    Raises:
        Refused: it is not one; the error says what is wrong with it.
    """
    if isinstance(given, list):
        raise malformed("Batches are not taken; send one request for each operation.")
    if not isinstance(given, dict):
        raise malformed('Send a JSON object with `query`, such as {"query": "{ __typename }"}.')
    operation_name = given.get("operationName")
    if not isinstance(operation_name, str | None) or len(operation_name or "") > LONGEST_NAME:
        raise malformed(
            f"`operationName` must be a text of at most {LONGEST_NAME} characters, or null."
        )
    for name in ("variables", "extensions"):
        if not isinstance(given.get(name), dict | None):
            raise malformed(f"`{name}` must be an object or null.")
    query = given.get("query")
    document = _document_id(given)
    if document is not None and query is None:
        query = ""
    elif not isinstance(query, str) or not query.strip():
        raise malformed("`query` is missing or is not a text; put the GraphQL document there.")
    variables = given.get("variables")
    if variables:
        for error in variable_errors(variables, limits):
            raise Refused(400, error)
    return Parameters(query, operation_name, variables, reads_only, document)


def _document_id(given: dict[str, Any]) -> str | None:
    """Read the hash by which a request names its document, in either of the two places."""
    name = given.get("documentId")
    if name is not None:
        found = _HASH.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            raise malformed("`documentId` must be `sha256:` and 64 hexadecimal digits.")
        return found[1].lower()
    persisted = (given.get("extensions") or {}).get("persistedQuery")
    if persisted is None:
        return None
    name = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    found = _HASH.fullmatch(f"sha256:{name}")
    if found is None or persisted.get("version") != 1:
        raise malformed("`persistedQuery` must be version 1 with a `sha256Hash` of 64 digits.")
    return found[1].lower()


_HASH: Final = re.compile(r"sha256:([0-9a-fA-F]{64})")
