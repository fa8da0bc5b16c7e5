"""The explorer's cookie: a bearer token that scripts of the page cannot read.

Served beside the explorer only. The page logs in as any client does, hands the token over here
once, and forgets it; thumbnails then show, too. A cookie is sent by browsers unasked, so it counts
for the API only together with the header `X-Omnibis-CSRF`, which no page of another origin can
send; for pictures it counts alone, since they change nothing and `SameSite=Strict` keeps other
sites from asking for them in the viewer's name.

    POST   /explorer/session   `Authorization: Bearer …` and `X-Omnibis-CSRF: 1`; sets the cookie
    DELETE /explorer/session   `X-Omnibis-CSRF: 1`; takes it away (log out first)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.observe import error_response, record_of

NAME: Final = "omnibis_session"
CSRF: Final = "x-omnibis-csrf"
LONGEST: Final = 8192  # characters of a Cookie header that are looked at


def token_in(headers: Mapping[str, str]) -> str | None:
    """Return the token in a request's cookie, if there is one."""
    text = headers.get("cookie", "")
    if NAME not in text or len(text) > LONGEST:
        return None
    try:
        morsel = SimpleCookie(text).get(NAME)
    except CookieError:
        return None
    return None if morsel is None else morsel.value or None


def is_of_our_page(headers: Mapping[str, str]) -> bool:
    """Whether a request was sent by a script of our own page, not by a form or link elsewhere."""
    site = headers.get("sec-fetch-site", "same-origin")
    return bool(headers.get(CSRF)) and site in {"same-origin", "none"}


class ExplorerSession:
    """Turns a bearer token into a cookie, and takes it away.

    Args:
        check: raises a GraphQLError when a token is not one of ours, or is over.
        seconds: how long the cookie is kept.
    """

    def __init__(self, check: Callable[[str], object], seconds: float) -> None:
        self._check = check
        self._seconds = int(seconds)

    def routes(self) -> tuple[Route, ...]:
        """Return the route."""
        return (Route("/explorer/session", self.respond, methods=["POST", "DELETE"]),)

    async def respond(self, request: Request) -> Response:
        """Answer one request."""
        record = record_of(request.scope)
        if not is_of_our_page(request.headers):
            advice = "Send the header X-Omnibis-CSRF, from the explorer's own page."
            return error_response(403, "FORBIDDEN", advice, record)
        response = Response(status_code=204, headers={"Cache-Control": "no-store"})
        if request.method == "DELETE":
            response.delete_cookie(NAME, path="/", httponly=True, samesite="strict")
            return response
        token = request.headers.get("authorization", "").partition(" ")[2]
        try:
            self._check(token.strip())
        except GraphQLError as error:
            code = str((error.extensions or {}).get("code", "UNAUTHENTICATED"))
            return error_response(401, code, error.message, record)
        response.set_cookie(
            NAME,
            token.strip(),
            max_age=self._seconds,
            path="/",
            httponly=True,
            samesite="strict",
            secure=not _is_this_machine(request),
        )
        return response


def _is_this_machine(request: Request) -> bool:
    """Whether the page is on this machine, where there is no TLS to ask for."""
    return request.url.hostname in {"127.0.0.1", "localhost", "::1"}
