"""The schema put together: the three roots, all types, Federation v2; and its SDL.

`api/schema.graphql` is `sdl()` written to a file by `omnibis schema`; a test tells of any drift.
"""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.schema.config import StrawberryConfig

from api.types.link import ProjectLink, SampleLink
from api.types.mutation import Mutation
from api.types.query import Query
from api.types.scalars import BIG_INT, DATE_TIME, BigInt
from api.types.subscription import Subscription


def build_schema() -> strawberry.federation.Schema:
    """Build the schema; it holds no state and can be shared."""
    return strawberry.federation.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[ProjectLink, SampleLink],
        config=StrawberryConfig(
            scalar_map={BigInt: BIG_INT, datetime: DATE_TIME},
            enable_experimental_incremental_execution=True,  # @defer and @stream
        ),
    )


def sdl() -> str:
    """Return the schema in GraphQL's schema language, with a final newline."""
    return build_schema().as_str().rstrip() + "\n"
