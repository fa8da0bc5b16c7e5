"""What `Operations` runs with: a schema, who makes contexts, how errors are told, what is allowed.

`api/app.py` puts it together from the settings, and tests from what they need.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import strawberry
from graphql import GraphQLError

from api.admission import Admission
from api.auth import Visitor
from api.limits import Limits
from api.observe import RequestRecord, log_request
from api.trusted import TrustedDocuments

MakeContext = Callable[[Visitor], Awaitable[Any]]
FormatError = Callable[[GraphQLError, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Wire:
    """What operations are run with.

    Args:
        schema: the Strawberry schema.
        make_context: makes the context of one visitor; may raise a GraphQLError with its code.
        format_error: turns an error into what the client sees, given the request id.
        collapse: tells errors that say the same once.
        limits: how much one request may ask.
        introspection: whether `__schema` and `__type` are answered.
        suggestions: whether errors may say "Did you mean …?".
        report: told of each operation that came by WebSocket, when it is over.
        trusted: the documents that are known by their hash.
        admission: how many may run at one time.
        renew: whether a query that has run should run once more, because sessions that are ours
            had expired and are renewed now.
    """

    schema: strawberry.Schema
    make_context: MakeContext
    format_error: FormatError
    limits: Limits
    collapse: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda errors: errors
    introspection: bool = False
    suggestions: bool = False
    report: Callable[[RequestRecord], None] = log_request
    trusted: TrustedDocuments = field(default_factory=TrustedDocuments)
    admission: Admission | None = None
    renew: Callable[[Any], bool] = lambda context: False  # noqa: ARG005 - named for the reader
