"""`Subscription`, the root of what is told as it happens; each subject is a file of its own.

A subject's subscriptions are a class in `api/types/<noun>_news.py`, from which the root inherits.
They run over server-sent events (`api/event_stream.py`) and WebSocket (`api/websocket.py`).
"""

from __future__ import annotations

import strawberry

from api.types.link_news import LinkNews
from api.types.operation_news import OperationNews


@strawberry.type(description="What is told as it happens.")
class Subscription(LinkNews, OperationNews):
    """The root of all subscriptions."""
