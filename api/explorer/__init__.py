"""The explorer at `/`: GraphiQL with saved questions and pictures, or a plain page in its place.

`web/` holds its sources, which Vite builds into `static/` (`make explorer`, where Node is there);
the wheel carries the result. Nothing here comes from another host, and the Content-Security-Policy
allows no other origin and no inline script. `questions.py` reads the saved questions. Mounted by
`api/app.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from api.explorer.questions import load_questions

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"
OURS: Final = ("session.js", "plain.js", "plain.css")
TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ttf": "font/ttf",
}
ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
# The editor sets styles on its elements; thumbnails are fetched with a header, and shown as blobs.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
# A built file has a hash of its content in its name.
FOREVER: Final = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}


def is_built(static: Path = STATIC) -> bool:
    """Whether the explorer has been built; without, `/` is the plain page, which says how."""
    return (static / "index.html").is_file()


def explorer_routes(static: Path = STATIC) -> list[Route]:
    """Return the explorer's routes: the page, its files by name, and the saved questions.

    Args:
        static: the folder of the built files; read at each request, so that a server which was
            started before the build serves it as soon as it is there.
    """

    async def page(request: Request) -> Response:
        if is_built(static):
            return _file(request, static / "index.html", HEADERS)
        return _file(request, FOLDER / "plain.html", HEADERS)

    async def plain(request: Request) -> Response:
        return _file(request, FOLDER / "plain.html", HEADERS)

    async def ours(request: Request) -> Response:
        return _listed(request, FOLDER, OURS, HEADERS)

    async def built(request: Request) -> Response:
        assets = static / "assets"
        known = tuple(path.name for path in assets.iterdir()) if assets.is_dir() else ()
        return _listed(request, assets, known, FOREVER)

    async def questions(_request: Request) -> Response:
        return Response(orjson.dumps(load_questions()), 200, HEADERS, "application/json")

    return [
        Route("/", page),
        Route("/explorer/plain", plain),
        Route("/explorer/questions.json", questions),
        Route("/explorer/static/assets/{name}", built),
        Route("/explorer/{name}", ours),
    ]


def _listed(
    request: Request, folder: Path, known: tuple[str, ...], headers: dict[str, str]
) -> Response:
    """Serve a file only if its name is in a list: a path given by a client is never opened."""
    name = request.path_params["name"]
    if name in known and Path(name).suffix in TYPES and (folder / name).is_file():
        return _file(request, folder / name, headers)
    return Response("There is no such file.", 404, HEADERS, "text/plain")


def _file(request: Request, path: Path, headers: dict[str, str]) -> FileResponse:
    """Serve a file in the best encoding that was built of it and that the client takes."""
    taken = {
        part.split(";")[0].strip()
        for part in request.headers.get("accept-encoding", "").split(",")
        if not part.replace(" ", "").endswith(";q=0")
    }
    media_type = TYPES[path.suffix]
    for encoding, suffix in ENCODINGS:
        packed = path.with_name(path.name + suffix)
        if encoding in taken and packed.is_file():
            said = {**headers, "Content-Encoding": encoding, "Vary": "Accept-Encoding"}
            return FileResponse(packed, headers=said, media_type=media_type)
    return FileResponse(path, headers={**headers, "Vary": "Accept-Encoding"}, media_type=media_type)
