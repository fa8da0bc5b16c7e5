"""How much: the one table of limits.

`api/settings.py` fills it, README shows it, and it is held to where the thing is that it limits:
bytes in `api/parameters.py`, the document in `api/guard.py`, its cost in `api/cost.py`, requests at
one time in `api/admission.py`, streams in `api/event_stream.py` and `api/websocket.py`.
"""

from __future__ import annotations

from graphql import GraphQLError, Node
from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """What one request may ask for; a request beyond any of these gets LIMIT_EXCEEDED.

    The rows of one page are no setting: `resolvers.paging.MAXIMUM_PAGE`, for all lists alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_bytes: int = Field(
        default=1024 * 1024,
        ge=1024,
        description="bytes of a request's body, or of a GET's query string",
    )
    document_bytes: int = Field(
        default=128 * 1024, ge=1024, description="bytes of a document's text"
    )
    tokens: int = Field(default=3000, ge=100, description="lexical tokens of a document")
    depth: int = Field(default=20, ge=5, description="nested fields, fragments included")
    aliases: int = Field(
        default=100, ge=0, description="aliased fields, counted as often as spread"
    )
    fields: int = Field(default=2000, ge=100, description="fields, counted as often as spread")
    root_fields: int = Field(default=20, ge=1, description="fields at the root of an operation")
    directives: int = Field(default=100, ge=0, description="directives, counted as often as spread")
    variable_depth: int = Field(
        default=32, ge=4, description="nested lists and objects in variables"
    )
    variable_values: int = Field(
        default=20_000, ge=100, description="values in variables, all told"
    )
    calls: int = Field(
        default=200,
        ge=1,
        description="calls to openBIS, OMERO and the link store, as estimated beforehand",
    )
    calls_made: int = Field(
        default=2000, ge=1, description="calls to openBIS and OMERO that one request may make"
    )
    nodes: int = Field(
        default=100_000, ge=100, description="objects with ids in an answer, as estimated"
    )
    deadline_seconds: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="seconds until a request is answered with what is there",
    )
    body_seconds: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="seconds that a request's head may take to come, and its body",
    )
    answer_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="seconds that a client may leave an answer unread"
    )
    connections: int = Field(
        default=2048,
        ge=1,
        description="connections at one time to one process; 503 beyond",
    )
    refusal_seconds: float = Field(
        default=0.25,
        ge=0,
        le=10,
        description="seconds, about, that a request beyond a limit waits for its refusal",
    )
    requests: int = Field(
        default=256,
        ge=1,
        description="requests at one time in one process; 503 beyond",
    )
    requests_per_viewer: int = Field(
        default=32,
        ge=1,
        description="requests at one time of one viewer, or of one address where nobody "
        "signed in; 429 beyond",
    )
    streams_per_viewer: int = Field(
        default=32, ge=1, description="subscriptions at one time, of one viewer"
    )
    login_failures: int = Field(
        default=10,
        ge=1,
        description="failed logins of one user within five minutes; from one address ten times as "
        "many",
    )
    subscriptions: int = Field(
        default=20, ge=1, description="operations at one time over one WebSocket"
    )
    subscription_seconds: float = Field(
        default=3600.0,
        gt=0,
        le=86_400,
        description="seconds until a stream is ended, so that its client connects again",
    )


def limit_error(what: str, limit: float, node: Node | None = None) -> GraphQLError:
    """Say which limit was passed and what to do about it."""
    return GraphQLError(
        f"The request has more than {limit} {what}, this server's limit. "
        "Ask for less, or split it into several requests.",
        node,
        extensions={"code": "LIMIT_EXCEEDED", "retryable": False},
    )
