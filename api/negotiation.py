"""What a client accepts in return: the two media types of GraphQL over HTTP, and two for streams.

`Accept` is read as HTTP has it, with weights and wildcards; a stream must be named to be accepted,
because a client that takes anything would not know what to do with one. `api/http.py` calls it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from api.parameters import PLAIN_JSON, malformed

RESPONSE_JSON: Final = "application/graphql-response+json"
EVENT_STREAM: Final = "text/event-stream"
PARTS: Final = "multipart/mixed"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a client accepts.

    Args:
        media: the JSON media type that single results, and errors, are sent in.
        streams: whether results may be sent as server-sent events.
        streams_only: whether they must be, because no JSON media type is accepted.
        parts: whether a result may be sent in parts.
    """

    media: str = PLAIN_JSON
    streams: bool = False
    streams_only: bool = False
    parts: bool = False


def negotiate(accept: str | None) -> Accepted:
    """Read an Accept header.

    `application/json` is what a client gets that does not care, as the specification has it for
    clients that know no better.

    Raises:
        Refused: the client accepts nothing that there is.
    """
    if accept is None or not accept.strip():
        return Accepted()
    ranges = list(_ranges(accept))
    named = {media for media, quality, _ in ranges if quality > 0}
    streams, parts = EVENT_STREAM in named, PARTS in named
    weights = {RESPONSE_JSON: _Weight(), PLAIN_JSON: _Weight()}
    for media, quality, position in ranges:
        for offered, weight in weights.items():
            precision = _precision(media, offered)
            if precision > weight.precision:
                weights[offered] = _Weight(precision, quality, -position)
    chosen = max(weights, key=lambda media: (*weights[media].order(), media == PLAIN_JSON))
    if weights[chosen].quality > 0:
        return Accepted(chosen, streams, parts=parts)
    if streams:
        return Accepted(PLAIN_JSON, streams=True, streams_only=True, parts=parts)
    raise malformed(
        f"Accept {RESPONSE_JSON} or {PLAIN_JSON}, or {EVENT_STREAM}: there is nothing else here.",
        406,
    )


@dataclass(frozen=True, slots=True)
class _Weight:
    precision: int = 0
    quality: float = 0.0
    position: int = 0

    def order(self) -> tuple[float, int, int]:
        return (self.quality, self.precision, self.position)


def _ranges(accept: str) -> Iterator[tuple[str, float, int]]:
    """Yield each media range with its weight and its place; those not in UTF-8 are left out."""
    for position, part in enumerate(accept.split(",")):
        media, *options = (piece.strip().lower() for piece in part.split(";"))
        charset = next((o[8:].strip('" ') for o in options if o.startswith("charset=")), "utf-8")
        if charset in {"utf-8", "utf8"}:
            yield media, _quality(options), position


def _precision(media: str, offered: str) -> int:
    """How precisely a media range names a media type: 0 for not at all, 3 for exactly."""
    return {offered: 3, "application/*": 2, "*/*": 1}.get(media, 0)


def _quality(options: list[str]) -> float:
    text = next((option[2:] for option in options if option.startswith("q=")), "1")
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
