"""The explorer at `/`: GraphiQL where its files have been fetched, else a plain page of our own.

Nothing here comes from another host: `fetch.sh` puts GraphiQL's prebuilt files into `static/`, the
rest is ours, and the Content-Security-Policy allows no other origin and no inline script. The saved
queries are `*.graphql` files beside this one; `omnibis demo` prints them, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"
QUERIES: Final = ("project.graphql", "images.graphql", "backwards.graphql", "design.graphql")
OURS: Final = ("session.js", "explorer.js", "plain.js", "explorer.css", *QUERIES)
FETCHED: Final = (
    "react.production.min.js",
    "react-dom.production.min.js",
    "graphiql.min.js",
    "graphiql.min.css",
)
TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".graphql": "application/graphql; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}
# GraphiQL's editor sets styles on its elements, and its style sheet holds fonts as data.
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def has_graphiql(static: Path = STATIC) -> bool:
    """Whether all of GraphiQL's files have been fetched."""
    return all((static / name).is_file() for name in FETCHED)


def explorer_routes(static: Path = STATIC) -> list[Route]:
    """Return the explorer's routes: the page, and each of its files by name."""

    async def page(request: Request) -> Response:
        del request
        return _file(FOLDER / ("index.html" if has_graphiql(static) else "plain.html"))

    async def plain(request: Request) -> Response:
        del request
        return _file(FOLDER / "plain.html")

    async def ours(request: Request) -> Response:
        return _listed(FOLDER, request.path_params["name"], OURS)

    async def fetched(request: Request) -> Response:
        return _listed(static, request.path_params["name"], FETCHED)

    return [
        Route("/", page),
        Route("/explorer/plain", plain),
        Route("/explorer/static/{name}", fetched),
        Route("/explorer/{name}", ours),
    ]


def _listed(folder: Path, name: str, known: tuple[str, ...]) -> Response:
    """Serve a file only if its name is in a list: a path given by a client is never opened."""
    if name in known and (folder / name).is_file():
        return _file(folder / name)
    return Response("There is no such file.", 404, HEADERS, "text/plain")


def _file(path: Path) -> FileResponse:
    return FileResponse(path, headers=HEADERS, media_type=TYPES[path.suffix])


def saved_query(name: str) -> str:
    """Return the text of a saved query."""
    return (FOLDER / f"{name}.graphql").read_text(encoding="utf-8")
