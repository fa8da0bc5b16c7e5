"""The whole house in one process, as `omnibis demo` puts it together: what most promises need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any

import httpx
from starlette.applications import Starlette

from api.app import create_app
from api.auth import TokenBox
from api.demonstration import Demonstration, Sheet, demonstration
from api.settings import load_settings
from backends.demo.study import build_world
from backends.demo.world import World

BOX = TokenBox((b"d" * 32,))
README_QUERY = """
query ($project: String!, $first: Int!, $type: String) {
  project(identifier: $project) {
    code
    samples(first: $first, where: {type: {eq: $type}}) {
      totalCount
      edges { node {
        code
        type { code }
        properties { code value }
        ancestors(type: "Q_BIOLOGICAL_ENTITY") { code }
        omicsDatasets { type { code } }
        imaging { status dataset { images(first: 20) { totalCount edges { node {
          name sizeX
          pixelSize { x { value unit } }
          channels { name }
          objective { magnification }
          keyValues { key value }
        } } } } }
      } }
    }
  }
}
"""


class House:
    """The application over the embedded backends, and what stands behind it."""

    def __init__(
        self, built: Demonstration, client: httpx.AsyncClient, app: Starlette | None = None
    ) -> None:
        self.built = built
        self.app: Any = app
        self.world = built.world
        self.client = client

    async def ask(self, query: str, token: str | None = None, **variables: Any) -> Any:
        """Send a query that is GraphQL, and return the whole answer."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        response = await self.client.post(
            "/graphql", json={"query": query, "variables": variables}, headers=headers
        )
        assert response.status_code == 200, response.text
        return response.json()

    async def data(self, query: str, token: str | None = None, **variables: Any) -> Any:
        """Send a query that has to succeed, and return its data."""
        answer = await self.ask(query, token, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def login(self, user: str) -> str:
        """Sign in one of the demonstration's users and return the bearer token."""
        login = 'mutation ($u: String!) { login(username: $u, password: "demo") { token } }'
        token: str = (await self.data(login, u=user))["login"]["token"]
        return token

    async def switch(self, backend: str, **wanted: Any) -> tuple[int, Any]:
        """Turn one of the knobs that the demonstration offers."""
        response = await self.client.put(f"/demo/backends/{backend}", json=wanted)
        return response.status_code, response.json()

    def recover(self) -> None:
        """Let the breakers probe at once, instead of waiting for their time."""
        for lane in self.built.parts.lanes.values():
            lane._open_until = 0.0


@cache
def built_in() -> World:
    """The built-in studies, once for all houses of a run: backends make rows of their own of it."""
    return build_world()


@asynccontextmanager
async def open_house(
    sheet: Sheet | None = None, *, wire: bool = False, world: World | None = None, **given: Any
) -> AsyncIterator[House]:
    """Build the house over a world, and open its doors; `given` are settings."""
    settings = load_settings({}, **{"explorer": True, "introspection": True, **given})
    if world is None and sheet is None:  # which is loaded into the world itself
        world = built_in()
    built = demonstration(settings, sheet=sheet, wire=wire, world=world)
    app = create_app(settings, built.parts, BOX)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        client = httpx.AsyncClient(transport=transport, base_url="http://house.test")
        yield House(built, await stack.enter_async_context(client), app)
